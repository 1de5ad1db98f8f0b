"""The layers of `rnnlib.fast` against `torch.nn`'s: the same numbers and the same gradients."""

import copy
import pickle
import random

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from rnnlib import fast, layers
from rnnlib.batches import TextBatches
from rnnlib.models import LanguageModel, language_model
from rnnlib.training import evaluate, train_epoch

KINDS = {"rnn": (nn.RNN, fast.RNN), "gru": (nn.GRU, fast.GRU)}
INPUT_SIZE, HIDDEN_SIZE, NUM_STEPS = 3, 5, 4
FEWEST_ROWS = 16  # of INPUT_SIZE numbers; as many numbers are 10 rows of HIDDEN_SIZE
BOTH_SIDES = (3, FEWEST_ROWS - 1, FEWEST_ROWS, 20)
for_all_kinds = pytest.mark.parametrize("kind", KINDS)
on_both_sides = pytest.mark.parametrize("batch_size", [3, 20])


@pytest.fixture(autouse=True)
def _however_little_there_is_to_do(monkeypatch):
    monkeypatch.setattr(fast, "FEWEST_HIDDEN", 1)
    monkeypatch.setattr(fast, "FEWEST_STEPS", 1)
    monkeypatch.setattr(fast, "FEWEST_NUMBERS", FEWEST_ROWS * INPUT_SIZE)


@pytest.fixture
def passed_on(monkeypatch):
    """The classes of this course that have called PyTorch's own layers."""
    calls = []
    for layer_class in (nn.RNN, nn.GRU, nn.Linear):

        def forward(self, *arguments, original=layer_class.forward):
            calls.extend([type(self)] * (type(self).__module__ == fast.__name__))
            return original(self, *arguments)

        monkeypatch.setattr(layer_class, "forward", forward)
    return calls


@pytest.fixture(params=["oneDNN", "without oneDNN"])
def _with_and_without_onednn(request, monkeypatch):
    if request.param == "without oneDNN":
        monkeypatch.setattr(fast, "_ONEDNN", None)


def twins(kind, input_size=INPUT_SIZE, hidden_size=HIDDEN_SIZE, num_layers=1, **options):
    """torch's layer and ours, each made under the same seed."""
    pair = []
    for layer_class in KINDS[kind]:
        torch.manual_seed(0)
        pair.append(layer_class(input_size, hidden_size, num_layers, **options))
    return pair


def linear_twins(*arguments, **options):
    pair = []
    for layer_class in (nn.Linear, fast.Linear):
        torch.manual_seed(0)
        pair.append(layer_class(*arguments, **options))
    return pair


def random_input(batch_size=3, num_steps=NUM_STEPS, input_size=INPUT_SIZE):
    return torch.randn(num_steps, batch_size, input_size)


def random_state(layer, batch_size=3):
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    return torch.randn(rows, batch_size, layer.hidden_size)


def weighted_sum(*results):
    """A weight of its own for each number, so that no two of them can be mixed up."""
    generator = torch.Generator().manual_seed(1)
    return sum((torch.randn(r.shape, generator=generator) * r).sum() for r in results)


def results_and_gradients(layer, input, state, loss=weighted_sum):
    """Everything a call and a backward pass make: output, state, and all the gradients."""
    input = input.detach().requires_grad_()
    given = [] if state is None else [state.detach().requires_grad_()]
    torch.manual_seed(2)  # of the dropout
    results = layer(input, *given)
    gradients = torch.autograd.grad(
        loss(*results), [input, *given, *layer.parameters()], allow_unused=True
    )
    return [*results, *gradients]


def assert_close(found, expected):
    assert [None if x is None else x.shape for x in found] == [
        None if x is None else x.shape for x in expected
    ]
    for x, y in zip(found, expected, strict=True):
        if y is None:
            y = torch.zeros_like(x)
        torch.testing.assert_close(x, y, rtol=1e-4, atol=2e-5)


# --- the same numbers ---


