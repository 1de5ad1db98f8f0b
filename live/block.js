// View "block": a block of numbers with the axes step, word and unit. An index cuts a slice out
// of it, which lights up; below, the same numbers in the order of the memory.
"use strict";

(() => {
  const { make, choices, number, shade, TinyNetwork } = Live;

  function svg(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  // What an index fixes: the place of the axis, and the number on it. h_n has the last step.
  const INDICES = { "[0]": [0, 0], "[-1]": [0, -1], "[:, 0]": [1, 0], "[:, -1]": [1, -1],
    "[..., 2]": [2, 2] };

  class Block {
    constructor(place, data) {
      const run = data.runs.find(({ kind, words, updates }) =>
        kind === "rnn" && words.length === 3 && updates === 110);
      this.words = run.words;
      const steps = new TinyNetwork(run, data.letters, data.hidden_size).read(this.words);
      // In chapter 2, the block is what goes in; elsewhere, what nn.RNN returns.
      this.isInput = place.classList.contains("live-inputs");
      this.name = this.isInput ? "inputs" : "output";
      this.numbers = steps.map(({ rows }) => rows.map(({ x, h }) => (this.isInput ? x : h)));
      this.sizes = { step: 5, word: 3, unit: this.numbers[0][0].length };
      this.batchFirst = false;
      this.index = this.isInput ? "[0]" : "[-1]";
      const names = Object.keys(INDICES).map((index) => [index, this.name + index]);
      this.picture = make("div", { class: "live-block-picture" });
      this.code = make("pre", { class: "live-code", tabindex: 0 });
      this.said = make("p", { role: "status" });
      this.strip = make("ol", { class: "live-memory", "aria-label": "The 15 rows in memory" });
      this.pieces = make("p", { class: "live-words" });
      place.replaceChildren(
        make("div", { class: "live-controls" },
          choices("live-axes", "Order of the axes", [["time", "time first"],
            ["batch", this.isInput ? "batch first" : "batch_first=True"]], "time",
            (value) => { this.batchFirst = value === "batch"; this.show(); }),
          choices("live-index", "Index", [...names, ...(this.isInput ? [] : [["h_n", "h_n[0]"]])],
            this.index, (value) => { this.index = value; this.show(); })),
        this.picture, Live.legend(...(this.isInput ? [["input", "1"]]
          : [["state", "above 0"], ["below", "below 0"]])), this.code, this.said, this.strip, this.pieces);
      Live.whenWide(this.picture, () => this.draw());
      this.show();
    }

    get axes() { return this.batchFirst ? ["word", "step", "unit"] : ["step", "word", "unit"]; }

    // The axis that the index fixes, and the number on it, from 0.
    get fixed() {
      if (this.index === "h_n") return ["step", this.sizes.step - 1];
      const [axis, at] = INDICES[this.index];
      const name = this.axes[axis];
      return [name, at < 0 ? this.sizes[name] + at : at];
    }

    isLit(place) {
      const [axis, at] = this.fixed;
      return place[axis] === at;
    }

    shape(axes) { return `(${axes.map((axis) => this.sizes[axis]).join(", ")})`; }

    show() {
      const [axis, at] = this.fixed;
      const { words, axes } = this;
      const taken = {
        step: `step ${at}${at === 4 ? ", the last one," : ""} of all three words`,
        word: `all five steps of word ${at}, \u201c${words[at]}\u201d`,
        unit: `number ${at} of every step and every word`,
      }[axis];
      const rest = this.index === "h_n" ? "(3, 8)" : this.shape(axes.filter((one) => one !== axis));
      const call = this.isInput ? "" : `rnn = nn.RNN(4, 8${this.batchFirst ? ", batch_first=True" : ""})\n`
        + `output, h_n = rnn(x)  # output ${this.shape(axes)}, h_n (1, 3, 8)\n`;
      const line = this.index === "h_n" ? "h_n[0]" : this.name + this.index;
      this.code.textContent = `${call}${line}  # ${rest}`;
      const same = this.index !== "h_n" ? ""
        : " h_n is a tensor of its own, and holds the same numbers as the lit ones here. "
          + "batch_first does not touch it.";
      const trap = this.batchFirst && this.index === "[-1]"
        ? " With the batch first, the last step is [:, -1]." : "";
      this.said.textContent = `${line} is ${taken}.${same}${trap}`;
      this.draw();
      this.showStrip();
    }

    // Sheets, one behind the other: the first axis counts them, the second their rows.
    draw() {
      const [outer, inner] = this.axes;
      const [sheets, rows, columns] = [outer, inner, "unit"].map((axis) => this.sizes[axis]);
      const width = Math.max(this.picture.clientWidth, 240);
      const cell = Math.min(34, (width - 100) / (columns + (sheets - 1) * 0.9));
      const [high, dx, dy] = [20, cell * 0.9, rows * 20 + 6];
      const height = rows * high + (sheets - 1) * dy + 8;
      const picture = svg("svg", { width, height, role: "img", "aria-label":
        `${this.name} as ${sheets} sheets of ${rows} rows and ${columns} columns` });
      const way = sheets - 1; // dashes, below all else, lead from the first sheet to the last
      for (const [x, y] of [[0, 0], [columns * cell, 0], [columns * cell, rows * high]]) {
        const [x1, y1] = [18 + x, height - rows * high - 4 + y];
        picture.append(svg("line", { x1, y1, x2: x1 + way * dx, y2: y1 - way * dy,
          class: "live-edge" }));
      }
      for (let sheet = sheets - 1; sheet >= 0; sheet--) {
        const [left, top] = [18 + sheet * dx, height - rows * high - sheet * dy - 4];
        const group = svg("g", {}, svg("rect", { x: left - 2, y: top - 2, class: "live-sheet",
          width: columns * cell + 4, height: rows * high + 4 }));
        for (let row = 0; row < rows; row++) {
          const place = { [outer]: sheet, [inner]: row };
          group.append(svg("text", { x: left - 13, y: top + row * high + 14 },
            this.words[place.word][place.step]));
          for (let unit = 0; unit < columns; unit++) {
            const value = this.numbers[place.step][place.word][unit];
            group.append(svg("rect", { x: left + unit * cell + 0.5, y: top + row * high + 0.5,
              width: cell - 1, height: high - 1, style: shade(value, this.isInput ? "input" : "state"),
              class: this.isLit({ ...place, unit }) ? "live-lit" : "" },
            svg("title", {}, number(value))));
          }
        }
        const title = outer === "word" ? this.words[sheet] : `step ${sheet}`;
        group.append(svg("text", { x: left + columns * cell + 6, y: top + 14 }, title));
        picture.append(group);
      }
      this.picture.replaceChildren(picture);
    }

    showStrip() {
      const [outer, inner] = this.axes;
      const [axis] = this.fixed;
      const places = Array.from({ length: 15 }, (_, k) => ({
        [outer]: Math.floor(k / this.sizes[inner]), [inner]: k % this.sizes[inner] }));
      const lit = places.map((place) => axis === "unit" || this.isLit(place));
      this.strip.replaceChildren(...places.map(({ step, word }, k) =>
        make("li", { class: lit[k] ? "live-now" : null }, this.words[word][step])));
      const pieces = axis === "unit" ? 15 : lit.filter((one, k) => one && !lit[k - 1]).length;
      this.pieces.textContent = `In memory, the 15 rows of ${this.name} lie in this order. The `
        + `numbers that you chose are in ${pieces === 1 ? "one piece" : `${pieces} pieces`}.`;
    }
  }

  Live.load("data/stepper").then((data) => Live.start("block", (place) => new Block(place, data)));
})();
