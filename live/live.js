// What the three views of this page share: loading data, and making elements.
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

  // The data of `path` ("models/rnn-500-epochs", "data/reach"), loaded when first asked for.
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

  // A model may come in two files: see live/build/models.py.
  async function loadModel(name) {
    const first = await load(`models/${name}`);
    const rest = [];
    for (let part = 2; part <= first.parts; part++) rest.push(load(`models/${name}-${part}`));
    return [first, ...(await Promise.all(rest))];
  }

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

  // Calls `start` once the element comes near the window's visible part.
  function whenNear(element, start) {
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      start();
    }, { rootMargin: "400px" });
    watcher.observe(element);
  }

  // Puts a view in the place of the picture that stands there for readers without scripts.
  function replacePicture(id, ...children) {
    const place = document.getElementById(id);
    place.replaceChildren(...children);
    place.classList.add("live-ready");
    return place;
  }

  const wantsStillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  // A blank cannot be seen on its own; this sign can.
  const visible = (character) => (character === " " ? "\u2423" : character);
  const spoken = (character) => (character === " " ? "blank" : character);
  const minus = (text) => text.replace("-", "\u2212");
  const number = (value, digits = 4) => minus(value.toFixed(digits));

  return { register, load, loadModel, make, choices, whenNear, replacePicture, wantsStillness,
    visible, spoken, number };
})();
