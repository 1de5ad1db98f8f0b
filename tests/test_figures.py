"""The pictures are drawn, show what they were given, and change no settings."""

import re
from itertools import combinations, pairwise
from math import hypot

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from rnnlib import figures

DRAWINGS = {
    "curves": lambda: figures.plot_curves({"a": ([1, 2], [3, 4])}, "x", "y"),
    "heatmap": lambda: figures.plot_heatmap([[1, 2]], ["r"], ["a", "b"]),
    "unrolled": lambda: figures.draw_unrolled("hell", "ello", ("A", "B", "C")),
    "lstm": lambda: figures.draw_lstm_cell(),
    "gru": lambda: figures.draw_gru_cell(),
    "legend": lambda: figures.draw_cell_legend(),
}
for_all_drawings = pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)


@pytest.fixture(autouse=True)
def _nothing_stays():
    with plt.rc_context():
        yield
    plt.close("all")


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


@for_all_drawings
def test_each_function_returns_the_one_figure_it_opens(draw):
    before = plt.get_fignums()
    figure = draw()
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == [*before, figure.number]


@for_all_drawings
def test_settings_of_matplotlib_are_as_they_were(draw):
    before = dict(matplotlib.rcParams)
    draw()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("pair", [([1],), ([1], [2], [3]), "xy", None])
def test_curve_that_is_no_pair_is_named(pair):
    found = type(pair).__name__
    with pytest.raises(TypeError, match=rf"^curves\['a'\] must be a pair \(x, y\), got {found}$"):
        figures.plot_curves({"a": pair}, "x", "y")


def test_curve_without_a_length_is_named():
    message = r"^curves\['a'\] must be sequences, got int and list$"
    with pytest.raises(TypeError, match=message):
        figures.plot_curves({"a": (3, [1])}, "x", "y")


def test_settings_are_as_they_were_after_an_error_too():
    before = dict(matplotlib.rcParams)
    with pytest.raises(ValueError, match="zip"):
        figures.plot_curves({"a": ([1, 2], [3])}, "x", "y")
    assert dict(matplotlib.rcParams) == before


@for_all_drawings
def test_each_figure_can_be_rendered(draw, tmp_path):
    draw().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_style_holds_within_its_context_only():
    before = matplotlib.rcParams["axes.spines.top"]
    with figures.course_style():
        assert matplotlib.rcParams["axes.spines.top"] is False
    assert matplotlib.rcParams["axes.spines.top"] == before


def test_curves_differ_in_colour_and_in_line_style():
    curves = {str(number): ([0, 1], [0, number]) for number in range(len(figures.COLOURS))}
    lines = figures.plot_curves(curves, "x", "y").axes[0].lines
    assert len({to_hex(line.get_color()) for line in lines}) == len(curves)
    assert len({str(line._dash_pattern) for line in lines}) == len(curves)


def test_curves_carry_their_names_and_the_axes_theirs():
    axes = figures.plot_curves({"a": ([1], [3]), "b": ([1], [4])}, "epoch", "ppl", "log").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("epoch", "ppl", "log")


def test_points_without_a_value_are_left_out():
    figure = figures.plot_curves({"a": ([1, 2, 3, 4], [9, None, 7, None])}, "x", "y")
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[1, 9], [3, 7]]


def test_heatmap_writes_every_number_in_its_cell():
    figure = figures.plot_heatmap(torch.tensor([[0.0, 0.5], [1.0, 0.25]]), ["r", "s"], ["a", "b"])
    found = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert found == {(0, 0): "0.00", (1, 0): "0.50", (0, 1): "1.00", (1, 1): "0.25"}
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["r", "s"]


def test_numbers_of_a_heatmap_are_light_on_dark_and_dark_on_light():
    figure = figures.plot_heatmap([[0.0, 1.0]], ["r"], ["a", "b"], format="{:.0f}")
    assert [text.get_color() for text in figure.axes[0].texts] == ["w", "k"]
    assert texts(figure) == ["0", "1"]


def test_limits_of_a_heatmap_set_its_colours():
    figure = figures.plot_heatmap([[0.2, 0.3]], ["r"], ["a", "b"], limits=(0.0, 1.0))
    assert figure.axes[0].images[0].get_clim() == (0.0, 1.0)
    assert [text.get_color() for text in figure.axes[0].texts] == ["w", "w"]


def test_numbers_of_a_large_heatmap_do_not_touch():
    names = list(map(str, range(12)))
    figure = figures.plot_heatmap(torch.zeros(12, 12), names, names)
    figure.draw_without_rendering()
    numbers = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(one.overlaps(other) for one, other in combinations(numbers, 2))


