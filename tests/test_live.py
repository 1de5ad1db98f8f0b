"""The page "The network, live", in a real browser."""

import functools
import http.server
import json
import re
import statistics
import threading
import time
from pathlib import Path

import pytest
import torch
from test_export import NETWORKS, PREFIXES, in_filter

from rnnlib.export import read_model, read_script
from rnnlib.generation import generate

ROOT = Path(__file__).resolve().parent.parent
LIVE = ROOT / "live"
HOSTILE = {
    "emoji": "\U0001f600 \u2764\ufe0f time \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "long": "Time traveller, " * 625,
    "html": "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "quotes": "\"'`${alert(3)}\\u0041 \\",
    "other letters": "\u0130\u212a\u00e9\u00df \u05d0\u0301 K\u0130ng",
    "control": "a\u0000b\u202ec\td\u2028e",
    "digits": "8061 1895",
    "nothing": "",
    "surrogate": "a\ud83d b",
}
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


class Page:
    """The page in the browser, with what the tests do to it."""

    def __init__(self, browser):
        self.browser = browser

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def find(self, selector):
        return self.browser.find_element("css selector", selector)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.textContent", selector)

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def wait(self, condition, what, seconds=20):
        end = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < end, f"waited in vain for {what}"
            time.sleep(0.02)
        return value

    def click(self, selector):
        self.wait(lambda: self.count(selector), selector)
        self.run("document.querySelector(arguments[0]).click()", selector)

    def choose(self, name, value):
        self.click(f"[name=live-{name}][value='{value}']")

    def bring(self, view):
        """Bring a view near the window, which is when it is made."""
        self.run("document.getElementById(arguments[0]).scrollIntoView()", view)
        self.wait(lambda: self.count(f"#{view}.live-ready"), view)

    # --- the playground ---

    def type(self, prefix):
        self.run(
            "const field = document.getElementById('live-prefix'); field.value = JSON.parse(arguments[0]);"
            "field.dispatchEvent(new Event('input', {bubbles: true}))",
            json.dumps(prefix),  # half a surrogate pair has no other way into the browser
        )

    def press(self, name):
        buttons = self.browser.find_elements(
            "css selector", "#live-playground .live-buttons button"
        )
        next(button for button in buttons if button.text == name).click()

    def status(self):
        """What the playground says, with what it says to screen readers alone."""
        return self.text("#live-playground .live-status")

    def loaded(self):
        facts = (
            "return [...document.querySelectorAll('#live-playground .live-facts')]"
            ".every((fact) => fact.textContent)"
        )
        self.wait(lambda: self.run(facts), "the networks")

    def write(self):
        """Run to the end; the texts of all panels, with their beginnings."""
        self.press("Run")
        self.wait(lambda: self.status().startswith("Done"), "the end of the run")
        self.said = self.status()
        self.run("document.querySelector('#live-playground .live-status').textContent = ''")
        return self.texts()

    def texts(self):
        return self.run(
            "return [...document.querySelectorAll('#live-playground .live-text')]"
            ".map((text) => text.textContent)"
        )

    def bars(self):
        """What the bars of the first panel say: {character: share}."""
        rows = self.run(
            "return [...document.querySelector('.live-bars').children].filter((row) => !row.hidden)"
            ".map((row) => [row.firstChild.innerText, row.lastChild.innerText])"
        )
        return {sign.replace("␣\nblank", " "): share[:-2] for sign, share in rows if share}


def new_page(browser, address, size="desktop", theme="light", still=False):
    width, height = SIZES[size]
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"},
    )
    features = [{"name": "prefers-reduced-motion", "value": "reduce" if still else ""}]
    features.append({"name": "prefers-color-scheme", "value": theme})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    for kind in ("browser", "performance"):
        browser.get_log(kind)  # what came before
    browser.get(address)
    page = Page(browser)
    page.wait(lambda: page.count("#live-playground.live-ready"), "the playground")
    return page


def requests(browser) -> list[str]:
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    addresses = [parameters["request"]["url"] for parameters in sent]
    return [address for address in addresses if not address.startswith(("data:", "blob:"))]


def problems(browser) -> list[str]:
    entries = browser.get_log("browser")
    return [e["message"] for e in entries if e["level"] in ("WARNING", "SEVERE")]


@pytest.fixture(scope="module")
def address(built_site):
    """The page as a file."""
    return (built_site / "live" / "index.html").as_uri()


