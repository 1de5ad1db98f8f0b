"""An LSTM and a GRU cell, all of it or one stage with the rest faded, as Olah (2015) does it.

A cell is a list of parts, each `(what it is, which stages need it, x, y in inches, text, ...)`.
"""

from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from rnnlib.figures import GREY, HIDDEN, INPUT, _arrow, _box, _canvas, _text, course_style

SIGMOID, TANH, PRODUCT = r"$\sigma$", r"$\tanh$", r"$\odot$"


def _circle(axes, x, y, text, alpha=1.0):
    axes.add_patch(Circle((x, y), 0.12, facecolor="white", edgecolor="black", alpha=alpha))
    _text(axes, x, y, text, alpha=alpha)


def _gate(x, owner, text, name, meaning, width=0.5):
    """The parts of one gate: fed from the line at the bottom, its name above its box."""
    return [
        ("arrow", owner, [(x, 0.78), (x, 1.04)]),
        ("box", owner, x, 1.2, text, HIDDEN, width),
        ("text", owner, x - 0.13, 1.48, name),
        ("text", owner, x, 0.62, meaning, 10),
    ]


LSTM = [
    ("box", "forget cell", 0.28, 2.5, "$c_{t-1}$", HIDDEN, 0.54),
    ("box", "forget input output", 0.28, 0.78, "$h_{t-1}$", HIDDEN, 0.54),
    ("box", "forget input output", 0.64, 0.18, "$x_t$", INPUT),
    ("box", "cell", 4.78, 2.5, "$c_t$", HIDDEN, 0.54),
    ("box", "output", 4.78, 0.78, "$h_t$", HIDDEN, 0.54),
    # The cell state goes straight through, along the top.
    ("arrow", "forget cell", [(0.55, 2.5), (0.98, 2.5)]),
    ("arrow", "cell", [(1.22, 2.5), (2.33, 2.5)]),
    ("arrow", "cell", [(2.57, 2.5), (4.51, 2.5)]),
    ("circle", "forget cell", 1.1, 2.5, PRODUCT),
    ("circle", "cell", 2.45, 2.5, "$+$"),
    # The gates read the old hidden state and the input, along the bottom.
    ("arrow", "forget input output", [(0.64, 0.34), (0.64, 0.78)]),
    ("arrow", "forget input output", [(0.55, 0.78), (3.3, 0.78)], "-"),
    *_gate(1.1, "forget", SIGMOID, "$f_t$", "forget"),
    *_gate(1.75, "input", SIGMOID, "$i_t$", "input"),
    *_gate(2.45, "input", TANH, "$g_t$", "candidate"),
    *_gate(3.3, "output", SIGMOID, "$o_t$", "output"),
    ("arrow", "forget", [(1.1, 1.36), (1.1, 2.38)]),
    ("arrow", "input", [(1.75, 1.36), (1.75, 1.9), (2.33, 1.9)]),
    ("arrow", "input", [(2.45, 1.36), (2.45, 1.78)]),
    ("circle", "input cell", 2.45, 1.9, PRODUCT),
    ("arrow", "input cell", [(2.45, 2.02), (2.45, 2.38)]),
    ("arrow", "output", [(4.0, 2.5), (4.0, 2.23)]),
    ("box", "output", 4.0, 2.1, TANH, GREY, 0.5, 0.26),
    ("arrow", "output", [(4.0, 1.97), (4.0, 1.77)]),
    ("arrow", "output", [(3.3, 1.36), (3.3, 1.65), (3.88, 1.65)]),
    ("circle", "output", 4.0, 1.65, PRODUCT),
    ("arrow", "output", [(4.0, 1.53), (4.0, 0.78), (4.51, 0.78)]),
]

