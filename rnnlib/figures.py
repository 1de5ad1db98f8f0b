"""The course's pictures: curves, heat maps, the unrolled network, and cells gate by gate.

One picture alphabet throughout: blue is input, orange is hidden state, green is output,
grey is the past and what is faded; a circle acts element by element, a box has weights or
an activation. Colours are those of Okabe and Ito, told apart by colour-blind readers too,
and never the only carrier of meaning. Each function returns a matplotlib figure.
"""

import contextlib
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from rnnlib.checks import one_of

INPUT, HIDDEN, OUTPUT, GREY = "#0072B2", "#D55E00", "#009E73", "#8a8a8a"
COLOURS = (INPUT, HIDDEN, OUTPUT, "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
STYLE = {
    "axes.prop_cycle": plt.cycler(color=COLOURS, linestyle=LINES),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "font.size": 11,
    "mathtext.fontset": "cm",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 110,
}


@contextlib.contextmanager
def course_style():
    """Within this context, matplotlib draws in the style of the course."""
    with plt.rc_context(STYLE):
        yield


def plot_curves(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    xlabel: str,
    ylabel: str,
    yscale: str = "linear",
    size: tuple[float, float] = (7.0, 3.4),
) -> Figure:
    """One line for each `name: (x, y)`; `None` among the y's leaves that point out."""
    with course_style():
        figure, axes = plt.subplots(figsize=size)
        for name, (x, y) in curves.items():
            points = [(a, b) for a, b in zip(x, y, strict=True) if b is not None]
            axes.plot(*zip(*points, strict=True), label=name)
        axes.set(xlabel=xlabel, ylabel=ylabel, yscale=yscale)
        axes.legend()
    return figure


def plot_heatmap(
    values,
    rows: Sequence[str],
    columns: Sequence[str],
    xlabel: str = "",
    ylabel: str = "",
    format: str = "{:.2f}",
    size: tuple[float, float] | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """A table of numbers `(len(rows), len(columns))` as colours, each with its number in it."""
    with course_style():
        figure, axes = plt.subplots(
            figsize=size or (1.6 + 0.62 * len(columns), 1.0 + 0.42 * len(rows))
        )
        low, high = limits or (None, None)
        image = axes.imshow(values, cmap="cividis", aspect="auto", vmin=low, vmax=high)
        for i in range(len(rows)):
            for j in range(len(columns)):
                dark = image.norm(float(values[i][j])) < 0.55
                label = format.format(float(values[i][j]))
                axes.text(j, i, label, ha="center", va="center", color="w" if dark else "k")
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), rows)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.grid(False)
        axes.tick_params(length=0)
    return figure


def _canvas(left: float, right: float, bottom: float, top: float):
    """Empty axes over these limits, the figure cut to fit, 0.8 inches a unit."""
    figure, axes = plt.subplots(figsize=(0.8 * (right - left), 0.8 * (top - bottom)))
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    axes.axis("off")
    return figure, axes


