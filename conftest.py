"""What every test needs, the notebooks' kernels included: they inherit this environment."""

import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # two threads on small matrices can be 20 times slower
os.environ["TQDM_DISABLE"] = "1"  # a progress bar's text differs from run to run
sys.path.insert(0, str(Path(__file__).parent))


def pytest_collection_modifyitems(items):
    """Run the chapters from the last to the first, after all else: the last ones take longest.

    Each process takes the next file when it has finished one; a long one at the end would leave
    the others waiting.
    """

    def place(item):
        folder, _, name = item.nodeid.split("::")[0].partition("/")
        return (1, -int(name[:2])) if folder == "chapters" else (0, 0)

    items.sort(key=place)


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
