"""The live views, in a real browser: on their page and in the chapters."""

import functools
import http.server
import re
import threading
from pathlib import Path

import pytest
import torch
from selenium.webdriver import ActionChains
from torch.nn import functional as F

from live.build.export import LIVE, NETWORKS
from live.build.models import read_model
from live.build.reach import TEXT, reach
from live.build.scripts import decode, is_copied, read_script
from live.build.stepper import trace
from rnnlib.generation import generate
from tools.page_report import COMPLETE, errors, requested, show, violations, wait_until

SIZES = {"desktop": 1280, "phone": 390}
PREFIXES = ("time traveller", "t", "the time traveller ", (20 * "once ")[:100])
VIEWS = ("playground", "stepper", "block", "reach")
STATUS = "document.querySelector('.live-playground .live-status').textContent"
LEFT, UP, RIGHT, DOWN, HOME, END, TAB = "\ue012\ue013\ue014\ue015\ue011\ue010\ue004"


class LivePage:
    """A page in the browser, with what the tests do to it."""

    def __init__(self, browser, address, size="desktop", theme="light", views=4):
        self.browser = browser
        show(browser, address, SIZES[size], theme)
        self.until(f"document.querySelectorAll('.live-ready').length === {views}")

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def find(self, selector):
        return self.browser.find_element("css selector", selector)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.textContent", selector)

    def all_texts(self, selector):
        script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
        return self.run(script, selector)

    def numbers(self, selector):
        return [int(number) for number in re.findall(r"\d+", self.text(selector))]

    def until(self, condition):
        """Wait until a JavaScript expression is true."""
        wait_until(self.browser, condition)

    def click(self, selector):
        self.run("document.querySelector(arguments[0]).click()", selector)

    def choose(self, **choices):
        for name, value in choices.items():
            self.click(f"[name=live-{name}][value='{value}']")

    def network(self, name):
        """Choose a network of the playground, and wait for its weights."""
        self.run(
            "const field = document.querySelector('[name=live-network]'); field.value = arguments[0];"
            "field.dispatchEvent(new Event('change', {bubbles: true}))",
            name,
        )
        self.loaded()

    def set(self, field, value):
        self.run(
            "const field = document.querySelector(arguments[0]); field.value = arguments[1];"
            "field.dispatchEvent(new Event('input', {bubbles: true}))",
            field, value,
        )  # fmt: skip

    def type(self, prefix):
        self.set("[name=live-beginning]", prefix)

    def press(self, name, view="playground"):
        script = (
            "[...document.querySelectorAll(`.live-${arguments[0]} button`)]"
            ".find((button) => button.textContent.startsWith(arguments[1])).click()"
        )
        self.run(script, view, name)

    def loaded(self):
        facts = "[...document.querySelectorAll('.live-playground .live-facts')]"
        self.until(f"{facts}.every((fact) => fact.textContent)")

    def write(self):
        """Run to the end; the texts of all panels, with their beginnings."""
        self.press("Run")
        self.until(f"{STATUS}.startsWith('Done')")
        self.said = self.run(f"return {STATUS}")  # also what screen readers alone are told
        self.run(f"{STATUS} = ''")
        return self.texts()

    def write_until(self, count, then, start="main.click();"):
        """Press Run and, once the first text is longer than `count`, run the script `then`.

        Both by one script in the page, so that no run ends before its time.
        """
        script = """
            const [count, done] = arguments, view = document.querySelector('.live-playground');
            const main = view.querySelector('.live-main');
            new MutationObserver((_, watcher) => {
              if (view.querySelector('.live-text').textContent.length <= count) return;
              watcher.disconnect();
              THEN
              done();
            }).observe(view, {childList: true, subtree: true, characterData: true});
            START
        """
        script = script.replace("THEN", then).replace("START", start)
        self.browser.execute_async_script(script, count)

    def texts(self):
        return self.all_texts(".live-playground .live-text")

    def bars(self):
        """What the bars of the first panel say: {character: share}."""
        rows = self.run(
            "return [...document.querySelector('.live-bars').children].filter((row) => !row.hidden)"
            ".map((row) => [row.firstChild.innerText, row.lastChild.innerText])"
        )
        return {sign.replace("␣\nblank", " "): share[:-2] for sign, share in rows if share}


@pytest.fixture(scope="module")
def address(built_site):
    return (built_site / "live" / "index.html").as_uri()


@pytest.fixture
def page(browser, address):
    return LivePage(browser, address)


@pytest.fixture(scope="module")
def models():
    return functools.cache(lambda name: read_model(LIVE / "models", name))


