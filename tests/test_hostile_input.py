"""Hostile input: each call keeps the promise of its docstring or names the argument at fault.

A property here takes values that nobody should pass, and holds if the call returns what was
promised or raises the documented error, whose message names the argument. Errors of another
type, or without the name, come from the depths and fail the test.
"""

import contextlib
import inspect
import io
import math
import multiprocessing
import os
import random
import re
import shutil
import threading
import types
import zipfile

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from rnnlib import (
    batches,
    checkpoints,
    d2l,
    export,
    figures,
    files,
    generation,
    layers,
    models,
    reach,
    resume,
    text,
    traces,
    training,
)
from rnnlib.shapes import ShapeLedger, shape_from_words

quick = settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    suppress_health_check=list(HealthCheck),
)
thorough = settings(quick, max_examples=150)
VOCAB = text.Vocab("abcdef")
SIZE = len(VOCAB)
KINDS = ("rnn", "gru", "lstm")
OURS = (layers.RNN, layers.GRU, layers.LSTM)
HUGE = (2**31, 2**31 - 1 + 2**32, 2**63 - 1, 2**63, 10**18, 10**30, 10**400)


class Odd:
    """Nothing that any argument could be."""

    def __repr__(self):
        return "odd"


class OddPath:
    """A path that is bytes."""

    def __fspath__(self):
        return b"a"


# Functions, since a tensor or a list that a call has changed must not meet the next one.
JUNK = [
    lambda: None, lambda: True, lambda: False, lambda: -1, lambda: 0, lambda: 1, lambda: 2,
    lambda: 1.0, lambda: 0.5, lambda: -0.0, lambda: math.nan, lambda: math.inf,
    lambda: -math.inf, lambda: 1e-300, lambda: 1 + 2j, lambda: "", lambda: "x", lambda: "1",
    lambda: "\0", lambda: "\ud800", lambda: b"x", list, tuple, dict, set, lambda: [1],
    lambda: [[]], lambda: [None], lambda: (1, 2), lambda: {"a": 1}, lambda: {1}, Odd,
    lambda: Odd, lambda: (lambda *_: None), lambda: range(3), lambda: iter([1]),
    lambda: np.float32(1), lambda: np.float64(1), lambda: np.int64(3), lambda: np.bool_(True),
    lambda: np.zeros(3), lambda: np.array(["a", "b"]), lambda: torch.tensor(1),
    lambda: torch.tensor(0.5), lambda: torch.zeros(3), lambda: torch.zeros(0),
    lambda: torch.zeros(2, 3, dtype=torch.complex64), lambda: torch.zeros(2, device="meta"),
    lambda: torch.arange(3), lambda: torch.tensor([True, False]), lambda: torch,
    *[lambda value=value: value for value in HUGE],
    *[lambda value=value: -value for value in HUGE],
]  # fmt: skip
junk = st.sampled_from(JUNK).map(lambda make: make())
seeds = st.integers(0, 2**32 - 1)


def attempt(names, call, *arguments, errors=(ValueError, TypeError), **options):
    """What `call` returns, or None if it raised one of `errors` and named one of `names`."""
    try:
        return call(*arguments, **options)
    except errors as raised:
        error = raised
    assert any(name in str(error) for name in names.split()), f"{names} not in {error!r}"
    return None


def small_model(kind="gru", seed=0, **options):
    torch.manual_seed(seed)
    return models.language_model(kind, SIZE, 5, **options)


def weights(model):
    return [weight.detach().clone() for weight in model.parameters()]


def parts(state):
    return state if isinstance(state, tuple) else (state,)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


# --- tensors laid out oddly, of other kinds, on another device ---


def expanded(x):
    return x[:1].expand(x.shape) if x.dim() and len(x) else x


LAYOUTS = {
    "plain": lambda x: x,
    "transposed": lambda x: x.mT.contiguous().mT if x.dim() > 1 else x,
    "every second": lambda x: torch.stack([x, x], dim=-1)[..., 0],
    "stride 0": expanded,
    "from the end": lambda x: x.flip(0).clone().flip(0) if x.dim() else x,
    "with gradient": lambda x: x.clone().requires_grad_() if x.is_floating_point() else x,
    "a parameter": lambda x: nn.Parameter(x.clone()) if x.is_floating_point() else x,
}
CHANGES = {
    "half": lambda x: x.half(), "double": lambda x: x.double(), "int32": lambda x: x.int(),
    "int64": lambda x: x.long(), "bool": lambda x: x.bool(), "complex": lambda x: x.cfloat(),
    "meta": lambda x: x.to("meta"), "array": lambda x: x.detach().numpy(),
    "list": lambda x: x.tolist(), "one axis more": lambda x: x[None],
    "one axis less": lambda x: x[0] if x.dim() else x, "empty": lambda x: x[:0] if x.dim() else x,
    "longer": lambda x: torch.cat([x, x]) if x.dim() else x,
    "last axis longer": lambda x: torch.cat([x, x], dim=-1) if x.dim() else x,
    "a dict": lambda x: {"x": x}, "in a list": lambda x: [x], "in a tuple": lambda x: (x,),
    "a pair": lambda x: (x, x), "a pair in a tuple": lambda x: ((x, x),), "three": lambda x: (x,) * 3,
    "none": lambda x: None,
}  # fmt: skip
layouts = st.sampled_from(list(LAYOUTS)).map(LAYOUTS.get)
changes = st.sampled_from(list(CHANGES)).map(CHANGES.get)


@st.composite
def layers_and_input(draw):
    options = {name: draw(st.booleans()) for name in ("bidirectional", "batch_first", "bias")}
    layer_class = draw(st.sampled_from(OURS))
    if layer_class is layers.LSTM:
        options["proj_size"] = draw(st.integers(0, 2))
    torch.manual_seed(draw(seeds))
    layer = layer_class(3, 4, draw(st.integers(1, 2)), **options)
    x = torch.randn(draw(st.integers(1, 3)), draw(st.integers(1, 3)), 3)
    _, state = layer(x)
    return layer, x, state


@quick
@given(layers_and_input(), layouts, layouts)
def test_layer_computes_the_same_however_its_input_lies_in_memory(made, layout, other):
    layer, x, state = made
    x, state = layout(x), tuple(other(part) for part in parts(state))
    given_state = state if len(state) > 1 else state[0]
    output, final = layer(x, given_state)
    plain = tuple(part.detach().clone(memory_format=torch.contiguous_format) for part in state)
    expected, last = layer(
        x.detach().clone(memory_format=torch.contiguous_format),
        plain if len(plain) > 1 else plain[0],
    )
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(parts(final), parts(last))


