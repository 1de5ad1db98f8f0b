"""Every page of the built book in a real browser, opened from its file, without a server."""

import re

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
