// View 2: "hello" -> "ohlol", one time step after the other, with the numbers of a real run.
"use strict";

(() => {
  const { make, choices, number } = Live;
  const UPDATES = [[0, "untrained"], [5, "after 5 updates"], [110, "after 110 updates"]];
  const choice = { batch: false, batchFirst: false, kind: "rnn", updates: 110 };
  let data = null;
  let step = 0; // from 0, as in the tensors

  const picture = make("div", { class: "live-unrolled", onclick: pick });
  const status = make("p", { class: "live-status", role: "status" });
  const back = make("button", { type: "button", onclick: () => go(step - 1) }, "\u2190 Previous");
  const next = make("button", { type: "button", class: "live-main", onclick: () => go(step + 1) },
    "Next \u2192");
  const details = make("div", { class: "live-quantities" });
  const layout = make("div", { class: "live-layout" });
  const axes = choices("live-axes", "Axes", [["time", "time first"], ["batch", "batch first"]],
    "time", (value) => { choice.batchFirst = value === "batch"; show(); });

  function build() {
    const stage = make("div", { class: "live-stage", tabindex: 0, role: "group",
      "aria-label": "Time steps. Left and right arrow keys move through them.", onkeydown: key },
      picture, make("div", { class: "live-buttons" }, back, next, status));
    Live.replacePicture("live-stepper",
      make("div", { class: "live-controls" },
        choices("live-words", "Words", [["one", "hello"], ["batch", "a batch of three"]], "one",
          (value) => { choice.batch = value === "batch"; show(); }),
        choices("live-kind", "Cell", [["rnn", "RNN"], ["lstm", "LSTM"]], "rnn",
          (value) => { choice.kind = value; show(); }),
        choices("live-updates", "Network", UPDATES, choice.updates,
          (value) => { choice.updates = value; show(); }),
        axes),
      stage, details, layout);
    addEventListener("resize", () => data && draw(run()));
    show();
  }

  function key(event) {
    const target = { ArrowLeft: step - 1, ArrowRight: step + 1, Home: 0, End: 4 }[event.key];
    if (target === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // the theme turns pages with these keys
    go(target);
  }

  function go(target) {
    step = Math.min(Math.max(target, 0), run().steps.length - 1);
    show();
  }

  function pick(event) {
    const column = event.target.closest("[data-step]");
    if (column) go(Number(column.dataset.step));
  }

  const run = () => data.runs.find(({ kind, words, updates }) =>
    kind === choice.kind && updates === choice.updates && (words.length > 1) === choice.batch);

  const largest = (row) => row.indexOf(Math.max(...row));
  const answers = (run, t) => run.steps[t].p.map((row) => data.letters[largest(row)]);
  const letters = (words, t) => words.map((word) => word[t]);
  const numRight = (run, t) =>
    answers(run, t).filter((letter, b) => letter === run.targets[b][t]).length;
  // A shape as PyTorch prints it; one word alone has no batch axis.
  const shape = (...sizes) => `(${(choice.batch ? sizes : sizes.filter((size) => size !== "b"))
    .map((size) => (size === "b" ? 3 : size)).join(", ")})`;

  function show() {
    const now = run();
    const last = now.steps.length - 1;
    // A button that becomes disabled loses the focus, and the arrow keys with it.
    back.setAttribute("aria-disabled", step === 0);
    next.setAttribute("aria-disabled", step === last);
    for (const radio of axes.querySelectorAll("input")) radio.disabled = !choice.batch;
    draw(now);
    details.replaceChildren(...quantities(now));
    layout.replaceChildren(...tensors(now));
    const right = numRight(now, step);
    const verdict = choice.batch ? `${right} of 3 right` : right ? "right" : "wrong";
    status.textContent = `Step ${step + 1} of ${last + 1}: `
      + `reads ${letters(now.words, step).join(", ")}, answers ${answers(now, step).join(", ")}, `
      + `${verdict}.`;
  }

  function draw(now) {
    const columns = now.steps.map((_, t) => {
      const right = numRight(now, t);
      const mark = choice.batch ? `${right} of 3`
        : right ? "\u2713 right" : `\u2717 not ${now.targets[0][t]}`;
      return { input: letters(now.words, t).join(" "), output: answers(now, t).join(" "), mark };
    });
    Live.drawUnrolled(picture, { columns, step, states: choice.kind === "lstm" ? ["h", "c"] : ["h"],
      shapes: { input: shape("b", 4), state: shape("b", 8) } });
  }

  // --- the numbers of the step ---

  function quantities(now) {
    const here = now.steps[step];
    const t = step + 1;
    const zeros = now.words.map(() => Array(data.hidden_size).fill(0));
    const before = (name) => (step === 0 ? zeros : now.steps[step - 1][name]);
    const oneHot = (letter) => [...data.letters].map((other) => Number(other === letter));
    const x = letters(now.words, step).map(oneHot);
    const past = step === 0 ? "zeros at the start" : "from the step before";
    const quantity = (...parts) => quantityOf(now, ...parts);
    const lstm = choice.kind === "lstm";
    const sums = ["i", "f", "g", "o"].map((gate, k) => quantity(`z_${gate}`,
      `W x + b + W h + b, rows ${8 * k} to ${8 * k + 7} of 32`,
      here.z.map((row) => row.slice(8 * k, 8 * k + 8)), "state"));
    const middle = lstm ? [
      quantity(`c_${t - 1}`, `the cell state, ${past}`, before("c"), "state"),
      make("details", {}, make("summary", {}, "The four sums, ", make("code", {}, shape("b", 32))),
        ...sums),
      quantity(`i_${t} = \u03c3(z_i)`, "the input gate", here.i, "state"),
      quantity(`f_${t} = \u03c3(z_f)`, "the forget gate", here.f, "state"),
      quantity(`g_${t} = tanh(z_g)`, "the candidate", here.g, "state"),
      quantity(`o_${t} = \u03c3(z_o)`, "the output gate", here.o, "state"),
      quantity(`c_${t} = f_${t} \u2299 c_${t - 1} + i_${t} \u2299 g_${t}`, "the new cell state",
        here.c, "state"),
      quantity(`h_${t} = o_${t} \u2299 tanh(c_${t})`, "the new hidden state", here.h, "state"),
    ] : [
      quantity(`z_${t} = W_xh x_${t} + b_xh + W_hh h_${t - 1} + b_hh`, "the sum", here.z,
        "state"),
      quantity(`h_${t} = tanh(z_${t})`, "the new hidden state", here.h, "state"),
    ];
    const loss = here.loss.map((value) => [value]);
    const scores = lstm ? "logits" : `o_${t}`;
    return [
      quantity(`x_${t}`, "the letter, one-hot", x, "input", true),
      quantity(`h_${t - 1}`, `the hidden state, ${past}`, before("h"), "state"),
      ...middle,
      quantity(`${scores} = W_hq h_${t} + b_hq`, "the logits; the target is framed", here.logits,
        "output", true),
      quantity(`p_${t} = softmax(${scores})`, "the probabilities; the target is framed", here.p,
        "output", true),
      quantity(`\u2113_${t} = \u2212ln p_${t}(target)`,
        `the loss of this step; mean over all steps: ${number(now.loss)}`, loss, "loss"),
    ];
  }

  // One row for each word, one cell for each number, tinted by its size and sign.
  function quantityOf(now, formula, words, rows, family, lettered = false) {
    const size = family === "loss" ? [] : [rows[0].length];
    const lists = rows.map((row, b) => {
      const cells = row.map((value, k) => {
        const letter = data.letters[k];
        const target = lettered && family === "output" && now.targets[b][step] === letter;
        const strength = Math.min(Math.abs(value), 1) * 45;
        const colour = `var(--live-${value < 0 ? "below" : family})`;
        return make("li", { class: target ? "live-target" : null,
          style: `--live-tint: ${strength.toFixed(0)}%; --live-family: ${colour}` },
          ...(lettered ? [make("b", {}, letter, target ? make("span", {}, " target") : "")] : []),
          family === "input" ? `${value}` : number(value));
      });
      const list = make("ol", { class: `live-cells live-cells-${row.length}`,
        "aria-label": choice.batch ? `word ${b}, ${now.words[b]}` : words }, ...cells);
      return choice.batch
        ? make("div", { class: "live-word" },
            make("span", { "aria-hidden": "true" }, now.words[b]), list)
        : list;
    });
    return make("div", { class: "live-quantity" },
      make("p", {}, make("span", { class: "live-formula" }, ...subscripts(formula)), " ",
        make("code", {}, shape("b", ...size)), " ", make("span", { class: "live-words" }, words)),
      ...lists);
  }

  // "h_12 = ..." -> h with a subscript 12.
  const subscripts = (formula) => formula.split(/_(\w+)/).map((part, k) =>
    (k % 2 ? make("sub", {}, part) : part));

  // --- what the two orders of the axes change, and what they do not ---

  function tensors(now) {
    const [first, index] = choice.batch && choice.batchFirst
      ? [[3, 5], `[:, ${step}]`] : [choice.batch ? [5, 3] : [5], `[${step}]`];
    const all = (size) => `(${[...first, size].join(", ")})`;
    const final = ["h", "c"].slice(0, choice.kind === "lstm" ? 2 : 1)
      .map((name) => [`${name}_n`, shape(1, "b", 8), "after the last step, never swapped"]);
    const rows = [...[["inputs", 4], ["output", 8], ["logits", 4]]
      .map(([name, size]) => [name, all(size), name + index]), ...final];
    const row = (scope, names) => make("tr", {}, ...names.map((name, k) =>
      (k === 0 || scope === "col" ? make("th", { scope }, name) : make("td", {}, name))));
    const table = make("table", { class: "live-table" },
      make("thead", {}, row("col", ["Tensor", "Shape", "This step"])),
      make("tbody", {}, ...rows.map((names) => row("row", names))));
    if (!choice.batch) {
      return [make("h3", {}, "The whole word in tensors"), table,
        make("p", {}, "One word alone has no batch axis, so there is nothing to swap.")];
    }
    const places = choice.batchFirst
      ? now.words.flatMap((word) => [...word].map((letter, t) => [letter, t]))
      : [0, 1, 2, 3, 4].flatMap((t) => now.words.map((word) => [word[t], t]));
    const strip = make("ol", { class: "live-memory", "aria-label": "The 15 letters in memory" },
      ...places.map(([letter, t]) =>
        make("li", { class: t === step ? "live-now" : null }, letter)));
    return [make("h3", {}, "The whole batch in tensors"), table,
      make("p", {}, "In memory the 15 letters lie in this order, and the framed ones belong to "
        + "this step: ", choice.batchFirst ? "batch first, they are in three places."
        : "time first, they are in one piece."),
      strip];
  }

  Live.whenNear(document.getElementById("live-stepper"), async () => {
    data = await Live.load("data/stepper");
    build();
  });
})();
