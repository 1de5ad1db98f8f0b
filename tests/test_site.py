"""The built site: strict, complete, and sufficient to itself."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent


class Page(HTMLParser):
    """What a page loads, where it links to, its anchors, images and headings."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = path
        self.loads, self.links, self.anchors, self.images, self.headings = [], [], set(), [], []
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
        if tag == "article":
            self.headings.clear()  # the theme repeats the title above, for print
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


@pytest.fixture(scope="module")
def site(built_site) -> dict[Path, Page]:
    """The pages of the book by path; the one for wrong addresses stands outside of it."""
    paths = [path for path in built_site.rglob("*.html") if "_static" not in path.parts]
    return {path: Page(path) for path in paths if path.name != "404.html"}


def test_every_page_of_the_table_of_contents_is_built(site):
    names = {path.name for path in site}
    entries = re.findall(r"(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    assert {f"{entry.split('/')[-1]}.html" for entry in entries} <= names


def test_no_page_loads_anything_from_elsewhere(site):
    for path, page in site.items():
        for address in page.loads:
            assert not urlsplit(address).netloc, f"{path.name} loads {address}"
            assert (path.parent / unquote(urlsplit(address).path)).is_file(), (
                f"{path.name}: {address}"
            )


def test_every_link_within_the_site_leads_somewhere(site):
    for path, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.name}: {link}"
            if parts.fragment and target in site:
                assert unquote(parts.fragment) in site[target].anchors, f"{path.name}: {link}"


def test_every_image_has_words_and_headings_come_in_order(site):
    for path, page in site.items():
        for image in page.images:
            assert "alt" in image, f"{path.name}: {image}"
        for image in page.images:
            assert image.get("alt") or "logo" in image["src"], f"{path.name}: {image['src']}"
        assert page.headings.count(1) == 1, path.name
        steps = [later - earlier for earlier, later in pairwise(page.headings)]
        assert max(steps, default=0) <= 1, path.name


def test_formulas_are_drawn_by_a_file_of_the_site(site):
    with_formulas = [page for page in site.values() if 'class="math' in page.text]
    assert with_formulas
    for page in with_formulas:
        assert any(address.split("?")[0].endswith("mathjax/tex-svg.js") for address in page.loads)


def test_no_page_carries_a_script_of_thebe(site):
    assert not any("THEBE_JS_URL" in page.text for page in site.values())
