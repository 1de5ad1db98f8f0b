"""The course's pictures: curves, heat maps, the unrolled network, and cells gate by gate.

One picture alphabet throughout: blue is input, orange is hidden state, green is output,
grey is the past and what is faded; a circle acts element by element, a box has weights or
an activation. Colours are those of Okabe and Ito, told apart by colour-blind readers too,
and never the only carrier of meaning. Each function returns a matplotlib figure.
"""

import contextlib
import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from rnnlib.checks import a_str, each_of, has_methods, one_of, real_number, same_length

INPUT, HIDDEN, OUTPUT, GREY = "#0072B2", "#D55E00", "#009E73", "#8a8a8a"
COLOURS = (INPUT, HIDDEN, OUTPUT, "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SCALES = ("linear", "log", "symlog", "logit", "asinh")
MOST_INCHES = 500.0
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


def _numbers(name: str, values, wanted: str = "numbers") -> list[float]:
    """`values` as floats; `wanted` says what they should have been."""
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # as values may be
        raise TypeError(f"{name} must hold {wanted}, but {error}") from error


def _pair(name: str, value, least: float, most: float = math.inf) -> tuple[float, float]:
    """`value` as two numbers within [least, most]."""
    pair = list(each_of(name, value, "a pair of numbers"))
    if len(pair) != 2:
        raise ValueError(f"{name} must be a pair of numbers, got {len(pair)} of them")
    return tuple(real_number(name, number, least, most) for number in pair)


def _texts(name: str, value) -> list[str]:
    return [str(text) for text in each_of(name, value, "a sequence of texts")]


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
    """One line for each `name: (x, y)`; `None` among the y's leaves that point out.

    `size` is width and height in inches. Raises `TypeError` or `ValueError`, which names the
    argument, before a figure is opened.
    """
    has_methods("curves", curves, "items", "a dict of names, each with its x and y")
    for name, pair in curves.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"curves[{name!r}] must be a pair (x, y), got {type(pair).__name__}")
        same_length(f"curves[{name!r}]", *pair)
        _numbers(f"curves[{name!r}]", pair[0])
        _numbers(f"curves[{name!r}]", (y for y in pair[1] if y is not None))
    a_str("xlabel", xlabel)
    a_str("ylabel", ylabel)
    one_of("yscale", yscale, SCALES)
    size = _pair("size", size, 0.1, MOST_INCHES)
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
    """A table of numbers `(len(rows), len(columns))` as colours, each with its number in it.

    `size` is width and height in inches; `limits` are the numbers at the two ends of the
    colours. Raises `TypeError` or `ValueError`, which names the argument, before a figure is
    opened.
    """
    values = [
        _numbers("values", row, "rows of numbers") for row in each_of("values", values, "rows")
    ]
    rows, columns = _texts("rows", rows), _texts("columns", columns)
    a_str("xlabel", xlabel)
    a_str("ylabel", ylabel)
    if size is not None:
        size = _pair("size", size, 0.1, MOST_INCHES)
    low, high = (None, None) if limits is None else _pair("limits", limits, -math.inf)
    if limits is not None and low > high:
        raise ValueError(f"limits must be in order, got {low} and {high}")
    try:
        format.format(0.0)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"format must show one number, as '{{:.2f}}', got {format!r}") from error
    if not values or not len(columns):
        raise ValueError("values must hold at least one number, got none")
    if len(values) != len(rows) or any(len(row) != len(columns) for row in values):
        found = f"{len(values)} rows of {sorted({len(row) for row in values})}"
        raise ValueError(f"values must have shape ({len(rows)}, {len(columns)}), got {found}")
    with course_style():
        figure, axes = plt.subplots(
            figsize=size or (1.6 + 0.62 * len(columns), 1.0 + 0.42 * len(rows))
        )
        image = axes.imshow(values, cmap="cividis", aspect="auto", vmin=low, vmax=high)
        for i in range(len(rows)):
            for j in range(len(columns)):
                dark = image.norm(values[i][j]) < 0.55
                label = format.format(values[i][j])
                axes.text(j, i, label, ha="center", va="center", color="w" if dark else "k")
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), rows)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.grid(False)
        axes.tick_params(length=0)
    return figure


