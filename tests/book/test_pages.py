"""Every page of the built book in a real browser, opened from its file, without a server."""

import re
import time

import pytest

from tools.make_pdf import key, names, one_page, print_pdf
from tools.page_report import (
    COMPLETE,
    PATIENCE,
    elsewhere,
    errors,
    requested,
    resize,
    show,
    violations,
    wait_until,
    weight,
)

MOST_BYTES = 900 * 1024  # of a page with all it loads, not compressed

# The rules whose answer depends on colours and sizes. Colours take as long as all others together,
# and are those of the same few styles on every page.
COLOURS = "color-contrast"
RULES_OF_SIGHT = COLOURS, "link-in-text-block", "scrollable-region-focusable"
SHOWPIECES = "index", "01-basic-code", "09-character-model", "13-break-it", "shape-reference"
# What of its contents a page loads a file for.
USES = {
    "clipboard.min.js": "highlight", "copybutton.js": "highlight",
    "copybutton.css": "highlight", "pygments.css": "highlight", "mystnb": "cell",
    "togglebutton": "toggle", "sphinx-design": "sd-card", "design-tabs": "sd-tab-set",
}  # fmt: skip


def metas(page, name: str) -> list[str]:
    """What a page's meta tags of this name or property say."""
    return re.findall(rf'<meta (?:name|property)="{name}" content="([^"]*)"', page.text)


def show_with(browser, address: str, width: int, theme: str, mode: str | None) -> None:
    """Show a page to a reader who has chosen `mode`.

    Each page may have a process of its own, which what was stored reaches a moment later, or
    not at all: so it is stored again until the page finds it. One that finds nothing stores
    "auto" or nothing.
    """
    store = "localStorage.clear(); if (arguments[0]) localStorage.setItem('mode', arguments[0])"
    end = time.monotonic() + PATIENCE
    show(browser, address, width, theme)
    while True:
        browser.execute_script(store, mode)
        show(browser, address, width, theme)
        found = browser.execute_script("return localStorage.getItem('mode')")
        if found in ({mode} if mode else {None, "auto"}):
            return
        assert time.monotonic() < end, f"waited in vain for the mode {mode}"


@pytest.fixture
def chapter(built_site) -> str:
    """The address of a chapter, with code, solutions and pictures."""
    return (built_site / "chapters" / "03-rnn.html").as_uri()


def test_every_page_is_sound(site, browser):
    """No violation of accessibility, error, request elsewhere, weight or sideways scrolling.

    Each page is asked every rule but that of colours wide and light; some of each kind are asked
    that one, too, and the rules of sight narrow and dark. `python -m tools.page_report` asks all
    rules on all pages in four views.
    """
    found = []
    for path in site:
        name = f"{path.parent.name}/{path.name}"
        show(browser, path.as_uri(), 1280, "light")
        wait_until(browser, COMPLETE)
        problems = violations(browser, without=[] if path.stem in SHOWPIECES else [COLOURS])
        problems += too_wide(browser, 1280) + errors(browser)
        asked = requested(browser)
        problems += [f"asks for {address[:200]}" for address in elsewhere(asked)]
        if weight(asked)[0] > MOST_BYTES:
            problems.append(f"weighs {weight(asked)[0]} bytes")
        if path.stem in SHOWPIECES:
            show(browser, path.as_uri(), 390, "dark")
            wait_until(browser, COMPLETE)
            problems += violations(browser, RULES_OF_SIGHT)
        resize(browser, 390, "dark")
        problems += too_wide(browser, 390) + errors(browser)
        found += [f"{name}: {problem}" for problem in problems]
    assert not found, "\n".join(found)


def too_wide(browser, width: int) -> list[str]:
    needed = browser.execute_script("return document.documentElement.scrollWidth")
    return [f"{needed} px wide at {width}"] if needed > width else []


def test_a_page_loads_what_it_uses_and_nothing_else(site):
    for path, page in site.items():
        for file, use in USES.items():
            loaded = any(file in address for address in page.loads)
            assert loaded == (use in page.classes), f"{path.name}: {file}"
        searches = any("searchindex.js" in address for address in page.loads)
        assert searches == (path.name == "search.html"), path.name
        assert not any("fontawesome" in address for address in page.loads), path.name
        # The icons are drawn into the page.
        assert '<svg class="page-icon ' in page.text, path.name
        assert not re.search('<(i|span) class="[^"]*fa-', page.text), path.name
        # Without JavaScript the theme is light.
        assert re.search(r'<html[^>]* data-theme="light">', page.text), path.name


def test_search_is_reached_from_a_chapter(built_site, browser, chapter):
    show(browser, chapter, 1280, "light")
    browser.execute_script("document.querySelector('.search-button__button').click()")
    wait_until(browser, "document.activeElement.matches('input[type=search]')")
    browser.switch_to.active_element.send_keys("perplexity\n")
    wait_until(browser, "document.querySelectorAll('#search-results li a').length > 2")
    assert browser.current_url.split("?")[0] == (built_site / "search.html").as_uri()
    assert errors(browser) == []


