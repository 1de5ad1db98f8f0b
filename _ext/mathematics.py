"""Sphinx extension: formulas that need no script.

Each formula becomes MathML when the book is built (by math-core), so that it is there as soon
as the page is. Brackets and sums grow only in a font made for mathematics, which many phones
lack: the site brings STIX Two Math (SIL Open Font License), with no more than the characters
that its formulas use. The font comes with the installed package ziamath.
"""

import html
import re
from importlib import metadata
from pathlib import Path

from docutils.nodes import SkipNode
from fontTools import subset
from math_core import LatexToMathML

FONT = "_static/stix-two-math.woff"
CONVERTER = LatexToMathML()
FORMULA = re.compile(r"<math[ >].*?</math>", re.DOTALL)
# A root over more than one line.
TALL_ROOT = re.compile(r"<m(sqrt|root)>(?:(?!</m\1>).)*<m(frac|table|under|over)", re.DOTALL)
# A name such as `hidden_size`: TeX wants its underscore escaped, MathJax in a notebook does not.
NAME = re.compile(r"\\text\{[^{}]*\}")


def to_mathml(latex: str, display: bool) -> str:
    """The formula as an element <math>; what cannot be converted raises `LatexError`."""
    latex = NAME.sub(lambda match: match[0].replace("_", r"\_"), latex)
    return CONVERTER.convert_with_local_state(latex, displaystyle=display)


def visit_math(self, node):
    self.body.append(to_mathml(node.astext(), display=False))
    raise SkipNode


def visit_displaymath(self, node):
    self.body.append(f'<div class="math">{to_mathml(node.astext(), display=True)}</div>\n')
    raise SkipNode


def italic(letter: str) -> str:
    """The character that a browser shows for a single letter in a formula."""
    if letter == "h":
        return "\u210e"  # Planck's constant took its place
    if letter.isascii():
        start, first = (0x1D434, "A") if letter.isupper() else (0x1D44E, "a")
    else:
        start, first = (0x1D6E2, "Α") if letter.isupper() else (0x1D6FC, "α")
    return chr(start + ord(letter) - ord(first))


def keep_low_root(font):
    """Keep only the root for a single line: beside each, Chromium leaves room for the widest."""
    variants = font["MATH"].table.MathVariants
    root = variants.VertGlyphCoverage.glyphs.index(font.getBestCmap()[ord("√")])
    root = variants.VertGlyphConstruction[root]
    del root.MathGlyphVariantRecord[1:]
    root.GlyphAssembly = None


def write_font(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    pages = (path.read_text(encoding="utf-8") for path in Path(app.outdir).rglob("*.html"))
    formulas = "".join(formula for page in pages for formula in FORMULA.findall(page))
    # The sign of a root stands in no text: it is an element.
    used = {"√", *html.unescape(re.sub("<[^>]*>", "", formulas))}
    used |= {italic(letter) for letter in used if re.fullmatch("[A-Za-zΑ-Ωα-ω]", letter)}
    source = next(file for file in metadata.files("ziamath") if file.suffix == ".ttf").locate()
    options = subset.Options(flavor="woff", name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14], hinting=False)
    font = subset.load_font(source, options)
    if not TALL_ROOT.search(formulas):
        keep_low_root(font)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(used))
    subsetter.subset(font)
    subset.save_font(font, Path(app.outdir, FONT), options)


def setup(app):
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    app.connect("build-finished", write_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
