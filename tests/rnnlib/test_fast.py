"""`fast.run` is the plain layer, and `fast.writer` the plain model: same numbers, every feature."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnnlib import d2l, fast, generation, layers, text
from rnnlib.models import LanguageModel, language_model

KINDS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
each_kind = pytest.mark.parametrize("kind", KINDS)
OPTIONS = [
    {"num_layers": n, "bias": bias, "bidirectional": both}
    for n, bias, both in itertools.product((1, 2), (True, False), (False, True))
]


def example(kind, hidden_size=64, num_steps=7, batch_size=3, input_size=10, **options):
    torch.manual_seed(0)
    layer = KINDS[kind](input_size, hidden_size, **options)
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    h = torch.randn(rows, batch_size, hidden_size, requires_grad=True)
    state = (h, torch.randn_like(h).requires_grad_()) if kind == "lstm" else h
    return layer, torch.randint(0, input_size, (num_steps, batch_size)), state


def flat(results):
    return [x for part in results for x in (part if isinstance(part, tuple) else (part,))]


def gradients(results, sources, create_graph=False):
    loss = sum((part**3).sum() + part.square().sum() for part in flat(results))
    return torch.autograd.grad(loss, sources, create_graph=create_graph)


def uses_own_steps(layer, x, state) -> bool:
    return "Steps" in type(fast.run(layer, x, state)[1].grad_fn.next_functions[0][0]).__name__


@each_kind
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("as_index", [True, False])
def test_output_state_and_gradients_are_the_plain_layers(kind, options, as_index):
    layer, indices, state = example(kind, **options)
    x = F.one_hot(indices, 10).float().requires_grad_()
    found, expected = fast.run(layer, indices if as_index else x, state), layer(x, state)
    torch.testing.assert_close(flat(found), flat(expected))
    sources = [*flat([state]), *layer.parameters(), *[x] * (not as_index)]
    torch.testing.assert_close(
        gradients(found, sources), gradients(expected, sources), rtol=1e-4, atol=1e-4
    )
    if kind != "lstm":
        assert uses_own_steps(layer, indices, state)


@pytest.mark.parametrize("kind", ["rnn", "gru"])
def test_gradients_of_gradients_are_the_plain_layers(kind):
    layer, indices, state = example(kind)
    sources = [state, *layer.parameters()]
    second = []
    for results in (fast.run(layer, indices, state), layer(F.one_hot(indices, 10).float(), state)):
        first = gradients(results, sources, create_graph=True)
        second.append(torch.autograd.grad(sum(g.square().mean() for g in first), sources))
    torch.testing.assert_close(second[0], second[1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["rnn", "gru"])
def test_output_and_last_state_have_gradients_of_their_own(kind):
    layer, indices, state = example(kind)
    sources, results = [state, *layer.parameters()], []
    for output, last in (fast.run(layer, indices, state),
                         layer(F.one_hot(indices, 10).float(), state)):  # fmt: skip
        results.append([torch.autograd.grad(part.sum(), sources, retain_graph=True)
                        for part in (output, last)])  # fmt: skip
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-4)


class Doubled(nn.RNN):
    def forward(self, input, hx=None):
        output, state = super().forward(input, hx)
        return 2 * output, state


def with_hook(layer):
    layer.register_forward_hook(lambda module, given, results: (2 * results[0], results[1]))
    return layer


def with_own_forward(layer):
    plain = layer.forward
    layer.forward = lambda x, state: (2 * plain(x, state)[0], plain(x, state)[1])
    return layer


@pytest.mark.parametrize("change", [
    with_hook, with_own_forward, lambda layer: Doubled(10, 64),
    lambda layer: nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0"),
    lambda layer: layer.double(), lambda layer: nn.RNN(10, 64, nonlinearity="relu"),
    lambda layer: layers.RNN(10, 64), lambda layer: nn.RNN(10, 8),
])  # fmt: skip
def test_whatever_is_not_plain_runs_as_it_is(change):
    _, indices, state = example("rnn")
    layer = change(nn.RNN(10, 64))
    weight = next(layer.parameters())
    state = state.detach()[..., : layer.hidden_size].to(weight.dtype)
    x = F.one_hot(indices, 10).to(weight.dtype)
    torch.testing.assert_close(fast.run(layer, indices, state), layer(x, state), rtol=0, atol=0)


@each_kind
def test_packed_sequences_and_missing_states_are_left_to_torch(kind):
    layer, indices, state = example(kind)
    x = F.one_hot(indices, 10).float()
    packed = nn.utils.rnn.pack_padded_sequence(x, [7, 5, 2])
    torch.testing.assert_close(fast.run(layer, packed, state)[0].data, layer(packed, state)[0].data)
    torch.testing.assert_close(flat(fast.run(layer, indices, None)), flat(layer(x)))


@pytest.mark.parametrize("kind", ["rnn", "gru"])  # torch's own LSTM cannot
def test_mixed_precision_is_torchs(kind):
    layer, indices, state = example(kind)
    with torch.autocast("cpu", torch.bfloat16):
        found = fast.run(layer, indices, state)
        expected = layer(F.one_hot(indices, 10).float(), state)
    assert [part.dtype for part in flat(found)] == [part.dtype for part in flat(expected)]
    torch.testing.assert_close(flat(found), flat(expected))


@pytest.mark.filterwarnings("ignore")  # torch deprecates some of them
@each_kind
def test_tools_of_torch_work_on_our_models(kind):
    torch.manual_seed(0)
    model = language_model(kind, 10, 64)
    indices, state = torch.randint(0, 10, (2, 6)), model.begin_state(2)
    expected = model(indices, state)[0]
    torch.testing.assert_close(copy.deepcopy(model)(indices, state)[0], expected)
    exported = torch.export.export(model, (indices, state)).module()
    torch.testing.assert_close(exported(indices, state)[0], expected)
    traced = torch.jit.trace(model, (indices, state), check_trace=False)
    torch.testing.assert_close(traced(indices, state)[0], expected)
    small = torch.ao.quantization.quantize_dynamic(model, {nn.LSTM, nn.GRU, nn.Linear})
    assert small(indices, state)[0].shape == expected.shape


@pytest.mark.parametrize("kind", ["rnn", "gru"])
def test_transforms_of_torch_func_work(kind):
    layer, indices, state = example(kind)
    x, weights = F.one_hot(indices, 10).float(), dict(layer.named_parameters())

    def loss(run, weights):
        with nn.utils.stateless._reparametrize_module(layer, weights):
            return run(layer, x, state.detach())[0].square().sum()

    found, expected = (
        torch.func.grad(lambda w, run=run: loss(run, w))(weights)
        for run in (fast.run, lambda layer, x, state: layer(x, state))
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


VOCAB = text.Vocab(list("abcdefghi"))


def trained_like(model):
    """Weights so large that the state saturates here and there."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)
    return model.eval()


