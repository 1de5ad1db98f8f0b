"""Draw the pictures of README.md and the landing page into `_static/`, with the course's code.

python tools/draw_pictures.py
"""

import sys

import matplotlib
from first_cell import ROOT

sys.path.insert(0, str(ROOT))
from rnnlib import figures


def draw_pictures() -> None:
    matplotlib.use("Agg")
    weights = ("$W_{xh}$", "$W_{hh}$", "$W_{hq}$")
    picture = figures.draw_unrolled("hello", "ohlol", weights)
    picture.savefig(ROOT / "_static" / "unrolled.png", dpi=130, metadata={"Software": None})


if __name__ == "__main__":
    draw_pictures()
