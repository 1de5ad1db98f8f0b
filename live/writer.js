// View "writer": one network that writes when it is touched.
"use strict";

(() => {
  const { make, button, clean, draw, softmax } = Live;
  const [NAME, COUNT, TEMPERATURE, DELAY] = ["gru-whole-book", 160, 0.5, 30];

  function build(place) {
    const typed = make("input", { type: "text", value: "the time traveller ", maxlength: 60,
      "aria-label": "Your beginning", autocomplete: "off", autocapitalize: "none",
      spellcheck: "false", onfocus: () => Live.network(NAME).catch(() => {}),
      onkeydown: (event) => { if (event.key === "Enter" && !event.repeat) write(); } });
    const text = make("p", { class: "live-text" }, "Press Write. The network goes on from your words.");
    const spoken = make("p", { class: "live-hidden-text", role: "status" });
    let turn = 0; // a new text ends the one before
    let seed = 43;

    async function write() {
      const mine = ++turn;
      const beginning = clean(typed.value) || "the ";
      text.textContent = "Loading";
      let network;
      try {
        network = await Live.network(NAME);
      } catch (error) {
        text.textContent = `Sorry: ${error.message}.`;
        return;
      }
      if (mine !== turn) return;
      const random = Live.randomNumbers(++seed);
      let state = network.start();
      for (const sign of beginning) ({ state } = network.step(state, sign));
      const written = document.createTextNode("");
      text.replaceChildren(make("span", { class: "live-prefix" }, beginning), written);
      for (let k = 0; k < COUNT && mine === turn; k++) {
        const p = softmax(network.logits(state), TEMPERATURE);
        const sign = network.tokens[draw(p, random)];
        ({ state } = network.step(state, sign));
        written.data += sign;
        if (!Live.wantsStillness()) await new Promise((resume) => setTimeout(resume, DELAY));
      }
      if (mine === turn) spoken.textContent = `The network wrote: ${written.data}`;
    }

    place.replaceChildren(
      make("div", { class: "live-together" }, typed,
        button("Write", write, { class: "live-main",
          onkeydown: (event) => { if (event.key === "Enter" && event.repeat) event.preventDefault(); } })),
      text, spoken);
  }

  Live.start("writer", build);
})();
