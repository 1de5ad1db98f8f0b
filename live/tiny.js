// The arithmetic of the tiny networks that read "hello": what chapters 1, 2 and 6 compute.
"use strict";

(() => {
  const sigmoid = (z) => 1 / (1 + Math.exp(-z));
  const softmax = (logits) => {
    const powers = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  };

  class TinyNetwork {
    constructor({ kind, weights }, letters, hiddenSize) {
      this.kind = kind;
      this.letters = letters;
      this.hiddenSize = hiddenSize;
      for (const name of Object.keys(weights)) this[name] = Array.from(Live.floats(weights[name]));
    }

    // Row `row` of the matrix `name`.
    row(name, row) {
      const width = name === "weight_ih" ? this.letters.length : this.hiddenSize;
      return this[name].slice(row * width, (row + 1) * width);
    }

    // W v + b, number by number.
    product(name, bias, v) {
      return this[bias].map((b, k) =>
        this.row(name, k).reduce((sum, weight, j) => sum + weight * v[j], b));
    }

    start() {
      const zeros = Array(this.hiddenSize).fill(0);
      return this.kind === "lstm" ? { h: zeros, c: zeros } : { h: zeros };
    }

    // One letter goes in; every number on the way comes out, the new h (and c) among them.
    step(state, letter) {
      const x = [...this.letters].map((other) => Number(other === letter));
      const fromState = this.product("weight_hh", "bias_hh", state.h);
      const z = this.product("weight_ih", "bias_ih", x).map((value, k) => value + fromState[k]);
      const result = this.kind === "lstm" ? this.gates(z, state.c) : { h: z.map(Math.tanh) };
      const logits = this.product("weight_hq", "bias_hq", result.h);
      return { x, z, ...result, logits, p: softmax(logits) };
    }

    gates(z, before) {
      const n = this.hiddenSize;
      const block = (k, squash) => z.slice(k * n, (k + 1) * n).map((value) => squash(value));
      const [i, f, g, o] = [block(0, sigmoid), block(1, sigmoid), block(2, Math.tanh),
        block(3, sigmoid)];
      const c = before.map((value, k) => f[k] * value + i[k] * g[k]);
      return { i, f, g, o, c, h: c.map((value, k) => o[k] * Math.tanh(value)) };
    }

    // Words of equal length, step by step. `changes` are what a reader did to the states that
    // come into a step: {t, word, change}, where `change` makes a new state of one.
    read(words, changes = []) {
      let states = words.map(() => this.start());
      return [...words[0]].map((_, t) => {
        const before = states.map((state, word) => changes
          .filter((one) => one.t === t && one.word === word)
          .reduce((now, { change }) => change(now), state));
        states = words.map((word, b) => this.step(before[b], word[t]));
        return { before, rows: states };
      });
    }
  }

  Live.TinyNetwork = TinyNetwork;
})();
