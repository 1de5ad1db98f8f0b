"""The rebuilt layers against `torch.nn`'s: the same numbers, forward and gradient."""

import itertools
import re
import warnings

import pytest
import torch
from torch import nn

from rnnlib import layers

# torch says so of its own LSTM with projections.
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")

KINDS = {
    "rnn-tanh": (nn.RNN, layers.RNN, {"nonlinearity": "tanh"}),
    "rnn-relu": (nn.RNN, layers.RNN, {"nonlinearity": "relu"}),
    "gru": (nn.GRU, layers.GRU, {}),
    "lstm": (nn.LSTM, layers.LSTM, {}),
    "lstm-projected": (nn.LSTM, layers.LSTM, {"proj_size": 2}),
}
OURS = (layers.RNN, layers.LSTM, layers.GRU)
NUM_STEPS, BATCH_SIZE, INPUT_SIZE, HIDDEN_SIZE = 4, 3, 3, 5
ARGUMENTS = list(itertools.product(KINDS, (1, 3), (True, False), (False, True), (False, True)))
for_all_arguments = pytest.mark.parametrize(
    ("kind", "num_layers", "bias", "batch_first", "bidirectional"), ARGUMENTS
)
for_all_kinds = pytest.mark.parametrize("kind", KINDS)
for_all_layers = pytest.mark.parametrize("layer_class", OURS, ids=lambda c: c.__name__)


def twins(kind, **options):
    """torch's layer and ours, each made under the same seed."""
    theirs, ours, own = KINDS[kind]
    options = {"dtype": torch.float64} | own | options
    pair = []
    for layer_class in (theirs, ours):
        torch.manual_seed(0)
        pair.append(layer_class(INPUT_SIZE, HIDDEN_SIZE, **options))
    return pair


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def random_input(layer, batched=True, dtype=torch.float64):
    shape = (NUM_STEPS, BATCH_SIZE) if batched else (NUM_STEPS,)
    if batched and layer.batch_first:
        shape = shape[::-1]
    return torch.randn(*shape, INPUT_SIZE, dtype=dtype)


def random_state(layer, batched=True, dtype=torch.float64):
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    sizes = [layer.proj_size or layer.hidden_size, layer.hidden_size]
    made = [torch.randn(rows, *[BATCH_SIZE] * batched, size, dtype=dtype) for size in sizes]
    return tuple(made) if isinstance(layer, nn.LSTM | layers.LSTM) else made[0]


def results_and_gradients(layer, input, state):
    """Everything a call and a backward pass make: output, state, and all the gradients."""
    input = input.detach().requires_grad_()
    given = [] if state is None else [part.detach().requires_grad_() for part in parts(state)]
    if state is not None:
        state = tuple(given) if isinstance(state, tuple) else given[0]
    output, final = layer(input, state)
    results = [output, *parts(final)]
    # A weight of its own for each number, so that no two of them can be mixed up.
    loss = sum((result * result.new_tensor(range(result.numel())).view_as(result)).sum()
               for result in results)  # fmt: skip
    inputs = [input, *given, *layer.parameters()]
    return results + list(torch.autograd.grad(loss / 100, inputs))


@for_all_arguments
def test_state_dict_has_the_keys_shapes_and_first_weights_of_torch(
    kind, num_layers, bias, batch_first, bidirectional
):
    theirs, ours = twins(
        kind,
        num_layers=num_layers,
        bias=bias,
        batch_first=batch_first,
        bidirectional=bidirectional,
    )
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, weight in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], weight), name


@for_all_arguments
@pytest.mark.parametrize("batched", [True, False], ids=["batched", "unbatched"])
@pytest.mark.parametrize("with_state", [False, True], ids=["from-zero", "from-state"])
def test_output_state_and_all_gradients_are_those_of_torch(
    kind, num_layers, bias, batch_first, bidirectional, batched, with_state
):
    theirs, ours = twins(
        kind,
        num_layers=num_layers,
        bias=bias,
        batch_first=batch_first,
        bidirectional=bidirectional,
    )
    input = random_input(theirs, batched)
    state = random_state(theirs, batched) if with_state else None
    found = results_and_gradients(ours, input, state)
    expected = results_and_gradients(theirs, input, state)
    assert [part.shape for part in found] == [part.shape for part in expected]
    torch.testing.assert_close(found, expected)


