"""An LSTM and a GRU cell, all of it or one stage with the rest faded, as Olah (2015) does it."""

from functools import partial

from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from rnnlib.figures import GREY, HIDDEN, INPUT, _arrow, _box, _canvas, _text, course_style

_line = partial(_arrow, head="-")
SIGMOID, TANH, PRODUCT = r"$\sigma$", r"$\tanh$", r"$\odot$"


def _circle(axes, x, y, text, alpha=1.0):
    axes.add_patch(Circle((x, y), 0.12, facecolor="white", edgecolor="black", alpha=alpha))
    _text(axes, x, y, text, alpha=alpha)


def _gate(axes, x, text, name, meaning, *path, alpha=1.0):
    """A box with weights, fed from the line at the bottom; from its top an arrow along `path`."""
    _arrow(axes, (x, 0.78), (x, 1.04), alpha=alpha)
    _box(axes, x, 1.2, text, width=0.5 if name else 0.68, alpha=alpha)
    _text(axes, x - 0.13, 1.48, name, alpha=alpha)
    _text(axes, x, 0.62, meaning, 10, alpha=alpha)
    if path:
        _arrow(axes, (x, 1.36), *path, alpha=alpha)


# Each row: the stages that need it, then its parts, a function and where it draws, in inches.
LSTM = [
    # The cell state goes straight through, along the top.
    ("forget cell", (_box, 0.28, 2.5, "$c_{t-1}$"), (_arrow, (0.55, 2.5), (0.98, 2.5))),
    ("forget cell", (_circle, 1.1, 2.5, PRODUCT)),
    ("cell", (_arrow, (1.22, 2.5), (2.33, 2.5)), (_circle, 2.45, 2.5, "$+$")),
    ("cell", (_arrow, (2.57, 2.5), (4.51, 2.5)), (_box, 4.78, 2.5, "$c_t$")),
    # The gates read the old hidden state and the input, along the bottom.
    ("forget input output", (_box, 0.28, 0.78, "$h_{t-1}$"), (_box, 0.64, 0.18, "$x_t$", INPUT)),
    ("forget input output", (_line, (0.55, 0.78), (3.3, 0.78))),
    ("forget input output", (_arrow, (0.64, 0.34), (0.64, 0.78))),
    ("forget", (_gate, 1.1, SIGMOID, "$f_t$", "forget", (1.1, 2.38))),
    ("input", (_gate, 1.75, SIGMOID, "$i_t$", "input", (1.75, 1.9), (2.33, 1.9))),
    ("input", (_gate, 2.45, TANH, "$g_t$", "candidate", (2.45, 1.78))),
    ("input cell", (_circle, 2.45, 1.9, PRODUCT), (_arrow, (2.45, 2.02), (2.45, 2.38))),
    ("output", (_gate, 3.3, SIGMOID, "$o_t$", "output", (3.3, 1.65), (3.88, 1.65))),
    ("output", (_arrow, (4, 2.5), (4, 2.23)), (_box, 4, 2.1, TANH, GREY, 0.5, 0.26)),
    ("output", (_arrow, (4, 1.97), (4, 1.77)), (_circle, 4, 1.65, PRODUCT)),
    ("output", (_arrow, (4, 1.53), (4, 0.78), (4.51, 0.78)), (_box, 4.78, 0.78, "$h_t$")),
]
GRU = [
    # The state goes along the top; a branch of it meets the input along the bottom.
    ("reset update new state", (_box, 0.28, 2.5, "$h_{t-1}$")),
    ("reset update new", (_line, (0.28, 2.34), (0.28, 0.78), (3.35, 0.78))),
    ("reset update new", (_box, 0.64, 0.18, "$x_t$", INPUT), (_arrow, (0.64, 0.34), (0.64, 0.78))),
    ("state", (_arrow, (0.55, 2.5), (0.98, 2.5)), (_circle, 1.1, 2.5, PRODUCT)),
    ("state", (_arrow, (1.22, 2.5), (3.98, 2.5)), (_circle, 4.1, 2.5, "$+$")),
    ("state", (_arrow, (4.22, 2.5), (4.51, 2.5)), (_box, 4.78, 2.5, "$h_t$")),
    ("reset", (_gate, 1.75, SIGMOID, "$r_t$", "reset")),
    ("reset new", (_arrow, (1.75, 1.36), (1.75, 1.62), (2.38, 1.62))),
    ("new", (_gate, 2.5, "$W_{hn}h$", "", "state alone", (2.5, 1.5))),
    ("new", (_gate, 3.35, "$W_{in}x$", "", "input alone", (3.35, 1.49))),
    ("new", (_circle, 2.5, 1.62, PRODUCT), (_arrow, (2.62, 1.62), (3, 1.62))),
    ("new", (_box, 3.35, 1.62, r"$+\,\tanh$", GREY, 0.7, 0.26), (_text, 3.9, 1.74, "$n_t$")),
    # The update gate mixes the old state with the new one.
    ("update", (_gate, 1.1, SIGMOID, "$z_t$", "update")),
    ("update state", (_arrow, (1.1, 1.36), (1.1, 2.38))),
    ("state", (_arrow, (1.1, 2.04), (1.62, 2.04)), (_arrow, (2.32, 2.04), (3.98, 2.04))),
    ("state", (_box, 1.97, 2.04, "$1 - z_t$", GREY, 0.7, 0.26), (_circle, 4.1, 2.04, PRODUCT)),
    ("new state", (_arrow, (3.7, 1.62), (4.1, 1.62), (4.1, 1.92))),
    ("state", (_arrow, (4.1, 2.16), (4.1, 2.38))),
]


