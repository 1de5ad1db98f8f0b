// The network unrolled over time, as rnnlib.figures.draw_unrolled draws it: a column for each
// step, with the input below, the state in the middle, the answer on top.
"use strict";

(() => {
  const HEIGHT = 248;
  const ROWS = { input: 210, state: 128, output: 46 }; // the middles of the boxes
  const HALF = 17; // of a box's height

  function svg(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  // A straight arrow, to the right or upwards.
  function arrow(x1, y1, x2, y2) {
    const [dx, dy] = [Math.sign(x2 - x1), Math.sign(y2 - y1)];
    const head = `M${x2 - 7 * dx - 4 * dy} ${y2 - 7 * dy - 4 * dx}L${x2} ${y2}`
      + `L${x2 - 7 * dx + 4 * dy} ${y2 - 7 * dy + 4 * dx}`;
    return svg("path", { d: `M${x1} ${y1}L${x2} ${y2}${head}`, class: "live-arrow" });
  }

  // "h1, c1" with its numbers as subscripts; without them where there is no room.
  const stateText = (names, t, roomy) => names.flatMap((name, k) => [k ? ", " : "", name,
    roomy ? svg("tspan", { class: "live-sub", "baseline-shift": "sub" }, `${t + 1}`) : ""]);

  // Draws into `place`, as wide as it is. `columns` holds {input, output, mark, changed} for each
  // step, of which those after `seen` keep their answers to themselves; `states` the names of what
  // is handed on, `shapes` what is written at the arrows of `step`.
  Live.drawUnrolled = (place, { columns, step, seen, states, shapes }) => {
    const width = place.clientWidth;
    const start = 30; // room for the first state
    const pitch = Math.max(width - start - 4, 0) / columns.length;
    const box = Math.min(76, pitch * 0.68);
    const picture = svg("svg", { width, height: HEIGHT, "aria-hidden": true },
      svg("text", { x: 0, y: ROWS.state + 5 }, "0"));
    columns.forEach(({ input, output, mark, changed }, t) => {
      const x = start + pitch * (t + 0.5);
      const known = t <= seen;
      const mood = t === step ? "live-now" : t < step ? "live-past" : "live-future";
      const middle = (y, name, ...content) =>
        svg("text", { x, y, "text-anchor": "middle", class: name }, ...content);
      const boxed = (row, ...content) => [
        svg("rect", { x: x - box / 2, y: ROWS[row] - HALF, width: box, height: 2 * HALF, rx: 5,
          class: `live-box-${row}` }),
        middle(ROWS[row] + 5, "", ...content)];
      const column = svg("g", { class: mood, "data-step": t },
        svg("rect", { x: x - pitch / 2, y: 0, width: pitch, height: HEIGHT, class: "live-touch" }),
        arrow(t === 0 ? 12 : x - pitch + box / 2, ROWS.state, x - box / 2, ROWS.state),
        arrow(x, ROWS.input - HALF - 1, x, ROWS.state + HALF + 1),
        arrow(x, ROWS.state - HALF - 1, x, ROWS.output + HALF + 1),
        ...boxed("input", input),
        ...boxed("state", ...stateText(states, t, states.length === 1 || box >= 60)),
        ...boxed("output", known ? output : "?"),
        middle(18, "live-mark", known ? mark : ""),
        svg("text", { x: x - pitch / 2, y: ROWS.state + 22, "text-anchor": "middle",
          class: "live-changed" }, changed ? "\u270e" : ""));
      if (t === step) {
        const beside = (y, text) => svg("text", { x: x + 6, y, class: "live-shape" }, text);
        column.append(beside(ROWS.input - 36, shapes.input), beside(ROWS.output + 44, shapes.state),
          svg("text", { x: Math.max(x - pitch / 2, 20), y: ROWS.state - 24, class: "live-shape",
            "text-anchor": "middle" }, shapes.state));
      }
      picture.append(column);
    });
    place.replaceChildren(picture);
  };
})();
