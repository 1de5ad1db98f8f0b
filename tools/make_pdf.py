"""Print the whole course into one PDF, with a table of contents.

    jupyter-book build . && python -m tools.make_pdf      writes _build/recurrent-networks.pdf

The pages of the built site are put one after the other into one page, in the order of the table of
contents, with solutions open and without other folded code; Chromium prints it. Needs chromium, chromedriver
and selenium, as the tests of the pages do.
"""

import argparse
import base64
import html
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

from rnnlib.checkpoints import write_atomically
from tools.first_cell import ROOT
from tools.page_report import NoBrowser, open_browser, wait_until

ARTICLE = re.compile(r'<article class="bd-article"[^>]*>(.*?)</article>', re.DOTALL)
LINKED = re.compile(r'\b(href|src|id|for|aria-labelledby|data-clipboard-target)="([^"]*)"')
STYLE = """
    body { max-width: 46rem; margin: 0 auto; }
    section.whole-page { break-before: page; }
    summary, .live-view, .headerlink, .copybtn { display: none !important; }
    .cell, pre { break-inside: auto !important; }
    pre { white-space: pre-wrap; }
"""
UNFOLD = """
    for (const fold of document.querySelectorAll('details')) {
      if (/Show (how|the)(?! solution)/.test(fold.querySelector('summary').textContent)) fold.remove();
      else fold.open = true;
    }
"""
READY = """
    document.fonts.status === 'loaded' && [...document.images].every((image) => image.complete)
"""


def names(root: Path = ROOT) -> list[str]:
    """The pages of the course in their order, without ending."""
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    return [contents["root"]] + [
        chapter["file"] for part in contents["parts"] for chapter in part["chapters"]
    ]


def key(name: str) -> str:
    return name.replace("/", "-")


def moved(page: str, site: Path, name: str, known: set[str]) -> str:
    """The HTML of a page with its links, pictures and anchors as they are in the one page."""
    folder = (site / name).parent

    def move(match: re.Match) -> str:
        attribute, value = match[1], match[2]
        parts = urlsplit(html.unescape(value))
        if attribute in ("id", "for", "aria-labelledby"):
            value = f"{key(name)}--{value}"
        elif attribute == "data-clipboard-target" or parts.scheme or parts.netloc:
            pass
        elif not parts.path and parts.fragment:
            value = f"#{key(name)}--{parts.fragment}"
        elif parts.path:
            target = (folder / unquote(parts.path)).resolve().relative_to(site.resolve())
            other = target.with_suffix("").as_posix()
            if other in known and target.suffix == ".html":
                value = f"#{key(other)}" + (f"--{parts.fragment}" if parts.fragment else "")
            else:
                value = target.as_posix()
        return f'{attribute}="{value}"'

    return LINKED.sub(move, page)


def one_page(site: Path, root: Path = ROOT) -> str:
    """All pages of the built site as one, after a table of contents."""
    order = names(root)
    pages = {name: (site / f"{name}.html").read_text(encoding="utf-8") for name in order}
    head = re.search(r"<head>.*?</head>", pages[order[0]], re.DOTALL)[0]
    contents, sections = [], []
    for name, page in pages.items():
        article = ARTICLE.search(page)[1]
        heading = re.search(r"<h1>(.*?)<a class=\"headerlink\"", article, re.DOTALL)[1]
        title = re.sub("<[^>]+>", "", heading)
        contents.append(f'<li><a href="#{key(name)}">{title}</a></li>')
        body = moved(article, site, name, set(order))
        sections.append(f'<section class="whole-page" id="{key(name)}">{body}</section>')
    head = re.sub(r"<script\b.*?</script>", "", head, flags=re.DOTALL)
    listing = "<h1>Contents</h1><ul>" + "".join(contents) + "</ul>"
    article = f'<article class="bd-article">{listing}{"".join(sections)}</article>'
    whole = f'<body><main class="bd-content">{article}</main></body>'
    style = f"<style>{STYLE}</style>"
    return f'<!DOCTYPE html><html lang="en" data-theme="light">{head}{style}{whole}</html>'


def print_pdf(browser, site: Path) -> bytes:
    """The course as a PDF with an outline."""
    page = site / "whole-course.html"
    page.write_text(one_page(site), encoding="utf-8")
    try:
        browser.get(page.as_uri())
        wait_until(browser, READY)
        browser.execute_script(UNFOLD)
        options = {"printBackground": True, "generateDocumentOutline": True,
                   "generateTaggedPDF": True, "scale": 0.8,
                   "paperWidth": 8.27, "paperHeight": 11.69}  # fmt: skip
        printed = browser.execute_cdp_cmd("Page.printToPDF", options)
    finally:
        page.unlink()
    return base64.b64decode(printed["data"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html")
    parser.add_argument("--to", type=Path, default=ROOT / "_build" / "recurrent-networks.pdf")
    options = parser.parse_args()
    if not (options.site / "index.html").exists():
        raise SystemExit(f"no pages in {options.site}; build the book first: jupyter-book build .")
    try:
        browser = open_browser()
    except NoBrowser as problem:
        raise SystemExit(str(problem)) from None
    try:
        pdf = print_pdf(browser, options.site.resolve())
    finally:
        browser.quit()
    write_atomically(options.to, lambda file: file.write(pdf))
    print(f"{options.to}: {len(pdf) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
