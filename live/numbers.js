// The numbers of one step of a tiny network: rows of cells, and the sum behind one of them.
"use strict";

(() => {
  const { make, number, shade, subscripts } = Live;
  const GATES = ["input gate", "forget gate", "candidate", "output gate"];

  // A shape as PyTorch prints it; "b" is the batch axis, which one word alone does not have.
  const shapeOf = (sizes, batch) => {
    const known = sizes.filter((size) => batch || size !== "b")
      .map((size) => (size === "b" ? batch : size));
    return `(${known.join(", ")}${known.length === 1 ? "," : ""})`;
  };

  // A row of cells. With `pick`, {name, label, chosen, onpick, hover}, one of them can be chosen,
  // by the keyboard, a click or (hover) a pointer that passes.
  function cellRow(values, { family, letters, target, pick, label }) {
    const cells = values.map((value, k) => {
      const isTarget = letters && letters[k] === target;
      const content = [
        ...(letters ? [make("b", {}, letters[k], isTarget ? make("span", {}, " target") : "")] : []),
        family === "input" ? `${value}` : number(value)];
      const attributes = { class: isTarget ? "live-target" : null, style: shade(value, family) };
      if (!pick) return make("li", attributes, ...content);
      const input = make("input", { type: "radio", name: pick.name, checked: pick.chosen === k,
        "aria-label": pick.label(k), onchange: () => pick.onpick(k) });
      const hover = () => { if (!input.checked) input.click(); };
      return make("li", attributes, make("label", { onpointerenter: pick.hover ? hover : () => {} },
        input, make("span", {}, ...content)));
    });
    return make("ol", { class: `live-cells live-cells-${values.length}`, "aria-label": label },
      ...cells);
  }

  // A quantity: its formula, its shape and rows of cells, each {title, values, ...options}.
  function quantity({ formula, words, shape, shapes, rows, key }) {
    return make("div", { class: "live-quantity", "data-key": key },
      make("p", {}, make("span", { class: "live-formula" }, ...subscripts(formula)), " ",
        make("code", {}, shape), " ", make("span", { class: "live-words" }, words)),
      ...(shapes ? [make("p", { class: "live-shapes" }, make("code", {}, shapes))] : []),
      ...rows.map((row) => {
        const list = cellRow(row.values, { ...row, label: row.title || words });
        return row.title ? make("div", { class: "live-word" },
          make("span", { "aria-hidden": "true" }, row.title), list) : list;
      }));
  }

  // Why is number `unit` of z what it is? The row of each matrix, and the sum spelled out.
  function sumOf(network, { state, row, letter, unit, t }) {
    const rnn = network.kind === "rnn";
    const [input, hidden] = rnn ? ["W_xh", "W_hh"] : ["W_x", "W_h"];
    const n = network.hiddenSize;
    const fromLetter = network.row("weight_ih", unit)[network.letters.indexOf(letter)];
    const weights = network.row("weight_hh", unit);
    const fromState = weights.reduce((sum, weight, k) => sum + weight * state.h[k], 0);
    const [b1, b2] = [network.bias_ih[unit], network.bias_hh[unit]];
    const signed = (value) => (value < 0 ? `(${number(value, 3)})` : number(value, 3));
    const products = weights.map((weight, k) => `${signed(weight)}\u00b7${signed(state.h[k])}`);
    const line = (name, text, value) => make("li", {},
      make("span", { class: "live-formula" }, ...subscripts(name)), ` ${text} `,
      make("b", {}, number(value)));
    const where = rnn ? `unit ${unit}` : `unit ${unit % n} of the ${GATES[Math.floor(unit / n)]}`;
    return [
      make("p", {}, make("strong", {}, `Where number ${unit} of z comes from`),
        ` (${where}): row ${unit} of `, ...subscripts(`${input} times x, plus row ${unit} of `),
        ...subscripts(`${hidden} times h, plus the two biases.`)),
      make("ul", { class: "live-sum" },
        line(`${input}[${unit}] \u00b7 x_${t}`, `only the column of ${letter} meets a 1:`, fromLetter),
        line(`${hidden}[${unit}] \u00b7 h_${t - 1}`, `= ${products.join(" + ")} =`, fromState),
        line("biases", `${number(b1)} + ${signed(b2)} =`, b1 + b2),
        line("z", `= ${number(fromLetter)} + ${signed(fromState)} + ${signed(b1 + b2)} =`,
          row.z[unit])),
    ];
  }

  // W_xh and W_hh side by side, for the rows of one gate; the row of `unit` lights up.
  function weightGrid(network, unit) {
    const n = network.hiddenSize;
    const first = Math.floor(unit / n) * n;
    const grid = (name, title, columns) => make("div", {},
      make("p", { class: "live-label" }, ...subscripts(title)),
      make("div", { class: "live-grid", style: `--live-columns: ${columns}` },
        ...Array.from({ length: n }, (_, k) => network.row(name, first + k).map((weight) =>
          make("span", { style: shade(weight, "weight"),
            class: first + k === unit ? "live-lit" : null }, number(weight, 2)))).flat()));
    const rows = network.kind === "rnn" ? "" : `, rows ${first} to ${first + n - 1}`;
    const size = network.bias_ih.length;
    const [input, hidden] = network.kind === "rnn" ? ["W_xh", "W_hh"] : ["W_x", "W_h"];
    return [
      grid("weight_ih", `${input} (${size}, ${network.letters.length})${rows}`,
        network.letters.length),
      grid("weight_hh", `${hidden} (${size}, ${n})${rows}`, n)];
  }

  Object.assign(Live, { shapeOf, quantity, sumOf, weightGrid });
})();