# --- the playground ---


def marks(written, data):
    """What the page marks: of each character, whether it is copied or part of a loop."""
    kinds = [""] * len(written)
    for end in range(1, len(written) + 1):
        loops = end > 20 and written[end - 20 : end] in written[: end - 1]
        kind = "loop" if loops else "copied" if data and is_copied(written[:end], data) else ""
        for at in range(max(end - 20, 0), end if kind else 0):
            kinds[at] = kinds[at] or kind
    return kinds


def test_greedy_texts_are_those_of_rnnlib_and_what_is_copied_is_marked(page, models):
    page.choose(choosing="greedy", pace="none")
    page.network("all")
    filters = {name: read_script(LIVE / "data" / f"{name}.js") for name in ("pages", "book")}
    for prefix in PREFIXES:
        page.type(prefix)
        texts = page.write()
        assert texts == [generate(*models(name)[:2], prefix, 200) for name in NETWORKS]
    for number, (name, text) in enumerate(zip(NETWORKS, texts, strict=True), start=1):
        kinds = marks(text.removeprefix(prefix), filters.get(NETWORKS[name].text))
        panel = f".live-panel:nth-child({number})"
        for kind in ("copied", "loop"):
            shown = "".join(page.all_texts(f"{panel} .live-{kind}"))
            assert len(shown) == kinds.count(kind), (name, kind)
        counted = page.numbers(f"{panel} .live-tally")
        if NETWORKS[name].text:
            assert counted[:2] == [kinds.count("copied"), 200]
        assert text.removeprefix(prefix) in page.said


def test_loops_are_no_memory_and_the_network_that_recites_copies_most(page):
    page.choose(choosing="greedy", pace="none")
    page.network("all")
    page.write()
    tallies = {
        name: [int(n) for n in re.findall(r"\d+", text)]
        for name, text in zip(NETWORKS, page.all_texts(".live-tally"), strict=True)
    }
    assert tallies["gru-by-heart"][0] > 150 > 80 > tallies["gru-whole-book"][0]


def test_the_first_run_writes_words_and_a_second_one_goes_on(page, models):
    page.choose(pace="none")
    (text,) = page.write()
    known = set(generate(*models("gru-by-heart")[:2], "time traveller", 3000).split())
    words = text.split()[:-1]
    assert sum(word in known for word in words) > 0.7 * len(words), text
    page.choose(choosing="greedy")
    page.network("gru-by-heart")
    page.write()
    (text,) = page.write()
    assert text == generate(*models("gru-by-heart")[:2], "time traveller", 400)
    # Only what is new is said, and how much of the whole is copied.
    assert text[-200:] in page.said
    assert text[-201:] not in page.said


def test_nothing_is_lost_by_switching_and_what_is_chosen_is_shown(page):
    page.choose(pace="none")
    page.type("a new beginning")
    (first,) = page.write()
    page.network("rnn-20-epochs")
    assert page.texts() == ["a new beginning"]
    (second,) = page.write()
    page.network("gru-whole-book")
    assert page.texts() == [first]
    page.choose(bars="28")
    page.network("all")
    assert page.texts()[1] == second
    assert page.texts()[4] == first
    shown = "return document.querySelectorAll('.live-panel:last-child .live-bars li:not([hidden])')"
    for howMany in (28, 8, 4):
        page.choose(bars=howMany)
        assert len(page.run(shown)) == howMany


def test_each_step_lets_one_character_in_and_shows_what_rnnlib_computes(page, models):
    model, vocab, _ = models("rnn-500-epochs")
    page.choose(choosing="greedy", bars="28")
    page.network("rnn-500-epochs")
    page.find("[name=live-beginning]").clear()
    page.find("[name=live-beginning]").send_keys("The End")
    page.press("Reset")
    assert (page.text(".live-panel .live-unread"), page.bars()) == ("the end", {})
    state, text = model.begin_state(1), generate(model, vocab, "the end", 3)
    for count in range(1, len(text) + 1):
        page.press("Step")
        with torch.no_grad():
            logits, state = model(torch.tensor([[vocab[text[count - 1]]]]), state)
        page.until("document.querySelector('.live-bars').innerText.includes('%')")
        assert page.texts() == [text[: max(count, 7)]]
        shown = page.bars()
        for token, share in zip(vocab.idx_to_token, logits[-1].softmax(dim=0), strict=True):
            if shown[token] == "< 0.1":
                assert share < 0.00051
            else:
                assert abs(float(shown[token]) - 100 * share) < (0.51 if share > 0.09 else 0.051)
        for unit in (0, 255):
            page.set(".live-unit", unit)
            value = page.text(".live-readout > span").replace("\u2212", "-")
            assert abs(float(value) - float(state[0, 0, unit])) < 0.0051


