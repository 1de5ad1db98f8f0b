"""Open each page of the built book in a browser and say what it loads and what is wrong.

    python -m tools.page_report                       the site in _build/html
    python -m tools.page_report --site PATH           another one
    python -m tools.page_report --json report.json    the same for a program to read
    python -m tools.page_report --axe axe.min.js      another axe-core: npm's is newer

Pages are opened in Chromium without a window, from their files: the strictest way, since a
file may not fetch(). Bytes are those of every file asked for when a page is opened, the page
included; "gzip" is what a server that compresses would send of them. Violations are those
that axe-core finds in both themes, 1280 and 390 pixels wide. Needs what the tests of the
pages need: selenium, axe-core-python, chromium and chromedriver.
"""

import argparse
import functools
import gzip
import json
import re
import shutil
import statistics
import sys
import time
from collections.abc import Iterable
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

ROOT = Path(__file__).resolve().parent.parent
VIEWS = {
    f"{width} px, {theme}": (width, theme) for width in (1280, 390) for theme in ("light", "dark")
}
# A file may not read another file's rules: axe then looks at the styles as they are applied.
AXE_OPTIONS = {"preload": False, "resultTypes": ["violations"]}
# A page has up to 9,000 words of code. Those that the same rules of style apply to, since they
# and all they stand in have the same classes, have the same colours: the first stays what it
# is, the others become plain text, and there is less to look at.
PLAIN_CODE = """
const seen = new Set();
for (const word of document.querySelectorAll(".highlight pre span[class]")) {
  let kind = "";
  for (let part = word; part; part = part.parentElement) kind += `${part.className}|`;
  if (seen.has(kind)) word.replaceWith(...word.childNodes);
  seen.add(kind);
}
// axe takes what a closed <details> holds for visible, and for being where the next thing is.
document.querySelectorAll("details:not(.admonition)").forEach((fold) => { fold.open = true; });
"""
LIVE_PAGE = "live/index.html"
# Seconds until a page that does not get there counts as broken, and a browser that does not answer.
# Both are long, for busy machines: printing the whole course is one answer.
PATIENCE = 300
PATIENCE_FOR_ANSWER = 900

# --- pages as text ---


class Page(HTMLParser):
    """What a page loads, where it links to, its anchors, images, headings and classes."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = path
        self.loads, self.links, self.images, self.headings = [], [], [], []
        self.anchors, self.classes = set(), set()
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if "id" in values:
            self.anchors.add(values["id"])
        if tag in ("script", "img", "iframe", "source") and values.get("src"):
            self.loads.append(values["src"])
        if tag == "link" and values.get("rel") not in (
            "canonical",
            "next",
            "prev",
            "index",
            "search",
        ):
            self.loads.append(values["href"])
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag == "img":
            self.images.append(values)
        if tag == "article":  # what stands before is the theme's: the title once more, for print
            self.headings.clear()
            self.classes.clear()
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.classes.update((values.get("class") or "").split())


def read_pages(site: Path) -> dict[Path, Page]:
    """The pages of the book by path; the one for wrong addresses stands outside of it."""
    paths = sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)
    return {path: Page(path) for path in paths if path.name != "404.html"}


def broken_links(page: Page, pages: dict[Path, Page]) -> list[str]:
    """The links of a page to places within the site that do not exist."""
    broken = []
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
        missing = (
            parts.fragment
            and target in pages
            and (unquote(parts.fragment) not in pages[target].anchors)
        )
        if missing or not target.exists():
            broken.append(link)
    return broken


# --- pages in the browser ---


class NoBrowser(RuntimeError):
    """A part that a browser needs is not installed."""


def open_browser():
    """Chromium, without a window, that keeps a log of its console and its requests.

    Nothing is installed or downloaded for it.
    """
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        raise NoBrowser("a browser needs selenium (requirements.txt)") from None
    names = "chromium", "chromium-browser", "google-chrome"
    chromium = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        missing = "chromedriver" if chromium else "chromium"
        raise NoBrowser(f"a browser needs {missing} (apt-get install chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "headless=new", "no-sandbox", "disable-gpu", "no-first-run",
        "disable-background-networking", "disable-component-update", "disable-sync",
    ):  # fmt: skip
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    browser.set_script_timeout(PATIENCE)
    browser.command_executor.client_config.timeout = PATIENCE_FOR_ANSWER
    return browser


def resize(browser, width: int, theme: str) -> None:
    """Give the window another width, and the reader's system another theme."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)


def show(browser, address: str, width: int, theme: str) -> None:
    resize(browser, width, theme)
    for log in ("browser", "performance"):
        browser.get_log(log)  # forget what came before
    browser.get(address)


def wait_until(browser, condition: str) -> None:
    """Wait until the JavaScript expression `condition` is true."""
    end = time.monotonic() + PATIENCE
    while not browser.execute_script(f"return Boolean({condition})"):
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {condition}")
        time.sleep(0.05)


# Letters have their fonts, and the colours of the theme are no longer on their way.
COMPLETE = """
    document.fonts.status === 'loaded'
    && document.getAnimations().every(e => e.playState === 'finished')
"""


def requested(browser) -> list[str]:
    """The addresses asked for since `show`, each once."""
    addresses = {}
    for entry in browser.get_log("performance"):
        event = json.loads(entry["message"])["message"]
        if event["method"] == "Network.requestWillBeSent":
            addresses[event["params"]["request"]["url"]] = None
    return [address for address in addresses if not address.startswith(("data:", "blob:"))]