@for_all_kinds
def test_single_precision_agrees_too(kind):
    theirs, ours = twins(kind, num_layers=3, bidirectional=True, dtype=torch.float32)
    input, state = (make(theirs, dtype=torch.float32) for make in (random_input, random_state))
    output, final = ours(input, state)
    assert output.dtype == torch.float32
    expected, expected_final = theirs(input, state)
    torch.testing.assert_close([output, *parts(final)], [expected, *parts(expected_final)])


@pytest.mark.parametrize("hidden_size", [6, 7, 63])  # where 1/sqrt and **-0.5 round apart
def test_first_weights_are_equal_to_the_last_bit(hidden_size):
    weights = []
    for layer_class in (nn.GRU, layers.GRU):
        torch.manual_seed(0)
        weights.append(layer_class(2, hidden_size, dtype=torch.float64).weight_hh_l0)
    assert torch.equal(*weights)


@for_all_kinds
def test_weights_can_be_loaded_both_ways(kind):
    theirs, ours = twins(kind, num_layers=2, bidirectional=True)
    for source, target in ((theirs, ours), (ours, theirs)):
        with torch.no_grad():
            for weight in source.parameters():
                weight.normal_(std=0.5)
        target.load_state_dict(source.state_dict())
        input = random_input(theirs)
        torch.testing.assert_close(target(input)[0], source(input)[0])


@pytest.mark.parametrize(
    ("theirs", "ours", "arguments"),
    [
        (nn.RNN, layers.RNN, (3, 5, 2, "relu", False, True, 0.25, True)),
        (nn.GRU, layers.GRU, (3, 5, 2, False, True, 0.25, True)),
        (nn.LSTM, layers.LSTM, (3, 5, 2, False, True, 0.25, True, 2)),
    ],
    ids=["RNN", "GRU", "LSTM"],
)
def test_arguments_by_position_come_in_the_order_of_torch(theirs, ours, arguments):
    theirs, ours = theirs(*arguments).eval(), ours(*arguments).eval()
    for name in ("num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size"):
        assert getattr(ours, name) == getattr(theirs, name), name
    ours.load_state_dict(theirs.state_dict())
    input = random_input(theirs, dtype=torch.float32)
    torch.testing.assert_close(ours(input)[0], theirs(input)[0])


@for_all_kinds
@pytest.mark.parametrize("batched", [True, False])
def test_dropout_drops_between_layers_what_torch_drops_under_the_same_seed(kind, batched):
    theirs, ours = twins(kind, num_layers=3, dropout=0.5, bidirectional=True)
    input = random_input(theirs, batched)
    outputs = []
    for layer in (theirs, ours, ours):
        torch.manual_seed(len(outputs) // 2)
        outputs.append(layer(input)[0])
    torch.testing.assert_close(outputs[1], outputs[0])
    assert not torch.allclose(outputs[2], outputs[0])


@for_all_kinds
def test_dropout_does_nothing_in_evaluation_mode(kind):
    theirs, ours = twins(kind, num_layers=3, dropout=0.5)
    input = random_input(theirs)
    torch.testing.assert_close(ours.eval()(input)[0], theirs.eval()(input)[0])


@for_all_kinds
def test_dropout_of_one_leaves_the_last_layer_nothing_of_the_input(kind):
    _, ours = twins(kind, num_layers=2, dropout=1.0)
    first, second = (ours(random_input(ours))[0] for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(ours.eval()(random_input(ours))[0], first)


@pytest.mark.parametrize("layer_class", OURS)
def test_dropout_with_a_single_layer_warns_at_the_line_that_asked_for_it(layer_class):
    with pytest.warns(UserWarning, match="num_layers=1") as caught:
        layer_class(2, 3, dropout=0.5)
    assert caught[0].filename == __file__


@for_all_layers
def test_usual_arguments_warn_of_nothing(layer_class):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer_class(2, 3, 2, dropout=0.5)
        layer_class(2, 3)


@for_all_kinds
@pytest.mark.parametrize("batched", [True, False])
def test_two_calls_with_the_state_carried_equal_one_long_call(kind, batched):
    _, ours = twins(kind, num_layers=3)
    input, state = random_input(ours, batched), random_state(ours, batched)
    output, final = ours(input, state)
    first, between = ours(input[:1], state)
    second, last = ours(input[1:], between)
    torch.testing.assert_close(torch.cat([first, second]), output)
    torch.testing.assert_close(parts(last), parts(final))


@for_all_kinds
def test_start_state_matters(kind):
    _, ours = twins(kind)
    input = random_input(ours)
    assert not torch.allclose(ours(input, random_state(ours))[0], ours(input)[0])


@for_all_kinds
def test_non_contiguous_input_gives_the_same(kind):
    theirs, ours = twins(kind, bidirectional=True)
    input = torch.randn(INPUT_SIZE, BATCH_SIZE, 2 * NUM_STEPS, dtype=torch.float64)
    input = input.permute(2, 1, 0)[::2]
    assert not input.is_contiguous()
    torch.testing.assert_close(ours(input)[0], theirs(input)[0])
    torch.testing.assert_close(ours(input)[0], ours(input.contiguous())[0])


def test_reset_parameters_draws_within_the_bounds_of_torch():
    layer = layers.GRU(3, 16)
    for weight in layer.parameters():
        nn.init.constant_(weight, 9.0)
    layer.reset_parameters()
    largest = max(float(weight.detach().abs().max()) for weight in layer.parameters())
    assert 0.2 < largest <= 0.25


def test_repr_tells_the_sizes():
    assert repr(layers.LSTM(3, 5, 2)) == "LSTM(3, 5, num_layers=2)"


@pytest.mark.parametrize("name", ["input_size", "hidden_size", "num_layers"])
@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, "must be at least 1, got 0"),
        (-3, ValueError, "must be at least 1, got -3"),
        (2.0, TypeError, "must be an int, got float"),
        ("2", TypeError, "must be an int, got str"),
        (None, TypeError, "must be an int, got NoneType"),
        (True, TypeError, "must be an int, got bool"),
    ],
)
def test_sizes_must_be_positive_whole_numbers(name, value, error, message):
    for layer_class in OURS:
        with pytest.raises(error, match=f"^{name} {message}$"):
            layer_class(**{"input_size": 2, "hidden_size": 3, name: value})


