"""The page "The network, live", in a real browser."""

import functools
import http.server
import re
import threading
from itertools import groupby
from pathlib import Path

import pytest
import torch
from selenium.webdriver import ActionChains

from live.build.export import LIVE, NETWORKS
from live.build.models import read_model
from live.build.scripts import in_filter, read_script
from rnnlib.generation import generate
from tools.page_report import COMPLETE, errors, requested, show, violations, wait_until

SIZES = {"desktop": 1280, "phone": 390}
PREFIXES = ("time traveller", "the machine", "t", "the time traveller ", (20 * "once ")[:100])
STATUS = "document.querySelector('#live-playground .live-status').textContent"
RIGHT, LEFT, HOME, END, TAB = "\ue014", "\ue012", "\ue011", "\ue010", "\ue004"


class LivePage:
    """The page in the browser, with what the tests do to it."""

    def __init__(self, browser, address, size="desktop", theme="light"):
        self.browser = browser
        show(browser, address, SIZES[size], theme)
        wait_until(browser, "document.querySelector('#live-playground.live-ready')")

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
        self.until(f"document.querySelector({selector!r})")
        self.run("document.querySelector(arguments[0]).click()", selector)

    def choose(self, **choices):
        for name, value in choices.items():
            self.click(f"[name=live-{name}][value='{value}']")

    def bring(self, *views):
        """Bring views near the window, which is when they are made."""
        for view in views:
            self.run("document.getElementById(arguments[0]).scrollIntoView()", view)
            self.until(f"document.querySelector('#{view}.live-ready')")

    def set(self, field, value):
        self.run(
            "const field = document.querySelector(arguments[0]); field.value = arguments[1];"
            "field.dispatchEvent(new Event('input', {bubbles: true}))",
            field, value,
        )  # fmt: skip

    def type(self, prefix):
        self.set("#live-prefix", prefix)

    def press(self, name):
        path = f"//*[@id='live-playground']//button[text()='{name}']"
        self.browser.find_element("xpath", path).click()

    def loaded(self):
        facts = "[...document.querySelectorAll('#live-playground .live-facts')]"
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
            const [count, done] = arguments, view = document.getElementById('live-playground');
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
        return self.all_texts("#live-playground .live-text")

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


@pytest.mark.parametrize("name", NETWORKS)
def test_greedy_text_is_that_of_rnnlib_character_by_character(page, models, name):
    model, vocab, _ = models(name)
    page.choose(network=name, choosing="greedy", pace="none")
    for prefix in PREFIXES:
        page.type(prefix)
        assert page.write() == [generate(model, vocab, prefix, 200)]


def test_a_second_run_goes_on_where_the_first_one_ended(page, models):
    model, vocab, _ = models("gru-by-heart")
    page.choose(network="gru-by-heart", choosing="greedy", pace="none")
    page.loaded()
    page.write()
    (text,) = page.write()
    assert text == generate(model, vocab, "time traveller", 400)
    # Only what is new is said, and how much of the whole stands in the pages.
    assert text[-200:] in page.said
    assert text[-201:] not in page.said
    copied = sum(map(len, page.all_texts(".live-copied")))
    assert copied > 200
    assert page.numbers(".live-panel .live-tally")[:2] == [copied, 400]


def test_each_step_lets_one_character_in_and_shows_what_rnnlib_computes(page, models):
    model, vocab, _ = models("rnn-500-epochs")
    page.choose(choosing="greedy", bars="28")
    page.find("#live-prefix").clear()
    page.find("#live-prefix").send_keys("The End")
    page.loaded()
    page.press("Reset")
    assert (page.text(".live-panel .live-unread"), page.bars()) == ("the end", {})
    state, text = model.begin_state(1), generate(model, vocab, "the end", 5)
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


def test_draws_follow_the_seed_and_the_temperature(page, models):
    page.choose(network="rnn-20-epochs", pace="none")
    page.loaded()
    first = page.write()
    page.type("time traveller")
    assert page.write() == first
    page.click("#live-seed ~ button")
    assert page.write() != first
    page.set("#live-seed", 1)
    assert page.write() == first
    # The bars are those that are drawn from.
    model, vocab, _ = models("rnn-20-epochs")
    with torch.no_grad():
        logits, _ = model(torch.tensor([vocab[list("time")]]), model.begin_state(1))
    page.type("time")
    for temperature in (0.1, 0.5, 2.0):
        page.set("#live-temperature", temperature)
        p = torch.softmax(logits[-1] / temperature, dim=0)
        sign, share = next(iter(page.bars().items()))
        assert sign == vocab.to_tokens(p.argmax())
        assert abs(float(share) - 100 * float(p.max())) < 0.51