@each_kind
@pytest.mark.parametrize("embedding_size", [None, 6])
@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_a_writer_gives_the_models_logits(kind, embedding_size, batch_size, bias):
    torch.manual_seed(0)
    layer = KINDS[kind](embedding_size or 10, 32, bias=bias)
    model = trained_like(LanguageModel(layer, 10, embedding_size))
    state = model.begin_state(batch_size)
    write = fast.writer(model, state)
    for _ in range(12):
        tokens = torch.randint(0, 10, (batch_size, 1))
        logits, state = model(tokens, state)
        given = int(tokens) if batch_size == 1 else tokens[:, 0].numpy()
        found = torch.from_numpy(np.atleast_2d(write(given)))
        torch.testing.assert_close(found, logits.detach(), rtol=1e-4, atol=1e-4)


class Louder(LanguageModel):
    def forward(self, indices, state=None):
        logits, state = super().forward(indices, state)
        return logits.flip(1), state


def hooked(model):
    model.linear.register_forward_hook(lambda module, given, result: result.flip(1))
    return model


@pytest.mark.parametrize("model", [
    Louder(nn.GRU(10, 8), 10), hooked(language_model("gru", 10, 8)), language_model("gru", 10, 8, 2),
    language_model("lstm", 10, 8, bidirectional=True), language_model("rnn", 10, 8).double(),
    LanguageModel(layers.LSTM(10, 8), 10), LanguageModel(nn.LSTM(10, 8, proj_size=3), 10),
    LanguageModel(nn.RNN(10, 8, nonlinearity="relu"), 10),
])  # fmt: skip
def test_a_model_of_another_kind_writes_by_its_own_forward(model):
    assert fast.writer(model, model.begin_state(1)) is None
    expected, state, model = [VOCAB["a"]], model.begin_state(1), model.eval()
    for _ in range(9):
        logits, state = model(torch.tensor([expected[-1:]]), state)
        expected.append(int(logits.argmax()))
    assert generation.generate(model, VOCAB, "a", 9) == "".join(VOCAB.to_tokens(expected))


def test_weights_that_are_no_numbers_write_nothing_silently():
    model = language_model("rnn", 10, 8)
    with torch.no_grad():
        model.linear.weight[0, 0] = float("nan")
    assert fast.writer(model, model.begin_state(1)) is None
    with pytest.raises(ValueError, match="NaN"):
        generation.generate(model, VOCAB, "a", 3)


def test_the_books_model_is_written_and_run_fast_too():
    layer, indices, state = example("gru")
    net = d2l.RNNModel(layer, 10)
    assert fast.writer(net, net.begin_state(device=torch.device("cpu"), batch_size=1)) is not None
    logits, _ = net(indices.T, state)
    assert "Steps" in str(logits.grad_fn.next_functions[1][0].next_functions[0][0])