@pytest.fixture
def page(browser, address):
    return new_page(browser, address)


@pytest.fixture(scope="module")
def models():
    return functools.cache(lambda name: read_model(LIVE / "models", name))


# --- the playground ---


@pytest.mark.parametrize("name", NETWORKS)
def test_greedy_text_is_that_of_rnnlib_character_by_character(page, models, name):
    model, vocab, _ = models(name)
    page.choose("network", name)
    page.choose("choosing", "greedy")
    page.choose("pace", "none")
    page.type("t")
    page.loaded()
    for prefix in (*PREFIXES, "t", "the time traveller ", (20 * "once ")[:100]):
        page.type(prefix)
        assert page.write() == [generate(model, vocab, prefix, 200)]


def test_a_second_run_goes_on_where_the_first_one_ended(page, models):
    model, vocab, _ = models("gru-by-heart")
    page.choose("network", "gru-by-heart")
    page.choose("choosing", "greedy")
    page.choose("pace", "none")
    page.loaded()
    page.write()
    (text,) = page.write()
    assert text == generate(model, vocab, "time traveller", 400)
    # Only what is new is said, and how much of the whole stands in the pages.
    stretches = "return [...document.querySelectorAll('.live-copied')].map((s) => s.textContent)"
    copied = sum(map(len, page.run(stretches)))
    assert copied > 200
    tally = f"{copied} of 400 characters stand so in the first pages"
    assert page.text(".live-panel .live-tally") == tally
    assert page.said == (
        f"Done after 400 characters. Run goes on. GRU, by heart wrote: {text[-200:]}. {tally}."
    )


def test_each_step_lets_one_character_in_and_shows_what_rnnlib_computes(page, models):
    model, vocab, _ = models("rnn-500-epochs")
    page.choose("choosing", "greedy")
    page.choose("bars", "28")
    page.press("Step")
    page.loaded()
    page.type("The End")
    page.press("Reset")
    assert page.text(".live-panel .live-unread") == "the end"
    assert page.bars() == {}
    state, text = model.begin_state(1), generate(model, vocab, "the end", 5)
    for count in range(1, len(text) + 1):
        page.press("Step")
        with torch.no_grad():
            logits, state = model(torch.tensor([[vocab[text[count - 1]]]]), state)
        assert page.texts() == [text[: max(count, 7)]]
        assert page.text(".live-panel .live-prefix") == text[: min(count, 7)]
        shares = torch.softmax(logits[-1], dim=0).tolist()
        shown = page.bars()
        assert len(shown) == 28
        went_in = text[count - 1].replace(" ", "A blank")
        top = [f"{sign.replace(' ', 'blank')} {shown[sign]} %" for sign in list(shown)[:3]]
        assert page.status().replace("“", "").replace("”", "") == (
            f"{went_in} went in. RNN, 500 epochs expects {', '.join(top)}."
        )
        for token, share in zip(vocab.idx_to_token, shares, strict=True):
            if shown[token] == "< 0.1":
                assert share < 0.00051
            else:
                assert abs(float(shown[token]) - 100 * share) < (0.51 if share > 0.09 else 0.051)
        for unit in (0, 100, 255):
            value = page.run(
                "const field = document.querySelector('.live-unit'); field.value = arguments[0];"
                "field.dispatchEvent(new Event('input'));"
                "return document.querySelector('.live-readout > span').textContent",
                unit,
            )
            assert abs(float(value.replace("\u2212", "-")) - float(state[0, 0, unit])) < 0.0051


def test_draws_follow_the_seed_and_the_temperature(page, models):
    page.choose("network", "rnn-20-epochs")
    page.choose("pace", "none")
    page.loaded()
    first = page.write()
    page.type("time traveller")
    assert page.write() == first
    page.click("#live-seed ~ button")
    assert page.write() != first
    page.run(
        "const field = document.getElementById('live-seed'); field.value = 1;"
        "field.dispatchEvent(new Event('input'))"
    )
    assert page.write() == first
    # The bars are those that are drawn from.
    model, vocab, _ = models("rnn-20-epochs")
    with torch.no_grad():
        logits, _ = model(torch.tensor([vocab[list("time")]]), model.begin_state(1))
    for temperature in (0.1, 0.5, 2.0):
        page.type("time")
        page.run(
            "const field = document.getElementById('live-temperature'); field.value = arguments[0];"
            "field.dispatchEvent(new Event('input'))",
            temperature,
        )
        p = torch.softmax(logits[-1] / temperature, dim=0).sort(descending=True)
        shown = page.bars()
        assert len(shown) == 8
        top = vocab.to_tokens(p.indices[:2])
        assert next(iter(shown)) == top[0]
        assert abs(float(shown[top[0]]) - 100 * float(p.values[0])) < 0.51