def elsewhere(addresses: Iterable[str]) -> list[str]:
    return [address for address in addresses if not address.startswith("file:")]


@functools.cache
def file_weight(path: str) -> tuple[int, int]:
    content = Path(path).read_bytes()
    return len(content), min(len(content), len(gzip.compress(content)))


def weight(addresses: Iterable[str]) -> tuple[int, int]:
    """Bytes of the files at the addresses, as they are and compressed."""
    paths = {urlsplit(address).path for address in addresses if address.startswith("file:")}
    sizes = [file_weight(url2pathname(path)) for path in paths]
    return sum(plain for plain, _ in sizes), sum(small for _, small in sizes)


def errors(browser) -> list[str]:
    """The errors in the console since `show`."""
    entries = browser.get_log("browser")
    return [entry["message"][:200] for entry in entries if entry["level"] == "SEVERE"]


@functools.cache
def axe_script() -> str:
    """The script of axe-core, from the installed package."""
    try:
        files = metadata.files("axe-core-python")
    except metadata.PackageNotFoundError:
        raise NoBrowser("checks of accessibility need axe-core-python (requirements.txt)") from None
    path = next(file for file in files if file.name == "axe.min.js").locate()
    return path.read_text(encoding="utf-8")


def violations(
    browser, rules: Iterable[str] = (), without: Iterable[str] = (), axe: str = ""
) -> list[str]:
    """What axe-core finds wrong with the page as it stands there; its code becomes plain.

    Of all its rules or only of those named, without some; by the pinned script or another.
    """
    if not browser.execute_script("return Boolean(window.axe)"):
        browser.execute_script(PLAIN_CODE)
        browser.execute_script(axe or axe_script())
    options = {**AXE_OPTIONS, "rules": {rule: {"enabled": False} for rule in without}}
    options |= {"runOnly": [*rules]} if rules else {}
    run = "axe.run(arguments[0]).then(arguments[1])"
    found = browser.execute_async_script(run, options)["violations"]
    return [f"{rule['id']} at {rule['nodes'][0]['html'][:120]}" for rule in found]


# --- the report ---


def report_page(browser, page: Page, pages: dict[Path, Page], axe: str) -> dict:
    wrong, problems, addresses = {}, [], set()
    for view, (width, theme) in VIEWS.items():
        show(browser, page.path.as_uri(), width, theme)
        wait_until(browser, COMPLETE)
        wrong[view] = violations(browser, axe=axe)
        problems += errors(browser)
        addresses.update(requested(browser))
    plain, small = weight(addresses)
    return {
        "requests": len(addresses),
        "elsewhere": elsewhere(sorted(addresses)),
        "bytes": plain,
        "gzip": small,
        "violations": {view: found for view, found in wrong.items() if found},
        "errors": problems,
        "broken links": broken_links(page, pages),
    }


def first_character(browser, path: Path, times: int = 5) -> float:
    """Median of milliseconds from a press of Run on the page just opened to new text.

    The network's weights are loaded meanwhile.
    """
    measure = """
        const text = document.querySelector('.live-playground .live-text');
        const [before, start] = [text.textContent.length, performance.now()];
        new MutationObserver(() => {
          if (text.textContent.length > before) arguments[0](performance.now() - start);
        }).observe(text, {childList: true, subtree: true});
        document.querySelector('.live-playground .live-main').click();
    """
    taken = []
    for _ in range(times):
        show(browser, path.as_uri(), 1280, "light")
        wait_until(browser, "document.querySelector('.live-playground.live-ready')")
        taken.append(browser.execute_async_script(measure))
    return statistics.median(taken)


def print_row(name: str, row: dict) -> None:
    cells = (
        row["requests"],
        len(row["elsewhere"]),
        round(row["bytes"] / 1000),
        round(row["gzip"] / 1000),
        sum(map(len, row["violations"].values())),
        len(row["errors"]),
        len(row["broken links"]),
    )
    print(f"{name:32}" + "".join(f"{cell:10}" for cell in cells), flush=True)


def print_problems(name: str, row: dict) -> None:
    for kind in ("elsewhere", "violations", "errors", "broken links"):
        if row[kind]:
            print(f"{name}: {kind}: {json.dumps(row[kind], ensure_ascii=False, indent=2)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--axe", type=Path)
    arguments = parser.parse_args()
    site = arguments.site.resolve()
    pages = read_pages(site)
    if not pages:
        sys.exit(f"no pages in {arguments.site}; build the book first: jupyter-book build .")
    try:
        axe = arguments.axe.read_text(encoding="utf-8") if arguments.axe else axe_script()
        browser = open_browser()
    except NoBrowser as problem:
        sys.exit(str(problem))
    columns = "requests", "elsewhere", "KB", "gzip KB", "axe", "errors", "broken"
    print(f"{'page':32}" + "".join(f"{column:>10}" for column in columns))
    report = {}
    try:
        for path, page in pages.items():
            name = path.relative_to(site).as_posix()
            report[name] = report_page(browser, page, pages, axe)
            print_row(name, report[name])
        milliseconds = first_character(browser, site / LIVE_PAGE)
    finally:
        browser.quit()
    for name, row in report.items():
        print_problems(name, row)
    print(f"{LIVE_PAGE}: first character {milliseconds:.0f} ms after Run, loading included")
    if arguments.json:
        whole = {"pages": report, "first character, ms": milliseconds}
        arguments.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
