// View 3: which characters before it does the choice of a character depend on?
"use strict";

(() => {
  const { make, choices, visible, spoken } = Live;
  const NAMES = { rnn: "RNN", lstm: "LSTM" };
  let data = null;
  let text = null; // the chosen entry of data.texts
  let blocks = [];

  const slider = make("input", { type: "range", min: 1, id: "live-character", oninput: show });
  const status = make("p", { class: "live-status", role: "status" });
  const place = make("div", { class: "live-reaches" });

  function build() {
    Live.replacePicture("live-reach",
      make("div", { class: "live-controls" },
        choices("live-text", "Both go on from",
          data.texts.map(({ prefix }, k) => [String(k), prefix]), "0",
          (value) => { use(data.texts[value]); }),
        make("div", { class: "live-field live-wide" },
          make("label", { for: "live-character" },
            "Character: move with the arrow keys, or point at one in a text"), slider)),
      place, status);
    use(data.texts[0]);
  }

  function use(chosen) {
    text = chosen;
    blocks = text.models.map((model) => block(model));
    place.replaceChildren(...blocks.map((one) => one.element));
    slider.max = text.models[0].shares.length;
    slider.value = Math.min(30, slider.max);
    show();
  }

  // One network's text, a span for each character.
  function block(model) {
    const first = text.prefix.length;
    const signs = [...model.text].map((sign, at) => make("span", {
      class: at < first ? "live-prefix" : "live-sign", "data-at": at }, sign));
    const choose = (event) => {
      const at = Number(event.target.dataset.at);
      if (!(at >= first)) return;
      slider.value = at - first + 1;
      show();
    };
    const words = make("p", { class: "live-note" });
    const element = make("article", { class: "live-panel" }, make("h3", {}, NAMES[model.kind]),
      make("p", { class: "live-text live-reach-text", onpointerover: choose,
        onclick: (event) => { choose(event); slider.focus({ preventScroll: true }); } }, ...signs),
      words,
      make("p", { class: "live-facts" }, "In this text, half of the dependence lies within the "
        + `last ${middle(model.shares.map((shares) => within(shares, 0.5)))} characters (median).`));
    return { model, signs, words, element };
  }

  // shares[d - 1] is the share, in thousandths, of the character d places before.
  function within(shares, part) {
    const whole = shares.reduce((a, b) => a + b);
    let sum = 0;
    return shares.findIndex((share) => (sum += share) >= part * whole) + 1;
  }

  const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

  function show() {
    const number = Number(slider.value);
    const at = text.prefix.length + number - 1;
    const sentences = blocks.map(({ model, signs, words }) => {
      const shares = model.shares[number - 1];
      const most = Math.max(...shares);
      signs.forEach((sign, place) => {
        const weight = place < at ? (shares[at - place - 1] ?? 0) / most : 0;
        sign.style.setProperty("--live-weight", weight.toFixed(3));
        sign.classList.toggle("live-chosen", place === at);
        sign.classList.toggle("live-later", place > at);
      });
      const strongest = shares.indexOf(most);
      const source = model.text[at - strongest - 1];
      const back = strongest === 0 ? "just before it" : `${strongest + 1} places before it`;
      const told = (name) => `${name(model.text[at])} (given ${model.p[number - 1]} %): strongest `
        + `${name(source)}, ${back}, ${(most / 10).toFixed(1)} %. Half lies within the last `
        + `${within(shares, 0.5)} characters, nine tenths within the last ${within(shares, 0.9)}.`;
      words.textContent = told((sign) => `“${visible(sign)}”`);
      return `${NAMES[model.kind]}: ${told(spoken)}`;
    });
    slider.setAttribute("aria-valuetext", `character ${number}: `
      + blocks.map(({ model }) => `${NAMES[model.kind]} ${spoken(model.text[at])}`).join(", "));
    announce(sentences.join(" "));
  }

  // A pointer passes over many characters; only where it rests is worth saying.
  let timer = null;
  function announce(sentence) {
    clearTimeout(timer);
    timer = setTimeout(() => { status.textContent = sentence; }, 300);
  }

  Live.whenNear(document.getElementById("live-reach"), async () => {
    data = await Live.load("data/reach");
    build();
  });
})();