def test_characters_are_drawn_as_often_as_the_softmax_says(page):
    counts = page.run(
        """
        const random = Live.randomNumbers(7), counts = Array(4).fill(0);
        const p = Live.softmax(new Float32Array([1, 2, 0, -50]), 2);
        for (let k = 0; k < 4000; k++) counts[Live.draw(p, random)]++;
        return counts;
        """
    )
    expected = torch.softmax(torch.tensor([0.5, 1.0, 0.0, -25.0]), dim=0)
    found = torch.tensor(counts) / 4000
    torch.testing.assert_close(found, expected, rtol=0, atol=0.032)
    assert counts[3] == 0


def test_run_can_be_stopped_and_goes_on(page):
    page.choose("pace", "quick")
    page.press("Run")
    page.wait(lambda: len(page.texts()[0]) > 18, "some characters")
    page.press("Stop")
    text = page.texts()[0]
    time.sleep(0.2)
    assert page.texts() == [text]
    assert len(text) < 214
    assert "Stopped after" in page.status()
    assert text.removeprefix("time traveller") in page.status()
    page.press("Run")
    page.wait(lambda: len(page.texts()[0]) > len(text), "more characters")
    assert page.texts()[0].startswith(text)
    page.type("another")  # stops as well
    assert page.texts() == ["another"]
    time.sleep(0.1)
    assert page.texts() == ["another"]


def test_fast_clicks_and_a_key_held_down_start_one_run(page):
    page.choose("pace", "quick")
    page.run(
        """
        const run = document.querySelector('#live-playground .live-main');
        for (let k = 0; k < 3; k++) run.click(); // run, stop, run
        const held = {key: 'Enter', repeat: true, bubbles: true, cancelable: true};
        document.getElementById('live-prefix').dispatchEvent(new KeyboardEvent('keydown', held));
        """
    )
    page.wait(lambda: len(page.texts()[0]) > 18, "some characters")
    page.press("Stop")
    text = page.texts()
    time.sleep(0.2)  # a second timer would go on
    assert page.texts() == text
    assert page.status().startswith("Stopped after")


def test_network_that_comes_too_late_disturbs_no_other(page):
    page.run(
        """
        const load = Live.loadModel;
        Live.loadModel = (name) => name === 'rnn-500-epochs'
          ? new Promise((_, reject) => { window.fail = () => reject(new Error('late')); })
          : load(name);
        """
    )
    page.press("Run")
    page.wait(lambda: page.run("return Boolean(window.fail)"), "the request")
    page.choose("network", "rnn-untrained")
    page.press("Run")
    page.wait(lambda: len(page.texts()[0]) > 18, "some characters")
    page.run("window.fail()")
    text = page.texts()[0]
    page.wait(lambda: len(page.texts()[0]) > len(text) + 2, "more characters")
    assert page.status() == ""


def test_what_goes_in_is_said(page):
    page.choose("network", "all")
    page.press("Step")
    page.loaded()
    status = page.status()
    assert status.startswith("One character further. RNN, untrained expects ")
    assert status.count(" expects ") == len(NETWORKS)
    for name in ("Run", "Step"):
        page.type(" 1")
        page.run("document.querySelector('#live-playground .live-status').textContent = ''")
        page.press(name)
        assert page.status() == "Type at least one letter from a to z."
    warning = "Only the first 100 characters go in."
    page.type(101 * "a")
    assert page.status() == warning
    page.press("Reset")
    page.type(102 * "a")
    assert page.status() != warning  # it was said
    page.type(100 * "a")
    assert page.status() == ""
    page.type(101 * "a")
    assert page.status() == warning
    assert page.count(".live-ready output") == 0  # would be read out at every change


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_beginnings_do_no_harm(page, browser, kind):
    text = HOSTILE[kind]
    page.choose("pace", "none")
    page.press("Step")
    page.loaded()
    page.type(text)
    cleaned = re.sub("[^A-Za-z]+", " ", text).lstrip().lower()
    note = page.text("#live-prefix-note")
    assert page.texts() == [cleaned[:100]]
    if len(cleaned) > 100:
        assert note == f"Only the first 100 of {len(cleaned)} characters go in."
    if cleaned:
        (written,) = page.write()
        assert written.startswith(cleaned[:100])
        assert len(re.sub("<unk>", "?", written)) == len(cleaned[:100]) + 200
    else:
        assert note == "Type at least one letter from a to z."
        for name in ("Run", "Step"):
            page.press(name)
            assert page.texts() == [""]
    assert page.count(".live-panel img, .live-panel script") == 0
    assert problems(browser) == []