@thorough
@given(layers_and_input(), changes, st.sampled_from(["input", "state", "h_0", "c_0"]))
def test_layer_refuses_or_computes_what_torch_does(made, change, where):
    layer, x, state = made
    if where == "input":
        x, state = change(x), None
    elif where == "c_0" and isinstance(state, tuple):
        state = (state[0], change(state[1]))
    elif where == "h_0" and isinstance(state, tuple):
        state = (change(state[0]), state[1])
    else:
        state = change(state[0] if isinstance(state, tuple) else state)
    result = attempt("input state h_0 c_0", layer, x, state)
    if result is not None:
        theirs = getattr(nn, type(layer).__name__)(
            3, 4, layer.num_layers, bias=layer.bias, batch_first=layer.batch_first,
            bidirectional=layer.bidirectional,
            **({"proj_size": layer.proj_size} if layer.proj_size else {}),
        )  # fmt: skip
        theirs.load_state_dict(layer.state_dict())
        if isinstance(state, list):  # which torch.nn takes for neither of the two
            state = tuple(state) if len(state) > 1 else state[0]
        expected = theirs(x, state)
        torch.testing.assert_close(result[0], expected[0])
        torch.testing.assert_close(parts(result[1]), parts(expected[1]))


@quick
@given(
    st.sampled_from(KINDS), st.booleans(), layouts, layouts, changes,
    st.sampled_from(["indices", "state", "h", "c", "nothing"]), st.sampled_from(["float", "double"]),
)  # fmt: skip
def test_model_refuses_or_returns_logits_for_each_token(
    kind, embedded, layout, other, change, where, precision
):
    model = getattr(small_model(kind, embedding_size=3 if embedded else None), precision)()
    X = layout(torch.arange(6).reshape(2, 3) % SIZE)
    _, state = model(X)
    expected, _ = model(X.clone(memory_format=torch.contiguous_format), state)
    shape = [part.shape for part in parts(state)]
    state = tuple(other(part) for part in parts(state)) if kind == "lstm" else other(state)
    if where == "indices":
        X = change(X)
    elif where == "h" and kind == "lstm":
        state = (change(state[0]), state[1])
    elif where == "c" and kind == "lstm":
        state = (state[0], change(state[1]))
    elif where != "nothing":
        state = change(state) if kind != "lstm" else change(state[0])
    result = attempt("indices state h c", model, X, state)
    assert where != "nothing" or result is not None
    if result is not None:
        logits, final = result
        assert logits.shape == (X.numel(), SIZE)
        assert logits.dtype == model.linear.weight.dtype
        assert [part.shape for part in parts(final)] == shape
        if where == "nothing" and other is not expanded:
            torch.testing.assert_close(logits, expected)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_states_that_are_not_finite_show_in_what_comes_out(kind, value):
    model = small_model(kind)
    state = tuple(torch.full_like(part, value) for part in parts(model.begin_state(1)))
    with torch.no_grad():
        model.linear.bias[2] = value
        logits, _ = model(torch.zeros(1, 2, dtype=torch.int64))
        assert not torch.isfinite(logits[:, 2]).any()
        if math.isnan(value):
            logits, _ = model(
                torch.zeros(1, 2, dtype=torch.int64), state if kind == "lstm" else state[0]
            )
            assert torch.isnan(logits).all()
    with pytest.raises(ValueError, match=r"^logits must be finite"):
        generation.generate(model, VOCAB, "a", 1)
    with pytest.raises(ValueError, match=r"^logits must be finite"):
        generation.generate_batch(model, VOCAB, ["a", "b"], 1)
    assert not math.isfinite(training.evaluate(model, torch.arange(4))) or value < 0


# --- sizes ---


@thorough
@given(
    st.sampled_from(OURS),
    st.dictionaries(
        st.sampled_from(["input_size", "hidden_size", "num_layers", "bias", "batch_first",
                         "dropout", "bidirectional", "proj_size", "dtype", "nonlinearity"]),
        junk, min_size=1, max_size=2,
    ),
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:dropout acts between")
def test_layer_of_odd_sizes_is_refused_or_works(layer_class, odd):
    if layer_class is not layers.RNN:
        odd.pop("nonlinearity", None)
    options = {"input_size": 2, "hidden_size": 3} | odd
    layer = attempt(" ".join(odd), layer_class, **options)
    if layer is not None:
        x = torch.zeros(2, 2, layer.input_size)
        output, _ = layer(x)
        width = (layer.proj_size or layer.hidden_size) * layer.num_directions
        assert output.shape == (2, 2, width)
        for name in ("input_size", "hidden_size"):
            assert type(getattr(layer, name)) is int


@thorough
@given(
    st.sampled_from(KINDS),
    st.dictionaries(
        st.sampled_from(["kind", "vocab_size", "hidden_size", "num_layers", "embedding_size",
                         "dropout", "bidirectional"]),
        junk, min_size=1, max_size=2,
    ),
)  # fmt: skip
def test_model_of_odd_sizes_is_refused_or_works(kind, odd):
    options = {"kind": kind, "vocab_size": 3, "hidden_size": 2} | odd
    model = attempt(" ".join(odd), models.language_model, **options)
    if model is not None:
        logits, _ = model(torch.zeros(2, 3, dtype=torch.int64))
        assert logits.shape == (6, options["vocab_size"])


@pytest.mark.parametrize("size", HUGE, ids=lambda size: f"{size:.0e}" if size < 10**99 else "more")
@pytest.mark.parametrize("name", ["vocab_size", "hidden_size", "num_layers", "embedding_size"])
def test_size_beyond_any_memory_is_refused_at_once(name, size):
    sizes = {"vocab_size": 1, "hidden_size": 1} | {name: size}
    with pytest.raises(ValueError, match=r"_size|num_layers"):
        models.language_model("rnn", **sizes)
    with pytest.raises(ValueError, match="batch_size"):
        small_model().begin_state(size)
    if name == "vocab_size":
        with pytest.raises(ValueError, match="vocab_size"):
            models.LanguageModel(nn.GRU(2, 2), size, embedding_size=2)


@quick
@given(junk, st.sampled_from(["layer", "vocab_size", "embedding_size", "dropout"]))
def test_model_around_a_layer_is_refused_or_works(odd, name):
    options = {"layer": layers.GRU(3, 2), "vocab_size": 3} | {name: odd}
    model = attempt(f"{name} layer", models.LanguageModel, **options)
    if model is not None:
        assert model(torch.zeros(1, 1, dtype=torch.int64))[0].shape == (1, 3)


@quick
@given(junk)
def test_begin_state_is_refused_or_zeros(odd):
    state = attempt("batch_size", small_model("lstm").begin_state, odd)
    assert state is None or [part.shape for part in state] == [(1, odd, 5)] * 2


# --- choosing tokens ---

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@thorough
@given(
    st.lists(finite, min_size=1, max_size=9),
    st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64]),
    layouts,
    st.sampled_from([0, 0.0, -0.0, 5e-324, 1e-300, 1e-9, 0.5, 1, 1e9, 1.7e308, 2**31, 10**300]),
    st.none() | st.integers(1, 12) | st.sampled_from(HUGE),
    seeds,
)
def test_next_token_is_among_the_largest_for_any_finite_logits(
    values, dtype, layout, temperature, top_k, seed
):
    logits = torch.tensor(values, dtype=torch.float64).clamp(-6e4, 6e4).to(dtype)
    logits = layout(logits)
    generator = torch.Generator().manual_seed(seed)
    index = generation.next_token(logits, temperature, top_k, generator)
    assert type(index) is int
    larger = int((logits > logits[index]).sum())
    before = int((logits[:index] == logits[index]).sum())
    assert larger + before < (1 if temperature == 0 else top_k or len(values))


