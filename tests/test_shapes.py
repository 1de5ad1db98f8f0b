"""The shape ledger is read off running code, and refuses to lie."""

import re

import pytest
import torch
from torch import nn

from rnnlib.shapes import HEADINGS, ShapeLedger, shape_from_words

SIZES = {"num_steps": 5, "batch_size": 3, "input_size": 4, "hidden_size": 8, "num_layers": 2}


@pytest.mark.parametrize(
    ("words", "shape"),
    [
        ("(num_steps, batch_size, hidden_size)", (5, 3, 8)),
        ("(num_steps*batch_size, 7)", (15, 7)),
        ("(2*num_layers, batch_size, hidden_size)", (4, 3, 8)),
        ("( 2 * num_layers * 3 , )", (12,)),
        ("(hidden_size,)", (8,)),
        ("(hidden_size)", (8,)),
        ("()", ()),
    ],
)
def test_words_become_numbers(words, shape):
    assert shape_from_words(words, SIZES) == shape


@pytest.mark.parametrize("words", ["num_steps, batch_size", "(num_steps", "", "[num_steps]"])
def test_words_without_parentheses_are_refused(words):
    message = re.escape(f"words must be a shape in parentheses, got {words!r}")
    with pytest.raises(ValueError, match=message):
        shape_from_words(words, SIZES)


@pytest.mark.parametrize("words", ["(steps, batch_size)", "(2*steps,)", "(Num_steps,)"])
def test_unknown_word_is_named_with_the_known_ones(words):
    with pytest.raises(KeyError, match=r"how large '(Num_)?steps' is; it knows \['batch_size', "):
        shape_from_words(words, SIZES)


def ledger(*rows, **namespace):
    layer = nn.GRU(4, 8, 2, bidirectional=True)
    return ShapeLedger({"layer": layer, "X": torch.zeros(5, 3, 4), **namespace}, SIZES, rows)


def test_each_row_is_evaluated_and_shows_its_shape():
    rows = [
        ("X", "the input", "(num_steps, batch_size, input_size)", "X"),
        ("h_n", "state", "(2*num_layers, batch_size, hidden_size)", "layer(X)[1]"),
        ("loss", "a number", "()", "X.sum()"),
        ("h", "unbatched state", "(2*num_layers, hidden_size)", "layer(X[:, 0])[1]"),
    ]
    shapes = [row[3] for row in ledger(*rows).rows]
    assert shapes == ["(5, 3, 4)", "(4, 3, 8)", "()", "(4, 8)"]


