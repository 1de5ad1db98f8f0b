// What the live views share: finding their places, loading data, making elements.
"use strict";

window.Live = (() => {
  const folder = new URL(".", document.currentScript.src);
  const arrivals = new Map(); // name -> what to do with the data when it arrives
  const loads = new Map(); // name -> promise of the data

  // A page opened from a file may not fetch(), but it may add a script. Each data file is a
  // script that calls Live.register with its data.
  function register(data) {
    arrivals.get(data.part > 1 ? `${data.name}-${data.part}` : data.name)?.(data);
  }

  // The data of `path` ("models/rnn-500-epochs", "data/stepper"), loaded when first asked for.
  function load(path) {
    const name = path.split("/").pop();
    if (!loads.has(name)) {
      const promise = new Promise((resolve, reject) => {
        arrivals.set(name, resolve);
        const script = document.createElement("script");
        script.src = new URL(`${path}.js`, folder);
        script.onerror = () => {
          loads.delete(name); // so that the next attempt tries again
          reject(new Error(`${path}.js could not be loaded`));
        };
        script.onload = () => script.remove();
        document.head.append(script);
      });
      loads.set(name, promise);
    }
    return loads.get(name);
  }

  // Numbers come as base64: 4 characters for 3 bytes.
  function bytes(base64) {
    const text = atob(base64);
    const array = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
    return array;
  }

  const floats = (base64) => new Float32Array(bytes(base64).buffer);

  // make("p", {class: "note", onclick: f}, "text", element, ...). Strings become text, never
  // HTML, so nothing that a reader types can become part of the page.
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  const button = (text, onclick, attributes = {}) =>
    make("button", { type: "button", onclick, ...attributes }, text);

  // A button that cannot be used now keeps the focus; disabled, it would lose it.
  const enable = (element, usable) => element.setAttribute("aria-disabled", !usable);
  const usable = (element) => element.getAttribute("aria-disabled") !== "true";

  // A group of radio buttons; `options` are [value, label] pairs.
  function choices(name, legend, options, chosen, onchange) {
    const labels = options.map(([value, label]) =>
      make("label", {},
        make("input", { type: "radio", name, value, checked: value === chosen,
          onchange: () => onchange(value) }),
        make("span", {}, label)));
    return make("fieldset", { class: "live-choices" },
      make("legend", {}, legend), make("div", {}, ...labels));
  }

  // A control with its label above it.
  const field = (label, control, attributes = {}) =>
    make("label", { class: "live-field", ...attributes }, make("span", {}, label), control);

  // Every place of this page that waits for the view goes to `build`, which puts the view where
  // a picture stands for readers without scripts.
  function start(name, build) {
    for (const place of document.querySelectorAll(`.live-view.live-${name}`)) {
      place.classList.add("live-ready");
      build(place);
    }
  }

  // Draws again whenever the element gets another width, once the page has been laid out.
  function whenWide(element, draw) {
    let width = 0;
    new ResizeObserver(() => requestAnimationFrame(() => {
      if (element.clientWidth === width) return;
      width = element.clientWidth;
      draw();
    })).observe(element);
  }

  const wantsStillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  // A blank cannot be seen on its own; this sign can.
  const visible = (character) => (character === " " ? "\u2423" : character);
  const spoken = (character) => (character === " " ? "blank" : character);
  const number = (value, digits = 4) => {
    const text = value.toFixed(digits);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "\u2212");
  };
  // How strong is the tint of a number, in percent? It grows with the number's size, ever more
  // slowly: 1 and 5 still look different.
  const tint = (value) => (65 * Math.abs(value) / (1 + Math.abs(value))).toFixed(1);
  // A cell's style: its colour says what kind of number it is and whether it is below 0.
  const shade = (value, family) => `--live-tint: ${tint(value)}%; `
    + `--live-family: var(--live-${value < 0 ? "below" : family})`;
  // "h_12 = ..." -> h with a subscript 12.
  const subscripts = (formula) => formula.split(/_(\w+)/).map((part, k) =>
    (k % 2 ? make("sub", {}, part) : part));

  // The key to the colours; `entries` are [family, words] pairs.
  const legend = (...entries) => make("p", { class: "live-legend" },
    ...entries.flatMap(([family, words]) => [
      make("span", { class: "live-swatch", style: `--live-family: var(--live-${family})` }),
      `${words} `]));

  return { register, load, bytes, floats, make, button, enable, usable, choices, field, start, whenWide,
    wantsStillness, visible, spoken, number, shade, subscripts, legend };
})();
