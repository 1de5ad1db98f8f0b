// One network at work: the text it has read and written, what it expects next, its state.
"use strict";

(() => {
  const { make, softmax, greedy, draw, visible, spoken, number } = Live;
  const COLUMNS = 32; // cells in a row of the map of the hidden state

  const percent = (p) =>
    (p < 0.0005 ? "< 0.1 %" : `${(100 * p).toFixed(p < 0.0995 ? 1 : 0)} %`);

  // The indices of the characters that may come next, the most probable first.
  const ranked = (probabilities) =>
    probabilities.map((_, index) => index).sort((a, b) => probabilities[b] - probabilities[a]);

  // One row for each character that may come next, the most probable first.
  class Bars {
    constructor() {
      this.rows = Array.from({ length: 28 }, () => {
        const [sign, bar, share] = [make("span"), make("span"), make("span")];
        const track = make("span", { class: "live-track" }, bar);
        return { sign, bar, share, item: make("li", {}, sign, track, share) };
      });
      this.element = make("ol", { class: "live-bars" }, ...this.rows.map((row) => row.item));
    }

    show(tokens, probabilities, howMany) {
      const order = probabilities && ranked(probabilities);
      this.rows.forEach(({ sign, bar, share, item }, place) => {
        item.hidden = place >= howMany;
        if (item.hidden) return;
        const p = probabilities ? probabilities[order[place]] : 0;
        const token = probabilities ? tokens[order[place]] : "\u00b7";
        sign.replaceChildren(token === " "
          ? make("span", { title: "blank" }, visible(token),
              make("span", { class: "live-hidden-text" }, " blank"))
          : token);
        bar.style.width = `${100 * p}%`;
        share.textContent = probabilities ? percent(p) : "";
      });
    }
  }

  // A square for each hidden unit: its side grows with the number's size; filled means
  // positive, an empty frame negative, so that colour is not the only sign.
  class StateMap {
    constructor() {
      this.canvas = make("canvas", { role: "img", class: "live-map",
        "aria-label": "Hidden state: nothing has been read yet",
        onpointermove: (event) => this.point(event), onpointerdown: (event) => this.point(event) });
      this.unit = make("input", { type: "number", min: 0, value: 0, class: "live-unit",
        oninput: () => this.draw() });
      this.value = make("span");
      this.element = make("div", {}, this.canvas,
        make("p", { class: "live-readout" },
          make("label", {}, "Unit ", this.unit), " ", this.value));
    }

    point(event) {
      const box = this.canvas.getBoundingClientRect();
      const side = box.width / COLUMNS;
      const row = Math.floor((event.clientY - box.top) / side);
      this.unit.value = row * COLUMNS + Math.floor((event.clientX - box.left) / side);
      this.draw();
    }

    show(state) {
      this.state = state;
      this.unit.max = state.length - 1;
      const positive = state.filter((value) => value > 0).length;
      const strong = state.filter((value) => Math.abs(value) > 0.9).length;
      this.canvas.setAttribute("aria-label", `Hidden state: ${state.length} numbers from -1 to 1, `
        + `${positive} of them above 0, ${strong} beyond 0.9 either way`);
      this.draw();
    }

    draw() {
      const { canvas, state } = this;
      if (!state || !canvas.clientWidth) return;
      const rows = Math.ceil(state.length / COLUMNS);
      const side = canvas.clientWidth / COLUMNS;
      canvas.style.height = `${rows * side}px`;
      canvas.width = Math.round(canvas.clientWidth * devicePixelRatio); // empties it, too
      canvas.height = Math.round(rows * side * devicePixelRatio);
      const pen = canvas.getContext("2d");
      pen.scale(devicePixelRatio, devicePixelRatio);
      const style = getComputedStyle(canvas);
      pen.fillStyle = style.getPropertyValue("--live-hidden");
      pen.lineWidth = 1.25;
      const chosen = Math.min(Math.max(Math.round(this.unit.value) || 0, 0), state.length - 1);
      state.forEach((value, unit) => {
        const size = side * 0.88 * Math.sqrt(Math.abs(value));
        const left = (unit % COLUMNS + 0.5) * side - size / 2;
        const top = (Math.floor(unit / COLUMNS) + 0.5) * side - size / 2;
        pen.strokeStyle = style.getPropertyValue("--live-input");
        if (value > 0) pen.fillRect(left, top, size, size);
        else if (size > 2) pen.strokeRect(left + 0.6, top + 0.6, size - 1.2, size - 1.2);
        if (unit !== chosen) return;
        pen.strokeStyle = style.color;
        pen.strokeRect((unit % COLUMNS) * side + 0.6, Math.floor(unit / COLUMNS) * side + 0.6,
          side - 1.2, side - 1.2);
      });
      this.value.textContent = number(state[chosen], 2);
    }
  }

  class Panel {
    constructor(label) {
      this.label = label;
      this.facts = make("p", { class: "live-facts" });
      this.text = make("p", { class: "live-text" });
      this.tally = make("p", { class: "live-note live-tally" });
      this.next = make("h4", { class: "live-label" }, "Next character");
      this.bars = new Bars();
      this.map = new StateMap();
      this.element = make("article", { class: "live-panel" },
        make("h3", {}, label), this.facts, this.text, this.tally,
        make("div", { class: "live-instruments" },
          make("div", {}, this.next, this.bars.element),
          make("div", {}, make("h4", { class: "live-label" }, "Hidden state"), this.map.element)));
      this.prefix = "";
      this.restart("");
    }

    use(network, pages) {
      this.network = network;
      this.pages = pages;
      const { pages: known, end } = network.about.perplexity;
      this.facts.textContent = `Perplexity: ${known.toFixed(1)} on the first pages, `
        + `${end.toFixed(1)} on the last ones`;
    }

    // Before the first character. With the same seed, the same draws follow.
    restart(prefix, seed = 0) {
      this.prefix = prefix;
      this.read = 0;
      this.written = [];
      this.copied = [];
      this.begin();
      this.logits = null;
      this.random = Live.randomNumbers(seed);
      this.state = this.network?.start();
    }

    // A run begins: what is written from here on is told at its end.
    begin() {
      this.begun = this.written.length;
    }

    feed(token) {
      ({ state: this.state, logits: this.logits } = this.network.step(this.state, token));
    }

    readAll() {
      while (this.read < this.prefix.length) this.feed(this.prefix[this.read++]);
    }

    // One character goes in: the next of the prefix, or else one that the network chooses.
    advance({ sampling, temperature }) {
      if (this.read < this.prefix.length) return this.feed(this.prefix[this.read++]);
      const index = sampling
        ? draw(softmax(this.logits, temperature), this.random) : greedy(this.logits);
      const token = this.network.tokens[index];
      this.feed(token);
      this.written.push(token);
      this.copied.push(false);
      const { length } = this.pages;
      const stretch = this.written.slice(-length).join("");
      if (this.written.length >= length && this.pages.has(stretch)) {
        this.copied.fill(true, -length);
      }
    }

    // The last character that went in.
    get last() {
      return this.written.at(-1) ?? this.prefix[this.read - 1];
    }

    // The most probable next characters and their shares, as the bars show them.
    expected(howMany) {
      return ranked(this.probabilities).slice(0, howMany).map((index) =>
        `${spoken(this.network.tokens[index])} ${percent(this.probabilities[index])}`).join(", ");
    }

    // What this run has written, and how much of the whole text is copied.
    report() {
      const written = this.written.slice(this.begun).join("");
      if (!written) return "";
      const tally = this.tally.textContent;
      return ` ${this.label} wrote: ${written}.${tally && ` ${tally}.`}`;
    }

    show({ sampling, temperature, howMany }) {
      const parts = [make("span", { class: "live-prefix" }, this.prefix.slice(0, this.read)),
        make("span", { class: "live-unread" }, this.prefix.slice(this.read))];
      for (let start = 0, end; start < this.written.length; start = end) {
        for (end = start; this.copied[end] === this.copied[start]; ) end++;
        const stretch = this.written.slice(start, end).join("");
        parts.push(this.copied[start]
          ? make("span", { class: "live-copied", title: "stands so in the first pages" }, stretch)
          : stretch);
      }
      this.text.replaceChildren(...parts);
      const { length } = this.written;
      this.tally.textContent = length > 0 && length >= this.pages.length
        ? `${this.copied.filter(Boolean).length} of ${length} characters stand so `
          + "in the first pages" : "";
      const { last } = this;
      this.next.textContent = last === undefined
        ? "Next character" : `After “${visible(last)}” comes`;
      if (last === " ") this.next.setAttribute("aria-label", `After ${spoken(last)} comes`);
      else this.next.removeAttribute("aria-label");
      const tokens = this.network?.tokens ?? Array(28).fill("");
      this.probabilities = this.logits && softmax(this.logits, sampling ? temperature : 1);
      this.bars.show(tokens, this.probabilities, howMany);
      if (this.state) this.map.show(this.state);
    }
  }

  Live.Panel = Panel;
})();