def test_typed_characters_go_in_at_once(page):
    field = page.find("#live-prefix")
    field.clear()
    page.loaded()
    for count, letter in enumerate("Moon", start=1):
        field.send_keys(letter)
        page.wait(lambda count=count: page.texts() == ["moon"[:count]], "the letter")
        assert page.text(".live-panel .live-prefix") == "moon"[:count]
        assert page.text(".live-panel h4") == f"After “{letter.lower()}” comes"


def test_side_by_side_each_network_goes_on_from_the_same_beginning(page, models):
    page.choose("network", "all")
    page.choose("choosing", "greedy")
    page.choose("pace", "none")
    page.loaded()
    page.type("there is ")
    texts = page.write()
    expected = [generate(*models(name)[:2], "there is ", 200) for name in NETWORKS]
    assert texts == expected
    pages = read_script(LIVE / "data" / "pages.js")
    for number, text in enumerate(texts):
        written = text.removeprefix("there is ")
        marks = [False] * len(written)
        for start in range(len(written) - 19):
            if in_filter(written[start : start + 20], pages):
                marks[start : start + 20] = [True] * 20
        shown = page.run(
            "return [...document.querySelectorAll('.live-panel')[arguments[0]]"
            ".querySelectorAll('.live-copied')].map((stretch) => stretch.textContent)",
            number,
        )
        spans = re.finditer("1+", "".join("01"[mark] for mark in marks))
        assert shown == [written[span.start() : span.end()] for span in spans]
        tally = f"{sum(marks)} of 200 characters stand so in the first pages"
        assert (
            page.run(
                "return document.querySelectorAll('.live-tally')[arguments[0]].textContent", number
            )
            == tally
        )
        assert f"{written}. {tally}." in page.said


def test_first_character_is_there_in_under_a_tenth_of_a_second(browser, address):
    measure = """
        const done = arguments[0], text = document.querySelector('#live-playground .live-text');
        const start = performance.now();
        new MutationObserver((_, watcher) => {
          if (text.textContent.length > 14) {
            watcher.disconnect();
            done(performance.now() - start);
          }
        }).observe(text, {childList: true, subtree: true});
        document.querySelector('#live-playground .live-main').click();
    """
    loading, loaded = [], []
    for _ in range(5):
        page = new_page(browser, address)
        loading.append(browser.execute_async_script(measure))
        page.type("time traveller")
        loaded.append(browser.execute_async_script(measure))
    print(f"first character: {loading} ms with loading, {loaded} ms loaded")
    assert statistics.median(loaded) < 100
    # With loading, too; the best of five, since what else the machine does counts here.
    assert min(loading) < 100


def test_weights_are_loaded_when_first_used_and_no_others(page, browser):
    addresses = requests(browser)
    assert any(address.endswith("/playground.js") for address in addresses)
    assert not any("/models/" in address or "/data/" in address for address in addresses)
    page.press("Step")
    page.loaded()
    page.choose("network", "rnn-20-epochs")
    page.loaded()
    page.choose("network", "rnn-500-epochs")
    page.loaded()
    loaded = [Path(a).name for a in requests(browser) if "/models/" in a]
    assert loaded == ["rnn-500-epochs.js", "rnn-500-epochs-2.js", "rnn-20-epochs.js"]


def test_network_that_cannot_be_loaded_is_said_so(page, browser):
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*rnn-500-epochs-2.js"]})
    try:
        page.press("Run")
        page.wait(lambda: page.status().startswith("Sorry"), "the message")
        assert "rnn-500-epochs-2.js could not be loaded" in page.status()
    finally:
        browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    page.choose("pace", "none")
    assert len(page.write()[0]) >= 214


# --- the stepper ---