def test_wrong_shape_is_an_error_that_names_the_row_both_shapes_and_the_call():
    row = ("output", "all steps", "(num_steps, batch_size, hidden_size)", "layer(X)[0]")
    message = (
        "output should have shape (num_steps, batch_size, hidden_size) = (5, 3, 8), "
        "but layer(X)[0] has (5, 3, 16)"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        ledger(row)


def test_shape_with_an_axis_missing_is_an_error():
    with pytest.raises(ValueError, match=re.escape("= (5, 3), but X has (5, 3, 4)")):
        ledger(("X", "", "(num_steps, batch_size)", "X"))


def test_one_wrong_row_among_right_ones_is_an_error():
    right, wrong = ("X", "", "(num_steps, batch_size, input_size)", "X"), ("Z", "", "(5,)", "X")
    with pytest.raises(ValueError, match=r"^Z should"):
        ledger(right, wrong, right)


def test_unknown_word_in_a_row_is_an_error():
    with pytest.raises(KeyError, match="'steps'"):
        ledger(("X", "", "(steps, batch_size, input_size)", "X"))


def test_call_that_makes_no_tensor_is_an_error():
    message = re.escape("call must make a tensor, but layer(X) makes a tuple")
    with pytest.raises(TypeError, match=message):
        ledger(("h", "", "(1,)", "layer(X)"))


def test_rows_may_come_as_one_text_in_which_an_indented_line_goes_on():
    text = """
X | the input | (num_steps, batch_size, input_size) | X
h_n | state of both directions |
    (2*num_layers, batch_size, hidden_size) |
    layer(X)[1]
"""
    rows = [
        ("X", "the input", "(num_steps, batch_size, input_size)", "X"),
        (
            "h_n",
            "state of both directions",
            "(2*num_layers, batch_size, hidden_size)",
            "layer(X)[1]",
        ),
    ]
    namespace = {"layer": nn.GRU(4, 8, 2, bidirectional=True), "X": torch.zeros(5, 3, 4)}
    assert ShapeLedger(namespace, SIZES, text).rows == ledger(*rows).rows


@pytest.mark.parametrize("text", ["X | the input | (5, 3, 4)", "X | a | (5, 3, 4) | X | more"])
def test_row_of_text_with_a_part_too_few_or_too_many_is_named(text):
    message = f"^{re.escape(f'rows must have 4 parts between bars, got {text!r}')}$"
    with pytest.raises(ValueError, match=message):
        ShapeLedger({"X": torch.zeros(5, 3, 4)}, SIZES, text)


def test_namespace_is_read_and_not_changed():
    namespace = {"a": torch.zeros(2)}
    ShapeLedger(namespace, {}, [("a", "", "(2,)", "a")])
    assert list(namespace) == ["a"]


def test_ledger_as_text_has_its_columns_one_under_the_other():
    text = repr(
        ledger(
            ("X", "the input", "(num_steps, batch_size, input_size)", "X"),
            ("flat", "all rows", "(num_steps*batch_size, input_size)", "X.flatten(0, 1)"),
        )
    ).splitlines()
    assert text[0].split("  ")[0] == "name"
    assert len(text) == 3
    starts = [text[0].index(heading) for heading in HEADINGS]
    assert text[1][starts[2] :].startswith("(num_steps, batch_size, input_size)")
    assert text[2][starts[2] :].startswith("(num_steps · batch_size, input_size)")
    assert text[2][starts[4] :] == "X.flatten(0, 1)"


def test_html_marks_the_headings_of_columns_and_rows_for_a_screen_reader():
    html = ledger(("X", "the input", "(num_steps, batch_size, input_size)", "X"))._repr_html_()
    for heading in HEADINGS:
        assert f'<th scope="col">{heading}</th>' in html
    assert html.count('scope="row"') == 1
    assert '<th scope="row"><code>X</code></th>' in html
    assert "<td>(5, 3, 4)</td>" in html
    assert html.count("<td>") == 4


def test_html_escapes_every_text_of_a_row():
    row = ("<a>", "<b> & more", "(big, )", "(X if 1 < 2 else X)[:, 0, 0]")
    html = ShapeLedger({"X": torch.zeros(5, 3, 4)}, {"big": 5}, [row])._repr_html_()
    assert "<code>&lt;a&gt;</code>" in html
    assert "<td>&lt;b&gt; &amp; more</td>" in html
    assert "1 &lt; 2" in html
    assert "<a>" not in html
    assert "<b>" not in html


def test_html_tags_are_closed():
    html = ledger(("X", "the input", "(num_steps, batch_size, input_size)", "X"))._repr_html_()
    for tag in ("table", "thead", "tbody", "tr", "th", "td", "code"):
        assert len(re.findall(f"<{tag}[ >]", html)) == html.count(f"</{tag}>") > 0


def test_shape_smaller_than_the_one_in_words_is_an_error_too():
    with pytest.raises(ValueError, match=re.escape("= (5, 3, 8), but X has (5, 3, 4)")):
        ledger(("X", "", "(num_steps, batch_size, hidden_size)", "X"))


@pytest.mark.parametrize(
    ("row", "error"),
    [
        (("X", "the input", "(2,)"), ValueError),
        (("X", "the input", "(2,)", "X", "more"), ValueError),
        (("X", "the input", "(2,)", 1), TypeError),
        ("abcd", TypeError),
    ],
)
def test_row_that_is_not_four_texts_is_named(row, error):
    with pytest.raises(error, match=f"^rows must .*, got {re.escape(repr(row))}$"):
        ShapeLedger({"X": torch.zeros(2)}, {}, [row])


@pytest.mark.parametrize("name", ["namespace", "sizes"])
def test_namespace_and_sizes_must_be_dicts(name):
    arguments = {"namespace": {}, "sizes": {}, "rows": []} | {name: [("X", 2)]}
    with pytest.raises(TypeError, match=f"^{name} must be a dict, got list$"):
        ShapeLedger(**arguments)


def test_number_may_have_nineteen_digits_and_no_more():
    assert shape_from_words(f"({10**18},)", {}) == (10**18,)
    with pytest.raises(KeyError, match="how large"):
        shape_from_words(f"({10**19},)", {})


def test_size_may_be_zero_but_not_less():
    assert shape_from_words("(rows,)", {"rows": 0}) == (0,)
    with pytest.raises(ValueError, match=r"^sizes\['rows'\] must be at least 0, got -1$"):
        shape_from_words("(rows,)", {"rows": -1})
