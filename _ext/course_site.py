"""Sphinx extension of the course: pages that need no network and load nothing in vain.

Mathematics: a page with formulas loads one file of MathJax 3, copied at build time from
the installed package sphinx-mathjax-offline. It is put beside the static files only after
they were gathered: in the source's `_static/` every page would load it.

Scripts: Jupyter Book adds Thebe (live code from a CDN) to each page, twice, which the
browser reports as an error. The course does not use it, so its script and style go.
"""

import shutil
from importlib import metadata
from pathlib import Path

PACKAGE = "sphinx-mathjax-offline"
FILE = "static/mathjax/tex-svg.js"


def copy_mathjax(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    # A missing package raises PackageNotFoundError, which names it.
    files = metadata.files(PACKAGE)
    source = next(file for file in files if file.as_posix().endswith(FILE)).locate()
    target = Path(app.outdir, "_static", app.config.mathjax_path)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def drop_thebe(app, pagename, templatename, context, doctree):
    def wanted(file) -> bool:
        return "thebe" not in f"{file.filename} {file.attributes.get('body')}".lower()

    for key in ("script_files", "css_files"):
        context[key] = [file for file in context.get(key, []) if wanted(file)]


def setup(app):
    app.connect("build-finished", copy_mathjax)
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