@for_all_kinds
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.usefixtures("_with_and_without_onednn")
def test_output_state_and_all_gradients_are_those_of_torch(
    kind, num_layers, bidirectional, bias, with_state, passed_on
):
    theirs, ours = twins(kind, num_layers=num_layers, bidirectional=bidirectional, bias=bias)
    for batch_size in (FEWEST_ROWS - 1, FEWEST_ROWS):
        input = random_input(batch_size)
        state = random_state(theirs, batch_size) if with_state else None
        found = results_and_gradients(ours, input, state)
        assert_close(found, results_and_gradients(theirs, input, state))
    assert not passed_on


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.sampled_from(list(KINDS)),
    st.tuples(st.integers(1, 4), st.integers(1, 20), st.integers(1, 18)),
    st.integers(1, 18),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
)
def test_any_shape_gives_what_torch_gives(kind, shape, hidden_size, num_layers, bidirectional, h_0):
    options = {"num_layers": num_layers, "bidirectional": bidirectional}
    theirs, ours = twins(kind, shape[2], hidden_size, **options)
    input = torch.randn(shape)
    state = random_state(theirs, shape[1]) if h_0 else None
    found = results_and_gradients(ours, input, state)
    assert_close(found, results_and_gradients(theirs, input, state))


@for_all_kinds
@on_both_sides
@pytest.mark.parametrize(("num_steps", "input_size", "hidden_size"), [(1, 3, 5), (3, 1, 1)])
def test_one_step_and_one_unit(kind, batch_size, num_steps, input_size, hidden_size):
    theirs, ours = twins(kind, input_size, hidden_size)
    input = random_input(batch_size, num_steps, input_size)
    state = random_state(theirs, batch_size)
    found = results_and_gradients(ours, input, state)
    assert_close(found, results_and_gradients(theirs, input, state))


@for_all_kinds
def test_long_sequence_and_saturated_units(kind):
    theirs, ours = twins(kind)
    for layer in (theirs, ours):
        with torch.no_grad():
            for weight in layer.parameters():
                weight *= 8
    input, state = random_input(20, 60), random_state(theirs, 20)
    loss = lambda output, final: (output[-1] * output[3]).sum()  # noqa: E731
    found = results_and_gradients(ours, input, state, loss)
    expected = results_and_gradients(theirs, input, state, loss)
    for x, y in zip(found, expected, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-2, atol=1e-3)


LOSSES = {
    "sum": lambda output, final: output.sum(),
    "last step": lambda output, final: output[-1].sum(),
    "first step": lambda output, final: output[0].square().sum(),
    "final state": lambda output, final: final.sum(),
    "a number": lambda output, final: output[1, 2, 0],
    "mean over steps": lambda output, final: weighted_sum(output.mean(0)),
    "a text": lambda output, final: weighted_sum(output[:, 1]),
    "steps last": lambda output, final: weighted_sum(output.permute(1, 2, 0).contiguous()),
    "units first": lambda output, final: weighted_sum(output.permute(2, 1, 0).contiguous()),
    "backwards": lambda output, final: weighted_sum(output.flip(0)),
    "rows": lambda output, final: weighted_sum(output.flatten(0, 1)[::2]),
    "twice": lambda output, final: (output * output).sum() + final.sum(),
}


@for_all_kinds
@on_both_sides
@pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))
def test_gradients_of_any_layout_come_through(kind, batch_size, loss):
    theirs, ours = twins(kind, num_layers=2)
    input, state = random_input(batch_size), random_state(theirs, batch_size)
    found = results_and_gradients(ours, input, state, loss)
    assert_close(found, results_and_gradients(theirs, input, state, loss))


LAYOUTS = {
    "transposed": lambda x: x.mT.contiguous().mT,
    "batch first": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "every second": lambda x: torch.stack([x, x], -1)[..., 0],
    "stride 0": lambda x: x[:, :1].expand(x.shape),
    "one number": lambda x: x[:1, :1, :1].expand(x.shape),
    "a part": lambda x: torch.cat([x, x, x], -1)[..., x.shape[-1] : 2 * x.shape[-1]],
    "from the end": lambda x: x.flip(0),
    "a parameter": lambda x: nn.Parameter(x),
}