def _box(axes, x, y, text, colour, width=0.8, height=0.5, alpha=1.0):
    shape = FancyBboxPatch(
        (x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0.02",
        facecolor=(colour, 0.14 * alpha), edgecolor=(colour, alpha),
    )  # fmt: skip
    axes.add_patch(shape)
    axes.text(x, y, text, ha="center", va="center", alpha=alpha)


def _circle(axes, x, y, text, alpha=1.0):
    axes.add_patch(Circle((x, y), 0.17, facecolor="white", edgecolor="black", alpha=alpha))
    axes.text(x, y, text, ha="center", va="center", alpha=alpha)


def _arrow(axes, *points, alpha=1.0, label=""):
    """A line through `points` with a head at the last one, `label` beside its middle."""
    if len(points) > 2:
        axes.plot(
            *zip(*points[:-1], strict=True), color="black", linewidth=1, linestyle="-", alpha=alpha
        )
    style = {"arrowstyle": "-|>", "color": "black", "linewidth": 1, "alpha": alpha}
    axes.annotate("", points[-1], points[-2], arrowprops={**style, "shrinkA": 0, "shrinkB": 0})
    if label:
        (x0, y0), (x1, y1) = points[-2:]
        axes.text((x0 + x1) / 2 + 0.06, (y0 + y1) / 2, label, va="center", fontsize=9, alpha=alpha)


def draw_unrolled(
    inputs: Sequence[str],
    targets: Sequence[str],
    weights: tuple[str, str, str] = ("", "", ""),
    notes: tuple[str, str, str] = ("input", "hidden state", "output"),
) -> Figure:
    """The network unrolled over time: a column for each input, the state handed on.

    `weights` names the weights on the arrows input -> hidden, hidden -> hidden and hidden ->
    output, the same ones in each column; `notes` says at the right what each row is.
    """
    with course_style():
        last = 1.6 * (len(inputs) - 1)
        figure, axes = _canvas(-1.7, last + 2.6, -0.4, 2.6)
        for t, (x, y) in enumerate(zip(inputs, targets, strict=True)):
            at = 1.6 * t
            _box(axes, at, 0, f'$x_{{{t + 1}}}$ = "{x}"', INPUT, width=1.05)
            _box(axes, at, 1.1, f"$h_{{{t + 1}}}$", HIDDEN)
            _box(axes, at, 2.2, f'"{y}"', OUTPUT)
            _arrow(axes, (at, 0.28), (at, 0.82), label=weights[0])
            _arrow(axes, (at, 1.38), (at, 1.92), label=weights[2])
            _arrow(axes, (at - 1.16, 1.1), (at - 0.43, 1.1))
            axes.text(at - 0.8, 1.2, weights[1], ha="center", va="bottom", fontsize=9)
        axes.text(-1.22, 1.1, "$h_0$", ha="right", va="center")
        for row, note in enumerate(notes):
            axes.text(last + 0.72, 1.1 * row, note, va="center", color="#444444")
    return figure


LSTM_STAGES = ("all", "forget", "input", "cell", "output")


def draw_lstm_cell(stage: str = "all") -> Figure:
    """One LSTM step, all of it, or one stage with the rest faded (a device of Olah, 2015)."""
    one_of("stage", stage, LSTM_STAGES)

    def shown(*stages: str) -> float:
        return 1.0 if stage == "all" or stage in stages else 0.15

    with course_style():
        figure, axes = _canvas(-2.1, 6.4, -1.2, 3.0)
        frame = FancyBboxPatch(
            (-0.6, -0.25), 5.6, 2.95, boxstyle="round,pad=0.1", facecolor="none", edgecolor=GREY
        )
        axes.add_patch(frame)
        # The cell state's road along the top.
        _arrow(axes, (-1.3, 2.3), (0.3, 2.3), alpha=shown("cell", "forget"))
        _arrow(axes, (0.67, 2.3), (1.93, 2.3), alpha=shown("cell"))
        _arrow(axes, (2.27, 2.3), (5.7, 2.3), alpha=shown("cell"))
        _circle(axes, 0.5, 2.3, r"$\odot$", shown("forget", "cell"))
        _circle(axes, 2.1, 2.3, "$+$", shown("cell"))
        _circle(axes, 2.1, 1.5, r"$\odot$", shown("input", "cell"))
        _circle(axes, 4.1, 1.3, r"$\odot$", shown("output"))
        # The gates, fed by h and x along the bottom.
        axes.plot([-1.3, 3.3], [0, 0], color="black", linewidth=1, linestyle="-")
        _arrow(axes, (-1, -0.75), (-1, 0))
        for x, activation, name, owner in (
            (0.5, r"$\sigma$", "$f_t$", "forget"),
            (1.3, r"$\sigma$", "$i_t$", "input"),
            (2.1, r"$\tanh$", "$g_t$", "input"),
            (3.3, r"$\sigma$", "$o_t$", "output"),
        ):
            _arrow(axes, (x, 0), (x, 0.38), alpha=shown(owner))
            _box(axes, x, 0.6, activation, HIDDEN, width=0.6, height=0.4, alpha=shown(owner))
            axes.text(x - 0.1, 1.02, name, ha="right", va="center", alpha=shown(owner))
        _arrow(axes, (0.5, 0.82), (0.5, 2.12), alpha=shown("forget"))
        _arrow(axes, (1.3, 0.82), (1.3, 1.5), (1.92, 1.5), alpha=shown("input"))
        _arrow(axes, (2.1, 0.82), (2.1, 1.32), alpha=shown("input"))
        _arrow(axes, (2.1, 1.68), (2.1, 2.12), alpha=shown("input", "cell"))
        _arrow(axes, (3.3, 0.82), (3.3, 1.3), (3.92, 1.3), alpha=shown("output"))
        # From the cell state down to the new hidden state.
        _arrow(axes, (4.1, 2.3), (4.1, 2.05), alpha=shown("output"))
        _box(axes, 4.1, 1.85, r"$\tanh$", OUTPUT, width=0.6, height=0.3, alpha=shown("output"))
        _arrow(axes, (4.1, 1.68), (4.1, 1.48), alpha=shown("output"))
        _arrow(axes, (4.1, 1.12), (4.1, 0), (5.7, 0), alpha=shown("output"))
        for y, before, after in ((2.3, "$c_{t-1}$", "$c_t$"), (0, "$h_{t-1}$", "$h_t$")):
            axes.text(-1.4, y, before, ha="right", va="center")
            axes.text(5.8, y, after, ha="left", va="center")
        axes.text(-1, -0.85, "$x_t$", ha="center", va="top")
    return figure