def test_the_theme_switch_changes_the_theme_says_so_and_is_remembered(browser, built_site):
    address = (built_site / "index.html").as_uri()
    labels = {"auto": "system settings", "light": "light", "dark": "dark"}
    show_with(browser, address, 1280, "light", None)
    seen = set()
    for _ in range(3):
        button = browser.find_element("css selector", ".theme-switch-button")
        mode = browser.execute_script("return document.documentElement.dataset.mode")
        assert button.accessible_name == f"Colour theme: {labels[mode]}"
        seen.add(mode)
        browser.execute_script("arguments[0].click()", button)
        now = "return [document.documentElement.dataset.mode, localStorage.getItem('mode')]"
        shown, stored = browser.execute_script(now)
        assert shown == stored
    assert seen == {"auto", "light", "dark"}
    for mode in ("dark", "light", None):
        show_with(browser, address, 1280, "light", mode)
        shown = browser.execute_script("return document.documentElement.dataset.mode")
        assert shown == (mode or "auto")
    for theme in ("dark", "light"):
        show_with(browser, address, 1280, theme, None)
        wait_until(browser, f"document.documentElement.dataset.theme === '{theme}'")


def test_a_page_in_the_dark_theme_is_printed_in_the_light_one(browser, chapter):
    show(browser, chapter, 390, "dark")
    wait_until(browser, "document.documentElement.dataset.theme === 'dark'")
    browser.execute_script("""
        addEventListener('beforeprint', () => {
          window.printed = document.documentElement.dataset.theme;
        });
    """)
    browser.execute_cdp_cmd("Page.printToPDF", {"pageRanges": "1"})
    assert browser.execute_script("return window.printed") == "light"
    wait_until(browser, "document.documentElement.dataset.theme === 'dark'")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_keyboards_place_in_the_header_is_visible(browser, chapter, theme):
    show(browser, chapter, 390, theme)
    wait_until(browser, COMPLETE)
    seen = set()
    for _ in range(12):
        browser.switch_to.active_element.send_keys("\ue004")  # Tab
        label, outline, shadow = browser.execute_script("""
            const stop = document.activeElement;
            const style = getComputedStyle(stop);
            return [stop.closest('.bd-header-article') && (stop.ariaLabel || stop.innerText),
                    style.outlineStyle, style.boxShadow];
        """)
        if label:
            seen.add(label)
            assert outline == "solid" or shadow != "none", label
    assert {"Toggle primary sidebar", "Download this page"} <= seen


@pytest.mark.parametrize("menu", ["primary", "secondary"])
def test_after_a_menu_the_keyboard_is_at_its_button_again(browser, chapter, menu):
    show(browser, chapter, 390, "light")
    wait_until(browser, COMPLETE)
    browser.find_element("css selector", f".{menu}-toggle").click()
    wait_until(browser, f"document.querySelector('#pst-{menu}-sidebar-modal').open")
    browser.switch_to.active_element.send_keys("\ue00c")  # Escape
    wait_until(browser, f"document.activeElement.matches('.{menu}-toggle')")
    assert not browser.execute_script("return document.querySelector('dialog[open]')")


def test_code_that_is_folded_opens_and_all_code_can_be_copied(browser, chapter):
    show(browser, chapter, 1280, "light")
    folds = "[...document.querySelectorAll('.cell details')]"
    assert browser.execute_script(f"return {folds}.length > 0 && {folds}.every(d => !d.open)")
    browser.execute_script(f"{folds}[0].querySelector('summary').click()")
    wait_until(browser, f"{folds}[0].open && {folds}[0].querySelector('pre').offsetHeight > 0")
    button = f"{folds}[0].querySelector('button.copybtn')"
    wait_until(browser, button)
    browser.execute_script(f"{button}.click()")
    wait_until(browser, f"{button}.classList.contains('success')")
    target = f"document.querySelector({button}.dataset.clipboardTarget)"
    assert browser.execute_script(f"return {folds}[0].contains({target})")


def test_a_link_preview_shows_a_picture_and_a_sentence_of_the_pages_own(site, built_site):
    assert (built_site / "_static" / "preview.png").is_file()
    seen = {}
    for path, page in site.items():
        (sentence,) = metas(page, "description")
        assert metas(page, "og:description") == [sentence], path.name
        assert sentence not in seen, f"{path.name}: {seen[sentence]}"
        seen[sentence] = path.name
        if path.name not in ("search.html", "genindex.html"):
            (address,) = metas(page, "og:image")
            assert address.endswith("/_static/preview.png"), path.name


def test_the_page_for_wrong_addresses(built_site, browser):
    missing = (built_site / "404.html").read_text(encoding="utf-8")
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


def test_the_course_prints_into_one_pdf_with_every_page_and_no_link_that_leads_nowhere(
    built_site, browser
):
    whole = one_page(built_site)
    anchors = re.findall(r'\bid="([^"]*)"', whole)
    assert {key(name) for name in names()} <= set(anchors)
    links = re.findall(r'href="#([^"]*)"', whole)
    assert len(links) > 100
    assert not set(links) - set(anchors)
    pdf = print_pdf(browser, built_site)
    for name in names():  # the place of each page within the PDF
        assert f"/{key(name)} [".encode() in pdf, name