@for_all_kinds
@on_both_sides
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_input_and_state_may_lie_in_memory_as_they_like(kind, batch_size, layout, passed_on):
    theirs, ours = twins(kind, num_layers=2)
    input, state = layout(random_input(batch_size)), layout(random_state(theirs, batch_size))
    found = results_and_gradients(ours, input, state)
    assert_close(found, results_and_gradients(theirs, input, state))
    assert not passed_on


@for_all_kinds
@on_both_sides
def test_input_and_state_are_left_as_they_were(kind, batch_size):
    _, ours = twins(kind)
    input, state = random_input(batch_size), random_state(ours, batch_size)
    before = [x.clone() for x in (input, state, *ours.parameters())]
    output, final = ours(input, state)
    copies = output.detach().clone(), final.detach().clone()
    weighted_sum(output, final).backward()
    assert all(map(torch.equal, (input, state, *ours.parameters()), before))
    assert all(map(torch.equal, (output, final), copies))


@for_all_kinds
@on_both_sides
def test_weights_may_lie_in_memory_as_they_like(kind, batch_size):
    theirs, ours = twins(kind)
    for name, weight in list(ours.named_parameters()):
        if weight.dim() == 2:
            setattr(ours, name, nn.Parameter(weight.detach().T.contiguous().T))
    input, state = random_input(batch_size), random_state(theirs, batch_size)
    names = [name for name, _ in ours.named_parameters()]
    found = results_and_gradients(ours, input, state)
    expected = results_and_gradients(theirs, input, state)
    theirs_by_name = dict(
        zip([name for name, _ in theirs.named_parameters()], expected[4:], strict=True)
    )
    assert_close(found, expected[:4] + [theirs_by_name[name] for name in names])


@for_all_kinds
@on_both_sides
def test_dropout_drops_between_layers_what_torch_drops_under_the_same_seed(kind, batch_size):
    theirs, ours = twins(kind, num_layers=3, bidirectional=True, dropout=0.5)
    input, state = random_input(batch_size), random_state(theirs, batch_size)
    found = results_and_gradients(ours, input, state)
    assert_close(found, results_and_gradients(theirs, input, state))
    torch.manual_seed(3)
    assert not torch.allclose(ours(input, state)[0], found[0])
    assert_close(ours.eval()(input, state), theirs.eval()(input, state))
    torch.testing.assert_close(ours(input, state)[0], ours(input, state)[0])


@for_all_kinds
@on_both_sides
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients(kind, batch_size, mode, passed_on):
    theirs, ours = twins(kind, num_layers=2, bidirectional=True)
    with mode():
        input, state = random_input(batch_size), random_state(theirs, batch_size)
        output, final = ours(input, state)
        assert not output.requires_grad
        assert_close([output, final], theirs(input, state))
        output.mul_(2)  # nothing needs it any more
    assert passed_on == ([type(ours)] if batch_size == 3 else [])


@for_all_kinds
@on_both_sides
@pytest.mark.parametrize("frozen", ["weight", "bias", "_ih", "_hh", "l0", "l1", "input"])
def test_only_what_asks_for_a_gradient_gets_one(kind, batch_size, frozen):
    pair = twins(kind, num_layers=2)
    input = random_input(batch_size)
    gradients = []
    for layer in pair:
        x = input.clone().requires_grad_(frozen != "input")
        for name, weight in layer.named_parameters():
            weight.requires_grad_(frozen not in name)
        output, final = layer(x)
        weighted_sum(output, final).backward()
        gradients.append([weight.grad for weight in (x, *layer.parameters())])
    for found, expected in zip(*reversed(gradients), strict=True):
        assert (found is None) is (expected is None)
        if found is not None:
            assert_close([found], [expected])


@for_all_kinds
@on_both_sides
def test_gradient_of_the_state_alone(kind, batch_size):
    pair = twins(kind)
    input, state = random_input(batch_size), random_state(pair[0], batch_size)
    gradients = []
    for layer in pair:
        h_0 = state.clone().requires_grad_()
        weighted_sum(*layer.requires_grad_(False)(input, h_0)).backward()
        gradients.append(h_0.grad)
    assert_close(gradients[1:], gradients[:1])


