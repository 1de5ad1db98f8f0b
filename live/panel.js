// One network at work: the text it has read and written, what it expects next, its state.
"use strict";

(() => {
  const { make, softmax, greedy, draw, visible, spoken, number, shade } = Live;
  const LOOP = 20; // characters: from here on, what was written before counts as a loop
  const NAMES = { pages: "the first pages", book: "the first nine tenths of the book" };

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

  class Panel {
    // `onchange` is called when the reader has set a unit.
    constructor(name, label, onchange) {
      Object.assign(this, { name, label, onchange, unit: 0, kept: null });
      const pick = (unit) => this.pick(unit);
      this.facts = make("p", { class: "live-facts" });
      this.text = make("p", { class: "live-text" });
      this.tally = make("p", { class: "live-note live-tally" });
      this.next = make("h4", { class: "live-label" }, "Next character");
      this.bars = new Bars();
      this.map = new Live.StateMap(pick);
      this.heat = new Live.HeatMap(pick);
      this.unitField = make("input", { type: "number", min: 0, value: 0, class: "live-unit",
        oninput: () => pick(Number(this.unitField.value)) });
      this.value = make("span");
      this.setter = make("input", { type: "range", min: -1, max: 1, step: 0.01, value: 0,
        class: "live-set", oninput: () => this.setUnit(Number(this.setter.value)) });
      this.colours = make("input", { type: "checkbox", class: "live-colours",
        onchange: () => this.showText() });
      this.more = make("details", { ontoggle: () => this.draw() },
        make("summary", {}, "Next character, hidden state, origin"),
        make("div", { class: "live-instruments" },
          make("div", {}, this.next, this.bars.element),
          make("div", {}, make("h4", { class: "live-label" }, "Hidden state now"), this.map.element)),
        make("h4", { class: "live-label" }, "Units over time: a row for each unit, a column for "
          + "each character"),
        this.heat.element,
        make("p", { class: "live-readout" }, make("label", {}, "Unit ", this.unitField), " ",
          this.value, " ", make("label", {}, "Set it ", this.setter), " ",
          make("label", {}, this.colours, " Colour the text by this unit")),
        Live.legend(["state", "above 0 (a filled square)"], ["below", "below 0 (a frame)"]),
        this.facts);
      this.element = make("article", { class: "live-panel" },
        make("h3", {}, label), this.text, this.tally, this.more);
      this.restart("");
    }

    use(network, pages) {
      this.network = network;
      this.pages = pages; // null if it has read nothing
      const { read, source, bits, perplexity } = network.about;
      this.facts.textContent = `Has read ${read}. Weights: ${source}, rounded to ${bits} bits. `
        + `Perplexity with these weights: ${perplexity.pages.toFixed(1)} on the first pages, `
        + `${perplexity.end.toFixed(1)} on the last ones.`;
    }

    // Before the first character. With the same seed, the same draws follow.
    restart(prefix, seed = 0) {
      Object.assign(this, { prefix, read: 0, written: [], kinds: [], states: [], marks: new Map(),
        past: [], logits: null, random: Live.randomNumbers(seed), seed, drawn: 0 });
      this.state = this.network?.start();
      this.begin();
    }

    // A run begins: what is written from here on is told at its end.
    begin() {
      this.begun = this.written.length;
    }

    feed(token) {
      this.state = this.network.step(this.state, token).state;
      this.logits = this.network.logits(this.state);
      this.states.push(this.state);
    }

    readAll() {
      while (this.read < this.prefix.length) this.feed(this.prefix[this.read++]);
    }

    // One character goes in: the next of the prefix, or else one that the network chooses.
    advance({ sampling, temperature }) {
      if (this.read < this.prefix.length) return this.feed(this.prefix[this.read++]);
      const index = sampling
        ? draw(softmax(this.logits, temperature), this.next01()) : greedy(this.logits);
      const token = this.network.tokens[index];
      this.feed(token);
      this.written.push(token);
      this.judge();
    }

    next01() {
      this.drawn++;
      return this.random;
    }

    // Is the end of what was written copied, or a loop? A loop is no memory of pages.
    judge() {
      const text = this.written.join("");
      const loops = text.slice(0, -1).includes(text.slice(-LOOP)) && text.length > LOOP;
      const kind = loops ? "loop" : this.pages?.copied(text) ? "copied" : "";
      this.kinds.push("");
      for (let back = 1; kind && back <= LOOP; back++) {
        const at = this.kinds.length - back;
        this.kinds[at] ||= kind;
      }
    }

    // --- hands on the state ---

    // Puts `state` in the place of the network's own; `undo` brings all back as it is now.
    put(state, sign, title, gesture = null) {
      const { written, kinds, states, read, drawn } = this;
      this.past.push({ gesture, state: this.state, logits: this.logits, read, drawn, written: [...written],
        kinds: [...kinds], states: [...states], marks: new Map(this.marks) });
      this.state = state;
      if (this.logits) this.logits = this.network.logits(state);
      this.marks.set(read + written.length, { sign, title });
    }

    zero() {
      this.put(this.network.start(), "\u25cb", "here the state was set to zero");
    }

    // While the slider is on its way, only its last place counts.
    setUnit(value) {
      if (!this.network) return;
      const gesture = `${this.soFar.length} ${this.unit}`;
      if (this.past.at(-1)?.gesture === gesture) this.undo();
      this.put(this.state.map((before, unit) => (unit === this.unit ? value : before)), "\u25d0",
        `here unit ${this.unit} was set to ${number(value, 2)}`, gesture);
      this.onchange();
    }

    keep() {
      this.kept = { state: this.state, after: this.soFar.slice(-12) };
    }

    putIn() {
      this.put(this.kept.state, "\u25cf", `here the state after \u201c${this.kept.after}\u201d went in`);
    }

    undo() {
      Object.assign(this, this.past.pop());
      this.random = Live.randomNumbers(this.seed);
      for (let k = 0; k < this.drawn; k++) this.random();
      this.begin();
    }

    get soFar() {
      return this.prefix.slice(0, this.read) + this.written.join("");
    }

    // --- what is said ---

    // The last character that went in.
    get last() {
      return this.soFar.at(-1);
    }

    // The most probable next characters and their shares, as the bars show them.
    expected(howMany) {
      return ranked(this.probabilities).slice(0, howMany).map((index) =>
        `${spoken(this.network.tokens[index])} ${percent(this.probabilities[index])}`).join(", ");
    }

    // What this run has written, and how much of the whole text is copied.
    report() {
      const written = this.written.slice(this.begun).join("");
      return written && ` ${this.label} wrote: ${written}. ${this.tally.textContent}`;
    }

    pick(unit) {
      this.unit = Math.min(Math.max(Math.round(unit) || 0, 0), (this.state?.length ?? 1) - 1);
      this.unitField.value = this.unit;
      this.draw();
      this.showText();
    }

    show({ sampling, temperature, howMany }) {
      this.showText();
      this.showTally();
      const { last } = this;
      this.next.textContent = last === undefined
        ? "Next character" : `After \u201c${visible(last)}\u201d comes`;
      if (last === " ") this.next.setAttribute("aria-label", `After ${spoken(last)} comes`);
      else this.next.removeAttribute("aria-label");
      const tokens = this.network?.tokens ?? Array(28).fill("");
      this.probabilities = this.logits && softmax(this.logits, sampling ? temperature : 1);
      this.bars.show(tokens, this.probabilities, howMany);
      this.draw();
    }

    // Characters of the same look share an element; with colours, each has its own.
    showText() {
      const text = [...this.prefix, ...this.written];
      const coloured = this.colours.checked;
      const parts = [];
      let before = null;
      text.forEach((sign, at) => {
        if (this.marks.has(at)) {
          const { sign: mark, title } = this.marks.get(at);
          parts.push(make("span", { class: "live-put", title, role: "img", "aria-label": title },
            mark));
        }
        const look = at < this.read ? "live-prefix" : at < this.prefix.length ? "live-unread"
          : this.kinds[at - this.prefix.length];
        const value = coloured && this.states[at]?.[this.unit];
        if (before === look && !coloured && !this.marks.has(at)) parts.at(-1).append(sign);
        else {
          parts.push(make("span", {
            class: { copied: "live-copied", loop: "live-loop" }[look] ?? (look || null),
            style: value === undefined || value === false ? null : shade(value * 4, "state") },
          sign));
        }
        before = look;
      });
      if (this.marks.has(text.length)) {
        const { sign: mark, title } = this.marks.get(text.length);
        parts.push(make("span", { class: "live-put", title, role: "img", "aria-label": title }, mark));
      }
      this.text.classList.toggle("live-coloured", coloured);
      this.text.replaceChildren(...parts);
    }

    showTally() {
      const { length } = this.written;
      const count = (kind) => this.kinds.filter((one) => one === kind).length;
      const source = this.network && NAMES[this.network.about.text];
      const copied = source ? `${count("copied")} of ${length} characters are copied from ${source}`
        : "This network has read nothing that it could copy";
      const loops = count("loop") ? `; ${count("loop")} repeat what it wrote before` : "";
      this.tally.textContent = length < LOOP ? "" : `${copied}${loops}.`;
    }

    draw() {
      if (!this.state) return;
      this.unitField.max = this.state.length - 1;
      this.value.textContent = number(this.state[this.unit], 2);
      this.setter.value = this.state[this.unit];
      this.map.show(this.state, this.unit);
      this.heat.show(this.soFar, this.states, this.unit);
    }
  }

  Live.Panel = Panel;
})();
