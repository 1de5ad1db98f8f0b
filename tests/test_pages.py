"""Every page of the built book in a real browser, opened from its file, without a server."""

import html
import re
import struct
import time

import pytest
from page_report import (
    COMPLETE,
    NoBrowser,
    axe_script,
    elsewhere,
    errors,
    read_pages,
    requested,
    show,
    violations,
    wait_until,
    weight,
)
from test_live import new_page

VIEWS = {"desktop, light": (1280, "light"), "phone, dark": (390, "dark")}
# The rules whose answer depends on colours and sizes. What else a narrow window has of its own
# are parts of the theme, the same on every page.
RULES_OF_SIGHT = "color-contrast", "link-in-text-block", "scrollable-region-focusable"
# Bytes that a server sends compressed when a page is opened: pictures differ from page to
# page, the theme's files are the same. `python tools/page_report.py` prints today's.
BUDGET, BUDGET_WITH_FORMULAS = 200_000, 1_250_000
# What of its contents a page loads a file for.
USES = {
    "tex-svg.js": "math",
    "clipboard.min.js": "highlight",
    "copybutton.js": "highlight",
    "copybutton.css": "highlight",
    "pygments.css": "highlight",
    "mystnb": "cell",
    "togglebutton": "toggle",
    "sphinx-design": "sd-card",
    "design-tabs": "sd-tab-set",
}


def metas(page, name: str) -> list[str]:
    """What a page's meta tags of this name or property say."""
    found = re.findall(rf'<meta (?:name|property)="{name}" content="([^"]*)"', page.text)
    return [html.unescape(content) for content in found]


def press(browser, key: str) -> None:
    browser.switch_to.active_element.send_keys(key)


def show_with(browser, address: str, width: int, theme: str, mode: str | None) -> None:
    """Show a page to a reader who has chosen `mode`.

    Each page may have a process of its own, which what was stored reaches a moment later.
    """
    show(browser, address, width, theme)
    browser.execute_script("localStorage.clear()")
    if mode:
        browser.execute_script("localStorage.setItem('mode', arguments[0])", mode)
    end = time.monotonic() + 15
    stored = "return localStorage.getItem('mode')"
    # A page that finds nothing stores "auto".
    while show(browser, address, width, theme) or (
        browser.execute_script(stored) not in ({mode} if mode else {None, "auto"})
    ):
        assert time.monotonic() < end, f"waited in vain for the mode {mode}"


@pytest.fixture(scope="session")
def axe():
    try:
        axe_script()
    except NoBrowser as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="module")
def site(built_site):
    return read_pages(built_site)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.usefixtures("axe")
def test_every_page_is_sound(site, browser, view):
    """No violation of accessibility, error, request elsewhere, sideways scrolling or weight.

    Every rule is asked on every page in the first view, and on the two that begin the book in
    the other; `python tools/page_report.py` asks all in four.
    """
    width, theme = VIEWS[view]
    found = []
    for path, page in site.items():
        show(browser, path.as_uri(), width, theme)
        wait_until(browser, COMPLETE)
        every_rule = view == next(iter(VIEWS)) or path.name == "index.html"
        rules = () if every_rule else RULES_OF_SIGHT
        problems = errors(browser) + violations(browser, rules)
        addresses = requested(browser)
        problems += [f"asks for {address[:200]}" for address in elsewhere(addresses)]
        _, sent = weight(addresses)
        if sent > (BUDGET_WITH_FORMULAS if "math" in page.classes else BUDGET):
            problems.append(f"weighs {sent:,} bytes")
        if browser.execute_script("return document.documentElement.scrollWidth") > width:
            problems.append("wider than the screen")
        found += [f"{path.parent.name}/{path.name} ({view}): {problem}" for problem in problems]
    assert not found, "\n".join(found)


def test_a_page_loads_what_it_uses_and_nothing_else(site):
    used = set()
    for path, page in site.items():
        for file, use in USES.items():
            loaded = any(file in address for address in page.loads)
            assert loaded == (use in page.classes), f"{path.name}: {file}"
            used |= {file} if loaded else set()
        searches = any("searchindex.js" in address for address in page.loads)
        assert searches == (path.name == "search.html"), path.name
        assert not any("fontawesome" in address for address in page.loads), path.name
        assert "thebe" not in page.text, path.name
    assert "tex-svg.js" in used
    assert "copybutton.js" in used