def _canvas(left: float, right: float, bottom: float, top: float, inches: float = 0.8):
    """Empty axes over these limits, the figure cut to fit, so many inches a unit."""
    figure, axes = plt.subplots(figsize=(inches * (right - left), inches * (top - bottom)))
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


def _line(axes, *points, alpha=1.0):
    style = {"color": "black", "linewidth": 1, "linestyle": "-", "alpha": alpha}
    axes.plot(*zip(*points, strict=True), **style)


def _arrow(axes, *points, alpha=1.0, label=""):
    """A line through `points` with a head at the last one, `label` beside its middle."""
    if len(points) > 2:
        _line(axes, *points[:-1], alpha=alpha)
    style = {"arrowstyle": "-|>", "color": "black", "linewidth": 1, "alpha": alpha}
    axes.annotate("", points[-1], points[-2], arrowprops={**style, "shrinkA": 0, "shrinkB": 0})
    if label:
        (x0, y0), (x1, y1) = points[-2:]
        axes.text((x0 + x1) / 2 + 0.06, (y0 + y1) / 2, label, va="center", alpha=alpha)


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
    inputs, targets = _texts("inputs", inputs), _texts("targets", targets)
    weights, notes = _texts("weights", weights), _texts("notes", notes)
    same_length("inputs and targets", inputs, targets)
    same_length("weights", ("",) * 3, weights)
    same_length("notes", ("",) * 3, notes)
    with course_style():
        last = 1.8 * (len(inputs) - 1)
        # Few inches a unit make the letters large beside the boxes: phones shrink the picture.
        figure, axes = _canvas(-1.9, last + 3.0, -0.5, 3.1, inches=0.6)
        for t, (x, y) in enumerate(zip(inputs, targets, strict=True)):
            at = 1.8 * t
            _box(axes, at, 0, f'$x_{{{t + 1}}}$ = "{x}"', INPUT, width=1.4, height=0.6)
            _box(axes, at, 1.3, f"$h_{{{t + 1}}}$", HIDDEN, height=0.6)
            _box(axes, at, 2.6, f'"{y}"', OUTPUT, height=0.6)
            _arrow(axes, (at, 0.33), (at, 0.97), label=weights[0])
            _arrow(axes, (at, 1.63), (at, 2.27), label=weights[2])
            _arrow(axes, (at - 1.37, 1.3), (at - 0.43, 1.3))
            axes.text(at - 0.9, 1.42, weights[1], ha="center", va="bottom")
        axes.text(-1.45, 1.3, "$h_0$", ha="right", va="center")
        for row, note in enumerate(notes):
            axes.text(last + 0.85, 1.3 * row, note, va="center", color="#444444")
    return figure


LSTM_STAGES = ("all", "forget", "input", "cell", "output")
GRU_STAGES = ("all", "reset", "update", "new", "state")


def draw_cell_legend() -> Figure:
    """The signs of which the cells below are drawn, each with its meaning."""
    with course_style():
        figure, axes = _canvas(-0.4, 8.2, -1.9, 0.3)
        for row, text in enumerate(
            ("weights and bias,\nthen sigmoid", "weights and bias,\nthen tanh")
        ):
            _box(axes, 0, -0.8 * row, (r"$\sigma$", r"$\tanh$")[row], HIDDEN, 0.6, 0.4)
            axes.text(0.5, -0.8 * row, text, va="center")
        _box(axes, 0, -1.6, r"$\tanh$", GREY, width=0.6, height=0.3)
        axes.text(0.5, -1.6, "tanh alone, no weights", va="center")
        for row, (sign, text) in enumerate(
            ((r"$\odot$", "product,\nelement by element"), ("$+$", "sum,\nelement by element"))
        ):
            _circle(axes, 4.3, -0.8 * row, sign)
            axes.text(4.8, -0.8 * row, text, va="center")
        _arrow(axes, (4.0, -1.6), (4.6, -1.6))
        axes.text(4.8, -1.6, "a row of numbers", va="center")
    return figure


