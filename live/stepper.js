// View "stepper": a word goes through a tiny network step by step, and the reader may reach
// into the hidden state on the way.
"use strict";

(() => {
  const { make, button, enable, usable, choices, field, number, shapeOf, quantity } = Live;
  const UPDATES = [[0, "untrained"], [5, "after 5 updates"], [110, "after 110 updates"]];
  const LONGEST = 8; // letters of the reader's own word

  class Stepper {
    constructor(place, data) {
      this.data = data;
      this.networks = new Map();
      this.words = place.classList.contains("live-batch") ? "batch" : "hello";
      this.kind = place.classList.contains("live-lstm") ? "lstm" : "rnn";
      this.updates = 110;
      this.own = "hole";
      this.t = 0; // the step, from 0, as in the tensors
      this.seen = 0; // the answers up to this step are shown
      this.word = 0; // of a batch, the one that hands and eyes are on
      this.unit = 0; // the number of z whose sum is spelled out
      this.hand = 0; // the unit of h that the slider sets
      this.changes = new Map(); // for each reading: what was done to its states
      this.pinned = null;
      this.build(place);
    }

    build(place) {
      const set = (name) => (value) => { this[name] = value; this.show(); };
      this.picture = make("div", { class: "live-unrolled", onclick: (event) => this.pick(event) });
      this.status = make("p", { class: "live-status", role: "status" });
      this.back = button("\u2190 Previous", () => this.go(this.t - 1));
      this.next = button("Next \u2192", () => this.go(this.t + 1), { class: "live-main" });
      this.pin = button("Pin this step", () => this.togglePin());
      this.typed = make("input", { type: "text", value: this.own, class: "live-own",
        autocomplete: "off", autocapitalize: "none", spellcheck: "false",
        oninput: () => this.type() });
      this.ownField = field("Your word, of the letters h e l o", this.typed);
      this.slider = make("input", { type: "range", min: -1, max: 1, step: 0.01,
        oninput: () => this.setUnit() });
      this.sliderLabel = make("span");
      this.sources = make("select");
      this.undo = button("Undo", () => { if (usable(this.undo)) this.undoChange(); });
      this.hands = make("fieldset", { class: "live-hands" },
        make("legend", {}, "Hands on the state: change what comes into this step"),
        make("label", { class: "live-field live-slider" }, this.sliderLabel, this.slider),
        make("div", { class: "live-together" },
          button("Zero the state", () => this.change(() => this.network.start())),
          make("label", {}, make("span", {}, "the state after "), this.sources),
          button("Transplant it here", () => this.transplant()), this.undo));
      this.rows = make("div", { class: "live-quantities" });
      this.sum = make("div", { class: "live-why" });
      this.grid = make("div", { class: "live-grids", "aria-hidden": "true" });
      const short = place.classList.contains("live-short"); // in a chapter
      this.source = make("details", { open: !short },
        make("summary", {}, "Where a number of z comes from"), this.sum, this.grid);
      const stage = make("div", { class: "live-stage", tabindex: 0, role: "group",
        "aria-label": "Time steps. Left and right arrow keys move through them.",
        onkeydown: (event) => this.key(event) },
        this.picture, make("div", { class: "live-buttons" }, this.back, this.next, this.pin));
      place.replaceChildren(
        make("div", { class: "live-controls" },
          choices("live-words", "Words", [["hello", "hello"], ["batch", "a batch of three"],
            ["own", "your own"]], this.words, set("words")),
          choices("live-updates", "Network", UPDATES, this.updates, set("updates")),
          ...(short ? [] : [choices("live-kind", "Cell", [["rnn", "RNN"], ["lstm", "LSTM"]],
            this.kind, set("kind"))]),
          this.ownField),
        stage, this.status, this.hands, Live.legend(["input", "a letter\u2019s 1"],
          ["state", "state above 0"], ["output", "output above 0"], ["weight", "weight above 0"],
          ["below", "any number below 0"]),
        this.rows);
      Live.whenWide(this.picture, () => this.draw());
      this.show();
    }

    // --- what is chosen ---

    // The step as it stands now; pinned, it keeps these numbers whatever comes.
    now(title) {
      return { title, step: this.steps[this.t],
        targets: this.reading.map((_, word) => this.target(word, this.t)) };
    }

    get batch() { return this.words === "batch" ? 3 : 0; }

    get run() {
      return this.data.runs.find(({ kind, words, updates }) => kind === this.kind
        && updates === this.updates && (words.length > 1) === (this.words === "batch"));
    }

    get network() {
      const { run } = this;
      if (!this.networks.has(run)) {
        const { letters, hidden_size: size } = this.data;
        this.networks.set(run, new Live.TinyNetwork(run, letters, size));
      }
      return this.networks.get(run);
    }

    get reading() { return this.words === "own" ? [this.own] : this.run.words; }

    // What was done to the states of this reading; another network or word has its own list.
    get done() {
      const key = [this.kind, this.words, this.updates, this.own].join();
      if (!this.changes.has(key)) this.changes.set(key, []);
      return this.changes.get(key);
    }

    target(word, t) { return this.words === "own" ? undefined : this.run.targets[word][t]; }

    answer(row) { return this.data.letters[row.p.indexOf(Math.max(...row.p))]; }

    // --- what the controls do ---

    key(event) {
      const { length } = this.reading[0];
      const target = { ArrowLeft: this.t - 1, ArrowRight: this.t + 1, Home: 0, End: length - 1 }[
        event.key];
      if (target === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation(); // the theme turns pages with these keys
      this.go(target);
    }

    pick(event) {
      const column = event.target.closest("[data-step]");
      if (column) this.go(Number(column.dataset.step));
    }

    go(t) {
      this.t = t;
      this.show();
    }

    type() {
      const word = [...this.typed.value.toLowerCase()]
        .filter((letter) => this.data.letters.includes(letter)).slice(0, LONGEST).join("");
      if (!word) return;
      this.own = word;
      this.show();
    }

    // `gesture` names changes of which the last one counts, as of a slider on its way.
    change(change, gesture) {
      const { done, t, word } = this;
      if (gesture && done.at(-1)?.gesture === gesture) done.pop();
      done.push({ t, word, change, gesture });
      this.show();
    }

    setUnit() {
      const [unit, value] = [this.hand, Number(this.slider.value)];
      this.change((state) => ({ ...state,
        h: state.h.map((before, k) => (k === unit ? value : before)) }),
        `${this.t} ${this.word} ${unit}`);
    }

    transplant() {
      const [word, length] = this.sources.value.split(" ");
      const steps = this.network.read([word]);
      const { h, c } = steps[length - 1].rows[0];
      this.change(() => (c ? { h, c } : { h }));
    }

    undoChange() {
      const { t } = this.done.pop();
      this.go(t);
    }

    togglePin() {
      const of = `step ${this.t + 1} of ${this.reading.join(", ")}`;
      this.pinned = this.pinned ? null
        : { ...this.now("pinned"), kind: this.kind, batch: this.batch, of };
      this.show();
    }

    // --- what is shown ---

    show() {
      const last = this.reading[0].length - 1;
      this.t = Math.min(Math.max(this.t, 0), last);
      this.seen = Math.max(this.seen, this.t);
      this.word = Math.min(this.word, this.reading.length - 1);
      this.unit = Math.min(this.unit, this.network.bias_ih.length - 1);
      this.steps = this.network.read(this.reading, this.done);
      enable(this.back, this.t > 0);
      enable(this.next, this.t < last);
      enable(this.undo, this.done.length > 0);
      this.pin.textContent = this.pinned ? `Unpin ${this.pinned.of}` : "Pin this step";
      this.ownField.hidden = this.words !== "own";
      this.draw();
      this.showHands();
      this.showRows();
      this.showSum();
      this.tell();
    }

    showHands() {
      const value = this.steps[this.t].before[this.word].h[this.hand];
      const of = this.batch ? ` of ${this.reading[this.word]}` : "";
      this.slider.value = value;
      this.sliderLabel.replaceChildren(...Live.subscripts(`h_${this.t}`),
        `${of}, unit ${this.hand}: ${number(value)}`);
      const words = new Set([...this.run.words, ...(this.batch ? [] : [this.own])]);
      const options = [...words].flatMap((word) => [...word].map((_, k) => {
        const [value, read] = [`${word} ${k + 1}`, word.slice(0, k + 1)];
        return make("option", { value }, `${read} of ${word}`);
      }));
      const before = this.sources.value;
      this.sources.replaceChildren(...options);
      if (options.some(({ value }) => value === before)) this.sources.value = before;
    }

    answersAt(t) { return this.steps[t].rows.map((row) => this.answer(row)); }

    numRight(t) {
      return this.answersAt(t).filter((answer, b) => answer === this.target(b, t)).length;
    }

    verdict(t) {
      if (this.words === "own") return "";
      const right = this.numRight(t);
      if (this.batch) return `${right} of 3 right`;
      return right ? "\u2713 right" : `\u2717 not ${this.target(0, t)}`;
    }

    tell() {
      const read = this.reading.map((word) => word[this.t]).join(", ");
      const untouched = this.network.read(this.reading)[this.t].rows
        .map((row) => this.answer(row)).join(", ");
      const answers = this.answersAt(this.t).join(", ");
      const verdict = this.verdict(this.t);
      this.status.textContent = `Step ${this.t + 1} of ${this.reading[0].length}: reads ${read}, `
        + `answers ${answers}${verdict && `, ${verdict}`}.`
        + (this.done.length ? ` Without your changes: ${untouched}.` : "");
    }

    draw() {
      const columns = this.steps.map((_, t) => ({
        input: this.reading.map((word) => word[t]).join(" "),
        output: this.answersAt(t).join(" "), mark: this.verdict(t).replace("3 right", "3"),
        changed: this.done.some((one) => one.t === t) }));
      Live.drawUnrolled(this.picture, { columns, step: this.t, seen: this.seen,
        states: this.kind === "lstm" ? ["h", "c"] : ["h"],
        shapes: { input: shapeOf(["b", 4], this.batch), state: shapeOf(["b", 8], this.batch) } });
    }

    // One entry per quantity, in the order of the computation.
    quantities() {
      const t = this.t + 1;
      const lstm = this.kind === "lstm";
      const past = t === 1 ? "zeros at the start" : "from the step before";
      const sum = this.batch
        ? (x, h) => `x_${t} W_${x}\u1d40 + b_${x} + h_${t - 1} W_${h}\u1d40 + b_${h}`
        : (x, h) => `W_${x} x_${t} + b_${x} + W_${h} h_${t - 1} + b_${h}`;
      const wide = lstm ? 32 : 8;
      const shapes = this.batch
        ? `(3, 4)(4, ${wide}) + (${wide},) + (3, 8)(8, ${wide}) + (${wide},)`
        : `(${wide}, 4)(4,) + (${wide},) + (${wide}, 8)(8,) + (${wide},)`;
      const logits = this.batch ? `h_${t} W_hq\u1d40 + b_q` : `W_hq h_${t} + b_q`;
      const z = { key: "z", get: ({ row }) => row.z, family: "state", size: wide, shapes };
      const gate = (key, formula, words) =>
        ({ key, formula, words, get: ({ row }) => row[key], family: "state" });
      const before = (key, words) => ({ key: `${key}-before`, formula: `${key}_${t - 1}`,
        words: `${words}, ${past}`, get: ({ state }) => state[key], family: "state" });
      return [
        { key: "x", formula: `x_${t}`, words: "the letter, one-hot", get: ({ row }) => row.x,
          family: "input", size: 4 },
        before("h", "the hidden state"),
        ...(lstm ? [before("c", "the cell state"),
          { ...z, formula: `z = ${sum("x", "h")}`, words: "four sums, a row for each gate" },
          gate("i", `i_${t} = \u03c3(z[0:8])`, "the input gate"),
          gate("f", `f_${t} = \u03c3(z[8:16])`, "the forget gate"),
          gate("g", `g_${t} = tanh(z[16:24])`, "the candidate"),
          gate("o", `o_${t} = \u03c3(z[24:32])`, "the output gate"),
          gate("c", `c_${t} = f_${t} \u2299 c_${t - 1} + i_${t} \u2299 g_${t}`, "the new cell state"),
          gate("h", `h_${t} = o_${t} \u2299 tanh(c_${t})`, "the new hidden state")]
          : [{ ...z, formula: `z_${t} = ${sum("xh", "hh")}`, words: "the sum" },
            gate("h", `h_${t} = tanh(z_${t})`, "the new hidden state")]),
        { key: "logits", formula: `logits = ${logits}`, words: "", get: ({ row }) => row.logits,
          family: "output", size: 4 },
        { key: "p", formula: "p = softmax(logits)", words: "the probabilities",
          get: ({ row }) => row.p, family: "output", size: 4 },
        ...(this.words === "own" ? [] : [{ key: "loss", formula: "\u2113 = \u2212ln p(target)",
          words: `the loss of this step; mean over all steps: ${number(this.meanLoss())}`,
          get: ({ row, target }) => [this.loss(row, target)], family: "loss", size: null }]),
      ];
    }

    loss(row, target) { return -Math.log(row.p[this.data.letters.indexOf(target)]); }

    meanLoss() {
      const all = this.steps.flatMap(({ rows }, t) => rows.map((row, b) => this.loss(row, this.target(b, t))));
      return all.reduce((a, b) => a + b) / all.length;
    }

    showRows() {
      const { pinned } = this;
      const fits = pinned && pinned.kind === this.kind && pinned.batch === this.batch;
      const here = this.now(fits ? "now" : "");
      const steps = fits ? [pinned, here] : [here];
      this.rows.replaceChildren(...this.quantities().flatMap((one) => {
        const { key, formula, size = 8, shapes } = one;
        const rows = this.reading.flatMap((word, b) =>
          steps.flatMap((from) => this.cells(one, from, b)));
        const words = fits ? `${one.words} ${this.compare(one, pinned, here)}` : one.words;
        const part = quantity({ key, formula, words, shapes, rows,
          shape: shapeOf(size === null ? ["b"] : ["b", size], this.batch) });
        return key === "z" ? [part, this.source] : [part];
      }));
    }

    values(one, { step, targets }, b) {
      return one.get({ row: step.rows[b], state: step.before[b], target: targets[b] });
    }

    // The rows of one quantity for word `b` of one step; the sums of an LSTM have four.
    cells(one, from, b) {
      const values = this.values(one, from, b);
      const title = [from.title, this.batch && this.reading[b]].filter(Boolean).join(", ");
      const letters = values.length === 4 ? this.data.letters : null;
      return Array.from({ length: Math.ceil(values.length / 8) }, (_, k) => ({
        title, values: values.slice(8 * k, 8 * k + 8), family: one.family, letters,
        target: one.family === "output" ? from.targets[b] : null,
        pick: from.title === "pinned" ? null : this.picking(one.key, b, 8 * k) }));
    }

    // What a choice of a number of z or of the state that comes in does.
    picking(key, b, first) {
      const look = (k) => { [this.word, this.unit] = [b, first + k]; this.showSum(); };
      const take = (k) => { [this.word, this.hand] = [b, k]; this.showHands(); };
      const of = this.batch ? ` of ${this.reading[b]}` : "";
      const mine = b === this.word;
      if (key === "z") {
        return { name: "live-z", label: (k) => `z${of}, number ${first + k}`, onpick: look,
          hover: true, chosen: mine ? this.unit - first : -1 };
      }
      return key === "h-before" ? { name: "live-hand", label: (k) => `h${of}, unit ${k}`,
        onpick: take, chosen: mine ? this.hand : -1 } : null;
    }

    compare(one, pinned, here) {
      const [before, now] = [pinned, here].map((from) => this.reading.flatMap((_, b) =>
        this.values(one, from, b).map((value) => number(value))));
      const different = before.filter((value, k) => value !== now[k]).length;
      return different ? `\u00b7 ${different} of ${now.length} differ` : "\u00b7 the same in both";
    }

    showSum() {
      const { before, rows } = this.steps[this.t];
      this.sum.replaceChildren(...Live.sumOf(this.network, { state: before[this.word],
        row: rows[this.word], letter: this.reading[this.word][this.t], unit: this.unit,
        t: this.t + 1 }));
      this.grid.replaceChildren(...Live.weightGrid(this.network, this.unit));
    }
  }

  Live.load("data/stepper").then((data) =>
    Live.start("stepper", (place) => new Stepper(place, data)));
})();