@thorough
@given(
    st.sampled_from(["logits", "temperature", "top_k", "generator"]),
    junk,
    st.sampled_from([0.0, 1.0]),
)
def test_next_token_is_refused_or_an_index(name, odd, temperature):
    options = {"logits": torch.randn(4), "temperature": temperature} | {name: odd}
    index = attempt(name, generation.next_token, **options)
    assert index is None or (type(index) is int and 0 <= index < len(options["logits"]))


anything = st.text(
    st.characters(exclude_categories=())
    | st.sampled_from("ab\0\r\x0c\x85\u2028\u202e\u05d0\u0301\U0001f600\udc80\ufeff<unk>")
)


@quick
@given(anything | st.lists(anything, min_size=1), st.integers(0, 3), st.sampled_from(KINDS))
def test_prefix_may_hold_any_characters(prefix, num_tokens, kind):
    result = attempt("prefix", generation.generate, small_model(kind), VOCAB, prefix, num_tokens)
    if not prefix:
        assert result is None
        return
    expected = [token if token in VOCAB.token_to_idx else "<unk>" for token in prefix]
    if isinstance(prefix, str):
        assert result.startswith("".join(expected))
    else:
        assert result[: len(prefix)] == expected
        assert len(result) == len(prefix) + num_tokens


@thorough
@given(
    st.sampled_from(
        ["model", "vocab", "prefix", "num_tokens", "temperature", "top_k", "generator"]
    ),
    junk.filter(lambda value: not (isinstance(value, int) and value > 9)),
)
def test_text_is_refused_or_as_long_as_asked_for(name, odd):
    model = small_model().train()
    options = {"model": model, "vocab": VOCAB, "prefix": ["a"], "num_tokens": 2} | {name: odd}
    result = attempt(name, generation.generate, **options)
    if result is not None and name != "prefix":
        assert len(result) == 1 + options["num_tokens"]
    assert model.training


@quick
@given(
    st.lists(anything | st.lists(anything, min_size=1), max_size=20),
    st.integers(0, 3),
    st.sampled_from(KINDS),
    st.sampled_from([1, 2]),
)
def test_prefixes_may_hold_any_characters(prefixes, num_tokens, kind, num_layers):
    model = small_model(kind, num_layers=num_layers)
    results = attempt("prefixes", generation.generate_batch, model, VOCAB, prefixes, num_tokens)
    if not prefixes or not all(prefixes):
        assert results is None
        return
    for prefix, result in zip(prefixes, results, strict=True):
        expected = [token if token in VOCAB.token_to_idx else "<unk>" for token in prefix]
        if isinstance(prefix, str):
            assert result.startswith("".join(expected))
        else:
            assert result[: len(prefix)] == expected
            assert len(result) == len(prefix) + num_tokens


@thorough
@given(
    st.sampled_from(
        ["model", "vocab", "prefixes", "num_tokens", "temperature", "top_k", "generator"]
    ),
    junk,
    st.booleans(),
)
def test_texts_are_refused_or_as_long_as_asked_for(name, odd, within):
    model = small_model().train()
    options = {"model": model, "vocab": VOCAB, "prefixes": [["a"], ["b", "c"]], "num_tokens": 2}
    options |= {name: [["a"], odd] if within and name == "prefixes" else odd}
    results = attempt(name, generation.generate_batch, **options)
    if results is not None and name != "prefixes":
        assert [len(result) for result in results] == [
            1 + options["num_tokens"],
            2 + options["num_tokens"],
        ]
    assert model.training


@quick
@given(st.sampled_from(KINDS), seeds, st.sampled_from([math.nan, math.inf, -math.inf, 3e38]))
def test_texts_of_a_model_with_a_weight_that_is_not_finite_are_refused_or_whole(kind, seed, value):
    model, rng = small_model(kind).train(), random.Random(seed)
    weight = rng.choice(list(model.parameters())).data.view(-1)
    weight[rng.randrange(len(weight))] = value
    for temperature in (0.0, 1.0):
        results = attempt(
            "logits", generation.generate_batch, model, VOCAB, ["a", "bcd"] * 9, 3, temperature
        )
        alone = attempt("logits", generation.generate, model, VOCAB, "a", 3, temperature)
        assert results is None or len(results) == 18
        assert results is None or alone is None or temperature or results[0] == alone
        assert model.training


def test_model_on_another_device_is_named():
    model = small_model().to("meta")
    X = torch.zeros(1, 2, dtype=torch.int64)
    for call in (
        lambda: model(X),
        lambda: model(X.to("meta")),
        lambda: generation.generate(model, VOCAB, "a", 1),
        lambda: generation.generate_batch(model, VOCAB, ["a"], 1),
        lambda: training.evaluate(model, torch.arange(4)),
    ):
        with pytest.raises(ValueError, match=r"^indices must be on the device of the model"):
            call()


# --- texts ---


def lines_as_promised(content):
    """The lines of a file as Python's own reading gives them, cleaned without re."""
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").readlines()
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    cleaned = ("".join(c if c in letters else " " for c in line) for line in lines)
    return [" ".join(line.split()).lower() for line in cleaned]


encodings = st.sampled_from(
    ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)


@thorough
@given(anything, encodings)
def test_any_text_in_any_encoding_is_read_as_promised_or_refused(folder, content, encoding):
    data = content.encode(encoding, errors="replace")
    path = folder / "text.txt"
    path.write_bytes(data)
    found = attempt("path", text.read_lines, path)
    if encoding in ("utf-16-le", "utf-16-be", "utf-32", "utf-16") and content:
        assert found is None or "\0" not in data.decode("utf-8", errors="replace")
    elif encoding in ("utf-8", "utf-8-sig") and "\0" not in content:
        assert found == lines_as_promised(data)
    for token in ("char", "word"):
        result = attempt("path", text.load_corpus, token=token, path=path)
        assert (result is None) is (found is None)
        if result is not None:
            corpus, vocab = result
            tokens = text.flatten(text.tokenize(found, token))
            assert corpus.dtype == torch.int64
            assert vocab.to_tokens(corpus) == tokens
            assert vocab.idx_to_token[0] == "<unk>"


@quick
@given(st.binary(max_size=60))
def test_any_bytes_are_read_as_utf8_or_refused(folder, data):
    (folder / "bytes").write_bytes(data)
    found = attempt("path", text.read_lines, folder / "bytes")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        assert found is None
    else:
        assert found == (None if b"\0" in data else lines_as_promised(data))


