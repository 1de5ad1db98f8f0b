"""The course's pictures: curves, heat maps, and the network unrolled over time.

Blue is input, orange is hidden state, green is output, grey is what is faded; a circle acts
element by element, a box has weights or an activation. The colours are those of Okabe and Ito,
which colour-blind readers can tell apart. Five inches stay legible on a phone.
"""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

INPUT, HIDDEN, OUTPUT, GREY = "#0072B2", "#D55E00", "#009E73", "#8a8a8a"
COLOURS = (INPUT, HIDDEN, OUTPUT, "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
SIZE = 5.0, 3.0  # inches
STYLE = {
    "axes.prop_cycle": plt.cycler(color=COLOURS, linestyle=LINES),
    "axes.grid": True,
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.dpi": 144,
    "figure.figsize": SIZE,
    "font.size": 11,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "mathtext.fontset": "cm",
    **dict.fromkeys(["axes.spines.top", "axes.spines.right"], False),
    **dict.fromkeys(["legend.fontsize", "xtick.labelsize", "ytick.labelsize"], 10),
}


def course_style():
    """A context in which matplotlib draws in the style of the course."""
    return plt.rc_context(STYLE)


def plot_curves(curves, xlabel: str, ylabel: str, yscale: str = "linear", size=SIZE) -> Figure:
    """One line for each `name: (x, y)` of `curves`; `None` among the y's leaves a point out."""
    with course_style():
        figure, axes = plt.subplots(figsize=size)
        for name, (x, y) in curves.items():
            points = [(a, b) for a, b in zip(x, y, strict=True) if b is not None]
            axes.plot(*zip(*points, strict=True), label=name)
        axes.set(xlabel=xlabel, ylabel=ylabel, yscale=yscale)
        axes.legend()
    return figure


def plot_heatmap(
    values, rows, columns, xlabel="", ylabel="", format="{:.2f}", size=None, most=1.0
) -> Figure:
    """A table of numbers `(len(rows), len(columns))` as colours, each with its number in it.

    `rows` and `columns` are names. Numbers near 0 are pale, `most` and -`most` have full colour.
    """
    values = [list(map(float, row)) for row in values]
    size = size or (max(5.0, 1.4 + 0.5 * len(columns)), 0.9 + 0.36 * len(rows))
    with course_style():
        figure, axes = plt.subplots(figsize=size)
        axes.imshow(values, cmap="PuOr_r", aspect="auto", clim=(-most, most))
        for i, row in enumerate(values):
            for j, value in enumerate(row):
                colour = "white" if abs(value) > 0.6 * most else "black"
                _text(axes, j, i, format.format(value), size=10, color=colour)
        axes.set(xlabel=xlabel, xticks=range(len(columns)), xticklabels=columns)
        axes.set(ylabel=ylabel, yticks=range(len(rows)), yticklabels=rows)
        axes.grid(False)
        axes.tick_params(length=0)
    return figure


def _canvas(width, height):
    """Empty axes on which a unit is an inch."""
    figure, axes = plt.subplots(figsize=(width, height), layout="none")
    axes.set(position=(0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def _text(axes, x, y, text, size=12, ha="center", va="center", **style):
    axes.text(x, y, text, ha=ha, va=va, fontsize=size, **style)


def _box(axes, x, y, text, colour=HIDDEN, width=0.54, height=0.32, alpha=1.0):
    style = {"facecolor": (colour, 0.14 * alpha), "edgecolor": (colour, alpha)}
    style["boxstyle"] = "round,pad=0,rounding_size=0.04"
    axes.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, **style))
    _text(axes, x, y, text, alpha=alpha)


def _arrow(axes, *points, head="-|>", alpha=1.0):
    """A line through `points`, with a head at the last one."""
    style = {"color": "black", "linewidth": 1, "alpha": alpha}
    axes.plot(*zip(*points[:-1], strict=True), linestyle="-", **style)
    style |= {"arrowstyle": head, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], points[-2], arrowprops=style)


def draw_unrolled(
    inputs, targets, weights=("", "", ""), notes=("input", "hidden state", "output")
) -> Figure:
    """The network unrolled over time: a column for each input, the state passed on.

    `weights` names the weights on the arrows input -> hidden, hidden -> hidden and hidden ->
    output, the same ones in each column; `notes` says below the picture what each colour is.
    """
    wide = 0.36 + 0.09 * max(map(len, [*inputs, *targets]))
    width = 0.42 + (wide + 0.43) * len(inputs)
    with course_style():
        figure, axes = _canvas(width, 2.55)
        _text(axes, 0.12, 1.5, "$h_0$")
        for t, (x, y) in enumerate(zip(inputs, targets, strict=True), start=1):
            left = 0.26 + (wide + 0.43) * t - wide  # of a column; 0.43 lies between two
            at = left + wide / 2
            _text(axes, at, 0.42, f"$x_{{{t}}}$")
            _box(axes, at, 0.7, f'"{x}"', INPUT, wide)
            _box(axes, at, 1.5, f"$h_{{{t}}}$", HIDDEN, wide)
            _box(axes, at, 2.3, f'"{y}"', OUTPUT, wide)
            _arrow(axes, (at, 0.86), (at, 1.34))
            _arrow(axes, (at, 1.66), (at, 2.14))
            _arrow(axes, (left - 0.43, 1.5), (left, 1.5))
            _text(axes, at + 0.22, 1.08, weights[0])
            _text(axes, left - 0.23, 1.63, weights[1])
            _text(axes, at + 0.22, 1.88, weights[2])
        at = (width - sum(0.45 + 0.08 * len(note) for note in notes)) / 2
        for note, colour in zip(notes, (INPUT, HIDDEN, OUTPUT), strict=True):
            _box(axes, at + 0.2, 0.12, "", colour, 0.16, 0.16)
            _text(axes, at + 0.34, 0.12, note, ha="left", size=11)
            at += 0.45 + 0.08 * len(note)
    return figure