def test_characters_are_drawn_as_often_as_the_softmax_says(page):
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
        document.getElementById('live-prefix').dispatchEvent(new KeyboardEvent('keydown', held));
    """
    wait_for_timers = "setTimeout(arguments[0], 300)"  # longer than those of a quick run
    page.write_until(18, "main.click();", clicks_and_a_key_held_down)
    (text,) = page.texts()
    page.browser.execute_async_script(wait_for_timers)
    assert page.texts() == [text]
    assert text.removeprefix("time traveller") in page.run(f"return {STATUS}")
    page.write_until(len(text), "main.click();")
    assert page.texts()[0].startswith(text)
    typed = "const field = document.getElementById('live-prefix'); field.value = 'another';"
    page.write_until(len(text) + 5, f"{typed} field.dispatchEvent(new Event('input'));")
    page.browser.execute_async_script(wait_for_timers)
    assert page.texts() == ["another"]


def test_side_by_side_each_network_goes_on_from_the_same_beginning(page, models):
    page.choose(network="all", choosing="greedy", pace="none")
    page.loaded()
    page.type("there is ")
    values = "return [...document.querySelectorAll('[name=live-network]')].map((e) => e.value)"
    assert page.run(values) == [*NETWORKS, "all"]
    texts = page.write()
    assert texts == [generate(*models(name)[:2], "there is ", 200) for name in NETWORKS]
    pages = read_script(LIVE / "data" / "pages.js")
    for number, text in enumerate(texts, start=1):
        written = text.removeprefix("there is ")
        marks = [False] * len(written)
        for start in range(len(written) - 19):
            if in_filter(written[start : start + 20], pages):
                marks[start : start + 20] = [True] * 20
        pairs = groupby(zip(marks, written, strict=True), key=lambda pair: pair[0])
        stretches = ["".join(sign for _, sign in pair) for mark, pair in pairs if mark]
        panel = f".live-panel:nth-child({number})"
        assert page.all_texts(f"{panel} .live-copied") == stretches
        assert page.numbers(f"{panel} .live-tally")[:2] == [sum(marks), 200]
        assert written in page.said


def test_weights_are_loaded_when_first_used_and_no_others(page, browser):
    addresses = requested(browser)
    assert any(address.endswith("/playground.js") for address in addresses)
    assert not any("/models/" in address or "/data/" in address for address in addresses)
    page.press("Step")
    page.loaded()
    for name in ("rnn-20-epochs", "rnn-500-epochs"):
        page.choose(network=name)
        page.loaded()
    loaded = [Path(address).name for address in requested(browser) if "/models/" in address]
    assert loaded == ["rnn-500-epochs.js", "rnn-500-epochs-2.js", "rnn-20-epochs.js"]


def test_network_that_cannot_be_loaded_is_said_so_and_tried_again(page, browser):
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*rnn-500-epochs-2.js"]})
    try:
        page.press("Run")
        page.until(f"{STATUS}.includes('rnn-500-epochs-2.js could not be loaded')")
    finally:
        browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    page.choose(pace="none")
    assert len(page.write()[0]) >= 214


READ_STEP = """
    return [...document.querySelectorAll('#live-stepper .live-quantity')].map((quantity) => [
      quantity.querySelector('code').textContent,
      [...quantity.querySelectorAll('ol')].map((list) => [...list.children].map((cell) =>
        Number(cell.lastChild.textContent.replace('\\u2212', '-')))),
    ]);
