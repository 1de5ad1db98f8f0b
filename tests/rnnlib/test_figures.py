"""Each picture shows what it was told, and changes no settings."""

from itertools import combinations

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_hex

from rnnlib import figures
from tools import cells

DRAWINGS = {
    "curves": lambda: figures.plot_curves({"a": ([1, 2], [3, 4])}, "x", "y"),
    "heatmap": lambda: figures.plot_heatmap([[1, 2]], ["r"], ["a", "b"]),
    "unrolled": lambda: figures.draw_unrolled("hello", "ohlol", ("$W_x$", "$W_h$", "$W_q$")),
    "lstm": cells.draw_lstm_cell,
    "gru": cells.draw_gru_cell,
    "legend": cells.draw_cell_legend,
}
for_all_drawings = pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)


@pytest.fixture(autouse=True)
def _nothing_stays_open():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


@for_all_drawings
def test_each_function_opens_one_figure_as_wide_as_a_phone_can_show(draw):
    before = dict(matplotlib.rcParams)
    figure = draw()
    assert plt.get_fignums() == [figure.number]
    assert 4.5 < figure.get_figwidth() < 5.2
    assert dict(matplotlib.rcParams) == before


@for_all_drawings
def test_texts_do_not_touch_and_are_at_least_ten_points_large(draw):
    figure = draw()
    figure.draw_without_rendering()
    shown = [text for text in figure.axes[0].texts if text.get_text()]
    assert all(text.get_fontsize() >= 10 for text in shown)
    for one, other in combinations(shown, 2):
        touch = one.get_window_extent().overlaps(other.get_window_extent())
        assert not touch, (one.get_text(), other.get_text())


def test_style_holds_within_its_context_only():
    with figures.course_style():
        assert plt.figure().get_size_inches().tolist() == [5, 3]
    assert plt.figure().get_size_inches().tolist() != [5, 3]


def test_curves_differ_in_colour_and_line_carry_names_and_leave_out_none():
    curves = {str(number): ([0, 1], [1, number + 1]) for number in range(len(figures.COLOURS))}
    axes = figures.plot_curves(curves, "epoch", "ppl", "log", size=(4, 2)).axes[0]
    assert len({to_hex(line.get_color()) for line in axes.lines}) == len(curves)
    assert len({str(line._dash_pattern) for line in axes.lines}) == len(curves)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(curves)
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("epoch", "ppl", "log")
    assert axes.figure.get_size_inches().tolist() == [4, 2]
    figure = figures.plot_curves({"a": ([1, 2, 3, 4], [9, None, 0, None])}, "x", "y")
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[1, 9], [3, 0]]


def test_heatmap_writes_every_number_in_its_cell():
    values = torch.tensor([[0.0, 0.5], [1.0, 0.25]])
    axes = figures.plot_heatmap(values, ["r", "s"], ["a", "b"], "answer", "truth").axes[0]
    found = {text.get_position(): text.get_text() for text in axes.texts}
    assert found == {(0, 0): "0.00", (1, 0): "0.50", (0, 1): "1.00", (1, 1): "0.25"}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["r", "s"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("answer", "truth")


def test_numbers_of_a_heatmap_are_light_on_dark_and_dark_on_light():
    for most, colours in {1: ["black", "white"], 4: ["black", "black"]}.items():
        figure = figures.plot_heatmap([[0, -1]], ["r"], ["a", "b"], format="{:.0f}", most=most)
        assert [text.get_color() for text in figure.axes[0].texts] == colours
        assert texts(figure) == ["0", "-1"]


def test_unrolled_network_has_a_column_for_each_input_and_names_its_rows():
    notes = ("letter", "memory", "answer")
    shown = texts(figures.draw_unrolled("abc", ["x", "yy", "z"], ("A", "B", "C"), notes))
    for t, (letter, answer) in enumerate(zip("abc", ["x", "yy", "z"], strict=True), start=1):
        for text in (f"$x_{{{t}}}$", f"$h_{{{t}}}$", f'"{letter}"', f'"{answer}"'):
            assert shown.count(text) == 1
    assert [shown.count(name) for name in "ABC"] == [3, 3, 3]
    assert shown[-3:] == list(notes)


STAGES = {
    cells.draw_lstm_cell: {
        "forget": {"$f_t$"}, "input": {"$i_t$", "$g_t$"}, "cell": {"$c_t$"}, "output": {"$o_t$"},
    },
    cells.draw_gru_cell: {
        "update": {"$z_t$"}, "reset": {"$r_t$"}, "new": {"$n_t$"}, "state": {"$1 - z_t$"},
    },
}  # fmt: skip


@pytest.mark.parametrize("draw", STAGES)
def test_a_stage_of_a_cell_fades_all_else(draw):
    marks = set().union(*STAGES[draw].values())
    assert marks <= set(texts(draw()))
    for stage, own in STAGES[draw].items():
        bright = {text.get_text() for text in draw(stage).axes[0].texts if text.get_alpha() == 1}
        assert bright & marks == own
    with pytest.raises(ValueError, match="gate"):
        draw("gate")