def test_units_colour_the_text_and_are_chosen_in_the_pictures(page, models, browser):
    model, vocab, _ = models("gru-whole-book")
    page.choose(pace="none")
    (text,) = page.write()
    with torch.no_grad():
        states, _ = model.rnn(F.one_hot(torch.tensor(vocab[list(text)])[:, None], 28).float())
    page.click(".live-colours")
    for selector, part, wanted in (
        (".live-heat", 0.25, range(39, 42)),
        (".live-map", 0, range(160)),
    ):
        canvas = page.find(selector)
        ActionChains(browser).scroll_to_element(canvas).perform()
        down = round((part - 0.5) * canvas.size["height"]) + (part == 0 and 4)
        ActionChains(browser).move_to_element_with_offset(canvas, 0, down).click().perform()
        unit = int(page.run("return document.querySelector('.live-unit').value"))
        assert unit in wanted
        styles = page.run(
            "return [...document.querySelectorAll('.live-text span')].map((s) => s.style.cssText)"
        )
        assert len(styles) == len(text)
        for style, value in zip(styles, states[:, 0, unit].tolist(), strict=True):
            assert (("below" in style) == (value < 0)) or abs(value) < 1e-3
    assert page.run("return document.querySelector('.live-heat').height") == 160


def test_hands_on_the_state_do_what_rnnlib_does(page, models):
    model, vocab, _ = models("gru-whole-book")
    page.choose(pace="none", choosing="greedy")
    page.network("gru-whole-book")
    page.type("the morlocks")
    with torch.no_grad():
        _, other = model(torch.tensor([vocab[list("the morlocks")]]), model.begin_state(1))
    page.press("Keep")
    page.type("time traveller")
    before = page.write()
    with torch.no_grad():
        _, changed = model(torch.tensor([vocab[list(before[0])]]), model.begin_state(1))
    changed[0, 0, 7] = 0.5
    page.set(".live-unit", 7)
    actions = {"Zero": torch.zeros_like(other), "Put it in": other, ".live-set": changed}
    for action, state in actions.items():
        if action == ".live-set":
            for value in (-1, 0, 0.5):  # a slider on its way
                page.set(action, value)
        else:
            page.press(action)
        page.until("document.querySelector('.live-put')")
        p = page.bars()
        with torch.no_grad():
            expected = model.linear(state[0]).softmax(dim=1)[0]
        best = int(expected.argmax())
        assert abs(float(p[vocab.idx_to_token[best]]) - 100 * float(expected[best])) < 0.51
        page.write()
        written = page.texts()[0]
        page.press("Undo")
        page.until("!document.querySelector('.live-put')")
        assert page.texts() == before
        assert written[:214] == before[0]
        assert written[214:215] in "○●◐"


def test_draws_follow_the_seed_and_the_temperature(page, models):
    page.choose(pace="none")
    page.network("rnn-20-epochs")
    first = page.write()
    page.type("time traveller")
    assert page.write() == first
    page.press("Another")
    assert page.write() != first
    page.set("[name=live-seed]", 57)
    assert page.write() == first
    # The bars are those that are drawn from, and draws are as frequent as they say.
    model, vocab, _ = models("rnn-20-epochs")
    with torch.no_grad():
        logits, _ = model(torch.tensor([vocab[list("time")]]), model.begin_state(1))
    page.type("time")
    for temperature in (0.1, 0.5, 2.0):
        page.set("[name=live-temperature]", temperature)
        p = torch.softmax(logits[-1] / temperature, dim=0)
        sign, share = next(iter(page.bars().items()))
        assert sign == vocab.to_tokens(p.argmax())
        assert abs(float(share) - 100 * float(p.max())) < 0.51
    counts = page.run("""
        const random = Live.randomNumbers(7), counts = Array(4).fill(0);
        const p = Live.softmax(new Float32Array([1, 2, 0, -50]), 2);
        for (let k = 0; k < 4000; k++) counts[Live.draw(p, random)]++;
        return counts;
    """)
    expected = torch.softmax(torch.tensor([0.5, 1.0, 0.0, -25.0]), dim=0)
    torch.testing.assert_close(torch.tensor(counts) / 4000, expected, rtol=0, atol=0.032)