@thorough
@given(st.lists(anything, max_size=6), st.sampled_from(["char", "word"]))
def test_any_tokens_come_back_from_their_indices(lines, token):
    tokens = text.tokenize(lines, token)
    vocab = text.Vocab(tokens)
    assert vocab.to_tokens(vocab[tokens]) == tokens
    again = text.Vocab.from_list(vocab.idx_to_token)
    assert again.token_to_idx == vocab.token_to_idx
    assert vocab.to_tokens(torch.arange(len(vocab))) == vocab.idx_to_token


@quick
@given(junk, st.sampled_from(["tokens", "min_freq", "reserved_tokens"]))
def test_vocabulary_of_anything_else_is_refused_or_whole(odd, name):
    options = {"tokens": "abba"} | {name: odd}
    vocab = attempt(name if name != "reserved_tokens" else "tokens", text.Vocab, **options)
    if vocab is not None:
        assert vocab.idx_to_token[0] == "<unk>"
        assert all(isinstance(token, str) for token in vocab.idx_to_token)
        assert vocab[vocab.idx_to_token] == list(range(len(vocab)))


@quick
@given(junk | st.lists(st.sampled_from(["<unk>", "a", "b", "", 1, None, ["a"]]), max_size=4))
def test_list_of_anything_else_is_refused_or_a_vocabulary(odd):
    vocab = attempt("idx_to_token", text.Vocab.from_list, odd)
    assert vocab is None or vocab.idx_to_token == list(odd)


@quick
@given(junk)
def test_lookups_of_anything_else_are_refused_or_right(odd):
    found = attempt("tokens", VOCAB.__getitem__, odd)
    if not isinstance(odd, str | list | tuple):
        assert found is None
    token = attempt("indices", VOCAB.to_tokens, odd)
    if isinstance(token, str):
        assert VOCAB[token] == int(odd)
        assert not isinstance(odd, bool)
    lines = attempt("lines", text.tokenize, odd)
    assert lines is None or all(isinstance(line, list) for line in lines)
    attempt("token", text.tokenize, ["a b"], odd)
    flat = attempt("tokens", text.flatten, odd)
    assert flat is None or all(isinstance(token, str | tuple) for token in flat)


def test_pair_of_words_counts_as_one_token():
    pairs = [("the", "time"), ("time", "is"), ("the", "time")]
    assert text.Vocab(pairs).token_freqs == [(("the", "time"), 2), (("time", "is"), 1)]
    assert d2l.count_corpus(pairs) == {("the", "time"): 2, ("time", "is"): 1}


@quick
@given(junk)
def test_corpus_takes_a_number_of_tokens_or_refuses(folder, odd):
    (folder / "a b").write_text("a b\nb")
    corpus = attempt("max_tokens", text.load_corpus, odd, path=folder / "a b")
    assert corpus is None or len(corpus[0]) == min(4, 4 if odd is None else odd)
    attempt("token", text.load_corpus, None, odd, folder / "a b")


# --- minibatches ---

CORPORA = {
    "fitting": lambda: torch.arange(40), "shortest": lambda: torch.arange(13),
    "too short": lambda: torch.arange(12), "empty": lambda: torch.arange(0),
    "one": lambda: torch.arange(1), "expanded": lambda: torch.tensor([3]).expand(40),
    "every second": lambda: torch.arange(80)[::2], "2-d": lambda: torch.arange(40).reshape(4, 10),
    "0-d": lambda: torch.tensor(3), "int32": lambda: torch.arange(40).int(),
    "float": lambda: torch.arange(40.0), "bool": lambda: torch.ones(40, dtype=torch.bool),
    "meta": lambda: torch.arange(40, device="meta"), "list": lambda: list(range(40)),
    "array": lambda: np.arange(40), "text": lambda: "a" * 40, "none": lambda: None,
}  # fmt: skip
CUTS = (batches.sequential_batches, batches.random_batches, batches.TextBatches)
RNGS = [
    random.Random(0), random, random.SystemRandom(), None, 0, object(), np.random.default_rng(0),
    torch.Generator(), types.SimpleNamespace(randint=random.randint),
]  # fmt: skip


@settings(quick, max_examples=250)
@given(
    st.sampled_from(CUTS),
    st.sampled_from(list(CORPORA)),
    st.just(3) | junk,
    st.just(3) | junk,
    st.sampled_from(RNGS),
    st.booleans(),
)
def test_minibatches_are_refused_or_whole(cut, corpus, batch_size, num_steps, rng, shuffle):
    options = {"shuffle": shuffle} if cut is batches.TextBatches else {}
    made = attempt(
        "corpus batch_size num_steps rng",
        lambda: list(cut(CORPORA[corpus](), batch_size, num_steps, rng=rng, **options)),
    )
    if made is not None:
        assert made
        step = 0 if corpus == "expanded" else 2 if corpus == "every second" else 1
        for X, Y in made:
            assert X.shape == Y.shape == (batch_size, num_steps)
            assert torch.equal(Y, X + step)


# --- training ---


def fitting_batches():
    return batches.TextBatches(torch.arange(60) % SIZE, 2, 5, rng=random.Random(0))


class OddBatches(list):
    carries_state = True


odd_pairs = st.sampled_from([
    lambda: (torch.zeros(2, 3).long(), torch.zeros(3, 2).long()),
    lambda: (torch.zeros(2, 3).long(), torch.zeros(2, 3)),
    lambda: (torch.zeros(2, 3).long(), torch.full((2, 3), -100)),
    lambda: (torch.zeros(2, 3).long(), torch.full((2, 3), SIZE)),
    lambda: (torch.full((2, 3), SIZE), torch.zeros(2, 3).long()),
    lambda: (torch.zeros(2, 0).long(), torch.zeros(2, 0).long()),
    lambda: (torch.zeros(6).long(), torch.zeros(6).long()),
    lambda: torch.zeros(2, 2, 3).long(), lambda: (torch.zeros(2, 3).long(),), lambda: None,
    lambda: ([[0]], [[0]]), lambda: "ab", lambda: (torch.zeros(2, 3).int(),) * 2,
]).map(lambda make: make())  # fmt: skip


@quick
@given(odd_pairs, st.sampled_from([list, OddBatches]))
def test_minibatches_that_do_not_fit_are_refused_before_a_step(pair, kind):
    model = small_model()
    before = weights(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises((ValueError, TypeError), match=r"batches|indices"):
        training.train_epoch(model, kind([pair]), optimizer)
    assert all(map(torch.equal, weights(model), before))


@thorough
@given(st.sampled_from(["model", "batches", "optimizer", "max_norm", "scheduler", "loss"]), junk)
def test_epoch_is_refused_or_a_perplexity(name, odd):
    if callable(odd) and name == "loss":
        return  # a function that takes something else fails in its own way
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"model": model, "batches": fitting_batches(), "optimizer": optimizer} | {name: odd}
    before = weights(model)
    value = attempt(name, training.train_epoch, **options)
    if value is None:
        assert all(map(torch.equal, weights(model), before))
    else:
        assert type(value) is float
        assert value >= 1


