"""The pictures are drawn, show what they were given, and change no settings."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure

from rnnlib import figures

DRAWINGS = {
    "curves": lambda: figures.plot_curves({"a": ([1, 2], [3, 4])}, "x", "y"),
    "heatmap": lambda: figures.plot_heatmap([[1, 2]], ["r"], ["a", "b"]),
    "unrolled": lambda: figures.draw_unrolled("hell", "ello"),
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


def test_unrolled_network_shows_every_input_target_weight_and_note():
    shown = texts(figures.draw_unrolled("hel", "ell", ("A", "B", "C"), ("one", "two", "three")))
    for step, (x, y) in enumerate(zip("hel", "ell", strict=True), start=1):
        assert f'$x_{{{step}}}$ = "{x}"' in shown
        assert f"$h_{{{step}}}$" in shown
        assert f'"{y}"' in shown
    assert [shown.count(weight) for weight in "ABC"] == [3, 3, 3]
    assert {"$h_0$", "one", "two", "three"} <= set(shown)


def test_unrolled_network_needs_a_target_for_each_input():
    with pytest.raises(ValueError, match="zip"):
        figures.draw_unrolled("hel", "el")


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
