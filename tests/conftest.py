"""What the tests of the site share: the built book, and a browser."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.page_report import NoBrowser, axe_script, open_browser, read_pages

ROOT = Path(__file__).resolve().parent.parent
BUILD_SECONDS = 900  # it takes ten; the rest is for a busy machine


def _build(folder: Path) -> str:
    """Build the book into `folder`; return what went wrong, or nothing."""
    jupyter_book = Path(sys.executable).parent / "jupyter-book"
    result = subprocess.run(
        [jupyter_book, "build", ROOT, "-W", "--keep-going", "-n", "--path-output", folder],
        capture_output=True, text=True, timeout=BUILD_SECONDS,
    )  # fmt: skip
    return "" if result.returncode == 0 else result.stdout[-3000:] + result.stderr[-3000:]


@pytest.fixture(scope="session")
def built_site(tmp_path_factory) -> Path:
    """The folder of the book's pages, built as CI builds them, once in a run of the tests."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the folder that the processes of this run share
    folder, verdict = base / "site", base / "site-verdict"
    try:
        folder.mkdir()
    except FileExistsError:  # another process builds it, or has built it
        waited_until = time.monotonic() + BUILD_SECONDS
        while not verdict.exists() and time.monotonic() < waited_until:
            time.sleep(0.2)
    else:
        partial = verdict.with_suffix(".partial")
        partial.write_text(_build(folder), encoding="utf-8")
        partial.replace(verdict)
    problems = verdict.read_text(encoding="utf-8")
    assert not problems, problems
    return folder / "_build" / "html"


@pytest.fixture(scope="session")
def site(built_site) -> dict:
    """The pages of the book by path."""
    return read_pages(built_site)


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window. Where a part is missing, the test is skipped."""
    try:
        axe_script()
        window = open_browser()
    except NoBrowser as problem:
        pytest.skip(str(problem))
    yield window
    window.quit()
