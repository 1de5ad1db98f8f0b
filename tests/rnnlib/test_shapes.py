"""A ledger shows the shapes that its calls have, and refuses words that say otherwise."""

import re

import pytest
import torch
from torch import nn

from rnnlib.shapes import ShapeLedger, shape_from_words

SIZES = {"num_steps": 5, "batch_size": 3, "input_size": 4, "hidden_size": 8, "num_layers": 2}
NAMES = {"layer": nn.GRU(4, 8, 2, bidirectional=True), "X": torch.zeros(5, 3, 4)}
X = ("X", "the input", "(num_steps, batch_size, input_size)", "X")
H_N = ("h_n", "both directions", "(2*num_layers, batch_size, hidden_size)", "layer(X)[1]")


def test_words_become_numbers():
    words = {"()": (), "(num_steps,)": (5,), "(1, batch_size)": (1, 3)}
    words |= {"(num_steps*batch_size, 2 * hidden_size)": (15, 16)}
    assert {text: shape_from_words(text, SIZES) for text in words} == words


def test_each_row_is_evaluated_and_shows_its_shape():
    loss = ("loss", "a number", "()", "X.sum()")
    names = dict(NAMES)
    rows = ShapeLedger(names, SIZES, [X, H_N, loss]).rows
    assert [row[3] for row in rows] == ["(5, 3, 4)", "(4, 3, 8)", "()"]
    assert rows[1][2] == "(2 · num_layers, batch_size, hidden_size)"
    assert list(names) == list(NAMES)


def test_rows_may_come_as_one_text_in_which_an_indented_line_continues():
    text = """
X | the input | (num_steps, batch_size, input_size) | X

h_n | both directions |
    (2*num_layers, batch_size, hidden_size) | layer(X)[1]
"""
    assert ShapeLedger(NAMES, SIZES, text).rows == ShapeLedger(NAMES, SIZES, [X, H_N]).rows


@pytest.mark.parametrize("words", ["(num_steps, batch_size)", "(batch_size, num_steps, 4)"])
def test_another_shape_than_in_words_and_an_unknown_word_are_errors(words):
    with pytest.raises(ValueError, match=re.escape(f"X should have shape {words}")):
        ShapeLedger(NAMES, SIZES, [H_N, ("X", "", words, "X")])
    with pytest.raises(KeyError, match="steps"):
        ShapeLedger(NAMES, SIZES, [("X", "", "(steps, batch_size, input_size)", "X")])


def test_ledger_as_text_has_its_columns_one_under_the_other():
    head, first, second = repr(ShapeLedger(NAMES, SIZES, [X, H_N])).splitlines()
    at = head.index("shape here")
    assert first[at:].startswith("(5, 3, 4)  ")
    assert second[at:].startswith("(4, 3, 8)  ")


def test_html_escapes_its_texts_and_keeps_a_tuple_on_one_line():
    row = ("<a>", "b & c", X[2], "X if 1 < 2 else 0")
    html = ShapeLedger(NAMES, SIZES, [row])._repr_html_()
    assert '<th scope="row"><code>&lt;a&gt;</code></th><td>b &amp; c</td>' in html
    assert "<code>X if 1 &lt; 2 else 0</code>" in html
    assert "<td>(5,&nbsp;3,&nbsp;4)</td>" in html
