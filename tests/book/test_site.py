"""The built site: strict, complete, and sufficient to itself."""

import html
import re
import subprocess
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest
from fontTools.ttLib import TTFont

from _ext.course_site import leave_out_dead_buttons, prune, tie
from _ext.mathematics import FONT, FORMULA, TALL_ROOT, italic, to_mathml
from tools.page_report import broken_links

ROOT = Path(__file__).resolve().parents[2]


def test_every_page_of_the_table_of_contents_is_built(site):
    names = {path.name for path in site}
    entries = re.findall(r"(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    assert {f"{entry.split('/')[-1]}.html" for entry in entries} <= names


def test_no_page_loads_anything_from_elsewhere(site):
    for path, page in site.items():
        for address in page.loads:
            assert not urlsplit(address).netloc, f"{path.name} loads {address}"
            file = path.parent / unquote(urlsplit(address).path)
            assert file.is_file(), f"{path.name}: {address}"


def test_every_link_within_the_site_leads_somewhere(site):
    for path, page in site.items():
        assert not broken_links(page, site), path.name


def test_no_button_or_link_leads_to_a_repository_without_an_owner(site):
    for path, page in site.items():
        assert not [link for link in page.links if "OWNER" in link], path.name


@pytest.mark.parametrize(("owner", "shown"), [("OWNER", False), ("somebody", True)])
def test_with_an_owner_the_buttons_are_there(owner, shown):
    options = {
        "repository_url": f"https://github.com/{owner}/course", "use_issues_button": True,
        "use_repository_button": True, "launch_buttons": {"colab_url": "https://colab.example"},
    }  # fmt: skip
    leave_out_dead_buttons(None, SimpleNamespace(html_theme_options=options))
    for button in ("use_issues_button", "use_repository_button", "launch_buttons"):
        assert bool(options[button]) == shown


def test_every_image_has_words_and_headings_come_in_order(site):
    for path, page in site.items():
        for image in page.images:
            assert image.get("alt") or "logo" in image["src"], f"{path.name}: {image['src']}"
        assert page.headings.count(1) == 1, path.name
        steps = [later - earlier for earlier, later in pairwise(page.headings)]
        assert max(steps, default=0) <= 1, path.name


def test_the_site_is_built_without_torch_and_without_what_builds_the_live_page(built_site):
    code = "import sys, _ext.course_site; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert not [path for path in built_site.rglob("*") if path.suffix == ".py"]
    assert not (built_site / "_static" / "live" / "build").exists()


def test_no_line_breaks_in_a_short_shape_or_before_its_full_stop():
    def tied(body: str) -> str:
        context = {"body": body}
        tie(None, "page", "page.html", context, None)
        return context["body"]

    code = '<code class="docutils literal notranslate">{}</code>'
    shape, name, call = code.format("(5, 3, 4)"), code.format("h_n"), code.format("f(x), " * 9)
    assert tied(f"in {shape} and") == f'in <span class="tied">{shape}</span> and'
    assert tied(f"({name}).") == f'<span class="tied">({name}).</span>'
    for whole in (f"in {name} and", f"in {call}.", "<math><mi>x</mi></math> and"):
        assert tied(whole) == whole
    assert tied("<a><span>chapter 5</span></a> in chapter 5") == (
        "<a><span>chapter&nbsp;5</span></a> in chapter 5"
    )


def test_styles_that_no_page_or_script_can_use_are_left_out(built_site):
    styles = (
        "/*! thanks */ .a,.b{x:1}.c{y:2}@media print{.c{z:3}.a{z:4}}@media print{.c{z:3}}"
        ".d-e:not(.c){k:1}.a.c{k:2}@font-face{f:1}p{q:1}"
    )
    assert prune(styles, {"a", "d-"}) == (
        "/*! thanks */ .a,.b{x:1}@media print{.a{z:4}}.d-e:not(.c){k:1}@font-face{f:1}p{q:1}"
    )
    theme = (built_site / "_static" / "styles" / "pydata-sphinx-theme.css").read_text("utf-8")
    assert ".bs-tooltip-auto" in theme  # Bootstrap's script puts this name together
    assert len(theme) < 150_000


def test_formulas_are_there_without_a_script_and_their_font_has_every_character(site, built_site):
    font = TTFont(built_site / FONT)
    known = font.getBestCmap()
    pages = [page for page in site.values() if "<math" in page.text]
    assert len(pages) > 15
    for page in pages:
        for formula in FORMULA.findall(page.text):
            letters = set(html.unescape(re.sub("<[^>]*>", "", formula)))
            letters |= {italic(letter) for letter in letters if re.fullmatch("[A-Za-z]", letter)}
            letters = {
                letter for letter in letters if unicodedata.category(letter) not in ("Cf", "Zs")
            }
            assert {letter for letter in letters if ord(letter) not in known} == set(), (
                page.path.name
            )
    assert not [page.path.name for page in pages if "mathjax" in " ".join(page.loads).lower()]
    assert italic("h") == "ℎ"
    assert "hidden_size" in to_mathml(r"\sqrt{\text{hidden_size}}", display=False)
    assert TALL_ROOT.search(to_mathml(r"\sqrt{\frac{1}{n}}", display=False))
    assert not TALL_ROOT.search(to_mathml(r"\sqrt{n} + \frac{1}{n} + \sqrt{n}", display=False))
    pages = "".join(page.text for page in pages)
    variants = font["MATH"].table.MathVariants
    root = variants.VertGlyphCoverage.glyphs.index(known[ord("√")])
    tall = len(variants.VertGlyphConstruction[root].MathGlyphVariantRecord) > 1
    assert tall == any(TALL_ROOT.search(formula) for formula in FORMULA.findall(pages))