GRU = [
    ("box", "reset update new state", 0.28, 2.5, "$h_{t-1}$", HIDDEN, 0.54),
    ("box", "reset update new", 0.64, 0.18, "$x_t$", INPUT),
    ("box", "state", 4.78, 2.5, "$h_t$", HIDDEN, 0.54),
    # The state goes along the top; a branch of it meets the input along the bottom.
    ("arrow", "state", [(0.55, 2.5), (0.98, 2.5)]),
    ("arrow", "state", [(1.22, 2.5), (3.98, 2.5)]),
    ("arrow", "state", [(4.22, 2.5), (4.51, 2.5)]),
    ("arrow", "reset update new", [(0.64, 0.34), (0.64, 0.78)]),
    ("arrow", "reset update new", [(0.28, 2.34), (0.28, 0.78), (3.35, 0.78)], "-"),
    *_gate(1.1, "update", SIGMOID, "$z_t$", "update"),
    *_gate(1.75, "reset", SIGMOID, "$r_t$", "reset"),
    *_gate(2.5, "new", "$W_{hn}h$", "", "state alone", 0.68),
    *_gate(3.35, "new", "$W_{in}x$", "", "input alone", 0.68),
    ("arrow", "reset new", [(1.75, 1.36), (1.75, 1.62), (2.38, 1.62)]),
    ("arrow", "new", [(2.5, 1.36), (2.5, 1.5)]),
    ("circle", "new", 2.5, 1.62, PRODUCT),
    ("arrow", "new", [(2.62, 1.62), (3.0, 1.62)]),
    ("arrow", "new", [(3.35, 1.36), (3.35, 1.49)]),
    ("box", "new", 3.35, 1.62, r"$+\,\tanh$", GREY, 0.7, 0.26),
    ("text", "new", 3.9, 1.74, "$n_t$"),
    # The update gate mixes the old state with the new one.
    ("arrow", "update state", [(1.1, 1.36), (1.1, 2.38)]),
    ("arrow", "state", [(1.1, 2.04), (1.62, 2.04)]),
    ("box", "state", 1.97, 2.04, "$1 - z_t$", GREY, 0.7, 0.26),
    ("arrow", "state", [(2.32, 2.04), (3.98, 2.04)]),
    ("arrow", "new state", [(3.7, 1.62), (4.1, 1.62), (4.1, 1.92)]),
    ("arrow", "state", [(4.1, 2.16), (4.1, 2.38)]),
    ("circle", "state", 1.1, 2.5, PRODUCT),
    ("circle", "state", 4.1, 2.04, PRODUCT),
    ("circle", "state", 4.1, 2.5, "$+$"),
]


DRAW = {"box": _box, "circle": _circle, "arrow": _arrow, "text": _text}


def _draw_cell(parts, stage) -> Figure:
    stages = {"all", *" ".join(part[1] for part in parts).split()}
    if stage not in stages:  # else all would be faded
        raise ValueError(f"stage must be one of {sorted(stages)}, got {stage!r}")
    with course_style():
        figure, axes = _canvas(5.07, 2.8)
        style = {"boxstyle": "round,pad=0.1", "facecolor": "none", "edgecolor": GREY}
        axes.add_patch(FancyBboxPatch((0.86, 0.54), 3.4, 2.12, **style))
        for kind, owners, *where in parts:
            DRAW[kind](axes, *where, alpha=1.0 if stage in f"all {owners}".split() else 0.15)
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
        for x, y, draw, style, text in (
            (0.3, 1.45, _box, (SIGMOID, HIDDEN), "weights and bias,\nthen sigmoid"),
            (0.3, 0.85, _box, (TANH, HIDDEN), "weights and bias,\nthen tanh"),
            (0.3, 0.25, _box, (TANH, GREY, 0.5, 0.26), "tanh, no weights"),
            (3.0, 1.45, _circle, (PRODUCT,), "product,\nelement by element"),
            (3.0, 0.85, _circle, ("$+$",), "sum,\nelement by element"),
            (3.0, 0.25, _text, (r"$\longrightarrow$",), "a row of numbers"),
        ):
            draw(axes, x, y, *style)
            _text(axes, x + 0.35, y, text, 11, "left")
    return figure
