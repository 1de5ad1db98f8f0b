"""The shape ledger: what each tensor is, its shape in words, its shape here; it cannot be wrong."""

import html
import math
import re
from collections.abc import Mapping, Sequence

HEADINGS = ("name", "meaning", "shape in words", "shape here", "the call that makes it")


def shape_from_words(words: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """`"(2*num_layers, batch_size)"` -> `(2, 3)`, given the sizes of the words."""
    axes = [axis.split("*") for axis in words.strip("()").replace(" ", "").split(",") if axis]
    return tuple(math.prod(int(w) if w.isdecimal() else sizes[w] for w in axis) for axis in axes)


class ShapeLedger:
    """A table of tensors and their shapes, shown as HTML in a notebook, else as text.

    The calls are evaluated in `namespace` (pass `globals()`). `sizes` maps a word to a number:
    `{"num_steps": 5, "hidden_size": 8}`. Each row is `(name, meaning, words, call)`, or a line
    of one text, `h_n | last state | (2*num_layers, batch_size, hidden_size) | layer(x)[1]`, which
    an indented line continues.

    Raises `ValueError` where a call gives another shape, `KeyError` for an unknown word.
    """

    def __init__(self, namespace: Mapping, sizes: Mapping[str, int], rows: str | Sequence[tuple]):
        if isinstance(rows, str):
            lines = re.sub(r"\n[ \t]+", " ", rows).strip().splitlines()
            rows = [[part.strip() for part in line.split(" | ")] for line in lines if line]
        self.rows = [self._check(dict(namespace), sizes, *row) for row in rows]

    @staticmethod
    def _check(namespace, sizes, name, meaning, words, call) -> tuple:
        expected = shape_from_words(words, sizes)
        shape = tuple(eval(call, namespace).shape)  # the course's own calls, never a stranger's
        if shape != expected:
            raise ValueError(f"{name} should have shape {words} = {expected}, not {shape}: {call}")
        return name, meaning, words.replace("*", " · "), str(shape), call

    def __repr__(self) -> str:
        table = [HEADINGS, *self.rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = (zip(row, widths, strict=True) for row in table)
        return "\n".join("  ".join(f"{cell:{n}}" for cell, n in line).rstrip() for line in lines)

    def _repr_html_(self) -> str:  # as cards on a phone: see course.css
        head = "".join(f'<th scope="col">{heading}</th>' for heading in HEADINGS)
        table = f'<table class="shape-ledger cards">\n<thead><tr>{head}</tr></thead>\n<tbody>\n'
        for row in self.rows:
            name, meaning, words, here, call = map(html.escape, row)
            here = here.replace(" ", "&nbsp;")  # a tuple of numbers stays on one line
            table += f'<tr><th scope="row"><code>{name}</code></th><td>{meaning}</td>'
            table += f"<td>{words}</td><td>{here}</td><td><code>{call}</code></td></tr>\n"
        return f"{table}</tbody>\n</table>"
