"""Every page of the built book in a real browser, opened from its file, without a server."""

import json
import time
from importlib import metadata

import pytest

VIEWS = {"desktop, light": (1280, "light"), "phone, dark": (390, "dark")}
# A file may not read another file's rules: axe then looks at the styles as they are applied.
AXE_OPTIONS = {"preload": False, "resultTypes": ["violations"]}


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, from the installed package."""
    try:
        files = metadata.files("axe-core-python")
    except metadata.PackageNotFoundError:
        pytest.skip("checks of accessibility need axe-core-python (requirements.txt)")
    path = next(file for file in files if file.name == "axe.min.js").locate()
    return path.read_text(encoding="utf-8")


def pages(built_site):
    return sorted(path for path in built_site.rglob("*.html") if "_static" not in path.parts)


def show(browser, address: str, width: int, theme: str) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    for log in ("browser", "performance"):
        browser.get_log(log)  # forget what came before
    browser.get(address)


def wait_until(browser, condition: str, seconds: float = 15) -> None:
    """Wait until the JavaScript expression `condition` is true."""
    end = time.monotonic() + seconds
    while not browser.execute_script(f"return Boolean({condition})"):
        assert time.monotonic() < end, f"waited in vain for {condition}"
        time.sleep(0.05)


FORMULAS_DRAWN = """
    !document.querySelector('script[src*="mathjax"]')
    || [...document.querySelectorAll('.math')].every(e => e.querySelector('mjx-container'))
"""


@pytest.mark.parametrize("view", VIEWS)
def test_every_page_is_sound(built_site, browser, axe, view):
    """No accessibility violation, console error, request elsewhere or sideways scrolling."""
    width, theme = VIEWS[view]
    problems = []
    for path in pages(built_site):
        show(browser, path.as_uri(), width, theme)
        wait_until(browser, FORMULAS_DRAWN)
        name = f"{path.parent.name}/{path.name} ({view})"
        messages = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        problems += [f"{name}: {entry['message'][:200]}" for entry in messages]
        for entry in browser.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                address = event["params"]["request"]["url"]
                if not address.startswith(("file:", "data:", "blob:")):
                    problems.append(f"{name}: asks for {address[:200]}")
        if browser.execute_script("return document.documentElement.scrollWidth") > width:
            problems.append(f"{name}: wider than the screen")
        browser.execute_script(axe)
        run = f"axe.run({json.dumps(AXE_OPTIONS)}).then(arguments[0])"
        for violation in browser.execute_async_script(run)["violations"]:
            where = violation["nodes"][0]["html"][:120]
            problems.append(f"{name}: {violation['id']} at {where}")
    assert not problems, "\n".join(problems)


def test_search_finds_a_word_of_a_chapter(built_site, browser):
    show(browser, (built_site / "search.html").as_uri() + "?q=perplexity", 1280, "light")
    wait_until(browser, "document.querySelectorAll('#search-results li a').length > 2")
    links = browser.execute_script(
        "return [...document.querySelectorAll('#search-results li a')].map(a => a.href)"
    )
    assert any("08-character-model" in link for link in links)


def test_the_theme_switch_changes_the_theme_and_is_remembered(built_site, browser):
    address = (built_site / "chapters" / "01-basic-code.html").as_uri()
    show(browser, address, 1280, "light")
    seen = set()
    for _ in range(3):
        seen.add(browser.execute_script("return document.documentElement.dataset.mode"))
        browser.execute_script("document.querySelector('.theme-switch-button').click()")
    assert seen == {"auto", "light", "dark"}
    mode = browser.execute_script("return document.documentElement.dataset.mode")
    show(browser, address, 1280, "light")
    assert browser.execute_script("return document.documentElement.dataset.mode") == mode
    browser.execute_script("localStorage.clear()")


def test_solutions_are_folded_and_open(built_site, browser):
    show(browser, (built_site / "chapters" / "01-basic-code.html").as_uri(), 1280, "light")
    find = "[...document.querySelectorAll('details')].filter(d => d.innerText.includes('solution'))"
    count = browser.execute_script(f"return {find}.length")
    assert count >= 4
    assert browser.execute_script(f"return {find}.every(d => !d.open)")
    browser.execute_script(f"{find}[0].querySelector('summary').click()")
    wait_until(browser, f"{find}[0].open && {find}[0].querySelector('pre').offsetHeight > 0")


def test_code_has_a_button_that_copies_it(built_site, browser):
    show(browser, (built_site / "chapters" / "01-basic-code.html").as_uri(), 1280, "light")
    wait_until(browser, "document.querySelectorAll('button.copybtn').length > 20")
    copied = browser.execute_script("""
        const cell = [...document.querySelectorAll('div.cell_input div.highlight')]
            .find(e => e.innerText.includes('source, target'));
        let text = null;
        const listen = event => { text = String(document.getSelection()) || text; };
        document.addEventListener('copy', listen);
        cell.querySelector('button.copybtn').click();
        document.removeEventListener('copy', listen);
        return [text, cell.querySelector('button.copybtn').dataset.clipboardTarget];
    """)
    target = browser.execute_script(
        "return document.querySelector(arguments[0]).innerText", copied[1]
    )
    assert target.strip() == 'source, target = "hello", "ohlol"'


def test_a_link_preview_and_a_page_for_wrong_addresses(built_site):
    page = (built_site / "index.html").read_text(encoding="utf-8")
    assert '<meta property="og:image" content="https://' in page
    assert "_static/unrolled.png" in page
    missing = (built_site / "404.html").read_text(encoding="utf-8")
    assert "No such page" in missing
    assert "{" not in missing.split("</style>")[1]
