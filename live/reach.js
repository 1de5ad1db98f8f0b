// View "reach": two networks read the same text. On which of the characters before it does the
// prediction of a character depend? The gradients are computed here, by backpropagation.
"use strict";

(() => {
  const { make, button, field, clean, softmax, visible, spoken } = Live;
  const LIMIT = 120; // characters of a text
  const NETWORKS = [["rnn-500-epochs", "RNN"], ["gru-by-heart", "GRU"]];
  const TEXT = "the time traveller for so it will be convenient to speak of him was expounding a "
    + "recondite matter to us";

  // The transposed matrix times v.
  function backwards({ rows, columns, values }, v) {
    const result = new Float64Array(columns);
    for (let row = 0, i = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, i++) result[column] += values[i] * v[row];
    }
    return result;
  }

  const norm = (v) => Math.sqrt(v.reduce((sum, value) => sum + value * value, 0));
  const sigmoid = (z) => 1 / (1 + Math.exp(-z));

  // From the slope of something by a step's new state to its slopes by what the cell got: by
  // what comes from the input, by what comes from the state, and by the state itself.
  const SLOPES = {
    rnn({ state }, slope) {
      const z = slope.map((value, k) => value * (1 - state[k] ** 2));
      return [z, z, new Float64Array(z.length)];
    },
    gru({ before, fromInput, fromState }, slope) {
      const n = slope.length;
      const [input, hidden] = [new Float64Array(3 * n), new Float64Array(3 * n)];
      const direct = slope.map((value, k) => {
        const reset = sigmoid(fromInput[k] + fromState[k]);
        const update = sigmoid(fromInput[n + k] + fromState[n + k]);
        const fresh = Math.tanh(fromInput[2 * n + k] + reset * fromState[2 * n + k]);
        const byFresh = value * (1 - update) * (1 - fresh ** 2);
        input[2 * n + k] = byFresh;
        hidden[2 * n + k] = byFresh * reset;
        input[k] = hidden[k] = byFresh * fromState[2 * n + k] * reset * (1 - reset);
        input[n + k] = hidden[n + k] = value * (before[k] - fresh) * update * (1 - update);
        return value * update;
      });
      return [input, hidden, direct];
    },
  };

  // How strongly does the logit of character `at` depend on each character before it?
  function pulls(network, steps, text, at) {
    const token = network.tokens.indexOf(text[at]);
    const { columns, values } = network.outputWeights;
    let slope = Float64Array.from(values.subarray(token * columns, (token + 1) * columns));
    const result = [];
    for (let t = at - 1; t >= 0; t--) {
      const [input, hidden, direct] = SLOPES[network.kind](steps[t], slope);
      result[t] = norm(backwards(network.inputWeights, input));
      slope = backwards(network.stateWeights, hidden).map((value, k) => value + direct[k]);
    }
    return result;
  }

  // How many characters back does one have to go for this part of the whole?
  function within(shares, part) {
    let sum = 0;
    const back = [...shares].reverse();
    return back.findIndex((share) => (sum += share) >= part - 1e-9) + 1;
  }

  // One network and the text that it has read, a span for each character.
  class Reading {
    constructor(network, label, text, choose) {
      Object.assign(this, { network, label, text });
      let state = network.start();
      this.steps = [...text].map((sign) => {
        const step = network.step(state, sign);
        state = step.state;
        return step;
      });
      this.signs = [...text].map((sign, at) => make("span", { "data-at": at }, sign));
      this.words = make("p", { class: "live-note" });
      this.element = make("article", { class: "live-panel" }, make("h3", {}, label),
        make("p", { class: "live-text live-reach-text", onpointerover: choose, onclick: choose },
          ...this.signs),
        this.words);
    }

    show(at) {
      const { text, network } = this;
      const all = pulls(network, this.steps, text, at);
      const sum = all.reduce((a, b) => a + b);
      const shares = all.map((pull) => pull / sum);
      const most = Math.max(...shares);
      this.signs.forEach((sign, place) => {
        sign.style.setProperty("--live-weight", ((shares[place] ?? 0) / most).toFixed(3));
        sign.classList.toggle("live-chosen", place === at);
        sign.classList.toggle("live-later", place > at);
      });
      const p = softmax(network.logits(this.steps[at - 1].state))[network.tokens.indexOf(text[at])];
      const source = shares.indexOf(most);
      const back = at - source === 1 ? "just before it" : `${at - source} places back`;
      const told = (name) => `${name(text[at])} had a probability of ${(100 * p).toFixed(1)} %. `
        + `It depends most on ${name(text[source])}, ${back} (${(100 * most).toFixed(1)} %). Half of `
        + `the dependence lies in the last ${within(shares, 0.5)} characters, nine tenths in the `
        + `last ${within(shares, 0.9)}.`;
      this.words.textContent = told((sign) => `\u201c${visible(sign)}\u201d`);
      return `${this.label}: ${told(spoken)}`;
    }
  }

  function build(place) {
    const picture = place.querySelector("img");
    const typed = make("input", { type: "text", value: TEXT, name: "live-text", maxlength: LIMIT,
      autocomplete: "off", autocapitalize: "none", spellcheck: "false",
      onkeydown: (event) => { if (event.key === "Enter") read(); } });
    const slider = make("input", { type: "range", min: 2, max: 2, value: 2, name: "live-character",
      oninput: show });
    const sliderField = field("Character: move with the arrow keys, or point at one", slider,
      { class: "live-field live-wide", hidden: true });
    const status = make("p", { class: "live-hidden-text", role: "status" });
    const problem = make("p", { class: "live-status", role: "status" });
    const blocks = make("div", { class: "live-reaches" }, picture ?? "");
    let readings = [];
    let timer = null;

    async function read() {
      const text = clean(typed.value).slice(0, LIMIT);
      if (text.length < 2) {
        problem.textContent = "Type at least two letters from a to z.";
        return;
      }
      problem.textContent = "Loading";
      try {
        const networks = await Promise.all(NETWORKS.map(([name]) => Live.network(name)));
        problem.textContent = "";
        readings = networks.map((network, k) => new Reading(network, NETWORKS[k][1], text, choose));
      } catch (error) {
        problem.textContent = `Sorry: ${error.message}.`;
        return;
      }
      blocks.replaceChildren(...readings.map(({ element }) => element));
      sliderField.hidden = false;
      slider.max = text.length;
      slider.value = Math.min(46, text.length);
      show();
    }

    function choose(event) {
      const at = Number(event.target.dataset.at);
      if (!(at >= 1)) return;
      slider.value = at + 1;
      show();
      if (event.type === "click") slider.focus({ preventScroll: true });
    }

    function show() {
      const at = Number(slider.value) - 1;
      const sentences = readings.map((reading) => reading.show(at));
      slider.setAttribute("aria-valuetext",
        `character ${at + 1}: ${spoken(readings[0].text[at])}`);
      // A pointer passes over many characters; only where it rests is worth saying.
      clearTimeout(timer);
      timer = setTimeout(() => { status.textContent = sentences.join(" "); }, 300);
    }

    place.replaceChildren(
      make("div", { class: "live-controls" },
        field("Both networks read", typed, { class: "live-field live-wide" }),
        make("div", { class: "live-buttons live-wide" },
          button("Read", read, { class: "live-main" }), problem), sliderField),
      blocks, status);
  }

  Live.start("reach", build);
})();