@thorough
@given(
    st.sampled_from(["model", "batches", "num_epochs", "lr", "max_norm", "optimizer", "scheduler",
                     "held_out", "evaluate_every", "on_epoch"]),
    junk.filter(lambda value: not (isinstance(value, int) and value > 9)),
)  # fmt: skip
def test_training_is_refused_or_has_a_value_for_every_epoch(name, odd):
    if callable(odd) and name == "on_epoch":
        return
    model = small_model()
    options = {"model": model, "batches": fitting_batches(), "num_epochs": 1} | {name: odd}
    before = weights(model)
    history = attempt(name, training.train, **options)
    if history is None:
        assert all(map(torch.equal, weights(model), before))
    else:
        assert [len(values) for values in history.values()] == [options["num_epochs"]] * 3


@quick
@given(st.sampled_from(list(CORPORA)), st.just(3) | junk, st.just(small_model) | junk)
def test_evaluation_is_refused_or_a_perplexity(corpus, num_steps, make):
    model = make() if make is small_model else make
    value = attempt(
        "corpus indices num_steps model", training.evaluate, model, CORPORA[corpus](), num_steps
    )
    assert value is None or value >= 1


@pytest.mark.parametrize("last", [-100, -1, SIZE])
def test_target_that_is_no_token_is_not_left_out_of_the_perplexity(last):
    with pytest.raises(ValueError, match=r"^corpus must hold targets from 0 to 6"):
        training.evaluate(small_model(), torch.tensor([0, 1, 2, last]))


@quick
@given(junk)
def test_state_of_another_kind_cannot_be_detached(odd):
    state = attempt("state", training.detach, odd)
    if isinstance(odd, torch.Tensor):
        assert state.shape == odd.shape


@quick
@given(st.floats() | st.sampled_from(HUGE) | st.sampled_from([-size for size in HUGE]))
def test_perplexity_is_defined_for_every_loss(loss):
    value = training.perplexity(loss)
    if loss != loss:
        assert math.isnan(value)
    else:
        assert value == (0 if loss < -800 else math.inf if loss > 800 else math.exp(loss))


# --- files ---

FILE_CALLS = {
    "read_lines": text.read_lines,
    "load_corpus": lambda path: text.load_corpus(path=path),
    "load_model": models.load_model,
    "save_model": lambda path: models.save_model(path, small_model(), VOCAB),
    "load_training": lambda path: resume.load_training(path, *small_training()),
    "save_training": lambda path: resume.save_training(path, *small_training()),
    "write_atomically": lambda path: files.write_atomically(path, lambda file: None),
    "find_text": lambda folder: text.find_text(folder, urls=()),
}
ODD_PATHS = [
    lambda path: path, lambda path: path.parent, lambda path: path / "missing" / "file",
    lambda path: str(path.parent) + "/", lambda path: "", lambda path: ".", lambda path: "/",
    lambda path: "\0", lambda path: str(path) + "\0", lambda path: "x" * 5000,
    lambda path: path.parent / "\udc80", lambda path: path.parent / "\ud800",
    lambda path: path.parent / "\U0001f600\u202e", lambda path: path.parent / "a\nb",
    lambda path: bytes(path), lambda path: OddPath(), lambda path: io.BytesIO(),
    lambda path: 3, lambda path: 3.5, lambda path: ["a"], lambda path: {}, lambda path: Odd(),
    lambda path: path.parent / "..", lambda path: "/dev/null/x", lambda path: "/proc/nothing/x",
    lambda path: torch.tensor(1), lambda path: True, lambda path: True, lambda path: 0,
]  # fmt: skip


def small_training(**options):
    model = small_model(**options)
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


@pytest.mark.parametrize("odd", ODD_PATHS)
@pytest.mark.parametrize("name", FILE_CALLS)
def test_path_of_any_kind_is_taken_or_an_error_that_says_so(tmp_path, monkeypatch, name, odd):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "file"
    path.write_bytes(b"a text")
    path = odd(path)
    try:
        FILE_CALLS[name](path)
    except OSError as raised:
        error = f"path: {raised}"
    except (ValueError, TypeError) as raised:
        error = str(raised)
    else:
        error = "no error, the path was taken"
    assert re.search("path|folder", error)
    left = [file.name for file in tmp_path.iterdir() if re.search(r"\.[0-9a-f]{16}$", file.name)]
    assert left == []


@pytest.mark.parametrize("name", ["path", "url", "timeout", "folder"])
def test_download_of_something_odd_is_refused_at_once(tmp_path, name):
    for make in JUNK:
        options = {"url": "http://127.0.0.1:9/a", "path": tmp_path / "a", "expected_sha1": ""}
        if name == "folder":
            with contextlib.suppress(OSError):
                attempt(
                    "folder path", text.find_text, make(), urls=(), errors=(ValueError, TypeError)
                )
            continue
        if name == "timeout" and isinstance(make(), int | float) and 0 < make() < 1e7:
            continue
        if name == "path" and isinstance(make(), str):
            continue
        with pytest.raises((ValueError, TypeError, OSError)) as caught:
            text.download(**options | {name: make()})
        if not isinstance(caught.value, OSError) and not isinstance(make(), str):
            assert name in str(caught.value)


@pytest.fixture(scope="module")
def saved(folder):
    """The bytes of a saved model and of a saved training, each with the call that reads it."""
    model = models.save_model(folder / "model", small_model("lstm"), VOCAB, {"train": [1.5]})
    run = resume.save_training(folder / "training", *small_training(), progress=[1])
    return {
        "model": (model.read_bytes(), models.load_model),
        "training": (run.read_bytes(), lambda path: resume.load_training(path, *small_training())),
    }


