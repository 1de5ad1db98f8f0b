"""Sphinx extension of the course: pages that need no network and load nothing in vain.

Mathematics: a page with formulas loads one file of MathJax 3, copied at build time from
the installed package sphinx-mathjax-offline. It is put beside the static files only after
they were gathered: in the source's `_static/` every page would load it.

Accessibility: some labels of the theme contradict what stands on the thing they label, and
its side bar belongs to no landmark of the page; `REPAIRS` mends the finished pages.

The live page: its scripts and data lie in `live/`, and are copied for that page alone; the
numbers of its stepper are computed here, from a training of a second.

Published address: GitHub Pages derives it from the repository's, which `_config.yml` names.
Link previews need it, and so does the page for addresses that do not exist, which may be
shown at any depth.

Scripts: Jupyter Book adds Thebe (live code from a CDN) to each page, twice, which the
browser reports as an error. The course does not use it, so its script and style go.
"""

import shutil
import sys
from importlib import metadata
from pathlib import Path

PACKAGE = "sphinx-mathjax-offline"
FILE = "static/mathjax/tex-svg.js"

# What the theme writes -> what it should have written.
REPAIRS = {
    # Roles that do not go together: a list whose entries are no list items.
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
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


def copy_live(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    source, target = Path(app.srcdir, "live"), Path(app.outdir, "_static", "live")
    for path in [*source.rglob("*.js"), *source.rglob("*.css")]:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    sys.path.insert(0, str(app.srcdir))  # a path that is no str is skipped
    from rnnlib.export import script
    from rnnlib.traces import stepper_data

    (target / "data" / "stepper.js").write_bytes(script(stepper_data()))


def published_at(app) -> tuple[str, str]:
    """Host and path of the site on GitHub Pages: owner.github.io, /name/."""
    owner, name = app.config.html_theme_options["repository_url"].rstrip("/").split("/")[-2:]
    return f"https://{owner.lower()}.github.io", f"/{name}/"


def set_previews(app, config):
    config.ogp_site_url = "".join(published_at(app))
    config.ogp_site_name = config.project = config.html_title
    config.ogp_image = config.ogp_site_url + "_static/unrolled.png"
    config.ogp_image_alt = "A recurrent network, unrolled over the letters of hello"


def write_not_found(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    page = Path(app.srcdir, "_ext", "404.html").read_text(encoding="utf-8")
    page = page.replace("{home}", published_at(app)[1]).replace("{title}", app.config.html_title)
    Path(app.outdir, "404.html").write_text(page, encoding="utf-8")


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
    app.connect("config-inited", set_previews)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", write_not_found)
    app.connect("build-finished", copy_live)
    app.connect("build-finished", repair_pages)
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