def test_heatmap_has_the_size_it_was_given():
    figure = figures.plot_heatmap([[1, 2]], ["r"], ["a", "b"], size=(3, 2))
    assert figure.get_size_inches().tolist() == [3, 2]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([[1, 2]], "1 rows of [2]"),
        ([[1, 2]] * 3, "3 rows of [2]"),
        ([[1], [2]], "2 rows of [1]"),
        ([[1, 2, 3], [4, 5, 6]], "2 rows of [3]"),
        ([[1, 2], [3]], "2 rows of [1, 2]"),
    ],
)
def test_heatmap_of_another_shape_is_refused(values, found):
    message = f"values must have shape (2, 2), got {found}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        figures.plot_heatmap(values, ["r", "s"], ["a", "b"])
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"values": None}, TypeError, "values must be rows, got NoneType"),
        ({"values": [1, 2]}, TypeError, "values must hold rows of numbers, but"),
        ({"values": [["a", None]]}, TypeError, "values must hold rows of numbers, but"),
        ({"rows": None}, TypeError, "rows must be a sequence of texts, got NoneType"),
        ({"columns": 2}, TypeError, "columns must be a sequence of texts, got int"),
        ({"xlabel": None}, TypeError, "xlabel must be a str, got NoneType"),
        ({"size": 1}, TypeError, "size must be a pair of numbers, got int"),
        ({"size": (1, 2, 3)}, ValueError, "size must be a pair of numbers, got 3 of them"),
        ({"size": (1, 0)}, ValueError, "size must be a finite number, from 0.1 to 500.0, got 0"),
        ({"limits": (1, "2")}, TypeError, "limits must be a number, got str"),
        ({"limits": (2, 1)}, ValueError, "limits must be in order, got 2.0 and 1.0"),
    ],
)
def test_heatmap_names_what_does_not_fit(change, error, message):
    options = {"values": [[1, 2]], "rows": ["r"], "columns": ["a", "b"]} | change
    with pytest.raises(error, match=f"^{message}"):
        figures.plot_heatmap(**options)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"curves": {"a": ([1], ["b"])}}, TypeError, r"curves\['a'\] must hold numbers, but"),
        ({"curves": {"a": ([None], [1])}}, TypeError, r"curves\['a'\] must hold numbers, but"),
        ({"xlabel": 1}, TypeError, "xlabel must be a str, got int"),
        ({"ylabel": None}, TypeError, "ylabel must be a str, got NoneType"),
        ({"yscale": "wide"}, ValueError, "yscale must be one of 'linear', 'log'"),
        ({"size": 1}, TypeError, "size must be a pair of numbers, got int"),
        ({"size": (1e9, 1)}, ValueError, "size must be a finite number, from 0.1 to 500.0"),
    ],
)
def test_curves_name_what_does_not_fit(change, error, message):
    options = {"curves": {"a": ([1, 2], [3, 4])}, "xlabel": "x", "ylabel": "y"} | change
    with pytest.raises(error, match=f"^{message}"):
        figures.plot_curves(**options)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(("values", "columns"), [([], ["a"]), ([[]], [])])
def test_heatmap_of_nothing_is_refused(values, columns):
    with pytest.raises(ValueError, match=r"^values must hold at least one number, got none$"):
        figures.plot_heatmap(values, ["r"] * len(values), columns)


@pytest.mark.parametrize("format", [None, "{:d}", "{1}", "{.name}", "{[0]}"])
def test_format_that_does_not_show_a_number_is_refused(format):
    with pytest.raises(ValueError, match=r"^format must show one number, .* got "):
        figures.plot_heatmap([[1, 2]], ["r"], ["a", "b"], format=format)


# --- drawings: where their parts lie, in the units of their axes ---

for_all_diagrams = pytest.mark.parametrize("name", ["unrolled", "lstm", "gru", "legend"])


def axes_of(name):
    figure = DRAWINGS[name]()
    figure.draw_without_rendering()  # lays the figure out
    return figure.axes[0]


def extent(artist):
    return artist.axes.transData.inverted().transform_bbox(artist.get_window_extent())


def shapes(axes):
    """The boxes and circles, but not the empty frame around a cell."""
    return [extent(patch) for patch in axes.patches if patch.get_facecolor()[3]]


def segments(axes):
    """The straight pieces of all arrows and lines, each with its two ends."""
    arrows = [text for text in axes.texts if isinstance(text, Annotation)]
    pieces = [(arrow.xyann, arrow.xy) for arrow in arrows]
    for line in axes.lines:
        pieces += pairwise(map(tuple, line.get_xydata()))
    return pieces


def lettering(axes):
    """Where each text lies: those at the centre of a shape, each with its shape, and the rest."""
    centred, free, boxes = [], [], shapes(axes)
    for text in axes.texts:
        x, y = text.get_position()
        around = [b for b in boxes if hypot((b.x0 + b.x1) / 2 - x, (b.y0 + b.y1) / 2 - y) < 0.01]
        if around:
            centred.append((extent(text), *around))
        elif text.get_text():
            free.append(extent(text))
    return centred, free


