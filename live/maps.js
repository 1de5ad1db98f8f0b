// Pictures of a hidden state: its numbers now, and its numbers over time.
"use strict";

(() => {
  const { make, number } = Live;

  const colours = (element) => {
    const style = getComputedStyle(element);
    const colour = (name) => style.getPropertyValue(`--live-${name}`).trim();
    return { above: colour("state"), below: colour("below"), text: style.color };
  };

  // A square for each hidden unit: its side grows with the number's size; filled means
  // positive, an empty frame negative, so that colour is not the only sign.
  class StateMap {
    constructor(onpick) {
      this.onpick = onpick;
      this.canvas = make("canvas", { role: "img", class: "live-map",
        "aria-label": "Hidden state: nothing has been read yet",
        onclick: (event) => this.point(event) });
      this.element = this.canvas;
    }

    get columns() { return this.canvas.clientWidth < 400 ? 16 : 32; }

    point(event) {
      const box = this.canvas.getBoundingClientRect();
      const side = box.width / this.columns;
      const row = Math.floor((event.clientY - box.top) / side);
      const unit = row * this.columns + Math.floor((event.clientX - box.left) / side);
      if (this.state && unit < this.state.length) this.onpick(unit);
    }

    show(state, chosen) {
      [this.state, this.chosen] = [state, chosen];
      if (!state) return;
      const positive = state.filter((value) => value > 0).length;
      const strong = state.filter((value) => Math.abs(value) > 0.9).length;
      this.canvas.setAttribute("aria-label", `Hidden state: ${state.length} numbers from \u22121 `
        + `to 1, ${positive} of them above 0, ${strong} beyond 0.9 either way`);
      this.draw();
    }

    draw() {
      const { canvas, state, columns, chosen } = this;
      if (!state || !canvas.clientWidth) return;
      const rows = Math.ceil(state.length / columns);
      const side = canvas.clientWidth / columns;
      canvas.style.height = `${rows * side}px`;
      canvas.width = Math.round(canvas.clientWidth * devicePixelRatio); // empties it, too
      canvas.height = Math.round(rows * side * devicePixelRatio);
      const pen = canvas.getContext("2d");
      pen.scale(devicePixelRatio, devicePixelRatio);
      const { above, below, text } = colours(canvas);
      pen.lineWidth = 1.25;
      pen.fillStyle = above;
      state.forEach((value, unit) => {
        const size = side * 0.88 * Math.sqrt(Math.abs(value));
        const left = (unit % columns + 0.5) * side - size / 2;
        const top = (Math.floor(unit / columns) + 0.5) * side - size / 2;
        pen.strokeStyle = below;
        if (value > 0) pen.fillRect(left, top, size, size);
        else if (size > 2) pen.strokeRect(left + 0.6, top + 0.6, size - 1.2, size - 1.2);
        if (unit !== chosen) return;
        pen.strokeStyle = text;
        pen.strokeRect((unit % columns) * side + 0.6, Math.floor(unit / columns) * side + 0.6,
          side - 1.2, side - 1.2);
      });
    }
  }

  // A row for each unit, a column for each of the last characters, a point for each number.
  class HeatMap {
    constructor(onpick) {
      this.canvas = make("canvas", { role: "img", class: "live-heat", "aria-label": "Units over time",
        onclick: (event) => {
          const box = this.canvas.getBoundingClientRect();
          const unit = Math.floor((event.clientY - box.top) / box.height * this.canvas.height);
          if (this.states?.length) onpick(Math.min(Math.max(unit, 0), this.canvas.height - 1));
        } });
      this.line = make("span", { class: "live-heat-line" });
      this.letters = make("div", { class: "live-heat-letters", "aria-hidden": "true" });
      this.element = make("div", { class: "live-heat-frame" }, this.canvas, this.line, this.letters);
    }

    show(text, states, chosen) {
      Object.assign(this, { text, states, chosen });
      this.draw();
    }

    draw() {
      const { canvas, states, text, chosen } = this;
      if (!states?.length || !this.element.clientWidth) return;
      const width = Math.floor(this.element.clientWidth / 10);
      const first = Math.max(states.length - width, 0);
      const height = states[0].length;
      Object.assign(canvas, { width, height });
      canvas.style.height = "12.5rem";
      const pen = canvas.getContext("2d");
      const picture = pen.createImageData(width, height);
      const { above, below } = colours(canvas);
      const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
      const [positive, negative] = [parts(above), parts(below)];
      states.slice(first).forEach((state, x) => state.forEach((value, unit) => {
        picture.data.set([...(value < 0 ? negative : positive), 255 * Math.abs(value)],
          4 * (unit * width + x));
      }));
      pen.putImageData(picture, 0, 0);
      canvas.setAttribute("aria-label", `${height} units over the last ${states.length - first} `
        + `characters; unit ${chosen} ends at ${number(states.at(-1)[chosen], 2)}`);
      this.line.style.top = `${(chosen + 0.5) / height * canvas.clientHeight}px`;
      this.letters.style.gridTemplateColumns = `repeat(${width}, 1fr)`;
      this.letters.replaceChildren(...[...text.slice(first, states.length)]
        .map((letter) => make("span", {}, letter)));
    }
  }

  Object.assign(Live, { StateMap, HeatMap });
})();