@for_all_layers
@pytest.mark.parametrize("name", ["bias", "batch_first", "bidirectional"])
@pytest.mark.parametrize("value", [1, None, "no"])
def test_flags_must_be_true_or_false(layer_class, name, value):
    message = f"^{name} must be True or False, got {type(value).__name__}$"
    with pytest.raises(TypeError, match=message):
        layer_class(2, 3, **{name: value})


@for_all_layers
@pytest.mark.parametrize(
    ("dropout", "error", "message"),
    [
        (-0.1, ValueError, "must be a finite number, from 0.0 to 1.0, got -0.1"),
        (1.5, ValueError, "must be a finite number, from 0.0 to 1.0, got 1.5"),
        (float("nan"), ValueError, "must be a finite number, from 0.0 to 1.0, got nan"),
        (True, TypeError, "must be a number, got bool"),
        ("0.5", TypeError, "must be a number, got str"),
    ],
)
def test_dropout_must_be_a_number_from_zero_to_one(layer_class, dropout, error, message):
    with pytest.raises(error, match=f"^dropout {message}$"):
        layer_class(2, 3, 2, dropout=dropout)


@pytest.mark.parametrize("nonlinearity", ["sigmoid", "TANH", None])
def test_nonlinearity_must_be_tanh_or_relu(nonlinearity):
    message = f"^nonlinearity must be one of 'tanh', 'relu', got {nonlinearity!r}$"
    with pytest.raises(ValueError, match=message):
        layers.RNN(2, 3, nonlinearity=nonlinearity)


