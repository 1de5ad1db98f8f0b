// View 1: the networks of the course go on from a prefix, one character at a time.
"use strict";

(() => {
  const { make, choices, clean, Panel, Pages, Network } = Live;
  const LIMIT = 100; // characters of a prefix
  const AT_ONCE = 200; // characters written in one run
  const EMPTY = "Type at least one letter from a to z.";
  const NETWORKS = [
    ["rnn-untrained", "RNN, untrained"],
    ["rnn-20-epochs", "RNN, 20 epochs"],
    ["rnn-500-epochs", "RNN, 500 epochs"],
    ["gru-by-heart", "GRU, by heart"],
    ["gru-whole-book", "GRU, whole book"],
  ];
  const PACES = [["slow", "slow", 250], ["quick", "quick", 40], ["none", "all at once", 0]];

  const settings = { sampling: true, temperature: 0.5, howMany: 8, all: false };
  let chosen = "rnn-500-epochs";
  let pace = Live.wantsStillness() ? "none" : "quick";
  let panels = [];
  let timer = null;
  let left = 0; // characters still to be written in this run
  let turn = 0; // counts runs, steps and stops: who has waited sees by it what came between
  let warning = ""; // what was last said of a beginning that is too long

  // --- the controls ---

  const prefix = make("input", { type: "text", id: "live-prefix", value: "time traveller",
    autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    "aria-describedby": "live-prefix-note", oninput: () => start({ readAll: true }),
    onkeydown: (event) => { if (event.key === "Enter" && !event.repeat) toggle(); } });
  const note = make("p", { id: "live-prefix-note", class: "live-note" });
  const run = make("button", { type: "button", class: "live-main", onclick: toggle,
    // A key that is held down would press the button again and again.
    onkeydown: (event) => { if (event.key === "Enter" && event.repeat) event.preventDefault(); } },
    "Run");
  const temperature = make("input", { type: "range", id: "live-temperature", min: 0.1, max: 2,
    step: 0.1, value: settings.temperature, oninput: changeTemperature });
  const degrees = make("span", {}, settings.temperature.toFixed(1));
  const seed = make("input", { type: "number", id: "live-seed", value: 1, min: 0, step: 1,
    oninput: () => changeSeed() });
  const status = make("p", { class: "live-status", role: "status" },
    "Press Run, or type a beginning of your own.");
  const place = make("div", { class: "live-panels" });
  const choosing = choices("live-choosing", "Next character is",
    [["sampling", "drawn by chance"], ["greedy", "the most probable"]], "sampling",
    (value) => { settings.sampling = value === "sampling"; show(); });

  function build() {
    Live.replacePicture("live-playground",
      make("div", { class: "live-controls", onfocusin: useFirst, onpointerdown: useFirst },
        choices("live-network", "Network", [...NETWORKS, ["all", "all side by side"]], chosen,
          changeNetwork),
        make("div", { class: "live-field live-wide" },
          make("label", { for: "live-prefix" }, "Begin with"), prefix, note),
        choosing,
        make("div", { class: "live-field live-slider" },
          make("label", { for: "live-temperature" }, "Temperature ", degrees), temperature),
        make("div", { class: "live-field" },
          make("label", { for: "live-seed" }, "Seed of the draws"),
          make("span", { class: "live-together" }, seed,
            make("button", { type: "button", onclick: otherSeed }, "Another"))),
        choices("live-pace", "Pace", PACES, pace, (value) => { pace = value; }),
        choices("live-bars", "Bars", [["8", "top 8"], ["28", "all 28"]], "8",
          (value) => { settings.howMany = Number(value); show(); })),
      make("div", { class: "live-buttons" }, run,
        make("button", { type: "button", onclick: step }, "Step"),
        make("button", { type: "button", onclick: reset }, "Reset"), status),
      place);
    layOut();
    new MutationObserver(() => panels.forEach((panel) => panel.map.draw()))
      .observe(document.documentElement, { attributeFilter: ["data-theme"] });
    addEventListener("resize", () => panels.forEach((panel) => panel.map.draw()));
  }

  // --- networks, loaded when first used ---

  const networks = new Map();

  async function network(name) {
    if (!networks.has(name)) networks.set(name, new Network(await Live.loadModel(name)));
    return networks.get(name);
  }

  // The panels for what is chosen, still without their networks.
  function layOut() {
    const names = NETWORKS.filter(([name]) => settings.all || name === chosen);
    panels = names.map(([name, label]) => Object.assign(new Panel(label), { name }));
    place.classList.toggle("live-many", settings.all);
    place.replaceChildren(...panels.map((panel) => panel.element));
    restart();
  }

  // Resolves to true once the networks on show are there; to false if they are not wanted
  // any more, or cannot be had.
  let loading = { panels: null, done: null };

  function ready() {
    if (loading.panels !== panels) loading = { panels, done: loadFor(panels) };
    return loading.done;
  }

  async function loadFor(wanted) {
    place.setAttribute("aria-busy", "true");
    status.textContent = "Loading";
    try {
      const pages = new Pages(await Live.load("data/pages"));
      const found = await Promise.all(wanted.map((panel) => network(panel.name)));
      if (wanted !== panels) return false;
      wanted.forEach((panel, index) => panel.use(found[index], pages));
      status.textContent = "Loaded";
    } catch (error) {
      if (wanted !== panels) return false;
      loading = { panels: null, done: null }; // the next attempt tries again
      status.textContent = `Sorry: ${error.message}.`;
      return false;
    } finally {
      if (wanted === panels) place.removeAttribute("aria-busy");
    }
    restart({ readAll: true });
    return true;
  }

  function useFirst() {
    ready();
  }

  // --- what the controls do ---

  function restart({ readAll = false } = {}) {
    const text = clean(prefix.value);
    const short = text.slice(0, LIMIT);
    note.textContent = text.length > LIMIT
      ? `Only the first ${LIMIT} of ${text.length} characters go in.`
      : `Goes in as “${short.replace(/ $/, Live.visible)}”: small letters and blanks, `
        + `at most ${LIMIT}.`;
    if (!short) note.textContent = EMPTY;
    const number = Math.floor(Number(seed.value)) || 0;
    for (const panel of panels) {
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
    const howMany = settings.all ? Math.min(4, settings.howMany) : settings.howMany;
    for (const panel of panels) panel.show({ ...settings, howMany });
  }

  function changeNetwork(value) {
    settings.all = value === "all";
    if (!settings.all) chosen = value;
    stop();
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
    say(settings.all ? "One character further."
      : last === " " ? "A blank went in." : `“${last}” went in.`,
      (panel) => ` ${panel.label} expects ${panel.expected(3)}.`);
  }

  function reset() {
    stop();
    restart();
    status.textContent = "Before the first character: Step and Run read the beginning, too.";
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
      if (panels[0].read === panels[0].prefix.length) left--;
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

  build();
})();