@for_all_kinds
@on_both_sides
def test_gradients_add_up_and_a_second_backward_pass_gives_the_same(kind, batch_size):
    _, ours = twins(kind)
    output, _ = ours(random_input(batch_size))
    loss = weighted_sum(output)
    loss.backward(retain_graph=True)
    first = [weight.grad.clone() for weight in ours.parameters()]
    loss.backward()
    for weight, once in zip(ours.parameters(), first, strict=True):
        torch.testing.assert_close(weight.grad, 2 * once)


@for_all_kinds
@on_both_sides
def test_state_carried_from_call_to_call_carries_gradients(kind, batch_size):
    pair = twins(kind)
    input = random_input(batch_size, 6)
    found = []
    for layer in pair:
        layer.zero_grad()
        first, state = layer(input[:2])
        second, state = layer(input[2:], state)
        weighted_sum(torch.cat([first, second]), state).backward()
        found.append([first, second, state, *(weight.grad for weight in layer.parameters())])
    assert_close(found[1], found[0])


@for_all_kinds
@pytest.mark.parametrize(
    ("what", "number"), [("FEWEST_HIDDEN", HIDDEN_SIZE), ("FEWEST_STEPS", NUM_STEPS)]
)
def test_few_hidden_units_or_steps_are_left_to_pytorch(kind, what, number, monkeypatch, passed_on):
    _, ours = twins(kind)
    for fewest, expected in ((number, []), (number + 1, [type(ours)])):
        monkeypatch.setattr(fast, what, fewest)
        ours(random_input())
        assert passed_on == expected


@for_all_kinds
def test_few_rows_are_left_to_pytorch_where_no_gradient_is_wanted(kind, passed_on):
    _, ours = twins(kind)
    few, enough = random_input(9), random_input(10)
    ours(few)
    with torch.no_grad():
        ours(enough)
        assert passed_on == []
        ours(few)
    assert passed_on == [type(ours)]


@for_all_kinds
def test_output_and_state_have_gradients_of_their_own(kind):
    input, found = random_input(), []
    for layer in twins(kind):
        output, final = layer(input)
        with pytest.raises(RuntimeError, match=r"not .*used in the graph"):
            torch.autograd.grad(final.sum(), output, retain_graph=True)
        output.register_hook(lambda gradient: 3 * gradient)
        loss = weighted_sum(output, final)
        found.append(torch.autograd.grad(loss, [output, *layer.parameters()]))
    assert_close(found[1], found[0])


@for_all_kinds
@pytest.mark.filterwarnings("ignore")
def test_model_that_is_compiled_or_traced_has_the_layers_of_torch(kind, passed_on):
    torch.manual_seed(0)
    model = language_model(kind, 7, HIDDEN_SIZE)
    indices = torch.randint(7, (FEWEST_ROWS, NUM_STEPS))
    expected = model(indices)[0]
    assert passed_on == []
    compiled = torch.compile(model, backend="eager")(indices)[0]
    torch.testing.assert_close(compiled, expected)
    _, ours = twins(kind)
    input = random_input()
    traced = torch.jit.trace(ours, (input,), check_trace=False)
    assert type(ours) in passed_on
    torch.testing.assert_close(traced(input)[0], ours(input)[0])


# --- errors ---


@for_all_kinds
def test_output_changed_in_place_is_an_error_and_no_wrong_gradient(kind):
    _, ours = twins(kind)
    for change in (
        lambda output: output.mul_(2),
        lambda output: output[1].zero_(),
        lambda output: output.detach().mul_(2),
    ):
        output, _ = ours(random_input(20))

        def change_and_go_back(change=change, output=output):
            change(output)
            output.sum().backward()

        with pytest.raises(RuntimeError, match="modified inplace"):
            change_and_go_back()


