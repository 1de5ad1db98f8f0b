"""Draw the pictures of README.md, the landing page and link previews into `_static/`.

They are drawn with the course's code:

python -m tools.draw_pictures
"""

import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from rnnlib import figures
from tools.first_cell import ROOT

PREVIEW = 1200, 630  # pixels, as those who show previews ask for


def course_title() -> tuple[str, str]:
    """The title in `_config.yml`, and the line below it on the landing page."""
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    landing_page = (ROOT / "index.md").read_text(encoding="utf-8")
    title = re.search("^title: (.+)$", config, re.MULTILINE)[1]
    return title, re.search(r"^\*([^*]+)\*$", landing_page, re.MULTILINE)[1]


def pixels(figure, dpi: float) -> Image.Image:
    """The figure as an image of few colours: a small file, soon fetched."""
    figure.set_dpi(dpi)
    figure.canvas.draw()
    return Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB").quantize(64)


def draw_preview(unrolled) -> Image.Image:
    """The course's title over the picture `unrolled`, the size of a link's preview."""
    width, height = PREVIEW
    drawing = pixels(unrolled, 400 / unrolled.get_figheight()).convert("RGB")
    preview = plt.figure(figsize=(width / 100, height / 100), dpi=100)
    preview.figimage(np.asarray(drawing), xo=(width - drawing.width) // 2, yo=40)
    title, subtitle = course_title()
    preview.text(0.5, 0.89, title, ha="center", va="center", fontsize=36, weight="bold")
    preview.text(0.5, 0.785, subtitle, ha="center", va="center", fontsize=26, color="#444444")
    return pixels(preview, 100)


def draw_pictures() -> None:
    matplotlib.use("Agg")
    weights = ("$W_{xh}$", "$W_{hh}$", "$W_{hq}$")
    picture = figures.draw_unrolled("hello", "ohlol", weights)
    pixels(picture, 200).save(ROOT / "_static" / "unrolled.png", optimize=True)
    draw_preview(picture).save(ROOT / "_static" / "preview.png", optimize=True)


if __name__ == "__main__":
    draw_pictures()