def test_run_can_be_stopped_and_goes_on_and_there_is_never_a_second_one(page):
    clicks_and_a_key_held_down = """
        for (let k = 0; k < 3; k++) main.click(); // run, stop, run
        const held = {key: 'Enter', repeat: true, bubbles: true, cancelable: true};
        document.querySelector('[name=live-beginning]').dispatchEvent(new KeyboardEvent('keydown', held));
    """
    wait_for_timers = "setTimeout(arguments[0], 300)"  # longer than those of a quick run
    page.write_until(18, "main.click();", clicks_and_a_key_held_down)
    (text,) = page.texts()
    page.browser.execute_async_script(wait_for_timers)
    assert page.texts() == [text]
    assert text.removeprefix("time traveller") in page.run(f"return {STATUS}")
    page.write_until(len(text), "main.click();")
    assert page.texts()[0].startswith(text)
    typed = (
        "const field = document.querySelector('[name=live-beginning]'); field.value = 'another';"
    )
    page.write_until(len(text) + 5, f"{typed} field.dispatchEvent(new Event('input'));")
    page.browser.execute_async_script(wait_for_timers)
    assert page.texts() == ["another"]


def test_weights_are_loaded_when_first_used_and_tried_again(page, browser):
    addresses = requested(browser)
    assert any("/playground.js" in address for address in addresses)
    assert not any("/models/" in address for address in addresses)
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*gru-whole-book-2.js"]})
    try:
        page.press("Run")
        page.until(f"{STATUS}.includes('gru-whole-book-2.js could not be loaded')")
    finally:
        browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    requested(browser)
    page.choose(pace="none")
    assert len(page.write()[0]) >= 214
    page.network("rnn-20-epochs")
    loaded = {Path(address).name for address in requested(browser) if "/models/" in address}
    assert loaded == {"gru-whole-book-2.js", "rnn-20-epochs.js"}  # the first part was there


# --- the stepper ---

READ_STEP = """
    const read = () => Object.fromEntries([...document.querySelectorAll('.live-stepper .live-quantity')]
      .map((quantity) => [quantity.dataset.key, [
        quantity.querySelector('code').textContent,
        [...quantity.querySelectorAll('ol')].map((list) => [...list.children].map((cell) =>
          Number(cell.textContent.replace('\\u2212', '-').match(/[-\\d.]+$/)[0])))]]));
    if (!arguments[0]) return read();
    const next = document.querySelector('.live-stepper .live-main');
    return Array.from({length: arguments[0]}, () => { const now = read(); next.click(); return now; });
"""


def weights_of(run):
    shapes = {"weight_ih": (-1, 4), "weight_hh": (-1, 8), "weight_hq": (4, 8)}
    return {name: decode(w).reshape(shapes.get(name, -1)) for name, w in run["weights"].items()}


def test_numbers_of_every_step_are_those_of_rnnlib(page):
    for run in read_script(LIVE / "data" / "stepper.js")["runs"]:
        if run["updates"] == 5:  # the same arithmetic once more
            continue
        words = dict(zip(run["words"], run["targets"], strict=True))
        batch = len(words) == 3
        name = {"words": "batch" if batch else "hello", "kind": run["kind"]}
        page.choose(**name, updates=run["updates"])
        page.find(".live-stage").send_keys(HOME)
        names = {"x": "x", "h-before": "h_before", "z": "z", "h": "h", "logits": "logits"}
        names |= {"p": "p", "loss": "loss"}
        if run["kind"] == "lstm":
            names |= {"c-before": "c_before", **dict(zip("ifgoc", "ifgoc", strict=True))}
        steps = trace(weights_of(run), run["kind"], words)
        for shown, step in zip(page.run(READ_STEP, 5), steps, strict=True):
            assert set(shown) == set(names)
            for key, theirs in names.items():
                shape, rows = shown[key]
                rows = torch.tensor(rows).float()
                expected = step[theirs].float().reshape(rows.shape)
                torch.testing.assert_close(rows, expected, rtol=0, atol=1e-4)
                sizes = tuple(step[theirs].shape)[0 if batch else 1 :]
                assert shape == str(sizes)
        assert page.numbers(".live-stepper > .live-status")[0] == 5


