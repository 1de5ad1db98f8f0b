"""Sphinx extension of the course: pages that need no network and load nothing in vain.

Mathematics: a page with formulas loads one file of MathJax 3, copied at build time from
the installed package sphinx-mathjax-offline. It is put beside the static files only after
they were gathered: in the source's `_static/` every page would load it.

Accessibility: some labels of the theme contradict what stands on the thing they label, and
its side bar belongs to no landmark of the page; `REPAIRS` mends the finished pages.

Scripts: Jupyter Book adds Thebe (live code from a CDN) to each page, twice, which the
browser reports as an error. The course does not use it, so its script and style go.
"""

import shutil
from importlib import metadata
from pathlib import Path

PACKAGE = "sphinx-mathjax-offline"
FILE = "static/mathjax/tex-svg.js"

# What the theme writes -> what it should have written.
REPAIRS = {
    # A fold says itself what it shows and hides.
    '<summary aria-label="Toggle hidden content">': "<summary>",
    # The titles of the icons inside ("Light", "Dark", ...) are the button's text.
    'theme-switch-button pst-js-only" aria-label="Color mode"': 'theme-switch-button pst-js-only"',
    # Its text is "Search Ctrl+K".
    'search-button-field search-button__button pst-js-only" title="Search" aria-label="Search"': (
        'search-button-field search-button__button pst-js-only" title="Search"'
    ),
    '<div id="pst-primary-sidebar" class="bd-sidebar-primary bd-sidebar">': (
        '<div id="pst-primary-sidebar" class="bd-sidebar-primary bd-sidebar" '
        'role="region" aria-label="Course contents">'
    ),
}


def copy_mathjax(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    # A missing package raises PackageNotFoundError, which names it.
    files = metadata.files(PACKAGE)
    source = next(file for file in files if file.as_posix().endswith(FILE)).locate()
    target = Path(app.outdir, "_static", app.config.mathjax_path)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def repair_pages(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        for broken, mended in REPAIRS.items():
            page = page.replace(broken, mended)
        path.write_text(page, encoding="utf-8")


def drop_thebe(app, pagename, templatename, context, doctree):
    def wanted(file) -> bool:
        return "thebe" not in f"{file.filename} {file.attributes.get('body')}".lower()

    for key in ("script_files", "css_files"):
        context[key] = [file for file in context.get(key, []) if wanted(file)]


def setup(app):
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", repair_pages)
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
