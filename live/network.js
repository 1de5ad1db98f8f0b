// What rnnlib's models, generate() and next_token() compute, for one sequence.
"use strict";

(() => {
  const { bytes, floats } = Live;

  // A model may come in two files: see live/build/models.py.
  async function loadModel(name) {
    const first = await Live.load(`models/${name}`);
    const rest = [];
    for (let part = 2; part <= first.parts; part++) rest.push(Live.load(`models/${name}-${part}`));
    return [first, ...(await Promise.all(rest))];
  }

  // A matrix from its bytes and scales. The course computes in 32-bit floats; Math.fround
  // rounds as they do, so that the weights here are those of live/build/models.py to the last bit.
  function matrix(name, parts) {
    const [rows, columns] = parts[0].matrices[name].shape;
    const values = new Float32Array(rows * columns);
    for (const part of parts) {
      const small = new Int8Array(bytes(part.matrices[name].values).buffer);
      const scales = floats(part.matrices[name].scales);
      for (let i = 0; i < values.length; i++) {
        values[i] += Math.fround(small[i] * scales[Math.floor(i / columns)]);
      }
    }
    return { rows, columns, values };
  }

  // W x + b, for W of shape (rows, columns) and x of shape (columns).
  function linear({ rows, columns, values }, x, b) {
    const result = new Float32Array(rows);
    for (let row = 0, i = 0; row < rows; row++) {
      let sum = 0;
      for (let column = 0; column < columns; column++, i++) sum += values[i] * x[column];
      result[row] = sum + b[row];
    }
    return result;
  }

  // A matrix times a one-hot vector is one column of the matrix.
  function column({ rows, columns, values }, index, b) {
    return Float32Array.from({ length: rows }, (_, row) => values[row * columns + index] + b[row]);
  }

  const sigmoid = (z) => 1 / (1 + Math.exp(-z));

  const CELLS = {
    rnn: (fromInput, fromState) => fromInput.map((value, k) => Math.tanh(value + fromState[k])),
    // Three blocks, in PyTorch's order: reset, update, new.
    gru: (fromInput, fromState, h) => h.map((before, k) => {
      const n = h.length;
      const reset = sigmoid(fromInput[k] + fromState[k]);
      const update = sigmoid(fromInput[n + k] + fromState[n + k]);
      const fresh = Math.tanh(fromInput[2 * n + k] + reset * fromState[2 * n + k]);
      return (1 - update) * fresh + update * before;
    }),
  };

  class Network {
    constructor(parts) {
      const [first] = parts;
      this.name = first.name;
      this.tokens = first.tokens;
      this.about = first.about;
      this.hiddenSize = first.hidden_size;
      this.kind = first.kind;
      this.cell = CELLS[first.kind];
      this.inputWeights = matrix("weight_ih", parts);
      this.stateWeights = matrix("weight_hh", parts);
      this.outputWeights = matrix("linear.weight", parts);
      this.inputBias = floats(first.biases.bias_ih);
      this.stateBias = floats(first.biases.bias_hh);
      this.outputBias = floats(first.biases["linear.bias"]);
    }

    start() {
      return new Float32Array(this.hiddenSize);
    }

    logits(state) {
      return linear(this.outputWeights, state, this.outputBias);
    }

    // One character in: the new state, and what the cell made it from.
    step(state, character) {
      const fromInput = column(this.inputWeights, this.tokens.indexOf(character), this.inputBias);
      const fromState = linear(this.stateWeights, state, this.stateBias);
      return { before: state, fromInput, fromState, state: this.cell(fromInput, fromState, state) };
    }
  }

  const networks = new Map(); // name -> promise of the network, loaded when first asked for

  function network(name) {
    if (!networks.has(name)) {
      const promise = loadModel(name).then((parts) => new Network(parts));
      promise.catch(() => networks.delete(name)); // so that the next attempt tries again
      networks.set(name, promise);
    }
    return networks.get(name);
  }

  // The largest logit is subtracted first, so that a low temperature does not overflow.
  function softmax(logits, temperature = 1) {
    const largest = Math.max(...logits);
    const powers = Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  }

  // The index of the largest logit, of several equal ones the first.
  const greedy = (logits) => logits.indexOf(Math.max(...logits));

  // An index drawn with these probabilities: where does a random point of [0, 1) fall when
  // the probabilities are laid end to end?
  function draw(probabilities, random) {
    let point = random();
    for (let index = 0; index < probabilities.length; index++) {
      point -= probabilities[index];
      if (point < 0) return index;
    }
    return probabilities.indexOf(Math.max(...probabilities)); // rounding ate the rest
  }

  // Random numbers in [0, 1) that are the same for the same seed, everywhere. (Math.random
  // cannot be seeded.) A counter, its bits well mixed by multiplications and shifts.
  function randomNumbers(seed) {
    let counter = seed >>> 0;
    const mix = (value, shift, factor) => Math.imul(value ^ (value >>> shift), factor);
    return () => {
      counter = (counter + 0x9e3779b9) >>> 0;
      let value = mix(mix(counter, 16, 0x21f0aaad), 15, 0x735a2d97);
      value ^= value >>> 15;
      return (value >>> 0) / 2 ** 32;
    };
  }

  // As rnnlib.text cleans a text, but for a blank at the end: it was typed, so it goes in.
  const clean = (text) => text.replace(/[^A-Za-z]+/g, " ").trimStart().toLowerCase();

  // Which stretches of a text are in the pages that a network learned from? The pages are not in
  // this site, only a filter made of them: see text_filter in live/build/scripts.py.
  class Pages {
    constructor({ length, least, hashes, bits }) {
      Object.assign(this, { length, least, hashes, bits: bytes(bits) });
    }

    // The filter knows stretches of `length` characters; what is copied has `least` or more.
    copied(text) {
      if (text.length < this.least) return false;
      for (let end = text.length; end > text.length - (this.least - this.length) - 1; end--) {
        if (!this.has(text.slice(end - this.length, end))) return false;
      }
      return true;
    }

    has(stretch) {
      const one = Pages.hash(stretch, 0x811c9dc5);
      const two = Pages.hash(stretch, 0x9747b28c) | 1;
      for (let k = 0; k < this.hashes; k++) {
        const bit = ((one + Math.imul(k, two)) >>> 0) % (8 * this.bits.length);
        if (!((this.bits[bit >> 3] >> (bit & 7)) & 1)) return false;
      }
      return true;
    }

    static hash(text, start) {
      let value = start;
      for (let i = 0; i < text.length; i++) {
        value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
      }
      return (value ^ (value >>> 15)) >>> 0;
    }
  }

  Object.assign(Live, { network, Pages, softmax, greedy, draw, randomNumbers, clean });
})();