def test_a_batch_has_formulas_whose_shapes_fit(page):
    for words, kind, formula, shapes in (
        ("hello", "rnn", "W_xh x_1", "(8, 4)(4,) + (8,) + (8, 8)(8,) + (8,)"),
        ("batch", "rnn", "x_1 W_xhᵀ", "(3, 4)(4, 8) + (8,) + (3, 8)(8, 8) + (8,)"),
        ("batch", "lstm", "x_1 W_xᵀ", "(3, 4)(4, 32) + (32,) + (3, 8)(8, 32) + (32,)"),
    ):
        page.choose(words=words, kind=kind)
        assert formula.replace("_", "") in page.text("[data-key=z] .live-formula")
        assert page.text("[data-key=z] .live-shapes") == shapes
        # The product of the shapes as they stand there is one that PyTorch computes.
        sizes = [
            tuple(map(int, re.findall(r"\d+", part))) for part in re.findall(r"\(.*?\)", shapes)
        ]
        a, b, bias, c, d, other = (torch.zeros(size) for size in sizes)
        z = page.text("[data-key=z] code")
        assert tuple(map(int, re.findall(r"\d+", z))) == tuple((a @ b + bias + c @ d + other).shape)


def hello(page):
    """The trained network of chapter 1, by PyTorch, and its states after each letter."""
    (run,) = [
        run for run in read_script(LIVE / "data" / "stepper.js")["runs"]
        if (run["kind"], run["updates"], run["words"]) == ("rnn", 110, ["hello"])
    ]  # fmt: skip
    return run, weights_of(run), trace(weights_of(run), "rnn", {"hello": "ohlol"})


def answer(weights, state, letter):
    column = weights["weight_ih"][:, "oelh".index(letter)]
    z = column + weights["bias_ih"] + weights["weight_hh"] @ state + weights["bias_hh"]
    return torch.tanh(z), "oelh"[int((weights["weight_hq"] @ torch.tanh(z)).argmax())]


def test_hands_on_the_state_of_the_stepper(page):
    _, weights, steps = hello(page)

    def answered():
        return re.search(r"answers (\w)", page.text(".live-stepper > .live-status"))[1]

    stage = page.find(".live-stepper .live-stage")
    stage.send_keys(HOME + RIGHT + RIGHT)  # at step 3, the first l
    assert answered() == "l"
    page.press("Zero", "stepper")
    h, letter = answer(weights, torch.zeros(8), "l")
    assert answered() == letter == "o"
    assert page.run(READ_STEP)["h"][1][0] == pytest.approx(h.tolist(), abs=1e-4)
    assert "Without your changes: l" in page.text(".live-stepper > .live-status")
    page.press("Undo", "stepper")
    assert answered() == "l"
    stage.send_keys(RIGHT)  # step 4, with the state that came into step 3
    page.run("document.querySelector('.live-stepper select').value = 'hello 2'")
    page.press("Transplant", "stepper")
    assert answered() == answer(weights, steps[1]["h"][0], "l")[1] == "l"
    page.press("Undo", "stepper")
    # A unit by the keyboard alone: choose it in its row, then move the slider.
    units = page.find("[data-key=h-before] input:checked")
    units.send_keys(RIGHT + RIGHT)
    slider = page.find(".live-hands input[type=range]")
    assert "unit 2" in page.text(".live-hands .live-slider")
    slider.send_keys(END if steps[2]["h"][0, 2] < 0 else HOME)
    changed = steps[2]["h"][0].clone()
    changed[2] = 1.0 if changed[2] < 0 else -1.0
    assert page.run(READ_STEP)["h-before"][1][0] == pytest.approx(changed.tolist(), abs=1e-4)
    h, letter = answer(weights, changed, "l")
    assert answered() == letter
    assert page.run(READ_STEP)["h"][1][0] == pytest.approx(h.tolist(), abs=1e-4)
    # Another word keeps its own states; coming back, the change is still there.
    page.choose(words="batch")
    assert "Without" not in page.text(".live-stepper > .live-status")
    page.choose(words="hello")
    assert "Without" in page.text(".live-stepper > .live-status")


