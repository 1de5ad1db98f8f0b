"""The rebuilt layers against `torch.nn`'s: the same numbers, forward and gradient."""

import copy
import itertools
import math

import pytest
import torch
from torch import nn

from rnnlib import layers

# torch says so of its own LSTM with projections, and of dropout with one layer.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

KINDS = {
    "rnn-tanh": (nn.RNN, layers.RNN, {"nonlinearity": "tanh"}),
    "rnn-relu": (nn.RNN, layers.RNN, {"nonlinearity": "relu"}),
    "gru": (nn.GRU, layers.GRU, {}),
    "lstm": (nn.LSTM, layers.LSTM, {}),
    "lstm-projected": (nn.LSTM, layers.LSTM, {"proj_size": 2}),
}
NAMES = "num_layers", "bias", "batch_first", "bidirectional"
ALL = [dict(zip(NAMES, values, strict=True))
       for values in itertools.product((1, 3), (True, False), (False, True), (False, True))]  # fmt: skip
each_kind = pytest.mark.parametrize("kind", KINDS)


def twins(kind, **options):
    """torch's layer and ours, each made under the same seed."""
    theirs, ours, own = KINDS[kind]
    pair = []
    for layer_class in (theirs, ours):
        torch.manual_seed(0)
        pair.append(layer_class(3, 5, **{"dtype": torch.float64} | own | options))
    return pair


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def example(layer, batched=True, batch_size=2, dtype=torch.float64):
    """Input and start state that fit `layer`."""
    shape = (4, batch_size) if batched else (4,)
    shape = shape[::-1] if batched and layer.batch_first else shape
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    sizes = [layer.proj_size or layer.hidden_size, layer.hidden_size]
    state = tuple(torch.randn(rows, *[batch_size] * batched, n, dtype=dtype) for n in sizes)
    pair = isinstance(layer, nn.LSTM | layers.LSTM)
    return torch.randn(*shape, 3, dtype=dtype), state if pair else state[0]


def everything(layer, input, state):
    """Output, state, and all the gradients of one call."""
    input = input.detach().requires_grad_()
    given = [] if state is None else [part.detach().requires_grad_() for part in parts(state)]
    if state is not None:
        state = tuple(given) if isinstance(state, tuple) else given[0]
    output, final = layer(input, state)
    results = [output, *parts(final)]
    # A weight of its own for each number, so that no two of them can be mixed up.
    loss = sum((r * r.new_tensor(range(r.numel())).view_as(r)).sum() for r in results)
    return results + list(torch.autograd.grad(loss / 100, [input, *given, *layer.parameters()]))


@each_kind
@pytest.mark.parametrize("options", ALL, ids=lambda o: "-".join(map(str, o.values())))
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("with_state", [False, True])
def test_weights_output_state_and_all_gradients_are_those_of_torch(
    kind, options, batched, with_state
):
    theirs, ours = twins(kind, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, weight in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], weight), name
    input, state = example(theirs, batched)
    state = state if with_state else None
    found, expected = everything(ours, input, state), everything(theirs, input, state)
    assert [part.shape for part in found] == [part.shape for part in expected]
    torch.testing.assert_close(found, expected)


@each_kind
def test_single_precision_agrees_too(kind):
    theirs, ours = twins(kind, num_layers=2, dtype=torch.float32)
    given = example(theirs, dtype=torch.float32)
    torch.testing.assert_close(everything(ours, *given), everything(theirs, *given))


@each_kind
def test_the_call_is_that_of_torch(kind):
    theirs, ours = twins(kind, num_layers=2)
    input, state = example(theirs)
    torch.testing.assert_close(ours(input, hx=state), theirs(input, hx=state))
    assert ours.flatten_parameters() is None
    assert "num_layers=2" in repr(ours)
    assert "batch_first=True" in repr(twins(kind, batch_first=True)[1])
    ours(input)[0].sum().backward()
    assert all(p.grad is not None for p in copy.deepcopy(ours).parameters()) or ours.training


def test_no_words_at_all_are_accepted_where_torch_accepts_them():
    for kind in ("gru", "lstm"):
        theirs, ours = twins(kind)
        input = torch.zeros(4, 0, 3, dtype=torch.float64)
        assert ours(input)[0].shape == theirs(input)[0].shape == (4, 0, 5)


@each_kind
def test_dropout_acts_between_layers_in_training_only(kind):
    _, ours = twins(kind, num_layers=2, dropout=0.5)
    input, state = example(ours)
    assert not torch.equal(ours(input, state)[0], ours(input, state)[0])
    ours.eval()
    torch.testing.assert_close(ours(input, state), twins(kind, num_layers=2)[1](input, state))


def test_with_all_of_it_dropped_the_upper_layer_sees_zeros():
    theirs, ours = twins("lstm", num_layers=2, dropout=1.0)
    input, state = example(theirs)
    torch.testing.assert_close(ours(input, state), theirs(input, state))


@each_kind
def test_a_state_for_one_word_is_not_stretched_over_all(kind):
    _, ours = twins(kind)
    input, _ = example(ours)
    _, state = example(ours, batch_size=1)
    with pytest.raises(ValueError, match="state"):
        ours(input, state)


@pytest.mark.parametrize("layer_class", [layers.RNN, layers.GRU])
def test_a_projection_is_not_silently_ignored(layer_class):
    with pytest.raises(ValueError, match="proj_size"):
        layer_class(3, 5, proj_size=2)


def test_weights_are_drawn_within_torchs_bound():
    layer = layers.GRU(3, 100)
    largest = max(weight.abs().max() for weight in layer.parameters())
    assert 0.99 / math.sqrt(100) < largest <= 1 / math.sqrt(100)