@for_all_kinds
def test_input_and_weights_changed_before_the_backward_pass_are_an_error(kind):
    _, ours = twins(kind)
    input = random_input(20)
    for change in (
        lambda: input.mul_(2),
        lambda: ours.weight_ih_l0.mul_(2),
        lambda: ours.weight_hh_l0.mul_(2),
    ):
        output, _ = ours(input.requires_grad_())
        with torch.no_grad():
            change()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            output.sum().backward()


@pytest.mark.parametrize("make", [lambda: fast.Linear(3, 4), lambda: fast.RNN(3, 4), lambda: fast.GRU(3, 4)])  # fmt: skip
def test_second_derivatives_are_an_error_and_not_left_out(make):
    layer, input = make(), torch.randn(20, 3, requires_grad=True)
    output = layer(input) if isinstance(layer, nn.Linear) else layer(input[None])[0]
    with pytest.raises(RuntimeError, match="no second derivatives"):
        torch.autograd.grad(output.sum(), input, create_graph=True)
    torch.autograd.grad(output.sum(), input)


@for_all_kinds
def test_second_derivatives_with_respect_to_the_state_alone_are_an_error(kind):
    _, ours = twins(kind)
    h_0 = random_state(ours, 20).requires_grad_()
    output, _ = ours.requires_grad_(False)(random_input(20), h_0)
    with pytest.raises(RuntimeError, match="no second derivatives"):
        torch.autograd.grad(output.sum(), h_0, create_graph=True)


WRONG_STATES = {
    "batch": lambda h: h[:, :2],
    "rows": lambda h: torch.cat([h, h]),
    "width": lambda h: h[..., :4],
    "unbatched": lambda h: h[:, 0],
    "one axis more": lambda h: h[None],
    "double": lambda h: h.double(),
    "int": lambda h: h.long(),
    "meta": lambda h: h.to("meta"),
    "a pair": lambda h: (h, h),
    "list": lambda h: [h],
    "array": lambda h: h.numpy(),
    "zero": lambda h: 0,
}


@for_all_kinds
@pytest.mark.parametrize("change", WRONG_STATES.values(), ids=list(WRONG_STATES))
def test_wrong_state_is_the_error_of_torch(kind, change):
    theirs, ours = twins(kind, num_layers=2)
    input, state = random_input(20), change(random_state(theirs, 20))
    with pytest.raises(Exception) as expected:  # noqa: PT011
        theirs(input, state)
    with pytest.raises(type(expected.value)) as found:
        ours(input, state)
    assert str(found.value) == str(expected.value)


@for_all_kinds
@pytest.mark.parametrize(
    "input",
    [torch.zeros(4, 20, 2), torch.zeros(4, 20, 4), torch.zeros(20), [[[1.0]]], None],
    ids=str,
)
def test_wrong_input_is_the_error_of_torch(kind, input):
    errors = []
    for layer in twins(kind):
        with pytest.raises(Exception) as caught:  # noqa: PT011
            layer(input)
        errors.append(caught.value)
    assert type(errors[0]) is type(errors[1])
    assert str(errors[0]) == str(errors[1])


# --- what is PyTorch's ---

PASSED_ON = {
    "batch first": ({"batch_first": True}, random_input),
    "unbatched": ({}, lambda: torch.randn(NUM_STEPS, INPUT_SIZE)),
    "double": ({"dtype": torch.float64}, lambda: random_input().double()),
    "bfloat16": ({"dtype": torch.bfloat16}, lambda: random_input().bfloat16()),
    "packed": ({}, lambda: pack_sequence([torch.randn(n, INPUT_SIZE) for n in (4, 2, 1)])),
    "no sequence": ({}, lambda: torch.zeros(NUM_STEPS, 0, INPUT_SIZE)),
    "meta": ({"device": "meta"}, lambda: random_input().to("meta")),
}


def flat(result):
    """The tensors of a result, those of a packed sequence among them."""
    output, final = result
    return [*(output[:2] if isinstance(output, tuple) else [output]), final]