def _names(axes, names: Mapping[tuple[float, float, str], float]) -> None:
    """Boxes with what goes into a cell (blue: input) and what it hands on (orange: state)."""
    for (x, y, name), alpha in names.items():
        colour = INPUT if name.startswith("$x") else HIDDEN
        _box(axes, x, y, name, colour, width=0.8, height=0.4, alpha=alpha)


def _cell_frame(axes) -> None:
    style = {"boxstyle": "round,pad=0.1", "facecolor": "none", "edgecolor": GREY}
    axes.add_patch(FancyBboxPatch((-0.6, -0.35), 5.6, 3.15, **style))


def _shown(stage: str, stages: Sequence[str]):
    """A function that says how visible a part is, given the stages that it belongs to."""
    one_of("stage", stage, stages)
    return lambda *owners: 1.0 if stage == "all" or stage in owners else 0.15


def draw_lstm_cell(stage: str = "all") -> Figure:
    """One LSTM step, all of it, or one stage with the rest faded (a device of Olah, 2015)."""
    shown = _shown(stage, LSTM_STAGES)
    with course_style():
        figure, axes = _canvas(-2.2, 6.6, -1.3, 3.0)
        _cell_frame(axes)
        # The cell state's road along the top.
        _arrow(axes, (-1.2, 2.3), (0.33, 2.3), alpha=shown("cell", "forget"))
        _arrow(axes, (0.67, 2.3), (1.93, 2.3), alpha=shown("cell"))
        _arrow(axes, (2.27, 2.3), (5.6, 2.3), alpha=shown("cell"))
        _circle(axes, 0.5, 2.3, r"$\odot$", shown("forget", "cell"))
        _circle(axes, 2.1, 2.3, "$+$", shown("cell"))
        _circle(axes, 2.1, 1.5, r"$\odot$", shown("input", "cell"))
        _circle(axes, 4.1, 1.3, r"$\odot$", shown("output"))
        # The gates, fed by h and x along the bottom.
        given = shown("forget", "input", "output")
        _arrow(axes, (-0.9, -0.78), (-0.9, 0), alpha=given)
        _line(axes, (-1.2, 0), (3.3, 0), alpha=given)
        for x, activation, name, owner, meaning in (
            (0.5, r"$\sigma$", "$f_t$", "forget", "forget"),
            (1.3, r"$\sigma$", "$i_t$", "input", "input"),
            (2.1, r"$\tanh$", "$g_t$", "input", "candidate"),
            (3.3, r"$\sigma$", "$o_t$", "output", "output"),
        ):
            alpha = shown(owner)
            _arrow(axes, (x, 0), (x, 0.38), alpha=alpha)
            _box(axes, x, 0.6, activation, HIDDEN, width=0.6, height=0.4, alpha=alpha)
            axes.text(x - 0.1, 1.02, name, ha="right", va="center", alpha=alpha)
            axes.text(x, -0.1, meaning, ha="center", va="top", fontsize=9, alpha=alpha)
        _arrow(axes, (0.5, 0.82), (0.5, 2.12), alpha=shown("forget"))
        _arrow(axes, (1.3, 0.82), (1.3, 1.5), (1.92, 1.5), alpha=shown("input"))
        _arrow(axes, (2.1, 0.82), (2.1, 1.32), alpha=shown("input"))
        _arrow(axes, (2.1, 1.68), (2.1, 2.12), alpha=shown("input", "cell"))
        _arrow(axes, (3.3, 0.82), (3.3, 1.3), (3.92, 1.3), alpha=shown("output"))
        # From the cell state down to the new hidden state.
        _arrow(axes, (4.1, 2.3), (4.1, 2.05), alpha=shown("output"))
        _box(axes, 4.1, 1.85, r"$\tanh$", GREY, width=0.6, height=0.3, alpha=shown("output"))
        _arrow(axes, (4.1, 1.68), (4.1, 1.48), alpha=shown("output"))
        _arrow(axes, (4.1, 1.12), (4.1, 0), (5.6, 0), alpha=shown("output"))
        names = {
            (-1.65, 2.3, "$c_{t-1}$"): shown("cell", "forget"),
            (6.05, 2.3, "$c_t$"): shown("cell"),
        }
        names |= {(-1.65, 0, "$h_{t-1}$"): given, (6.05, 0, "$h_t$"): shown("output")}
        _names(axes, names | {(-0.9, -1.0, "$x_t$"): given})
    return figure


