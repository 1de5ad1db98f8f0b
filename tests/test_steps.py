"""One step of generation in NumPy against a call of the model: the same logits."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from rnnlib import d2l, fast, layers
from rnnlib.models import LanguageModel, language_model
from rnnlib.steps import Steps, steps_of

VOCAB_SIZE, HIDDEN_SIZE, NUM_STEPS = 7, 5, 40
KINDS = {"rnn": (nn.RNN, fast.RNN), "gru": (nn.GRU, fast.GRU), "lstm": (nn.LSTM, nn.LSTM)}
FEWEST_ROWS = 16  # of HIDDEN_SIZE numbers
for_all_kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def _however_small_the_product(monkeypatch):
    monkeypatch.setattr(fast, "FEWEST_NUMBERS", FEWEST_ROWS * HIDDEN_SIZE)


def small_model(kind="gru", embedding_size=None, theirs=False, **options):
    """A model with weights large enough for every gate to matter, and random biases."""
    torch.manual_seed(0)
    layer_class = KINDS[kind][0 if theirs else 1]
    layer = layer_class(embedding_size or VOCAB_SIZE, HIDDEN_SIZE, **options)
    model = LanguageModel(layer, VOCAB_SIZE, embedding_size).eval()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.8)
    return model


def random_state(model, batch_size=1):
    state = model.begin_state(batch_size)
    if isinstance(state, tuple):
        return tuple(torch.randn_like(part).tanh() for part in state)
    return torch.randn_like(state).tanh()


def parts(state):
    return state if isinstance(state, tuple) else (state,)


@torch.no_grad()
def assert_equal_step_by_step(model, state, num_steps=NUM_STEPS, **tolerance):
    """Feed both the same random tokens; the state goes from call to call."""
    steps, batch_size = steps_of(model, state), parts(state)[0].shape[1]
    for tokens in torch.randint(VOCAB_SIZE, (num_steps, batch_size)):
        expected, state = model(tokens[:, None], state)
        if batch_size == 1:
            expected = expected[0]
            found = steps(int(tokens))
        else:
            found = steps(tokens.numpy())
        assert found.dtype == np.float32
        assert found.shape == expected.shape
        torch.testing.assert_close(torch.from_numpy(found), expected, **tolerance)
        np.testing.assert_allclose(
            steps.h.reshape(-1), parts(state)[0].numpy().reshape(-1), rtol=1e-3, atol=1e-4
        )


CLOSE = {"rtol": 1e-3, "atol": 1e-4}


@for_all_kinds
@pytest.mark.parametrize("theirs", [False, True], ids=["fast", "torch"])
@pytest.mark.parametrize("embedding_size", [None, 4])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_size", [1, 2, FEWEST_ROWS - 1, FEWEST_ROWS, 20])
def test_logits_are_those_of_the_model_step_by_step(kind, theirs, embedding_size, bias, batch_size):
    model = small_model(kind, embedding_size, theirs, bias=bias)
    assert_equal_step_by_step(model, random_state(model, batch_size), **CLOSE)
    assert_equal_step_by_step(model, model.begin_state(batch_size), num_steps=3, **CLOSE)


@for_all_kinds
@pytest.mark.parametrize("batch_size", [1, 20])
@pytest.mark.parametrize("onednn", [True, False])
def test_model_as_language_model_builds_it_for_many_steps(kind, batch_size, onednn, monkeypatch):
    if not onednn:
        monkeypatch.setattr(fast, "_ONEDNN", None)
    torch.manual_seed(0)
    model = language_model(kind, VOCAB_SIZE, 33).eval()
    assert_equal_step_by_step(model, model.begin_state(batch_size), 150, rtol=1e-4, atol=1e-5)


@for_all_kinds
@pytest.mark.parametrize("batch_size", [1, 20])
def test_saturated_units(kind, batch_size):
    model = small_model(kind)
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 1e4
    state = model.begin_state(batch_size)
    assert_equal_step_by_step(model, state, 3, rtol=1e-3, atol=1.0)


@for_all_kinds
@pytest.mark.parametrize("size", [1e15, 1e30])
def test_huge_weights_that_cannot_overflow_are_covered(kind, size):
    model = small_model(kind)
    with torch.no_grad():
        for weight in model.parameters():
            weight *= size
    steps = steps_of(model, model.begin_state())
    assert np.isfinite(steps(3)).all()


@for_all_kinds
@pytest.mark.parametrize("batch_size", [1, 2])
def test_smallest_sizes(kind, batch_size):
    torch.manual_seed(0)
    model = language_model(kind, 1, 1).eval()
    steps = steps_of(model, model.begin_state(batch_size))
    with torch.no_grad():
        expected, _ = model(torch.zeros(batch_size, 1, dtype=torch.int64))
    found = steps(0 if batch_size == 1 else np.zeros(batch_size, dtype=int))
    np.testing.assert_allclose(found.reshape(-1, 1), expected.numpy(), rtol=1e-4)


@for_all_kinds
@pytest.mark.parametrize("embedding_size", [None, 4])
@pytest.mark.parametrize("batch_size", [1, 3, 20])
def test_given_state_and_weights_are_left_as_they_were(kind, embedding_size, batch_size):
    model = small_model(kind, embedding_size)
    state = random_state(model, batch_size)
    kept = [*parts(state), *model.parameters()]
    before = [part.detach().clone() for part in kept]
    steps, again = steps_of(model, state), steps_of(model, state)
    tokens = 3 if batch_size == 1 else np.full(batch_size, 3)
    first = steps(tokens).copy()
    second = steps(tokens).copy()
    assert not np.allclose(first, second)
    assert all(map(torch.equal, kept, before))
    np.testing.assert_array_equal(again(tokens), first)
    np.testing.assert_array_equal(again(tokens), second)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_size", [1, 20])
def test_default_dtype_does_not_matter(bias, batch_size):
    model = small_model("rnn", bias=bias)
    torch.set_default_dtype(torch.float64)
    try:
        assert_equal_step_by_step(model, model.begin_state(batch_size), 3, **CLOSE)
    finally:
        torch.set_default_dtype(torch.float32)


# --- what Steps cannot stand for ---


class OwnModel(LanguageModel):
    def forward(self, indices, state=None):
        logits, state = super().forward(indices, state)
        return -logits, state


class OwnLayer(nn.GRU):
    def forward(self, input, hx=None):
        return super().forward(2 * input, hx)


class OwnLinear(nn.Linear):
    def forward(self, input):
        return -super().forward(input)


class OwnCall(LanguageModel):
    def __call__(self, *arguments):
        return super().__call__(*arguments)


class SameModel(LanguageModel):
    """With nothing of its own."""


def changed(change):
    model = small_model()
    change(model)
    return model


def hooked(name, register):
    return changed(lambda model: getattr(model.get_submodule(name), register)(lambda *_: None))


def own_forward(model):
    model.layer.forward = lambda input, state: nn.GRU.forward(model.layer, 2 * input, state)


NOT_COVERED = {
    "two layers": lambda: small_model(num_layers=2),
    "bidirectional": lambda: small_model(bidirectional=True),
    "relu": lambda: small_model("rnn", nonlinearity="relu"),
    "projected": lambda: small_model("lstm", proj_size=2),
    "double": lambda: small_model().double(),
    "bfloat16": lambda: small_model().bfloat16(),
    "one weight double": lambda: changed(lambda model: model.linear.double()),
    "meta": lambda: small_model().to("meta"),
    "rnnlib.layers": lambda: LanguageModel(layers.GRU(VOCAB_SIZE, 5), VOCAB_SIZE),
    "model with a forward of its own": lambda: OwnModel(fast.GRU(VOCAB_SIZE, 5), VOCAB_SIZE),
    "model of d2l": lambda: d2l.RNNModel(nn.GRU(VOCAB_SIZE, 5), VOCAB_SIZE),
    "layer with a forward of its own": lambda: LanguageModel(OwnLayer(VOCAB_SIZE, 5), VOCAB_SIZE),
    "linear map with a forward of its own": lambda: changed(
        lambda model: setattr(model, "linear", OwnLinear(HIDDEN_SIZE, VOCAB_SIZE))
    ),
    "model with a call of its own": lambda: OwnCall(nn.GRU(VOCAB_SIZE, 5), VOCAB_SIZE),
    "embedding that shortens its rows": lambda: changed(
        lambda model: setattr(model, "embedding", nn.Embedding(VOCAB_SIZE, 4, max_norm=0.1))
    ),
    "forward replaced": lambda: changed(own_forward),
    "linear map without a bias": lambda: changed(
        lambda model: setattr(model, "linear", nn.Linear(HIDDEN_SIZE, VOCAB_SIZE, bias=False))
    ),
    "no module": lambda: object(),
    "another module": lambda: nn.GRU(2, 3),
    **{
        f"{register} of {name or 'the model'}": lambda name=name, register=register: hooked(
            name, register
        )
        for name in ("", "layer", "linear", "dropout")
        for register in ("register_forward_hook", "register_forward_pre_hook")
    },
}


@pytest.mark.parametrize("make", NOT_COVERED.values(), ids=list(NOT_COVERED))
def test_other_models_are_not_covered(make):
    model = make()
    state = model.begin_state(1) if hasattr(model, "begin_state") else torch.zeros(1, 1, 5)
    assert steps_of(model, state) is None


def test_subclass_with_nothing_of_its_own_is_covered():
    model = SameModel(type("SameLayer", (nn.GRU,), {})(VOCAB_SIZE, 5), VOCAB_SIZE)
    assert isinstance(steps_of(model, model.begin_state()), Steps)
    hook = model.layer.register_forward_hook(lambda *_: None)
    assert steps_of(model, model.begin_state()) is None
    hook.remove()
    assert_equal_step_by_step(model.eval(), model.begin_state(), 3, **CLOSE)


@pytest.mark.parametrize(
    "register",
    [
        nn.modules.module.register_module_forward_hook,
        nn.modules.module.register_module_forward_pre_hook,
    ],
)
def test_no_model_is_covered_while_all_modules_have_a_hook(register):
    model = small_model()
    hook = register(lambda *_: None)
    try:
        assert steps_of(model, model.begin_state()) is None
    finally:
        hook.remove()
    assert steps_of(model, model.begin_state()) is not None


@for_all_kinds
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_not_covered(kind, value):
    model = small_model(kind, embedding_size=4)
    for name, weight in model.named_parameters():
        bad = copy.deepcopy(model)
        with torch.no_grad():
            bad.get_parameter(name).view(-1)[weight.numel() // 2] = value
        assert steps_of(bad, bad.begin_state()) is None, name


LARGE = {
    "layer.weight_ih_l0": (1, 2),
    "layer.weight_hh_l0": (1, 2),
    "linear.weight": (4, 2),
    "linear.bias": (3,),
}


@for_all_kinds
@pytest.mark.parametrize("names", list(itertools.combinations(LARGE, 2)))
def test_weights_whose_sum_would_overflow_are_not_covered(kind, names):
    same_sum = {*names} <= {"layer.weight_hh_l0", "linear.weight"}
    for size, covered in ((1.6e38, True), (2e38, same_sum)):
        model = small_model(kind)
        with torch.no_grad():
            for name in names:
                model.get_parameter(name)[LARGE[name]] = size
        assert (steps_of(model, model.begin_state()) is not None) is covered, size


@for_all_kinds
@pytest.mark.parametrize("name", ["layer.weight_hh_l0", "linear.weight"])
def test_row_of_weights_that_would_overflow_is_not_covered(kind, name):
    model = small_model(kind)
    with torch.no_grad():
        model.get_parameter(name)[2] = 1e38
    assert steps_of(model, model.begin_state()) is None
    with torch.no_grad():
        model.get_parameter(name)[2] = -1e38
    assert steps_of(model, model.begin_state()) is None