@for_all_kinds
@pytest.mark.parametrize(("options", "make"), PASSED_ON.values(), ids=list(PASSED_ON))
def test_what_is_not_covered_goes_to_torch(kind, options, make, passed_on):
    theirs, ours = twins(kind, **options)
    input = make()
    found, expected = flat(ours(input)), flat(theirs(input))
    assert passed_on == [type(ours)]
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype
        assert x.shape == y.shape
        assert x.is_meta or torch.equal(x, y)


def test_relu_goes_to_torch(passed_on):
    theirs, ours = twins("rnn", nonlinearity="relu")
    input = random_input(20)
    assert torch.equal(ours(input)[0], theirs(input)[0])
    assert passed_on == [fast.RNN]


@for_all_kinds
def test_autocast_goes_to_torch(kind, passed_on):
    theirs, ours = twins(kind)
    input = random_input(20)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, expected = ours(input)[0], theirs(input)[0]
    assert found.dtype == expected.dtype
    assert torch.equal(found, expected)
    assert passed_on == [type(ours)]


@for_all_kinds
def test_empty_sequence_is_the_error_of_torch(kind, passed_on):
    _, ours = twins(kind)
    with pytest.raises(RuntimeError, match="larger than 0"):
        ours(torch.zeros(0, 3, INPUT_SIZE))
    assert passed_on == [type(ours)]


@for_all_kinds
def test_subclass_of_tensor_goes_to_torch(kind, passed_on):
    class Named(torch.Tensor):
        pass

    _, ours = twins(kind)
    output, _ = ours(random_input().as_subclass(Named))
    assert isinstance(output, Named)
    ours(random_input(), random_state(ours).as_subclass(Named))
    assert passed_on == [type(ours)] * 2


@for_all_kinds
@pytest.mark.filterwarnings("ignore:The tensor attributes")
def test_layer_can_be_exported(kind):
    _, ours = twins(kind)
    exported = torch.export.export(ours, (random_input(20),)).module()
    input = random_input(20)
    assert_close(exported(input), ours(input))


# --- one and the same to others ---


@for_all_kinds
def test_weights_can_be_loaded_both_ways(kind):
    theirs, ours = twins(kind, num_layers=2, bidirectional=True)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(map(torch.equal, ours.parameters(), theirs.parameters()))
    for source, target in ((theirs, ours), (ours, theirs)):
        with torch.no_grad():
            for weight in source.parameters():
                weight.normal_(std=0.5)
        target.load_state_dict(source.state_dict())
        input = random_input()
        assert_close(target(input), source(input))
    assert repr(ours) == repr(theirs)
    assert isinstance(ours, type(theirs))


@for_all_kinds
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_work_by_themselves(kind, duplicate):
    for layer, input in (
        (twins(kind, num_layers=2, dropout=0.5)[1].eval(), random_input(20)),
        (fast.Linear(3, 4), torch.randn(20, 3)),
        (language_model(kind, 7, 5), torch.zeros(20, 3, dtype=torch.int64)),
    ):
        again = duplicate(layer)
        assert type(again) is type(layer)
        expected = layer(input)
        first = expected if isinstance(expected, torch.Tensor) else expected[0]
        with torch.no_grad():
            for weight in layer.parameters():
                weight.zero_()
        result = again(input)
        assert torch.equal(result if isinstance(result, torch.Tensor) else result[0], first)


# --- Linear and product ---


@pytest.mark.parametrize("num_rows", [1, *BOTH_SIDES])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("in_features", "out_features"), [(3, 5), (5, 3), (4, 4), (1, 1), (1, 17)])
@pytest.mark.usefixtures("_with_and_without_onednn")
def test_linear_map_and_its_gradients_are_those_of_torch(
    num_rows, bias, in_features, out_features, passed_on
):
    pair = linear_twins(in_features, out_features, bias=bias)
    whole = torch.randn(num_rows, 2 * in_features)
    for view in (
        lambda x: x[:, :in_features].contiguous(),
        lambda x: x[:, ::2],
        lambda x: x[:, :in_features].T.contiguous().T,
        lambda x: x[:1, :in_features].expand(num_rows, -1),
    ):
        for loss in (weighted_sum, torch.sum, lambda y: weighted_sum(y.T.contiguous())):
            results = []
            for layer in pair:
                x = whole.clone().requires_grad_()
                output = layer(view(x))
                gradients = torch.autograd.grad(loss(output), [x, *layer.parameters()])
                results.append([output, *gradients])
            assert_close(results[1], results[0])
    few = num_rows * in_features < FEWEST_ROWS * INPUT_SIZE
    assert set(passed_on) == ({fast.Linear} if few else set())