def draw_gru_cell(stage: str = "all") -> Figure:
    """One GRU step as PyTorch computes it, all of it, or one stage with the rest faded."""
    shown = _shown(stage, GRU_STAGES)
    with course_style():
        figure, axes = _canvas(-2.2, 6.6, -1.3, 3.0)
        _cell_frame(axes)
        # The state's road along the top; a branch of it meets x along the bottom.
        _arrow(axes, (-1.2, 2.5), (0.33, 2.5), alpha=shown("state"))
        _arrow(axes, (0.67, 2.5), (4.13, 2.5), alpha=shown("state"))
        _arrow(axes, (4.47, 2.5), (5.6, 2.5), alpha=shown("state"))
        given = shown("reset", "update", "new")
        _arrow(axes, (-0.9, -0.78), (-0.9, 0), alpha=given)
        _line(axes, (-1.65, 2.25), (-1.65, 0), (3.2, 0), alpha=given)
        for x, text, width, name, owner, meaning in (
            (0.5, r"$\sigma$", 0.6, "$z_t$", "update", "update"),
            (1.3, r"$\sigma$", 0.6, "$r_t$", "reset", "reset"),
            (2.15, "$W_{hn}h$", 0.8, "", "new", "state alone"),
            (3.2, "$W_{in}x$", 0.8, "", "new", "input alone"),
        ):
            alpha = shown(owner)
            _arrow(axes, (x, 0), (x, 0.38), alpha=alpha)
            _box(axes, x, 0.6, text, HIDDEN, width=width, height=0.4, alpha=alpha)
            axes.text(x - 0.1, 1.02, name, ha="right", va="center", alpha=alpha)
            axes.text(x, -0.1, meaning, ha="center", va="top", fontsize=9, alpha=alpha)
        _arrow(axes, (1.3, 0.82), (1.3, 1.3), (1.97, 1.3), alpha=shown("reset", "new"))
        _arrow(axes, (2.15, 0.82), (2.15, 1.12), alpha=shown("new"))
        _circle(axes, 2.15, 1.3, r"$\odot$", shown("new"))
        _arrow(axes, (2.33, 1.3), (2.86, 1.3), alpha=shown("new"))
        _arrow(axes, (3.2, 0.82), (3.2, 1.12), alpha=shown("new"))
        _box(axes, 3.2, 1.3, r"$+\,\tanh$", GREY, width=0.62, height=0.3, alpha=shown("new"))
        axes.text(3.75, 1.42, "$n_t$", ha="center", va="bottom", alpha=shown("new"))
        # The update gate mixes the old state with the new one.
        _arrow(axes, (0.5, 0.82), (0.5, 2.32), alpha=shown("update", "state"))
        _arrow(axes, (0.5, 1.8), (1.9, 1.8), alpha=shown("state"))
        _box(axes, 2.3, 1.8, r"$1 - z_t$", GREY, width=0.74, height=0.3, alpha=shown("state"))
        _arrow(axes, (2.7, 1.8), (4.12, 1.8), alpha=shown("state"))
        _arrow(axes, (3.54, 1.3), (4.3, 1.3), (4.3, 1.62), alpha=shown("new", "state"))
        _arrow(axes, (4.3, 1.98), (4.3, 2.32), alpha=shown("state"))
        for x, y, sign in ((0.5, 2.5, r"$\odot$"), (4.3, 1.8, r"$\odot$"), (4.3, 2.5, "$+$")):
            _circle(axes, x, y, sign, shown("state"))
        names = {(-1.65, 2.5, "$h_{t-1}$"): 1.0, (6.05, 2.5, "$h_t$"): shown("state")}
        _names(axes, names | {(-0.9, -1.0, "$x_t$"): given})
    return figure