READ_STEP = """
    const cells = (list) => [...list.children].map((cell) => {
      const text = cell.lastChild.textContent;
      return Number(text.replace('\\u2212', '-'));
    });
    return [...document.querySelectorAll('#live-stepper .live-quantity')].map((quantity) => [
      quantity.querySelector('.live-formula').textContent,
      quantity.querySelector('code').textContent,
      [...quantity.querySelectorAll('ol')].map(cells),
    ]);
"""


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
@pytest.mark.parametrize("num_words", [1, 3])
def test_numbers_of_every_step_are_those_of_the_data(page, built_site, kind, num_words):
    data = read_script(built_site / "_static" / "live" / "data" / "stepper.js")
    page.bring("live-stepper")
    page.choose("words", "batch" if num_words == 3 else "one")
    page.choose("kind", kind)
    letters, batch = data["letters"], [3] if num_words == 3 else []
    for updates in (0, 5, 110):
        page.choose("updates", updates)
        run = next(
            run
            for run in data["runs"]
            if (run["kind"], len(run["words"]), run["updates"]) == (kind, num_words, updates)
        )
        page.find(".live-stage").send_keys("\ue011")  # Home
        for t, step in enumerate(run["steps"]):
            before = run["steps"][t - 1] if t else {"h": [[0] * 8] * num_words}
            one_hot = [[int(word[t] == letter) for letter in letters] for word in run["words"]]
            expected = [("x", one_hot), ("h", before["h"])]
            if kind == "lstm":
                expected.append(("c", before.get("c", [[0] * 8] * num_words)))
                blocks = [[row[8 * k : 8 * k + 8] for row in step["z"]] for k in range(4)]
                expected += [("z", block) for block in blocks]
                expected += [(name, step[name]) for name in ("i", "f", "g", "o", "c", "h")]
            else:
                expected += [("z", step["z"]), ("h", step["h"])]
            loss = [[value] for value in step["loss"]]
            expected += [("o", step["logits"]), ("p", step["p"]), ("loss", loss)]
            shown = page.run(READ_STEP)
            assert len(shown) == len(expected)
            for (formula, shape, rows), (name, values) in zip(shown, expected, strict=True):
                assert rows == values, formula
                size = [] if name == "loss" else [len(values[0])]
                assert shape == f"({', '.join(map(str, batch + size))})"
            status = page.text("#live-stepper .live-status")
            read = ", ".join(word[t] for word in run["words"])
            assert status.startswith(f"Step {t + 1} of 5: reads {read}, answers ")
            page.click("#live-stepper .live-main")
        assert page.find("#live-stepper .live-main").get_attribute("aria-disabled") == "true"


def test_axes_change_shapes_and_places_and_no_number(page):
    page.bring("live-stepper")
    assert not page.find("[name=live-axes][value=batch]").is_enabled()
    page.choose("words", "batch")
    page.click("#live-stepper .live-main")
    read = (
        "return [...document.querySelectorAll('.live-table tbody tr')].map((row) => row.innerText)"
    )
    lit = (
        "return [...document.querySelectorAll('.live-memory li')]"
        ".map((cell) => cell.textContent + (cell.classList.contains('live-now') ? '!' : '')).join('')"
    )
    numbers = page.run(READ_STEP)
    assert page.run(read)[:2] == ["inputs\t(5, 3, 4)\tinputs[1]", "output\t(5, 3, 8)\toutput[1]"]
    assert page.run(lit) == "hhoe!o!l!llllleooh"
    page.choose("axes", "batch")
    rows = page.run(read)
    assert rows[0] == "inputs\t(3, 5, 4)\tinputs[:, 1]"
    assert rows[3].startswith("h_n\t(1, 3, 8)\t")
    assert page.run(lit) == "he!lloho!llool!leh"
    assert page.run(READ_STEP) == numbers


def test_stepper_moves_by_buttons_keys_and_pointer(page, browser):
    page.bring("live-stepper")

    def step():
        return page.text("#live-stepper .live-status").split(":")[0]

    assert step() == "Step 1 of 5"
    page.click("#live-stepper .live-main")
    assert step() == "Step 2 of 5"
    stage = page.find(".live-stage")
    for keys, expected in (
        ("\ue014", 3), ("\ue014\ue014\ue014\ue014", 5), ("\ue012", 4), ("\ue011", 1), ("\ue010", 5)
    ):  # fmt: skip
        stage.send_keys(keys)  # right, left, Home, End
        assert step() == f"Step {expected} of 5"
    assert page.run("return location.pathname").endswith("live/index.html")
    from selenium.webdriver import ActionChains

    column = page.find(".live-unrolled [data-step='2'] .live-touch")
    ActionChains(browser).move_to_element(column).click().perform()
    assert step() == "Step 3 of 5"
    # The button keeps the focus at the last step, so that the keys go on from there.
    button = page.find("#live-stepper .live-main")
    button.send_keys("\n")
    button.send_keys("\n")
    assert step() == "Step 5 of 5"
    assert browser.switch_to.active_element == button
    button.send_keys("\ue012")  # left
    assert step() == "Step 4 of 5"


