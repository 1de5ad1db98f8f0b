"""The built site: strict, complete, and sufficient to itself."""

import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from page_report import Page, broken_links, read_pages

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def site(built_site) -> dict[Path, Page]:
    """The pages of the book by path."""
    return read_pages(built_site)


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
        assert not broken_links(page, site), path.name


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