def test_icons_are_drawn_into_the_page(site):
    for path, page in site.items():
        for icon in ("bars", "moon", "sun", "magnifying-glass", "expand"):
            assert re.search(rf'<svg class="page-icon [^"]*fa-{icon}\b', page.text), path.name
        assert not re.search('<(i|span) class="[^"]*fa-', page.text), path.name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.usefixtures("axe")
def test_live_page_is_accessible_while_it_writes_and_afterwards(built_site, browser, theme):
    page = new_page(browser, (built_site / "live" / "index.html").as_uri(), theme=theme)
    for view in ("live-stepper", "live-reach", "live-playground"):
        page.bring(view)
    wait_until(browser, COMPLETE)
    page.choose("network", "all")
    page.choose("pace", "slow")
    page.press("Run")
    page.wait(lambda: len(page.texts()[0]) > 16, "some characters")
    assert violations(browser) == []
    assert page.text("#live-playground .live-main") == "Stop"  # it still wrote
    page.press("Stop")
    page.choose("pace", "none")
    page.write()
    assert violations(browser) == []


def test_search_is_reached_from_a_chapter(built_site, browser):
    show(browser, (built_site / "chapters" / "01-basic-code.html").as_uri(), 1280, "light")
    browser.execute_script("document.querySelector('.search-button__button').click()")
    wait_until(browser, "document.activeElement.matches('input[type=search]')")
    browser.switch_to.active_element.send_keys("perplexity\n")
    wait_until(browser, "document.querySelectorAll('#search-results li a').length > 2")
    assert browser.current_url.split("?")[0] == (built_site / "search.html").as_uri()
    assert errors(browser) == []


def test_search_finds_a_word_of_a_chapter(built_site, browser):
    show(browser, (built_site / "search.html").as_uri() + "?q=perplexity", 1280, "light")
    wait_until(browser, "document.querySelectorAll('#search-results li a').length > 2")
    links = browser.execute_script(
        "return [...document.querySelectorAll('#search-results li a')].map(a => a.href)"
    )
    assert any("09-character-model" in link for link in links)


def test_the_theme_switch_changes_the_theme_and_is_remembered(built_site, browser):
    address = (built_site / "chapters" / "01-basic-code.html").as_uri()
    show(browser, address, 1280, "light")
    seen = set()
    for _ in range(3):
        seen.add(browser.execute_script("return document.documentElement.dataset.mode"))
        browser.execute_script("document.querySelector('.theme-switch-button').click()")
        now = "return [document.documentElement.dataset.mode, localStorage.getItem('mode')]"
        shown, stored = browser.execute_script(now)
        assert shown == stored
    assert seen == {"auto", "light", "dark"}
    for mode in ("dark", "light", None):
        show_with(browser, address, 1280, "light", mode)
        shown = browser.execute_script("return document.documentElement.dataset.mode")
        assert shown == (mode or "auto")


def test_the_theme_is_the_systems_and_its_switch_says_so(built_site, browser):
    for theme in ("dark", "light"):
        show_with(browser, (built_site / "index.html").as_uri(), 1280, theme, None)
        wait_until(browser, f"document.documentElement.dataset.theme === '{theme}'")
        button = browser.find_element("css selector", ".theme-switch-button")
        assert button.accessible_name == "Colour theme: system settings"
    for mode in ("dark", "light"):  # in the order of a light system
        button.click()
        wait_until(browser, f"document.documentElement.dataset.mode === '{mode}'")
        assert button.accessible_name == f"Colour theme: {mode}"
    show_with(browser, (built_site / "index.html").as_uri(), 1280, "light", None)


def test_without_javascript_the_theme_is_light(site):
    for path, page in site.items():
        assert re.search(r'<html[^>]* data-theme="light">', page.text), path.name