def test_drawing_without_room_is_no_error(page, browser):
    page.bring("live-stepper")
    page.run("document.querySelector('.live-unrolled').style.width = '20px';")
    page.click("#live-stepper .live-main")
    widths = page.run(
        "return [...document.querySelectorAll('.live-unrolled rect')]"
        ".map((box) => Number(box.getAttribute('width')))"
    )
    assert min(widths) >= 0
    assert problems(browser) == []


# --- the reach ---


def test_reach_follows_the_keyboard_and_says_what_it_shows(page, built_site):
    page.bring("live-reach")
    for number, text in enumerate(read_script(LIVE / "data" / "reach.js")["texts"]):
        page.choose("text", number)
        slider = page.find("#live-character")
        slider.send_keys("\ue011")  # Home
        for position in range(1, 6):
            if position > 1:
                slider.send_keys("\ue014")  # right
            shown = page.run(
                """
                return [...document.querySelectorAll('.live-reaches article')].map((block) => [
                  block.querySelector('.live-chosen').dataset.at,
                  [...block.querySelectorAll('[data-at]')].map(
                    (sign) => Number(sign.style.getPropertyValue('--live-weight'))),
                  block.querySelector('.live-note').textContent,
                ]);
                """
            )
            for (at, weights, words), model in zip(shown, text["models"], strict=True):
                shares = model["shares"][position - 1]
                assert int(at) == len(text["prefix"]) + position - 1
                place = int(at)
                expected = [0.0] * len(model["text"])
                for distance, share in enumerate(shares, start=1):
                    expected[place - distance] = share / max(shares)
                assert weights == pytest.approx(expected, abs=0.001)
                sign = model["text"][place].replace(" ", "␣")
                assert words.startswith(
                    f"“{sign}” (given {model['p'][position - 1]} %): strongest "
                )
                assert f"{max(shares) / 10:.1f} %" in words
                half = next(
                    d for d in range(len(shares)) if 2 * sum(shares[: d + 1]) >= sum(shares)
                )
                assert f"Half lies within the last {half + 1} characters" in words
            place = len(text["prefix"]) + position - 1
            said = text["models"][0]["text"][place].replace(" ", "blank")
            words = f"RNN: {said} (given"
            page.wait(lambda w=words: w in page.text("#live-reach .live-status"), words)
        slider.send_keys("\ue010")  # End
        assert page.find(".live-chosen").get_attribute("data-at") == str(
            len(text["models"][0]["text"]) - 1
        )


def test_reach_follows_the_pointer(page, browser):
    from selenium.webdriver import ActionChains

    page.bring("live-reach")
    sign = page.find(".live-reaches [data-at='60']")
    ActionChains(browser).scroll_to_element(sign).move_to_element(sign).perform()
    assert "live-chosen" in sign.get_attribute("class")
    assert page.count(".live-chosen") == 2
    first = page.find(".live-reaches [data-at='2']")  # given, not chosen by a network
    ActionChains(browser).move_to_element(first).perform()
    assert "live-chosen" not in first.get_attribute("class")


# --- the whole page ---


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_page_works_in_every_size_and_theme_without_errors(browser, address, size, theme):
    page = new_page(browser, address, size, theme)
    page.choose("pace", "none")
    page.choose("network", "all")
    page.loaded()
    page.write()
    for view in ("live-stepper", "live-reach"):
        page.bring(view)
    page.choose("words", "batch")
    page.choose("kind", "lstm")
    page.click("#live-stepper .live-main")
    assert page.run("return document.documentElement.scrollWidth") <= SIZES[size][0]
    colour = page.run("return getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", colour)[:3])) < 80) == (theme == "dark")
    # Nothing sticks out of its view, and no number out of its cell.
    assert (
        page.run(
            """
        const out = (inner, outer) => inner.scrollWidth > outer.clientWidth + 1;
        return [...document.querySelectorAll('.live-ready, .live-cells li, .live-panel')]
          .filter((box) => out(box, box)).map((box) => box.className + box.textContent.slice(0, 40));
        """
        )
        == []
    )
    assert problems(browser) == []
    assert all(a.startswith("file://") for a in requests(browser))