@pytest.mark.parametrize("what", ["model", "training"])
def test_checkpoint_cut_anywhere_is_refused(folder, saved, what):
    content, load = saved[what]
    for sixteenth in range(16):
        for more in (0, 1):
            (folder / "cut").write_bytes(content[: len(content) * sixteenth // 16 + more])
            with pytest.raises(ValueError, match=f"^path must name a saved {what}, but"):
                load(folder / "cut")


def flipped(content, positions):
    content = bytearray(content)
    for position, bits in positions:
        content[position % len(content)] ^= bits
    return bytes(content)


positions = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=4)


@thorough
@given(positions, st.sampled_from(["model", "training"]))
def test_checkpoint_with_flipped_bytes_is_refused_or_unharmed(folder, saved, positions, what):
    content, load = saved[what]
    (folder / "flipped").write_bytes(flipped(content, positions))
    result = attempt("path", load, folder / "flipped")
    if what == "training":
        assert result in (None, [1])
    elif result is not None:
        assert all(map(torch.equal, weights(result[0]), weights(small_model("lstm"))))
        assert result[1].idx_to_token == VOCAB.idx_to_token
        assert result[2] == {"train": [1.5]}


def repacked(content, change):
    checkpoint = torch.load(io.BytesIO(content), weights_only=True)
    change(checkpoint)
    file = io.BytesIO()
    torch.save(checkpoint, file)
    return file.getvalue()


@thorough
@given(st.data(), st.sampled_from(["model", "training"]), junk)
def test_checkpoint_whose_parts_are_anything_is_refused_or_whole(folder, saved, data, what, odd):
    content, load = saved[what]
    entries = torch.load(io.BytesIO(content), weights_only=True)
    entries.pop("progress" if what == "training" else "history")
    key = data.draw(st.sampled_from(sorted(set(entries) - {"format"})))
    inner = None
    if isinstance(entries[key], dict) and data.draw(st.booleans()):
        inner = data.draw(st.sampled_from(sorted(map(str, entries[key]))))

    def change(checkpoint):
        if inner is None:
            checkpoint[key] = odd
        else:
            checkpoint[key][inner] = odd

    try:
        altered = repacked(content, change)
    except Exception:
        return  # no file can hold it
    (folder / "altered").write_bytes(altered)
    model, optimizer = small_training()
    before = weights(model)
    if what == "model":
        result = attempt("path parts", load, folder / "altered")
        if result is not None:
            result[0](torch.zeros(1, 1, dtype=torch.int64))
    else:
        call = resume.load_training
        result = attempt(
            "path parts model optimizer scheduler", call, folder / "altered", model, optimizer
        )
        if result is None:
            assert all(map(torch.equal, weights(model), before))


class Code:
    """Unpickled carelessly, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("what", ["model", "training"])
def test_code_anywhere_in_a_checkpoint_is_not_run(tmp_path, saved, what):
    content, load = saved[what]
    trap = tmp_path / "trap"
    for key in torch.load(io.BytesIO(content), weights_only=True):
        altered = repacked(
            content, lambda checkpoint, key=key: checkpoint.update({key: Code(trap)})
        )
        (tmp_path / "file").write_bytes(altered)
        with pytest.raises(ValueError, match="damaged or unsafe"):
            load(tmp_path / "file")
    assert not trap.exists()


def test_checkpoint_of_the_other_kind_or_of_another_model_is_refused(folder, saved):
    (folder / "model").write_bytes(saved["model"][0])
    (folder / "training").write_bytes(saved["training"][0])
    with pytest.raises(ValueError, match="is something else"):
        models.load_model(folder / "training")
    with pytest.raises(ValueError, match="is something else"):
        resume.load_training(folder / "model", *small_training())
    for options in ({"kind": "lstm"}, {"num_layers": 2}, {"embedding_size": 3}):
        model, optimizer = small_training(**options)
        before = weights(model)
        with pytest.raises(ValueError, match="model must have the same parameters"):
            resume.load_training(folder / "training", model, optimizer)
        assert all(map(torch.equal, weights(model), before))
    model = small_model().double()
    with pytest.raises(ValueError, match="model must have the same parameters"):
        resume.load_training(
            folder / "training", model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        )


@pytest.mark.parametrize("name", ["vocab_size", "hidden_size", "num_layers", "embedding_size"])
@pytest.mark.parametrize("size", [999, 40_000, 2**31, 10**18])
def test_checkpoint_that_claims_a_huge_model_is_refused_at_once(folder, saved, name, size):
    altered = repacked(saved["model"][0], lambda it: it["recipe"].update({name: size}))
    (folder / "claims").write_bytes(altered)
    with pytest.raises(ValueError, match="do not fit together"):
        models.load_model(folder / "claims")


def test_checkpoint_whose_weights_are_one_number_repeated_is_refused(folder, saved):
    def change(checkpoint):
        checkpoint["recipe"]["hidden_size"] = size = 20_000
        shapes = [
            (4 * size, SIZE),
            (4 * size, size),
            (4 * size,),
            (4 * size,),
            (SIZE, size),
            (SIZE,),
        ]
        for name, shape in zip(checkpoint["weights"], shapes, strict=True):
            checkpoint["weights"][name] = torch.zeros(1).expand(shape)

    (folder / "repeated").write_bytes(repacked(saved["model"][0], change))
    assert (folder / "repeated").stat().st_size < 10_000
    with pytest.raises(ValueError, match="should hold each of its"):
        models.load_model(folder / "repeated")


def test_checkpoint_with_a_compressed_part_is_refused(folder, saved):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(20_000_000))
    (folder / "bomb").write_bytes(packed.getvalue())
    for _, load in saved.values():
        with pytest.raises(ValueError, match="damaged or unsafe"):
            load(folder / "bomb")


@quick
@given(junk | st.dictionaries(st.text(max_size=3), junk, max_size=2) | st.lists(junk, max_size=2))
def test_history_is_refused_or_comes_back(folder, history):
    path = folder / "history"
    path.unlink(missing_ok=True)
    result = attempt("history", models.save_model, path, small_model(), VOCAB, history)
    run = folder / "progress"
    run.unlink(missing_ok=True)
    other = attempt("progress", resume.save_training, run, *small_training(), progress=history)
    assert (result is None) is (other is None)
    if result is None:
        assert not path.exists()
        assert not run.exists()
    else:
        assert repr(models.load_model(path)[2]) == repr(history)
        assert repr(resume.load_training(run, *small_training())) == repr(history)


@quick
@given(junk, st.sampled_from(["model", "vocab"]))
def test_only_models_and_vocabularies_are_saved_as_such(folder, odd, name):
    options = {"model": small_model(), "vocab": VOCAB} | {name: odd}
    assert attempt(name, models.save_model, folder / "odd", **options) is None
    assert not (folder / "odd").exists()


@quick
@given(junk, st.sampled_from(["model", "optimizer", "scheduler", "rng"]))
def test_only_parts_of_a_training_are_saved_and_loaded_as_such(folder, saved, odd, name):
    model, optimizer = small_training()
    options = {"model": model, "optimizer": optimizer, "rng": random.Random(0)} | {name: odd}
    if name == "scheduler" and odd is None:
        return
    assert attempt(name, resume.save_training, folder / "odd", **options) is None
    assert not (folder / "odd").exists()
    (folder / "training").write_bytes(saved["training"][0])
    assert attempt(name, resume.load_training, folder / "training", **options) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.to("meta"),
        lambda model: model.linear.half(),
        lambda model: setattr(model.linear, "bias", nn.Parameter(torch.zeros(1).expand(SIZE))),
        lambda model: setattr(model.linear, "bias", nn.Parameter(torch.zeros(SIZE + 1))),
        lambda model: model.register_buffer("more", torch.zeros(1)),
    ],
    ids=["meta", "mixed", "expanded", "longer", "more"],
)
def test_model_that_could_not_be_loaded_is_not_saved(folder, change):
    model = small_model()
    change(model)
    assert attempt("model", models.save_model, folder / "odd", model, VOCAB) is None
    assert not (folder / "odd").exists()


def test_vocabulary_of_odd_tokens_comes_back_with_the_model(folder):
    tokens = ["<unk>", "\0", "\r", "\u2028", "\U0001f600", "\u05d0", "e\u0301", "", ("a", "b")]
    vocab = text.Vocab.from_list(tokens)
    model = models.language_model("rnn", len(vocab), 2)
    path = models.save_model(folder / "odd tokens", model, vocab)
    assert models.load_model(path)[1].idx_to_token == tokens
    vocab.idx_to_token[-1] = "\0"
    path.unlink()
    assert attempt("vocab", models.save_model, path, model, vocab) is None
    assert not path.exists()


def save_often(path, seed):
    for _ in range(15):
        models.save_model(path, small_model(seed=seed), VOCAB, {"seed": seed})


def test_model_saved_by_threads_and_processes_at_once_is_always_whole(tmp_path):
    path = tmp_path / "model"
    save_often(path, 0)
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    savers = [context.Process(target=save_often, args=(path, seed)) for seed in (1, 2)]
    savers += [threading.Thread(target=save_often, args=(path, seed)) for seed in (0, 0)]
    for saver in savers:
        saver.start()
    while any(saver.is_alive() for saver in savers):
        model, _, history = models.load_model(path)
        assert history["seed"] in (0, 1, 2)
        assert all(torch.isfinite(weight).all() for weight in weights(model))
    for saver in savers:
        saver.join(20)
    assert [saver.exitcode for saver in savers[:2]] == [0, 0]
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


# --- ledgers and figures ---


@thorough
@given(
    st.sampled_from(["namespace", "sizes", "rows"]),
    junk | st.lists(junk, max_size=2) | st.lists(st.tuples(junk, junk, junk, junk), max_size=2)
    | st.lists(st.lists(st.sampled_from(["x", "(2,)", "", "|"]), max_size=6), max_size=2),
)  # fmt: skip
def test_ledger_is_refused_or_lists_every_row(name, odd):
    options = {
        "namespace": {"x": torch.zeros(2)}, "sizes": {"a": 2}, "rows": [("x", "", "(a,)", "x")],
    } | {name: odd}  # fmt: skip
    names = f"{name} words should call defined"
    errors = (ValueError, TypeError, KeyError, NameError)
    ledger = attempt(names, ShapeLedger, **options, errors=errors)
    if ledger is not None:
        assert len(repr(ledger).splitlines()) == 1 + len(ledger.rows)
        assert ledger._repr_html_().count("<tr>") == 1 + len(ledger.rows)


@thorough
@given(
    st.text(st.sampled_from("()a,* 5\u00b2\u0665-.\n")) | junk,
    st.dictionaries(st.sampled_from(["a", "", "\u00b2"]), junk),
)
def test_words_are_refused_or_a_shape(words, sizes):
    words = f"({words})" if isinstance(words, str) else words
    shape = attempt(
        "words sizes", shape_from_words, words, sizes, errors=(ValueError, TypeError, KeyError)
    )
    assert shape is None or all(type(size) is int and size >= 0 for size in shape)


@pytest.fixture
def _figures():
    plt.switch_backend("Agg")
    with mpl.rc_context():
        yield
    plt.close("all")


@pytest.mark.usefixtures("_figures")
@settings(quick, max_examples=40)
@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_figure_of_lengths_that_differ_is_refused(a, b, c, d):
    values = [[0.5] * b for _ in range(a)]
    heatmap = attempt("values", figures.plot_heatmap, values, "x" * c, "y" * d)
    assert (heatmap is not None) is (0 < a == c and 0 < b == d)
    curves = attempt("curves", figures.plot_curves, {"one": (range(a), range(b))}, "x", "y")
    assert (curves is not None) is (a == b)
    unrolled = attempt("targets", figures.draw_unrolled, "a" * a, "b" * b)
    assert (unrolled is not None) is (a == b)
    plt.close("all")


@pytest.mark.usefixtures("_figures")
def test_figure_with_ragged_values_or_too_few_names_is_refused():
    for values, rows, columns in (
        ([[1, 2], [3]], "ab", "cd"), ([], "", ""), ([[]], "a", ""), (torch.zeros(3, 2), "ab", "cde"),
    ):  # fmt: skip
        assert attempt("values", figures.plot_heatmap, values, rows, columns) is None
    assert attempt("weights", figures.draw_unrolled, "a", "b", ("w",)) is None
    for format in ("{:d}", "{} {}", "{x}", "{", "{.x}", None, 3):
        assert attempt("format", figures.plot_heatmap, [[1]], "a", "b", format=format) is None
    for make in JUNK:
        for curves in (make(), {"one": make()}, {"one": (make(), [1])}):
            figure = attempt("curves", figures.plot_curves, curves, "x", "y")
            assert figure is None or isinstance(curves, dict)


# --- one odd argument at a time: what goes to a page, checkpoints and pictures ---


WORDS = {"hello": "ohlol"}
# Function, and arguments that it takes; `folder` stands for a folder with what it reads.
CALLS = {
    export.quantise: lambda: {"weight": torch.randn(2, 3), "parts": 2},
    export.dequantise: lambda: {"pairs": export.quantise(torch.randn(2, 3), 2)},
    export.script: lambda: {"data": {"a": 1}},
    export.export_model: lambda: {
        "folder": "new", "name": "b", "model": small_model(), "vocab": VOCAB,
        "about": {"a": [1]}, "parts": 1,
    },
    export.read_script: lambda: {"path": "a.js"},
    export.read_model: lambda: {"folder": ".", "name": "a"},
    export.text_filter: lambda: {"text": "abc" * 9, "length": 3, "num_bytes": 8, "num_hashes": 2},
    export.filter_bits: lambda: {"stretch": "abc", "num_hashes": 2, "num_bits": 64},
    reach.reach: lambda: {"model": small_model(), "indices": torch.arange(5), "first": 2},
    traces.index_columns: lambda: {"words": ["hello", "hollo"]},
    traces.start_weights: lambda: {"kind": "lstm", "num_words": 1, "seed": 3},
    traces.trace: lambda: {
        "weights": traces.start_weights("rnn", 1), "kind": "rnn", "words": WORDS,
    },
    traces.train_weights: lambda: {
        "kind": "rnn", "words": WORDS, "num_updates": 1, "seed": 0, "lr": 0.1,
    },
    traces.stepper_data: lambda: {"ages": (0,), "digits": 3},
    checkpoints.write_checkpoint: lambda: {"path": "b", "content": {"format": "a, 1"}},
    checkpoints.read_checkpoint: lambda: {"path": "a", "format": "a, 1"},
    figures.plot_curves: lambda: {
        "curves": {"a": ([1, 2], [3, None])}, "xlabel": "x", "ylabel": "y", "yscale": "log",
        "size": (3, 2),
    },
    figures.plot_heatmap: lambda: {
        "values": [[1, 2]], "rows": ["r"], "columns": "ab", "xlabel": "x", "ylabel": "y",
        "format": "{:.1f}", "size": (3, 2), "limits": (0, 3),
    },
    figures.draw_unrolled: lambda: {
        "inputs": "he", "targets": "el", "weights": "ABC", "notes": ("a", "b", "c"),
    },
    figures.draw_lstm_cell: lambda: {"stage": "forget"},
    figures.draw_gru_cell: lambda: {"stage": "reset"},
}  # fmt: skip
# What says as much as the argument's own name.
ALSO = {"rows": "values", "columns": "values", "length": "text", "format": "path"}


@pytest.fixture(scope="module")
def readable(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readable")
    checkpoints.write_checkpoint(folder / "a", {"format": "a, 1"})
    export.export_model(folder, "a", small_model(), VOCAB)
    return folder


def public_functions():
    for module in (export, reach, traces, figures, checkpoints):
        for name, value in vars(module).items():
            own = isinstance(value, types.FunctionType) and value.__module__ == module.__name__
            if own and name[0] != "_":
                yield value


def test_every_public_function_is_called_with_odd_arguments():
    without_arguments = {figures.course_style, figures.draw_cell_legend}
    assert {*public_functions()} == {*CALLS} | without_arguments


@pytest.mark.usefixtures("_figures")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (call, name)
        for call, options in CALLS.items()
        for name in inspect.signature(call).parameters
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_one_odd_argument_is_refused_by_name_or_taken(call, name, readable, tmp_path, monkeypatch):
    assert name in CALLS[call]()
    for path in readable.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    # A generator checks its arguments when it begins.
    take = next if call is traces.train_weights else lambda result: result
    assert take(call(**CALLS[call]())) is not None
    for make in JUNK:
        odd = make()
        try:
            attempt(
                f"{name} {ALSO.get(name, name)}",
                lambda odd=odd: take(call(**CALLS[call]() | {name: odd})),
            )
        except OSError:  # no such file, or none of this name
            assert name in ("path", "folder", "name")
            assert isinstance(odd, str)
        plt.close("all")


# --- the names of d2l ---


@thorough
@given(
    st.sampled_from([d2l.seq_data_iter_random, d2l.seq_data_iter_sequential]),
    st.sampled_from(list(CORPORA)) | junk,
    st.just(3) | junk,
    st.just(3) | junk,
)
def test_minibatches_of_d2l_are_refused_or_whole(cut, corpus, batch_size, num_steps):
    corpus = CORPORA[corpus]() if isinstance(corpus, str) and corpus in CORPORA else corpus
    made = attempt("corpus batch_size num_steps", lambda: list(cut(corpus, batch_size, num_steps)))
    for X, Y in made or ():
        assert X.shape == Y.shape == (batch_size, num_steps)


@quick
@given(junk)
def test_corpus_of_d2l_takes_a_number_of_tokens_or_refuses(folder, odd):
    path = folder / "text of d2l"
    path.write_text("the time traveller")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(d2l, "download", lambda name: path)
        result = attempt("max_tokens", d2l.load_corpus_time_machine, odd)
    if result is not None:
        assert len(result[0]) == (min(18, odd) if odd > 0 else 18)


@quick
@given(junk)
def test_names_and_layers_of_d2l_are_refused_or_known(odd):
    assert attempt("name", d2l.download, odd) is None
    assert attempt("layer", d2l.RNNModel, odd, 3) is None
    model = attempt("vocab_size", d2l.RNNModel, nn.RNN(2, 2), odd)
    assert model is None or odd == 2


@quick
@given(
    st.sampled_from(["prefix", "num_preds", "net", "vocab"]),
    junk.filter(lambda value: not (isinstance(value, int) and value > 9)),
)
def test_prediction_of_d2l_is_refused_or_as_long_as_asked_for(name, odd):
    net = d2l.RNNModel(nn.GRU(SIZE, 3), SIZE)
    options = {"prefix": ["a"], "num_preds": 2, "net": net, "vocab": VOCAB} | {name: odd}
    names = {"num_preds": "num_tokens", "net": "net model"}.get(name, name)
    result = attempt(names, d2l.predict_ch8, **options, device=torch.device("cpu"))
    if result is not None and name != "prefix":
        assert len(result) == 1 + options["num_preds"]


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
@pytest.mark.parametrize("where", ["inputs", "state"])
def test_model_of_d2l_names_what_does_not_fit(kind, where):
    layer = {"rnn": nn.RNN, "lstm": nn.LSTM}[kind](SIZE, 3)
    net = d2l.RNNModel(layer, SIZE)
    X, state = torch.zeros(2, 3), net.begin_state(batch_size=2)
    for change in CHANGES.values():
        if where == "inputs":
            changed = change(X)
            if isinstance(changed, torch.Tensor):
                attempt("indices state h c", net, changed, state)
        else:
            attempt("state h c", net, X, change(parts(state)[0]))


def test_one_hot_input_is_the_reference_for_rows_of_no_weight():
    """The smallest sizes there are: one token, one unit, one step."""
    for kind in KINDS:
        model = models.language_model(kind, 1, 1)
        logits, _ = model(torch.zeros(1, 1, dtype=torch.int64))
        assert logits.shape == (1, 1)
        assert float(F.cross_entropy(logits, torch.zeros(1, dtype=torch.int64))) == 0
        assert training.evaluate(model, torch.zeros(2, dtype=torch.int64)) == 1
        vocab = text.Vocab("")
        assert generation.generate(model, vocab, "x", 2) == "<unk>" * 3


@quick
@given(junk, st.sampled_from(["net", "train_iter"]), st.booleans())
def test_epoch_of_d2l_is_refused_or_a_perplexity(odd, name, use_random_iter):
    net = d2l.RNNModel(nn.GRU(SIZE, 3), SIZE)
    options = {"net": net, "train_iter": list(fitting_batches())} | {name: odd}
    names = {"train_iter": "train_iter batches"}.get(name, name)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    result = attempt(
        names,
        d2l.train_epoch_ch8,
        **options,
        loss=nn.CrossEntropyLoss(),
        updater=optimizer,
        device=torch.device("cpu"),
        use_random_iter=use_random_iter,
    )
    assert result is None
    attempt("net", d2l.grad_clipping, odd, 1.0)


@pytest.mark.parametrize("num_epochs", [0, -1, 1.5, None, "3", True])
def test_training_of_d2l_names_a_wrong_number_of_epochs(num_epochs):
    net = d2l.RNNModel(nn.GRU(SIZE, 3), SIZE)
    options = {"lr": 1, "num_epochs": num_epochs, "device": torch.device("cpu")}
    assert attempt("num_epochs", d2l.train_ch8, net, [], VOCAB, **options) is None


@pytest.mark.parametrize("urls", ["http://a", None, 3, [3], [None], [b"http://a"]])
def test_addresses_of_another_kind_are_refused(tmp_path, urls):
    assert attempt("url", text.find_text, tmp_path, urls) is None


def test_function_that_writes_must_be_one(tmp_path):
    assert attempt("write", files.write_atomically, tmp_path / "a", b"content") is None
    assert list(tmp_path.iterdir()) == []


def test_vocabulary_beyond_what_torch_draws_from_is_refused():
    logits = torch.zeros(1).expand(2**24 + 1)
    assert attempt("logits", generation.next_token, logits, 1.0) is None