def test_a_page_in_the_dark_theme_is_printed_in_the_light_one(built_site, browser):
    show(browser, (built_site / "chapters" / "03-rnn.html").as_uri(), 390, "dark")
    wait_until(browser, "document.documentElement.dataset.theme === 'dark'")
    browser.execute_script("""
        addEventListener('beforeprint', () => {
          window.printed = document.documentElement.dataset.theme;
        });
    """)
    browser.execute_cdp_cmd("Page.printToPDF", {"pageRanges": "1"})
    assert browser.execute_script("return window.printed") == "light"
    wait_until(browser, "document.documentElement.dataset.theme === 'dark'")
    try:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        text, paper, picture = browser.execute_script("""
            dispatchEvent(new Event('beforeprint'));
            const style = selector => getComputedStyle(document.querySelector(selector));
            return [style('.bd-article p').color, style('body').backgroundColor,
                    style('.bd-article img').filter];
        """)
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert max(map(int, re.findall(r"\d+", text))) < 100
    assert set(re.findall(r"\d+", paper)[:3]) == {"255"}
    assert picture == "none"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_keyboards_place_in_the_header_is_visible(built_site, browser, theme):
    show(browser, (built_site / "chapters" / "03-rnn.html").as_uri(), 390, theme)
    wait_until(browser, COMPLETE)
    seen = set()
    for _ in range(12):
        press(browser, "\ue004")  # Tab
        label, outline, shadow = browser.execute_script("""
            const stop = document.activeElement;
            const style = getComputedStyle(stop);
            return [stop.closest('.bd-header-article') && (stop.ariaLabel || stop.innerText),
                    style.outlineStyle, style.boxShadow];
        """)
        if label:
            seen.add(label)
            assert outline == "solid" or shadow != "none", label
    assert {"Toggle primary sidebar", "Launch interactive content", "Download this page"} <= seen


@pytest.mark.parametrize("menu", ["primary", "secondary"])
def test_after_a_menu_the_keyboard_is_at_its_button_again(built_site, browser, menu):
    show(browser, (built_site / "chapters" / "03-rnn.html").as_uri(), 390, "light")
    wait_until(browser, COMPLETE)
    browser.find_element("css selector", f".{menu}-toggle").click()
    wait_until(browser, f"document.querySelector('#pst-{menu}-sidebar-modal').open")
    press(browser, "\ue00c")  # Escape
    wait_until(browser, f"document.activeElement.matches('.{menu}-toggle')")
    assert not browser.execute_script("return document.querySelector('dialog[open]')")


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


def test_a_link_preview_shows_a_picture(site, built_site):
    picture = (built_site / "_static" / "preview.png").read_bytes()
    # A PNG's width and height stand where its header begins.
    assert struct.unpack(">II", picture[16:24]) == (1200, 630)
    assert len(picture) < 60_000
    for path, page in site.items():
        if path.name in ("search.html", "genindex.html"):
            continue
        (address,) = metas(page, "og:image")
        assert address.startswith("https://"), path.name
        assert address.endswith("/_static/preview.png"), path.name
        assert metas(page, "twitter:card") == ["summary_large_image"], path.name


def test_every_page_is_described_in_a_sentence_of_its_own(site):
    seen = {}
    for path, page in site.items():
        (sentence,) = metas(page, "description")
        assert metas(page, "og:description") == [sentence], path.name
        assert 30 < len(sentence) <= 200, path.name
        assert re.fullmatch(r"[A-Z][^`*<>]*[^.][.?]", sentence), f"{path.name}: {sentence}"
        assert not re.search(r";,|…|\.\.\.", sentence), f"{path.name}: {sentence}"
        assert sentence not in seen, f"{path.name}: {seen[sentence]}"
        seen[sentence] = path.name
        assert len(metas(page, "viewport")) == 1, path.name
    assert "How can one network give two answers to the same letter?" in seen


def test_the_page_for_wrong_addresses(built_site, browser):
    missing = (built_site / "404.html").read_text(encoding="utf-8")
    assert "No such page" in missing
    assert "{" not in missing.split("</style>")[1]
    assert re.search(r'<link rel="icon" href="/[\w-]+/_static/favicon.svg" />', missing)
    address = (built_site / "404.html").as_uri()
    cases = (
        ("dark", "auto", True),
        ("dark", "light", False),
        ("light", "dark", True),
        ("light", None, False),  # last, so that nothing stays stored for other tests
    )
    for system, mode, dark in cases:
        show_with(browser, address, 390, system, mode)
        paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(20, 24, 30)") == dark, (system, mode)
