"""The shape ledger: what each tensor is, its shape in words, and its shape here.

Each row is read off running code: the call in its last column is evaluated, and a shape
that differs from the one in words is an error. So a ledger on a page cannot lie.
"""

import html
import math
import re
from collections.abc import Mapping, Sequence

from torch import Tensor

from rnnlib.checks import whole_number

HEADINGS = ("name", "meaning", "shape in words", "shape here", "the call that makes it")


class ShapeLedger:
    """A table of tensors and their shapes, shown as HTML in a notebook, else as text.

    `namespace` is where the calls are evaluated (pass `globals()`). `sizes` maps a word to
    a number: `{"num_steps": 5, "hidden_size": 8}`. Each row is `(name, meaning, words,
    call)`; they may come as one text, a line for each row, its parts between bars:

        h_n | last hidden state | (1, batch_size, hidden_size) | layer(x)[1]

    An indented line goes on with the row above. Words may multiply, as in
    `(num_steps*batch_size, vocab_size)`.
    Raises `ValueError` where a call gives another shape, `KeyError` for an unknown word.
    """

    def __init__(self, namespace: Mapping, sizes: Mapping[str, int], rows: str | Sequence[tuple]):
        if isinstance(rows, str):
            rows = _rows_from_text(rows)
        for name, value in {"namespace": namespace, "sizes": sizes}.items():
            if not isinstance(value, Mapping):
                raise TypeError(f"{name} must be a dict, got {type(value).__name__}")
        if not isinstance(rows, Sequence):
            raise TypeError(f"rows must be a list of rows or a text, got {type(rows).__name__}")
        for row in rows:
            if not isinstance(row, tuple | list) or not all(isinstance(part, str) for part in row):
                raise TypeError(f"rows must be tuples of 4 texts, got {row!r}")
            if len(row) != 4:
                raise ValueError(f"rows must have 4 parts each, got {row!r}")
        self.rows = [self._check(dict(namespace), sizes, *row) for row in rows]

    @staticmethod
    def _check(namespace, sizes, name, meaning, words, call) -> tuple:
        try:
            value = eval(call, namespace)  # the course's own calls, never a stranger's
        except SyntaxError as error:
            raise ValueError(f"call must be an expression, got {call!r}") from error
        if not isinstance(value, Tensor):
            raise TypeError(f"call must make a tensor, but {call} makes a {type(value).__name__}")
        expected = shape_from_words(words, sizes)
        if value.shape != expected:
            raise ValueError(
                f"{name} should have shape {words} = {expected}, "
                f"but {call} has {tuple(value.shape)}"
            )
        return name, meaning, words.replace("*", " · "), str(tuple(value.shape)), call

    def __repr__(self) -> str:
        table = [HEADINGS, *self.rows]
        widths = [max(len(row[column]) for row in table) for column in range(len(HEADINGS))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        )

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{heading}</th>' for heading in HEADINGS)
        body = ""
        for name, meaning, words, here, call in self.rows:
            cells = [
                f'<th scope="row"><code>{html.escape(name)}</code></th>',
                f"<td>{html.escape(meaning)}</td>",
                f"<td>{html.escape(words)}</td>",
                f"<td>{here}</td>",
                f"<td><code>{html.escape(call)}</code></td>",
            ]
            body += f"<tr>{''.join(cells)}</tr>\n"
        return (
            '<table class="shape-ledger">\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>"
        )


def _rows_from_text(text: str) -> list[tuple[str, ...]]:
    lines = re.sub(r"\n[ \t]+", " ", text).strip().splitlines()
    rows = [tuple(part.strip() for part in line.split(" | ")) for line in lines if line]
    for row in rows:
        if len(row) != 4:
            raise ValueError(f"rows must have 4 parts between bars, got {' | '.join(row)!r}")
    return rows


def shape_from_words(words: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """`"(2*num_layers, batch_size)"` -> `(2, 3)`, given the sizes of the words.

    Raises `ValueError` if `words` has no parentheses, `KeyError` for an unknown word.
    """
    if not isinstance(words, str):
        raise TypeError(f"words must be a str, got {type(words).__name__}")
    if not (words.startswith("(") and words.endswith(")")):
        raise ValueError(f"words must be a shape in parentheses, got {words!r}")
    axes = [axis for axis in words[1:-1].replace(" ", "").split(",") if axis]

    def number(word: str) -> int:
        if word.isascii() and word.isdigit() and len(word) < 20:
            return int(word)
        if word not in sizes:
            raise KeyError(
                f"sizes must say how large {word!r} is; it knows {sorted(sizes, key=str)}"
            )
        return whole_number(f"sizes[{word!r}]", sizes[word], least=0)

    return tuple(math.prod(number(word) for word in axis.split("*")) for axis in axes)