@pytest.mark.parametrize("frozen", ["weight", "bias", "input"])
def test_linear_map_gives_only_what_asks_for_a_gradient_one(frozen):
    gradients = []
    for layer in linear_twins(3, 5):
        x = torch.ones(20, 3, requires_grad=frozen != "input")
        for name, weight in layer.named_parameters():
            weight.requires_grad_(name != frozen)
        weighted_sum(layer(x)).backward()
        gradients.append([x.grad, layer.weight.grad, layer.bias.grad])
    for found, expected in zip(*reversed(gradients), strict=True):
        assert (found is None) is (expected is None)
        if found is not None:
            assert_close([found], [expected])


@pytest.mark.parametrize(
    ("options", "input"),
    [
        ({}, torch.randn(2, 20, 3)),
        ({}, torch.randn(20, 3, 3)),
        ({}, torch.randn(3)),
        ({}, torch.zeros(0, 3)),
        ({}, torch.randn(FEWEST_ROWS - 1, 3)),
        ({"dtype": torch.float64}, torch.randn(20, 3).double()),
        ({"dtype": torch.bfloat16}, torch.randn(20, 3).bfloat16()),
    ],
    ids=[
        "three axes",
        "three axes and as wide",
        "one axis",
        "no rows",
        "few rows",
        "double",
        "bfloat16",
    ],
)
def test_linear_map_of_other_input_goes_to_torch(options, input, passed_on):
    theirs, ours = linear_twins(3, 5, **options)
    assert torch.equal(ours(input), theirs(input))
    assert passed_on == [fast.Linear]


def test_linear_map_of_few_hidden_units_goes_to_torch(monkeypatch, passed_on):
    theirs, ours = linear_twins(3, 5)
    for fewest, expected in ((3, []), (4, [fast.Linear])):
        monkeypatch.setattr(fast, "FEWEST_HIDDEN", fewest)
        x = torch.randn(20, 3)
        torch.testing.assert_close(ours(x), theirs(x))
        assert passed_on == expected


def test_linear_map_with_a_bias_of_another_shape_goes_to_torch(passed_on):
    theirs, ours = linear_twins(3, 5)
    for shape in ((), (1,), (20, 5)):
        theirs.bias = ours.bias = nn.Parameter(torch.full(shape, 2.0))
        assert torch.equal(ours(torch.ones(20, 3)), theirs(torch.ones(20, 3)))
    assert passed_on == 3 * [fast.Linear]