def gap(point, box):
    """How far a point is from the edge of a box, on either side of it."""
    x, y = point
    outside = hypot(max(box.x0 - x, 0, x - box.x1), max(box.y0 - y, 0, y - box.y1))
    return outside or min(x - box.x0, box.x1 - x, y - box.y0, box.y1 - y)


@pytest.mark.parametrize("name", ["unrolled", "lstm", "gru"])
def test_every_line_goes_from_one_part_of_a_drawing_to_another(name):
    axes = axes_of(name)
    pieces = segments(axes)
    parts = [*shapes(axes), *lettering(axes)[1], *(Bbox(sorted(piece)) for piece in pieces)]
    for piece in pieces:
        for end in piece:
            gaps = [gap(end, part) for part in parts]
            assert sorted(gaps)[1] < 0.09, piece  # the nearest part is the line itself


@for_all_diagrams
def test_lines_of_a_drawing_are_level_or_upright_and_pass_through_nothing(name):
    axes = axes_of(name)
    cores = [shape.padded(-0.06) for shape in shapes(axes)]
    for piece in segments(axes):
        line = Bbox(sorted(piece))
        assert (line.width == 0) != (line.height == 0), piece
        assert not any(line.overlaps(core) for core in cores), piece


@for_all_diagrams
def test_lines_of_a_drawing_can_be_seen(name):
    axes = axes_of(name)
    lines = [text.arrow_patch for text in axes.texts if isinstance(text, Annotation)]
    assert lines
    for line in [*lines, *axes.lines]:
        assert (line.get_alpha(), line.get_linewidth() > 0) == (1, True)


@for_all_diagrams
def test_letters_of_a_drawing_stand_near_what_they_are_about(name):
    axes = axes_of(name)
    parts = [*shapes(axes), *(Bbox(sorted(piece)) for piece in segments(axes))]
    for letters in lettering(axes)[1]:
        assert any(letters.padded(0.45).overlaps(part) for part in parts), letters


@for_all_diagrams
def test_no_part_of_a_drawing_lies_on_another(name):
    axes = axes_of(name)
    centred, free = lettering(axes)
    assert len(centred) == len(shapes(axes))
    for one, other in combinations([*shapes(axes), *free], 2):
        assert not one.overlaps(other)
    for piece in segments(axes):
        assert not any(letters.overlaps(Bbox(sorted(piece))) for letters in free)
    for letters, shape in centred:
        assert Bbox.union([letters, shape]).extents.tolist() == shape.extents.tolist()


@for_all_diagrams
def test_every_part_of_a_drawing_lies_within_its_figure(name):
    axes = axes_of(name)
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    for part in [*map(extent, axes.patches), *map(extent, axes.texts)]:
        assert x0 <= part.x0 <= part.x1 <= x1
        assert y0 <= part.y0 <= part.y1 <= y1


@pytest.mark.parametrize(("name", "num_outside"), [("lstm", 5), ("gru", 3)])
def test_frame_holds_the_cell_but_not_what_comes_and_goes(name, num_outside):
    axes = axes_of(name)
    (frame,) = [extent(patch) for patch in axes.patches if not patch.get_facecolor()[3]]
    ends = [end for piece in segments(axes) for end in piece]
    all_shapes = shapes(axes)
    inside = [frame.overlaps(shape) for shape in all_shapes]
    assert inside.count(False) == num_outside
    for shape, held in zip(all_shapes, inside, strict=True):
        num_lines = sum(gap(end, shape) < 0.05 for end in ends)
        assert num_lines >= (2 if held else 1)
        if held:
            assert Bbox.union([frame, shape]).extents.tolist() == frame.extents.tolist()


@pytest.mark.parametrize(("name", "num_states"), [("unrolled", 4), ("lstm", 4), ("gru", 2)])
def test_input_is_blue_and_state_is_orange(name, num_states):
    axes, found = axes_of(name), {"$x": [], "$h": [], "$c": []}
    for patch in axes.patches:
        centre = (extent(patch).min + extent(patch).max) / 2
        for text in axes.texts:
            if text.get_text()[:2] in found and hypot(*(centre - text.get_position())) < 0.01:
                found[text.get_text()[:2]].append(to_hex(patch.get_edgecolor()))
    assert set(found["$x"]) == {figures.INPUT.lower()}
    assert found["$h"] + found["$c"] == [figures.HIDDEN.lower()] * num_states