@pytest.mark.parametrize(
    ("layer_class", "proj_size", "error", "message"),
    [
        (layers.RNN, 2, ValueError, "proj_size is for LSTM only, got 2"),
        (layers.GRU, 2, ValueError, "proj_size is for LSTM only, got 2"),
        (layers.LSTM, 3, ValueError, "proj_size must be below hidden_size=3, got 3"),
        (layers.LSTM, -1, ValueError, "proj_size must be at least 0, got -1"),
        (layers.LSTM, 1.0, TypeError, "proj_size must be an int, got float"),
    ],
)
def test_proj_size_must_fit(layer_class, proj_size, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        layer_class(2, 3, proj_size=proj_size)


@for_all_layers
@pytest.mark.parametrize(
    ("input", "error", "message"),
    [
        ([[1.0]], TypeError, "must be a padded tensor, got list"),
        (torch.zeros(4, 3, 3).double(), TypeError, "must be torch.float32, got torch.float64"),
        (torch.zeros(4, 3, 3).long(), TypeError, "must be torch.float32, got torch.int64"),
        (torch.zeros(3), ValueError, "or unbatched (num_steps, 3), got (3,)"),
        (torch.zeros(1, 4, 3, 3), ValueError, "or unbatched (num_steps, 3), got (1, 4, 3, 3)"),
        (torch.zeros(4, 3, 2), ValueError, "(num_steps, batch_size, 3) or unbatched"),
        (torch.zeros(0, 3, 3), ValueError, "must not be empty, got shape (0, 3, 3)"),
        (torch.zeros(4, 0, 3), ValueError, "must not be empty, got shape (4, 0, 3)"),
        (torch.zeros(0, 3), ValueError, "must not be empty, got shape (0, 3)"),
    ],
)
def test_input_that_does_not_fit_is_named(layer_class, input, error, message):
    with pytest.raises(error, match=f"^input .*{re.escape(message)}"):
        layer_class(3, 5)(input)


def test_error_about_the_input_names_its_axes_in_the_order_of_batch_first():
    with pytest.raises(ValueError, match=re.escape("(batch_size, num_steps, 3)")):
        layers.GRU(3, 5, batch_first=True)(torch.zeros(2, 4, 7))


def test_packed_sequence_is_refused():
    packed = nn.utils.rnn.pack_sequence([torch.zeros(2, 3), torch.zeros(1, 3)])
    with pytest.raises(TypeError, match="padded tensor, got PackedSequence"):
        layers.GRU(3, 5)(packed)


H = torch.zeros(1, 2, 5)


@pytest.mark.parametrize("layer_class", [layers.RNN, layers.GRU])
@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ((H, H), TypeError, "state must be one tensor, got a tuple of 2"),
        ((H,), TypeError, "state must be one tensor, got a tuple of 1"),
        ([H], TypeError, "state must be one tensor, got a list of 1"),
        ("h", TypeError, "state must be one tensor, got str"),
        (H.double(), TypeError, "h_0 must be a tensor of torch.float32, got one tensor of"),
        (H[:, :1], ValueError, "h_0 must have shape (1, 2, 5), got (1, 1, 5)"),
        (H[0], ValueError, "h_0 must have shape (1, 2, 5), got (2, 5)"),
    ],
)
def test_state_that_does_not_fit_an_rnn_or_gru_is_named(layer_class, state, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        layer_class(3, 5)(torch.zeros(4, 2, 3), state)


PAIR = "state must be a tuple (h_0, c_0), got "


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (H, TypeError, PAIR + "one tensor of shape (1, 2, 5) and torch.float32"),
        (torch.zeros(2, 2, 5), TypeError, PAIR + "one tensor of shape (2, 2, 5)"),
        ((H,), TypeError, PAIR + "a tuple of 1"),
        ((H, H, H), TypeError, PAIR + "a tuple of 3"),
        ("h", TypeError, PAIR + "str"),
        ((H, None), TypeError, "c_0 must be a tensor of torch.float32, got NoneType"),
        ((H, H.double()), TypeError, "c_0 must be a tensor of torch.float32, got one tensor"),
        ((H[..., :4], H), ValueError, "h_0 must have shape (1, 2, 5), got (1, 2, 4)"),
        ((H, H[:, :1]), ValueError, "c_0 must have shape (1, 2, 5), got (1, 1, 5)"),
    ],
)
def test_state_that_does_not_fit_an_lstm_is_named(state, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        layers.LSTM(3, 5)(torch.zeros(4, 2, 3), state)


def test_expected_state_counts_layers_directions_and_projection():
    layer = layers.LSTM(3, 5, 2, bidirectional=True, proj_size=2)
    message = re.escape("h_0 must have shape (4, 2, 2), got (1, 2, 5)")
    with pytest.raises(ValueError, match=message):
        layer(torch.zeros(6, 2, 3), (H, H))


@for_all_layers
def test_state_of_an_unbatched_input_has_no_batch_axis(layer_class):
    layer = layer_class(3, 5)
    state = (H, H) if layer_class is layers.LSTM else H
    message = re.escape("h_0 must have shape (1, 5), got (1, 2, 5)")
    with pytest.raises(ValueError, match=message):
        layer(torch.zeros(4, 3), state)


@pytest.mark.parametrize(
    ("options", "name", "fits", "too_large"),
    [
        ({"input_size": 1}, "hidden_size", 22_500, 23_800),
        ({"hidden_size": 1}, "input_size", 530_000_000, 540_000_000),
        (
            {"input_size": 1, "num_layers": 3, "bidirectional": True},
            "hidden_size",
            6_000,
            6_400,
        ),
    ],
)
def test_layer_of_more_numbers_than_fit_in_memory_is_refused(options, name, fits, too_large):
    # Tried on the device meta, which takes no memory.
    layers.LSTM(**options, **{name: fits}, device="meta")
    with pytest.raises(ValueError, match=f"{name}.* must fit in memory"):
        layers.LSTM(**options, **{name: too_large}, device="meta")
