// View "playground": the networks of the course go on from a beginning, character by character.
"use strict";

(() => {
  const { make, button, enable, usable, choices, field, clean, Panel } = Live;
  const LIMIT = 100; // characters of a beginning
  const AT_ONCE = 200; // characters written in one run
  const EMPTY = "Type at least one letter from a to z.";
  const NETWORKS = [
    ["rnn-untrained", "RNN, untrained"],
    ["rnn-20-epochs", "RNN, 20 epochs"],
    ["rnn-500-epochs", "RNN, 500 epochs"],
    ["gru-by-heart", "GRU, 500 epochs"],
    ["gru-whole-book", "GRU, whole book"],
  ];
  const PACES = [["slow", "slow", 250], ["quick", "quick", 40], ["none", "all at once", 0]];

  const settings = { sampling: true, temperature: 0.3, howMany: 8 };
  // Each network keeps its text while another one is on show.
  const every = NETWORKS.map(([name, label]) => new Panel(name, label, () => {
    stop();
    show();
  }));
  let chosen = "gru-whole-book";
  let panels = []; // those on show
  let pace = Live.wantsStillness() ? "none" : "quick";
  let timer = null;
  let left = 0; // characters still to be written in this run
  let turn = 0; // counts runs, steps and stops: who has waited sees by it what came between
  let warning = ""; // what was last said of a beginning that is too long

  // --- the controls ---

  const network = make("select", { name: "live-network", onchange: changeNetwork },
    ...[...NETWORKS, ["all", "All side by side"]].map(([value, label]) =>
      make("option", { value, selected: value === chosen }, label)));
  const prefix = make("input", { type: "text", class: "live-beginning", value: "time traveller",
    name: "live-beginning", autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    oninput: () => start({ readAll: true }),
    onkeydown: (event) => { if (event.key === "Enter" && !event.repeat) toggle(); } });
  const note = make("p", { class: "live-note" });
  const run = button("Run", toggle, { class: "live-main",
    // A key that is held down would press the button again and again.
    onkeydown: (event) => { if (event.key === "Enter" && event.repeat) event.preventDefault(); } });
  const temperature = make("input", { type: "range", min: 0.1, max: 2, step: 0.1,
    name: "live-temperature", value: settings.temperature, oninput: changeTemperature });
  const degrees = make("span", {}, settings.temperature.toFixed(1));
  const seed = make("input", { type: "number", name: "live-seed", value: 57, min: 0, step: 1,
    oninput: () => changeSeed() });
  const status = make("p", { class: "live-status", role: "status" },
    "Press Run, or type a beginning of your own.");
  const texts = make("div", { class: "live-panels" });
  const choosing = choices("live-choosing", "Next character is",
    [["sampling", "drawn by chance"], ["greedy", "the most probable"]], "sampling",
    (value) => { settings.sampling = value === "sampling"; show(); });
  const zero = button("Zero the state", () => hands((panel) => panel.zero(),
    "The state is zero now. Run or Step goes on from there."));
  const keep = button("Keep the state", () => hands((panel) => panel.keep(),
    "Kept. Put it in wherever you like, after another beginning for example."));
  const putIn = button("Put it in", () => usable(putIn) && hands((panel) => panel.kept && panel.putIn(),
    "The kept state is in. Run or Step goes on from there."));
  const undo = button("Undo", () => usable(undo) && hands((panel) => panel.past.length && panel.undo(),
    "As it was before."));

  function build(place) {
    place.replaceChildren(
      make("div", { class: "live-controls", onfocusin: () => ready(), onpointerdown: () => ready() },
        field("Network", network),
        field(make("span", {}, "Temperature ", degrees), temperature,
          { class: "live-field live-slider" }),
        make("div", { class: "live-wide" },
          field("Begin with", prefix), note)),
      make("div", { class: "live-buttons" }, run, button("Step", step), button("Reset", reset),
        status),
      texts,
      make("fieldset", { class: "live-hands" },
        make("legend", {}, "Hands on the state"),
        make("div", { class: "live-together" }, zero, keep, putIn, undo)),
      make("details", { class: "live-settings" },
        make("summary", {}, "More: how to choose, seed, pace, bars"),
        make("div", { class: "live-controls" }, choosing,
          make("div", { class: "live-together" }, field("Seed of the draws", seed),
            button("Another", otherSeed)),
          choices("live-pace", "Pace", PACES, pace, (value) => { pace = value; }),
          choices("live-bars", "Bars", [["4", "top 4"], ["8", "top 8"], ["28", "all 28"]], "8",
            (value) => { settings.howMany = Number(value); show(); }))));
    layOut();
    restart();
    const redraw = () => panels.forEach((panel) => panel.draw());
    new MutationObserver(redraw)
      .observe(document.documentElement, { attributeFilter: ["data-theme"] });
    Live.whenWide(texts, redraw);
  }

  // --- networks, loaded when first used ---

  // The panels of what is chosen, if need be still without their networks.
  function layOut() {
    const all = chosen === "all";
    panels = every.filter(({ name }) => all || name === chosen);
    for (const panel of panels) panel.more.open = !all;
    texts.classList.toggle("live-many", all);
    texts.replaceChildren(...panels.map((panel) => panel.element));
    show();
  }

  // Resolves to true once the networks on show are there; to false if they are not wanted
  // any more, or cannot be had.
  let loading = { panels: null, done: null };

  function ready() {
    if (loading.panels !== panels) loading = { panels, done: loadFor(panels) };
    return loading.done;
  }

  async function loadFor(wanted) {
    const missing = wanted.filter((panel) => !panel.network);
    if (!missing.length) return true;
    texts.setAttribute("aria-busy", "true");
    status.textContent = "Loading";
    try {
      await Promise.all(missing.map(async (panel) => {
        const found = await Live.network(panel.name);
        const { text } = found.about;
        const pages = text && new Live.Pages(await Live.load(`data/${text}`));
        if (panel.network) return; // another call was sooner
        panel.use(found, pages);
        restart({ readAll: true, only: panel });
      }));
      if (wanted !== panels) return false;
      status.textContent = "Loaded";
    } catch (error) {
      if (wanted !== panels) return false;
      loading = { panels: null, done: null }; // the next attempt tries again
      status.textContent = `Sorry: ${error.message}.`;
      return false;
    } finally {
      if (wanted === panels) texts.removeAttribute("aria-busy");
    }
    return true;
  }

  // --- what the controls do ---

  function restart({ readAll = false, only = null } = {}) {
    const text = clean(prefix.value);
    const short = text.slice(0, LIMIT);
    note.textContent = text.length > LIMIT
      ? `Only the first ${LIMIT} of ${text.length} characters go in.`
      : `Goes in as \u201c${short.replace(/ $/, Live.visible)}\u201d: small letters and blanks, `
        + `at most ${LIMIT}.`;
    if (!short) note.textContent = EMPTY;
    const number = Math.floor(Number(seed.value)) || 0;
    for (const panel of only ? [only] : every) {
      panel.restart(short, number);
      if (readAll && panel.network) panel.readAll();
    }
    show();
  }

  async function start(options) {
    stop();
    restart(options);
    if (await ready()) warn();
  }

  // The note below the beginning changes with every letter and is not read out. That not all
  // of it goes in is said when it begins, and taken back when it ends.
  function warn() {
    const now = clean(prefix.value).length > LIMIT
      ? `Only the first ${LIMIT} characters go in.` : "";
    if (now !== warning) status.textContent = now;
    warning = now;
  }

  function show() {
    for (const panel of panels) panel.show(settings);
    enable(putIn, panels.some((panel) => panel.kept));
    enable(undo, panels.some((panel) => panel.past.length));
  }

  function changeNetwork() {
    stop();
    chosen = network.value;
    layOut();
    ready();
  }

  function changeTemperature() {
    settings.temperature = Number(temperature.value);
    degrees.textContent = settings.temperature.toFixed(1);
    // A temperature says how to draw; who moves it wants to draw.
    choosing.querySelector("[value=sampling]").click();
    show();
  }

  function changeSeed() {
    choosing.querySelector("[value=sampling]").click();
    start({ readAll: true });
  }

  function otherSeed() {
    seed.value = (Number(seed.value) || 0) + 1;
    changeSeed();
  }

  // Does something to the states of all networks on show.
  async function hands(action, words) {
    stop();
    const mine = turn;
    if (!(await ready()) || mine !== turn) return;
    panels.forEach(action);
    show();
    say(words, (panel) => panel.probabilities ? ` ${panel.label} expects ${panel.expected(3)}.` : "");
  }

  function advance() {
    panels.forEach((panel) => panel.advance(settings));
  }

  async function step() {
    stop();
    if (!panels[0].prefix) return say(EMPTY);
    const mine = turn;
    if (!(await ready()) || mine !== turn) return;
    advance();
    show();
    const { last } = panels[0];
    say(panels.length > 1 ? "One character further."
      : last === " " ? "A blank went in." : `\u201c${last}\u201d went in.`,
      (panel) => ` ${panel.label} expects ${panel.expected(3)}.`);
  }

  function reset() {
    stop();
    restart();
    status.textContent = "Before the first character. Step and Run read the beginning first.";
  }

  async function toggle() {
    if (left > 0) return stop("Stopped");
    if (!panels[0].prefix) return say(EMPTY);
    const mine = ++turn;
    left = AT_ONCE;
    run.textContent = "Stop";
    panels.forEach((panel) => panel.begin());
    const there = await ready();
    if (mine !== turn) return; // stopped while the networks were loading; others may run now
    if (!there) return stop();
    status.textContent = "";
    tick();
  }

  // One character in, and the next one after a while; or, without a pace, all of them.
  function tick() {
    const [, , delay] = PACES.find(([name]) => name === pace);
    do {
      if (panels.every((panel) => panel.read === panel.prefix.length)) left--;
      advance();
    } while (delay === 0 && left > 0);
    show();
    if (left > 0) timer = setTimeout(tick, delay);
    else stop("Done");
  }

  // Says once what this run has written, for those who cannot see it; not at every character.
  function stop(why) {
    clearTimeout(timer);
    turn++;
    left = 0;
    run.textContent = "Run";
    if (!why) return;
    say(`${why} after ${panels[0].written.length} characters. Run goes on.`,
      (panel) => panel.report());
  }

  // `text` for all, and what there is to say of each panel for those who cannot see it.
  function say(text, ofPanel = () => "") {
    status.replaceChildren(text,
      make("span", { class: "live-hidden-text" }, panels.map(ofPanel).join("")));
  }

  Live.start("playground", build);
})();