def _draw_cell(rows, stage) -> Figure:
    stages = {"all", *" ".join(row[0] for row in rows).split()}
    if stage not in stages:  # else all would be faded
        raise ValueError(f"stage must be one of {sorted(stages)}, got {stage!r}")
    with course_style():
        figure, axes = _canvas(5.07, 2.8)
        style = {"boxstyle": "round,pad=0.1", "facecolor": "none", "edgecolor": GREY}
        axes.add_patch(FancyBboxPatch((0.86, 0.54), 3.4, 2.12, **style))
        for owners, *parts in rows:
            alpha = 1.0 if stage in f"all {owners}".split() else 0.15
            for draw, *where in parts:
                draw(axes, *where, alpha=alpha)
    return figure


def draw_lstm_cell(stage: str = "all") -> Figure:
    """One LSTM step; `stage`: all of it, or "forget", "input", "cell" or "output" alone."""
    return _draw_cell(LSTM, stage)


def draw_gru_cell(stage: str = "all") -> Figure:
    """One GRU step; `stage`: all of it, or "reset", "update", "new" or "state" alone."""
    return _draw_cell(GRU, stage)


def draw_cell_legend() -> Figure:
    """The signs used in the drawings of cells, each with its meaning."""
    with course_style():
        figure, axes = _canvas(5.0, 1.7)
        for x, y, text, draw, *style in (
            (0.3, 1.45, "weights and bias,\nthen sigmoid", _box, SIGMOID, HIDDEN, 0.5),
            (0.3, 0.85, "weights and bias,\nthen tanh", _box, TANH, HIDDEN, 0.5),
            (0.3, 0.25, "tanh, no weights", _box, TANH, GREY, 0.5, 0.26),
            (3.0, 1.45, "product,\nelement by element", _circle, PRODUCT),
            (3.0, 0.85, "sum,\nelement by element", _circle, "$+$"),
            (3.0, 0.25, "a row of numbers", _text, r"$\longrightarrow$"),
        ):
            draw(axes, x, y, *style)
            _text(axes, x + 0.35, y, text, 11, "left")
    return figure
