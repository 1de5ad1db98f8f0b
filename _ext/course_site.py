"""Sphinx extension of the course: mathematics without a network.

The page loads one file of MathJax 3, copied at build time from the installed package
sphinx-mathjax-offline. It is put beside the static files only after they were gathered:
in the source's `_static/` every page would load it, with or without mathematics.
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


def setup(app):
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