def test_linear_map_under_autocast_goes_to_torch(passed_on):
    theirs, ours = linear_twins(3, 5)
    x = torch.randn(20, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(ours(x), theirs(x))
    assert passed_on == [fast.Linear]


@pytest.mark.parametrize(
    "input",
    [
        torch.zeros(20, 2),
        torch.zeros(20, 4),
        torch.zeros(20, 3).double(),
        torch.zeros(20, 3).long(),
        None,
    ],
)
def test_linear_map_of_wrong_input_is_the_error_of_torch(input):
    errors = []
    for layer in linear_twins(3, 5):
        with pytest.raises((RuntimeError, TypeError)) as caught:
            layer(input)
        errors.append(caught.value)
    assert type(errors[0]) is type(errors[1])
    assert str(errors[0]) == str(errors[1])


@pytest.mark.parametrize("num_rows", BOTH_SIDES)
@pytest.mark.usefixtures("_with_and_without_onednn")
def test_product_is_that_of_the_transposed_plus_a_row_or_a_matrix(num_rows):
    x, weight = torch.randn(num_rows, 6), torch.randn(5, 6)
    for row in (x, x.T.contiguous().T, x[:1].expand(num_rows, -1)):
        for by in (weight, weight.T.contiguous().T):
            exact = (row.double() @ by.double().T).float()
            for add in (None, torch.randn(5), torch.randn(num_rows, 5), torch.randn(5, num_rows).T):
                before = None if add is None else add.clone()
                expected = exact if add is None else exact + add
                torch.testing.assert_close(fast.product(row, by, add), expected)
                assert add is None or torch.equal(add, before)


@pytest.mark.parametrize(
    ("weight", "add", "message"),
    [
        (torch.zeros(4, 2), None, r"weight must have as many columns as x, .*\(20, 3\).*\(4, 2\)"),
        (torch.zeros(3), None, "weight must have as many columns as x"),
        (torch.zeros(4, 3), torch.zeros(0, 3), r"add must be .* \(4,\) or \(20, 4\), got \(0, 3\)"),
        (torch.zeros(4, 3), torch.tensor(1.0), r"add must be .*, got \(\)"),
        (torch.zeros(4, 3), torch.zeros(1), r"add must be .*, got \(1,\)"),
    ],
)
def test_product_names_what_does_not_fit(weight, add, message):
    with pytest.raises(ValueError, match=message):
        fast.product(torch.zeros(20, 3), weight, add)


def test_onednn_is_used_where_there_is_one():
    there = torch.backends.mkldnn.is_available()
    there = there and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    assert (fast._ONEDNN is not None) is there


def test_product_uses_onednn_from_so_many_rows_on(monkeypatch):
    calls = []

    class Spy:
        def __call__(self, *arguments):
            calls.append("row")

        def binary(self, *arguments):
            calls.append("matrix")

    monkeypatch.setattr(fast, "_ONEDNN", Spy())
    few, many = torch.zeros(FEWEST_ROWS - 1, 3), torch.zeros(FEWEST_ROWS, 3)
    weight = torch.zeros(2, 3)
    fast.product(few, weight)
    fast.product(few, weight, torch.zeros(2))
    assert calls == []
    fast.product(many, weight)
    fast.product(many, weight, torch.zeros(2))
    fast.product(many, weight, torch.zeros(len(many), 2))
    assert calls == ["row", "row", "matrix"]


# --- training ---


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("batch_size", [4, 20])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "embedding_size": 6}], ids=str)
@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_training_goes_as_with_the_layers_of_torch_and_of_this_course(
    kind, options, batch_size, shuffle
):
    vocab_size, hidden_size = 9, 12
    torch.manual_seed(0)
    model = language_model(kind, vocab_size, hidden_size, **options)
    sizes = model.layer.input_size, hidden_size, model.layer.num_layers
    embedding_size = options.get("embedding_size")
    name = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}[kind]
    trained = [model]
    for source in (nn, layers):
        twin = LanguageModel(getattr(source, name)(*sizes), vocab_size, embedding_size)
        twin.linear = nn.Linear(hidden_size, vocab_size)
        twin.load_state_dict(model.state_dict())
        trained.append(twin)
    corpus = (torch.arange(500) ** 2 // 3) % vocab_size
    histories = []
    for each in trained:
        optimizer = torch.optim.SGD(each.parameters(), lr=1.0)
        batches = TextBatches(corpus, batch_size, 8, shuffle, rng=random.Random(0))
        history = [train_epoch(each, batches, optimizer) for _ in range(3)]
        histories.append([*history, evaluate(each, corpus)])
    assert histories[0] == pytest.approx(histories[1], rel=1e-4)
    assert histories[0] == pytest.approx(histories[2], rel=1e-4)
    assert histories[0][2] < histories[0][0]


def test_freed_memory_is_asked_for_once(monkeypatch):
    sizes = []
    monkeypatch.setattr(torch, "empty", lambda size, **options: sizes.append((size, options)))
    fast.keep_freed_memory.cache_clear()
    for _ in range(3):
        fast.keep_freed_memory()
    fast.keep_freed_memory.cache_clear()
    # Below 32 MiB, above which the C library never keeps a block.
    assert sizes == [(31 * 2**20, {"dtype": torch.uint8})]
