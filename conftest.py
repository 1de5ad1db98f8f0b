"""What every test needs: the library on the path, and one rule for notebooks about a text."""

import os
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from rnnlib import text  # noqa: E402

# Test processes share the cores. (The kernel of a notebook is a process of its own, and sets this
# in its first cells, as a reader's does.)
torch.set_num_threads(1)


def has_text() -> bool:
    """Whether *The Time Machine* itself is at hand, and not the sample in its place."""
    return text.find_text().name == text.FILE_NAME


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        has_text()  # looked for once, before the processes of this run start


@pytest.hookimpl(optionalhook=True)  # without xdist nobody asks
def pytest_xdist_auto_num_workers(config):
    """One more than cores: the tests of the pages wait for a browser, and others for processes."""
    return (os.cpu_count() or 1) + 1


def pytest_report_header():
    if has_text():
        return "text: The Time Machine"
    return "text: the bundled sample; outputs of notebooks about The Time Machine are not compared"


def pytest_collection_modifyitems(items):
    """Long notebooks first, so that no process waits for one at the end; and the rule of the text.

    A notebook with `"text": "timemachine"` in its metadata runs on the sample as well, but then
    its outputs are not compared, and its cells with the tag `real-text` are not run.
    """
    items.sort(key=lambda item: _place(item.nodeid))
    for item in items if not has_text() else ():
        if getattr(getattr(item.parent, "nb", None), "metadata", {}).get("text"):
            item.options["check"] = False
            if "real-text" in item.cell.metadata.get("tags", []):
                item.options["skip"] = True


def _place(nodeid: str) -> tuple:
    folder, _, name = nodeid.split("::")[0].partition("/")
    return (1, -int(name[:2])) if folder == "chapters" else (0, 0)


def pytest_terminal_summary(terminalreporter):
    """Print how long each notebook ran, the slowest first."""
    seconds = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            name = getattr(report, "nodeid", "").split("::")[0]
            if name.endswith(".ipynb"):
                seconds[name] = seconds.get(name, 0) + getattr(report, "duration", 0)
    if seconds:
        terminalreporter.section("seconds per notebook")
        for name, spent in sorted(seconds.items(), key=lambda item: -item[1]):
            terminalreporter.write_line(f"{spent:6.1f}  {name}")