def test_sum_behind_a_number_pinned_steps_and_a_word_of_ones_own(page, browser):
    _, weights, steps = hello(page)
    stage = page.find(".live-stepper .live-stage")
    stage.send_keys(HOME + RIGHT + RIGHT)
    page.press("Pin", "stepper")
    page.press("Next", "stepper")
    words = {
        key: page.text(f"[data-key={key}] .live-words").rpartition("·")[2].strip()
        for key in page.run(READ_STEP)
    }
    assert words["x"] == "the same in both"
    assert words["h-before"].endswith("of 8 differ")
    both = page.run(READ_STEP)["z"][1]
    for t, row in zip((2, 3), both, strict=True):
        assert row == pytest.approx(steps[t]["z"][0].tolist(), abs=1e-4)
    # Pointing at a number, or choosing it by the keyboard, spells out its sum.
    cell = page.find("[data-key=z] .live-word:last-child li:nth-child(6) label")
    ActionChains(browser).scroll_to_element(cell).move_to_element(cell).perform()
    for unit in (5, 6):
        page.until(
            f"document.querySelector('.live-why').textContent.includes('number {unit} of z')"
        )
        lit = [float(n.replace("−", "-")) for n in page.all_texts(".live-grid .live-lit")]
        rows = [*weights["weight_ih"][unit].tolist(), *weights["weight_hh"][unit].tolist()]
        assert lit == pytest.approx(rows, abs=0.0051)
        parts = page.all_texts(".live-sum li b")
        parts = [float(part.replace("−", "-")) for part in parts]
        assert parts[3] == pytest.approx(float(steps[3]["z"][0, unit]), abs=1e-4)
        assert sum(parts[:3]) == pytest.approx(parts[3], abs=2e-4)
        page.find("[data-key=z] input:checked").send_keys(RIGHT)
    page.choose(words="own")
    field = page.find(".live-own")
    field.clear()
    field.send_keys("Hehoo!")
    stage.send_keys(END)
    assert page.text(".live-stepper > .live-status").startswith("Step 5 of 5: reads o")
    state = torch.zeros(8)
    for letter in "hehoo":
        state, last = answer(weights, state, letter)
    assert f"answers {last}" in page.text(".live-stepper > .live-status")


def test_stepper_moves_by_buttons_keys_and_pointer(page, browser):
    def step():
        return page.numbers(".live-stepper > .live-status")[0]

    assert step() == 1
    stage = page.find(".live-stepper .live-stage")
    for keys, expected in ((2 * RIGHT, 3), (4 * RIGHT, 5), (LEFT, 4), (HOME, 1), (END, 5)):
        stage.send_keys(keys)
        assert step() == expected
    assert page.run("return location.pathname").endswith("live/index.html")
    column = page.find(".live-unrolled [data-step='2'] .live-touch")
    ActionChains(browser).move_to_element(column).click().perform()
    assert step() == 3
    # The button keeps the focus at the last step, so that the keys go on from there.
    button = page.find(".live-stepper .live-main")
    button.send_keys("\n")
    button.send_keys("\n")
    assert step() == 5
    assert browser.switch_to.active_element == button
    button.send_keys(LEFT)
    assert step() == 4


# --- the block ---