def test_states_can_be_told_without_the_page_s_colours(page, browser):
    page.press("Step")
    page.loaded()
    for view in ("live-stepper", "live-reach"):
        page.bring(view)
    ticks = (
        "return [...document.querySelectorAll('.live-choices input')].filter((input) =>"
        "  getComputedStyle(input.nextSibling, '::before').content.includes('\u2713')"
        "  !== input.checked).length"
    )
    assert page.run(ticks) == 0
    colours = """
        const colour = (selector, name) => getComputedStyle(document.querySelector(selector))[name];
        return [
          [colour('.live-track span', 'backgroundColor'), colour('.live-track', 'backgroundColor')],
          [colour('.live-choices :checked + span', 'backgroundColor'),
            colour('.live-choices :not(:checked) + span', 'backgroundColor')],
          [colour('.live-target', 'outlineStyle'), colour('.live-cells li', 'outlineStyle')],
          [colour('.live-reach-text [style*="weight: 1"]', 'boxShadow'), 'none'],
        ];
    """
    features = [{"name": "forced-colors", "value": "active"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        assert page.run("return matchMedia('(forced-colors: active)').matches")
        for with_state, without in page.run(colours):
            assert with_state != without
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        for selector in (".live-track span", ".live-cells li", ".live-reach-text span"):
            style = "return getComputedStyle(document.querySelector(arguments[0])).printColorAdjust"
            assert page.run(style, selector) == "exact"
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_page_works_below_any_address_and_asks_for_nothing_elsewhere(browser, built_site, tmp_path):
    (tmp_path / "some" / "where").mkdir(parents=True)
    (tmp_path / "some" / "where" / "course").symlink_to(built_site, target_is_directory=True)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{server.server_port}/"
        try:
            page = new_page(browser, f"{origin}some/where/course/live/index.html")
            page.choose("pace", "none")
            assert len(page.write()[0]) >= 214
            for view in ("live-stepper", "live-reach"):
                page.bring(view)
            assert problems(browser) == []
            assert all(address.startswith(origin) for address in requests(browser))
        finally:
            server.shutdown()


def test_every_control_has_a_name_and_is_reached_by_the_tab_key(page, browser):
    for view in ("live-stepper", "live-reach", "live-playground"):
        page.bring(view)
    controls = browser.find_elements(
        "css selector", ".live-ready :is(button, input, summary, [tabindex])"
    )
    for control in controls:
        assert control.accessible_name.strip(), control.get_attribute("outerHTML")
    page.find("#live-prefix").click()
    reached = set()
    for _ in range(60):
        element = browser.switch_to.active_element
        reached.add(element.get_attribute("name") or element.get_attribute("id") or element.text)
        outline = element.value_of_css_property("outline-style")
        label = page.run("return arguments[0].nextElementSibling", element)
        if element.get_attribute("type") == "radio":
            outline = label.value_of_css_property("outline-style")
        assert outline != "none", element.get_attribute("outerHTML")
        element.send_keys("\ue004")  # Tab
        if browser.switch_to.active_element.get_attribute("id") == "live-character":
            break
    wanted = {"live-prefix", "live-choosing", "live-temperature", "live-seed", "live-pace", "Run"}
    assert wanted | {"Step", "Reset", "live-words", "live-kind", "Next →", "live-text"} <= reached


def test_stillness_is_respected(browser, address):
    page = new_page(browser, address, still=True)
    assert page.run("return document.querySelector('[name=live-pace]:checked').value") == "none"
    assert len(page.write()[0]) >= 214


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
            assert "In a browser with JavaScript" in view.text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_no_other_page_loads_any_of_it(built_site):
    for path in built_site.rglob("*.html"):
        used = "_static/live/" in path.read_text(encoding="utf-8")
        assert used == (path.parent.name == "live"), path


def test_data_of_the_stepper_is_built_anew(built_site):
    from rnnlib.traces import stepper_data

    built = read_script(built_site / "_static" / "live" / "data" / "stepper.js")
    assert built == stepper_data()
    assert not (LIVE / "data" / "stepper.js").exists()  # made when the book is, not kept