"""


def expected_values(run, t, letters):
    """What the page shows at step t, in its order: a row for each word."""
    step, lstm, zeros = run["steps"][t], run["kind"] == "lstm", [[0] * 8] * len(run["words"])
    before = run["steps"][t - 1] if t else {"h": zeros, "c": zeros}
    x = [[int(word[t] == letter) for letter in letters] for word in run["words"]]
    sums = [[row[k : k + 8] for row in step["z"]] for k in range(0, len(step["z"][0]), 8)]
    states = [step[name] for name in ("ifgoch" if lstm else "h")]
    carried = [before["h"], before["c"]] if lstm else [before["h"]]
    loss = [[value] for value in step["loss"]]
    return [x, *carried, *sums, *states, step["logits"], step["p"], loss]


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
@pytest.mark.parametrize("num_words", [1, 3])
def test_numbers_of_every_step_are_those_of_the_data(page, kind, num_words):
    data = read_script(LIVE / "data" / "stepper.js")
    page.bring("live-stepper")
    page.choose(words="batch" if num_words == 3 else "one", kind=kind)
    batch = [3] if num_words == 3 else []
    for run in data["runs"]:
        if (run["kind"], len(run["words"])) != (kind, num_words):
            continue
        page.choose(updates=run["updates"])
        page.find(".live-stage").send_keys(HOME)
        for t in range(5):
            shown, expected = page.run(READ_STEP), expected_values(run, t, data["letters"])
            assert [values for _, values in shown] == expected
            sizes = [[len(values[0])] for values in expected[:-1]] + [[]]
            shapes = [f"({', '.join(map(str, batch + size))})" for size in sizes]
            assert [shape for shape, _ in shown] == shapes
            assert page.numbers("#live-stepper .live-status")[0] == t + 1
            page.click("#live-stepper .live-main")


def test_axes_change_shapes_and_places_and_no_number(page):
    page.bring("live-stepper")
    page.choose(words="batch")
    page.click("#live-stepper .live-main")
    lit = (
        "return [...document.querySelectorAll('.live-memory li')]"
        ".map((cell) => cell.textContent + (cell.classList.contains('live-now') ? '!' : '')).join('')"
    )
    numbers = page.run(READ_STEP)
    assert page.all_texts(".live-table tbody tr td")[:2] == ["(5, 3, 4)", "inputs[1]"]
    assert page.run(lit) == "hhoe!o!l!llllleooh"
    page.choose(axes="batch")
    assert page.all_texts(".live-table tbody tr td")[:2] == ["(3, 5, 4)", "inputs[:, 1]"]
    assert page.run(lit) == "he!lloho!llool!leh"
    assert page.run(READ_STEP) == numbers


def test_stepper_moves_by_buttons_keys_and_pointer(page, browser):
    page.bring("live-stepper")

    def step():
        return page.numbers("#live-stepper .live-status")[0]

    assert step() == 1
    page.click("#live-stepper .live-main")
    assert step() == 2
    stage = page.find(".live-stage")
    for keys, expected in ((RIGHT, 3), (4 * RIGHT, 5), (LEFT, 4), (HOME, 1), (END, 5)):
        stage.send_keys(keys)
        assert step() == expected
    assert page.run("return location.pathname").endswith("live/index.html")
    column = page.find(".live-unrolled [data-step='2'] .live-touch")
    ActionChains(browser).move_to_element(column).click().perform()
    assert step() == 3
    # The button keeps the focus at the last step, so that the keys go on from there.
    button = page.find("#live-stepper .live-main")
    button.send_keys("\n")
    button.send_keys("\n")
    assert step() == 5
    assert browser.switch_to.active_element == button
    button.send_keys(LEFT)
    assert step() == 4


def test_reach_follows_the_keyboard_and_the_pointer(page):
    page.bring("live-reach")
    slider = page.find("#live-character")
    for number, text in enumerate(read_script(LIVE / "data" / "reach.js")["texts"]):
        page.choose(text=number)
        slider.send_keys(HOME)
        for position in range(5):
            place = len(text["prefix"]) + position
            page.until(f"document.querySelector('.live-chosen').dataset.at === '{place}'")
            shown = page.run("""
                return [...document.querySelectorAll('.live-reaches article')].map((block) =>
                  [...block.querySelectorAll('[data-at]')].map(
                    (sign) => Number(sign.style.getPropertyValue('--live-weight'))));
            """)
            for weights, model in zip(shown, text["models"], strict=True):
                shares = model["shares"][position]
                expected = [0.0] * len(model["text"])
                for distance, share in enumerate(shares, start=1):
                    expected[place - distance] = share / max(shares)
                assert weights == pytest.approx(expected, abs=0.001)
            slider.send_keys(RIGHT)
        slider.send_keys(END)
        last = len(text["models"][0]["text"]) - 1
        page.until(f"document.querySelector('.live-chosen').dataset.at === '{last}'")
    sign = page.find(".live-reaches [data-at='60']")
    ActionChains(page.browser).scroll_to_element(sign).move_to_element(sign).perform()
    page.until("document.querySelector('.live-reaches [data-at=\"60\"].live-chosen')")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_page_works_in_every_size_and_theme_without_errors(browser, address, size, theme):
    page = LivePage(browser, address, size, theme)
    page.choose(pace="none", network="all")
    page.loaded()
    page.write()
    page.bring("live-stepper", "live-reach")
    page.choose(words="batch", kind="lstm")
    page.click("#live-stepper .live-main")
    assert page.run("return document.documentElement.scrollWidth") <= SIZES[size]
    assert page.run("return document.documentElement.dataset.theme") == theme
    # Nothing sticks out of its view, and no number out of its cell.
    boxes = "[...document.querySelectorAll('.live-ready, .live-cells li, .live-panel')]"
    wide = f"return {boxes}.filter((box) => box.scrollWidth > box.clientWidth + 1).length"
    assert page.run(wide) == 0
    assert errors(browser) == []
    assert all(address.startswith("file://") for address in requested(browser))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_is_accessible_while_it_writes_and_afterwards(browser, address, theme):
    page = LivePage(browser, address, theme=theme)
    page.bring("live-stepper", "live-reach", "live-playground")
    wait_until(browser, COMPLETE)
    page.choose(network="all", pace="slow")
    page.loaded()
    # The run is held in its middle for as long as the checks take.
    hold = "window.setTimeout = (f, ms, ...rest) => (ms === 250 ? 0 : go(f, ms, ...rest));"
    page.write_until(16, f"const go = window.setTimeout; {hold}")
    assert violations(browser) == []
    assert page.text("#live-playground .live-main") == "Stop"  # it still wrote
    page.press("Stop")
    page.choose(pace="none")
    page.write()
    assert violations(browser) == []


def test_states_can_be_told_without_the_page_s_colours(page, browser):
    page.press("Step")
    page.loaded()
    page.bring("live-stepper", "live-reach")
    looks = """
        const look = (selector, name) => getComputedStyle(document.querySelector(selector))[name];
        return [
          [look('.live-track span', 'backgroundColor'), look('.live-track', 'backgroundColor')],
          [look('.live-choices :checked + span', 'backgroundColor'),
            look('.live-choices :not(:checked) + span', 'backgroundColor')],
          [look('.live-target', 'outlineStyle'), look('.live-cells li', 'outlineStyle')],
          [look('.live-reach-text [style*="weight: 1"]', 'boxShadow'), 'none'],
        ];
    """
    features = [{"name": "forced-colors", "value": "active"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    for with_state, without in page.run(looks):
        assert with_state != without


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
            page.bring("live-stepper", "live-reach")
            assert errors(browser) == []
            assert all(address.startswith(origin) for address in requested(browser))
        finally:
            server.shutdown()


def test_every_control_is_reached_by_the_tab_key_and_seen_there(page, browser):
    page.bring("live-stepper", "live-reach", "live-playground")
    page.find("#live-prefix").click()
    reached = set()
    for _ in range(60):
        element = browser.switch_to.active_element
        name, outline = page.run(
            "const one = arguments[0], seen = one.type === 'radio' ? one.nextElementSibling : one;"
            "return [one.name || one.id || one.innerText, getComputedStyle(seen).outlineStyle];",
            element,
        )
        assert outline != "none", name
        reached.add(name)
        if name == "live-character":
            break
        element.send_keys(TAB)
    wanted = {"live-prefix", "live-choosing", "live-temperature", "live-seed", "live-pace", "Run"}
    wanted |= {"Step", "Reset", "live-words", "live-kind", "live-text", "live-character"}
    assert wanted <= reached


def test_stillness_is_respected(browser, address):
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(address)
    wait_until(browser, "document.querySelector('#live-playground.live-ready')")
    chosen = "return document.querySelector('[name=live-pace]:checked').value"
    assert browser.execute_script(chosen) == "none"


def test_without_scripts_pictures_and_sentences_stand_there(browser, address):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(address)
        views = browser.find_elements("css selector", ".live-view")
        assert len(views) == 3
        for view in views:
            picture = view.find_element("css selector", "img")
            assert int(picture.get_property("naturalWidth")) > 400
            assert len(picture.get_attribute("alt")) > 100
            assert "JavaScript" in view.text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_pages_load_the_scripts_of_a_view_only_where_it_stands(site):
    for path, page in site.items():
        used = any("_static/live/" in load for load in page.loads)
        assert used == ("live-view" in page.text), path