def test_block_shows_what_pytorch_takes_out_of_it(page):
    words, output = ("hello", "hollo", "olleh"), torch.arange(120).reshape(5, 3, 8)
    for axes in ("time", "batch"):
        block = output if axes == "time" else output.transpose(0, 1)
        strip = [word[t] for t in range(5) for word in words] if axes == "time" else "".join(words)
        for index in ("[0]", "[-1]", "[:, 0]", "[:, -1]", "[..., 2]"):
            page.choose(axes=axes, index=index)
            taken = eval(f"block{index}", {"block": block})
            line = page.text(".live-code").splitlines()[-1]
            assert line == f"output{index}  # {tuple(taken.shape)}"
            assert str(tuple(block.shape)) in page.text(".live-code")
            lit = page.run(
                "return [...document.querySelectorAll('.live-block-picture .live-lit title')].length"
            )
            assert lit == taken.numel()
            assert page.all_texts(".live-memory li") == list(strip)
            if index != "[..., 2]":
                rows = {int(k) // 8 for k in taken.flatten()}  # of output, time first
                order = [t * 3 + b for t in range(5) for b in range(3)]
                if axes == "batch":
                    order = [t * 3 + b for b in range(3) for t in range(5)]
                shown = page.run(
                    "return [...document.querySelectorAll('.live-memory li')]"
                    ".map((one) => one.classList.contains('live-now'))"
                )
                assert shown == [row in rows for row in order]
        page.choose(index="h_n")
        assert page.text(".live-code").endswith("h_n[0]  # (3, 8)")


# --- the reach ---


def test_reach_of_both_networks_is_that_of_autograd_on_the_same_text(page, models):
    addresses = requested(page.browser)
    assert not any("/models/" in address for address in addresses)
    page.press("Read", "reach")
    page.until("document.querySelector('.live-chosen')")
    assert page.all_texts(".live-reach-text") == [TEXT, TEXT]
    slider = page.find("[name=live-character]")
    networks = [models(name)[:2] for name in ("rnn-500-epochs", "gru-by-heart")]
    slider.send_keys(HOME + RIGHT)
    for at in (2, 3, len(TEXT) - 1):
        page.until(f"document.querySelector('.live-chosen').dataset.at === '{at}'")
        shown = page.run("""
            return [...document.querySelectorAll('.live-reaches article')].map((block) =>
              [...block.querySelectorAll('[data-at]')].map(
                (sign) => Number(sign.style.getPropertyValue('--live-weight'))));
        """)
        for weights, (model, vocab) in zip(shown, networks, strict=True):
            (pulls,) = reach(model, torch.tensor(vocab[list(TEXT[: at + 1])]), first=at)
            shares = pulls / pulls.max()
            assert weights[:at] == pytest.approx(shares.tolist(), abs=0.002)
            assert not any(weights[at:])
        slider.send_keys(RIGHT if at == 2 else END)
    sign = page.find(".live-reaches [data-at='60']")
    ActionChains(page.browser).scroll_to_element(sign).move_to_element(sign).perform()
    page.until("document.querySelector('.live-reaches [data-at=\"60\"].live-chosen')")
    field = page.find("[name=live-text]")
    field.clear()
    field.send_keys("My own words\n")
    page.until("document.querySelector('.live-reach-text').textContent === 'my own words'")


# --- the whole page ---


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_page_is_sound_while_it_writes_and_afterwards(browser, address, size, theme):
    page = LivePage(browser, address, size, theme)
    wait_until(browser, COMPLETE)
    if size == "phone":  # what matters is seen without scrolling
        wanted = ".live-main", "[name=live-network]", "[name=live-temperature]", ".live-text"
        top = "return document.querySelector(arguments[0]).getBoundingClientRect().top"
        assert all(page.run(top, selector) < 800 for selector in wanted)
    page.press("Read", "reach")
    page.until("document.querySelector('.live-chosen')")
    page.choose(words="batch", kind="lstm")
    page.press("Pin", "stepper")
    page.press("Next", "stepper")
    page.click(".live-settings summary")
    page.network("gru-whole-book")
    if size == "desktop":  # held in the middle of a run for as long as the checks take
        page.choose(pace="slow")
        hold = "window.setTimeout = (f, ms, ...rest) => (ms === 250 ? 0 : go(f, ms, ...rest));"
        page.write_until(16, f"const go = window.setTimeout; {hold}")
        assert page.text(".live-playground .live-main") == "Stop"
    else:
        page.choose(pace="none")
        page.network("all")
        page.press("Zero")
        page.write()
        page.click(".live-panel details summary")
    assert violations(browser) == []
    assert page.run("return document.documentElement.scrollWidth") <= SIZES[size]
    assert page.run("return document.documentElement.dataset.theme") == theme
    # Nothing sticks out of its view, and no number out of its cell.
    boxes = "[...document.querySelectorAll('.live-ready, .live-cells li, .live-panel')]"
    wide = f"return {boxes}.filter((box) => box.scrollWidth > box.clientWidth + 1).length"
    assert page.run(wide) == 0
    assert errors(browser) == []
    assert all(address.startswith("file://") for address in requested(browser))


def test_states_can_be_told_without_the_page_s_colours(page, browser):
    page.press("Step")
    page.loaded()
    page.press("Read", "reach")
    page.until("document.querySelector('.live-chosen')")
    looks = """
        const look = (selector, name) => getComputedStyle(document.querySelector(selector))[name];
        return [
          [look('.live-track span', 'backgroundColor'), look('.live-track', 'backgroundColor')],
          [look('.live-choices :checked + span', 'backgroundColor'),
            look('.live-choices :not(:checked) + span', 'backgroundColor')],
          [look('.live-target', 'outlineStyle'), look('.live-cells li', 'outlineStyle')],
          [look('.live-reach-text [style*="weight: 1"]', 'boxShadow'), 'none'],
          [look('.live-block-picture .live-lit', 'strokeWidth'),
            look('.live-block-picture rect[style]:not(.live-lit)', 'strokeWidth')],
        ];
    """
    features = [{"name": "forced-colors", "value": "active"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    for with_state, without in page.run(looks):
        assert with_state != without


def test_every_control_is_reached_by_the_tab_key_in_order_and_seen_there(page, browser):
    """Nothing is scrolled to before: the keyboard meets all in the order of the page."""
    controls = page.run("""
        const all = [...document.querySelectorAll('.live-ready :is(button, input, select, summary)')]
          .filter((one) => one.checkVisibility());
        all.forEach((one, place) => { one.dataset.place = place; });
        return all.length;
    """)
    page.find("[name=live-network]").click()
    page.find("[name=live-network]").send_keys("\ue00c")
    places, end = [], False
    while not end:
        element = browser.switch_to.active_element
        place, name, outline, end = page.run(
            "const one = arguments[0], seen = one.type === 'radio' ? one.nextElementSibling : one;"
            "return [one.dataset.place, one.name || one.innerText, getComputedStyle(seen).outlineStyle,"
            " !one.closest('.live-ready, .bd-article') || one.textContent === 'Read'];",
            element,
        )
        if place is not None:
            assert outline != "none", name
            places.append(int(place))
        element.send_keys(TAB)
        assert len(places) <= controls
    assert places == sorted(places)
    # Of a group of radio buttons the keyboard meets the one that is chosen; else everything.
    missed = page.run(
        "return [...document.querySelectorAll('[data-place]')].filter((one) =>"
        "!arguments[0].includes(Number(one.dataset.place)) && (one.type !== 'radio' || one.checked))"
        ".map((one) => one.name || one.innerText)",
        places,
    )
    assert missed == []


def test_stillness_is_respected(browser, address):
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(address)
    wait_until(browser, "document.querySelector('.live-playground.live-ready')")
    chosen = "return document.querySelector('[name=live-pace]:checked').value"
    assert browser.execute_script(chosen) == "none"


def test_page_works_below_any_address_and_asks_for_nothing_elsewhere(browser, built_site, tmp_path):
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "where").symlink_to(built_site, target_is_directory=True)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{server.server_port}/"
        try:
            page = LivePage(browser, f"{origin}some/where/live/index.html")
            page.choose(pace="none")
            assert len(page.write()[0]) >= 214
            assert errors(browser) == []
            assert all(address.startswith(origin) for address in requested(browser))
        finally:
            server.shutdown()


def test_without_scripts_pictures_and_sentences_stand_there(browser, address):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(address)
        views = browser.find_elements("css selector", ".live-view")
        assert len(views) == len(VIEWS)
        for view in views:
            picture = view.find_element("css selector", "img")
            assert int(picture.get_property("naturalWidth")) > 400
            assert len(picture.get_attribute("alt")) > 100
            assert "JavaScript" in view.text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


# --- elsewhere in the course ---


TINY = {"live", "tiny", "data/stepper"}
STEPPER = TINY | {"unrolled", "numbers", "stepper"}


@pytest.mark.parametrize(
    ("chapter", "views", "shown", "scripts"),
    [
        ("01-basic-code", ["stepper"], "Step 1 of 5: reads h, answers o", STEPPER),
        ("02-rnncell", ["block"], "inputs[0]  # (3, 4)", TINY | {"block"}),
        ("03-rnn", ["block"], "output[-1]  # (3, 8)", TINY | {"block"}),
        ("06-lstm-gru", ["stepper", "reach"], "the forget gate", STEPPER | {"network", "reach"}),
        (
            "09-character-model",
            ["playground"],
            "GRU, whole book",
            {"live", "network", "maps", "panel", "playground"},
        ),
    ],
)
def test_a_chapter_has_its_views_and_loads_no_other(
    browser, built_site, chapter, views, shown, scripts
):
    path = built_site / "chapters" / f"{chapter}.html"
    page = LivePage(browser, path.as_uri(), "phone", views=len(views))
    assert shown in page.text(f".live-{views[0]}")
    assert page.run("return document.documentElement.scrollWidth") <= SIZES["phone"]
    assert errors(browser) == []
    loaded = [one.partition("/live/")[2] for one in requested(browser)]
    assert {name.partition(".js")[0] for name in loaded if ".js" in name} == scripts


def test_the_writer_writes_when_it_is_touched(browser, built_site, tmp_path):
    live = (built_site / "_static" / "live").as_uri()
    scripts = "".join(
        f"<script defer src='{live}/{name}.js'></script>" for name in ("live", "network", "writer")
    )
    view = "<div class='live-view live-writer'></div>"
    (tmp_path / "a.html").write_text(f"<html lang='en'>{scripts}<body>{view}</body></html>")
    page = LivePage(browser, (tmp_path / "a.html").as_uri(), views=1)
    assert not any("/models/" in address for address in requested(browser))
    page.run("window.setTimeout = (f) => Promise.resolve().then(f);")
    page.press("Write", "writer")
    page.until("document.querySelector('[role=status]').textContent.length > 160")
    assert page.text(".live-text").startswith("the time traveller ")
    assert len(page.text(".live-text")) == 19 + 160
    assert errors(browser) == []


def test_pages_load_the_scripts_of_a_view_only_where_it_stands(site):
    for path, page in site.items():
        used = any("_static/live/" in load for load in page.loads)
        assert used == ('class="live-view' in page.text), path