def test_weights_stand_beside_the_middle_of_their_arrows():
    axes = axes_of("unrolled")
    pieces = [Bbox(sorted(piece)) for piece in segments(axes)]
    for text in axes.texts:
        if text.get_text() in ("A", "B", "C"):
            letter = extent(text)
            x, y = (letter.x0 + letter.x1) / 2, (letter.y0 + letter.y1) / 2
            middles = [((p.x0 + p.x1) / 2, (p.y0 + p.y1) / 2) for p in pieces]
            assert min(hypot(a - x, b - y) for a, b in middles) < 0.35


def test_unrolled_network_shows_every_input_target_weight_and_note():
    shown = texts(figures.draw_unrolled("hel", "ell", ("A", "B", "C"), ("one", "two", "three")))
    for step, (x, y) in enumerate(zip("hel", "ell", strict=True), start=1):
        assert f'$x_{{{step}}}$ = "{x}"' in shown
        assert f"$h_{{{step}}}$" in shown
        assert f'"{y}"' in shown
    assert [shown.count(weight) for weight in "ABC"] == [3, 3, 3]
    assert {"$h_0$", "one", "two", "three"} <= set(shown)


def test_notes_of_the_unrolled_network_stand_beside_their_rows():
    height = {text.get_text(): text.get_position()[1] for text in axes_of("unrolled").texts}
    for note, part in {
        "input": '$x_{1}$ = "h"',
        "hidden state": "$h_{1}$",
        "output": '"e"',
    }.items():
        assert height[note] == height[part]


def test_unrolled_network_needs_a_target_for_each_input():
    with pytest.raises(ValueError, match=r"^inputs and targets must zip to pairs, got 3 and 2 of"):
        figures.draw_unrolled("hel", "el")


@pytest.mark.parametrize("name", ["inputs", "targets", "weights", "notes"])
def test_unrolled_network_names_what_is_no_sequence(name):
    texts = {"inputs": "he", "targets": "el", name: None}
    with pytest.raises(TypeError, match=f"^{name} must be a sequence of texts, got NoneType$"):
        figures.draw_unrolled(**texts)
    assert plt.get_fignums() == []


def test_unrolled_network_needs_a_note_for_each_row():
    with pytest.raises(ValueError, match=r"^notes must zip to pairs, got 3 and 2 of them$"):
        figures.draw_unrolled("he", "el", notes=("a", "b"))


LSTM_GATES = {
    "all": {"$f_t$", "$i_t$", "$g_t$", "$o_t$"},
    "forget": {"$f_t$"},
    "input": {"$i_t$", "$g_t$"},
    "cell": set(),
    "output": {"$o_t$"},
}
GRU_GATES = {
    "all": {"$r_t$", "$z_t$", "$n_t$"},
    "reset": {"$r_t$"},
    "update": {"$z_t$"},
    "new": {"$n_t$"},
    "state": set(),
}


@pytest.mark.parametrize(
    ("draw", "gates"),
    [(figures.draw_lstm_cell, LSTM_GATES), (figures.draw_gru_cell, GRU_GATES)],
    ids=["lstm", "gru"],
)
def test_stage_of_a_cell_fades_the_gates_of_the_others(draw, gates):
    for stage, clear in gates.items():
        figure = draw(stage)
        alphas = {text.get_text(): text.get_alpha() for text in figure.axes[0].texts}
        assert {gate for gate in gates["all"] if alphas[gate] == 1.0} == clear, stage


def test_every_stage_can_be_drawn():
    assert set(LSTM_GATES) == set(figures.LSTM_STAGES)
    assert set(GRU_GATES) == set(figures.GRU_STAGES)


@pytest.mark.parametrize("stage", ["no such stage", "", None])
@pytest.mark.parametrize(
    ("draw", "stages"),
    [
        (figures.draw_lstm_cell, figures.LSTM_STAGES),
        (figures.draw_gru_cell, figures.GRU_STAGES),
    ],
    ids=["lstm", "gru"],
)
def test_unknown_stage_is_named_with_the_known_ones(draw, stages, stage):
    message = f"^stage must be one of {', '.join(map(repr, stages))}, got {stage!r}$"
    with pytest.raises(ValueError, match=message):
        draw(stage)
    assert plt.get_fignums() == []


def test_legend_explains_every_sign_of_the_cells():
    explained = set(texts(figures.draw_cell_legend()))
    for draw in (figures.draw_lstm_cell, figures.draw_gru_cell):
        signs = {r"$\sigma$", r"$\tanh$", r"$\odot$", "$+$"} & set(texts(draw()))
        assert len(signs) >= 3
        assert signs <= explained


def test_colours_of_the_alphabet_are_all_different():
    colours = (figures.INPUT, figures.HIDDEN, figures.OUTPUT, figures.GREY)
    assert len({to_rgba(colour) for colour in colours}) == 4
    assert len(set(figures.COLOURS)) == len(figures.COLOURS) == len(figures.LINES)
