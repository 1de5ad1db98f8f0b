"""`rnnlib.d2l` beside the installed package d2l 0.17.0: the same, for the book's code and readers'."""

import copy
import inspect
import math
import random
from functools import partial
from hashlib import sha1
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from examples import d2l_style as style
from examples.d2l_style import assert_equal
from examples.real_d2l import d2l as real
from rnnlib import d2l as ours
from rnnlib import fast, generation, models, text, training

pytestmark = pytest.mark.filterwarnings("ignore")  # d2l 0.17 is older than the rest
CPU = torch.device("cpu")
BOTH = ours, real
LAYERS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
ALPHABET = "abcdefghijklmnopqrstuvwxyz ."
each_layer = pytest.mark.parametrize("kind", LAYERS)
each_kind = pytest.mark.parametrize("kind", style.NETS)
each_size = pytest.mark.parametrize("hidden", [16, 64])


@pytest.fixture(autouse=True)
def _text_for_both(tmp_path, monkeypatch):
    """Both packages read the text at hand, d2l that in `../data`."""
    content = text.find_text().read_bytes()
    for name in ("data", "code"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / text.FILE_NAME).write_bytes(content)
    monkeypatch.chdir(tmp_path / "code")
    monkeypatch.setenv("RNNLIB_DATA", str(tmp_path / "data"))
    for d2l in BOTH:
        entry = d2l.DATA_URL + text.FILE_NAME, sha1(content).hexdigest()
        monkeypatch.setitem(d2l.DATA_HUB, "time_machine", entry)
    ours.plt.switch_backend("Agg")


def test_a_script_with_one_line_changed():
    """Sections 8.1 to 9.4; unchanged, its first line imports the package d2l itself."""
    first, second = style.run_script("from rnnlib import d2l"), style.run_script()
    assert first["names"] == sorted(style.NAMES)
    assert len(first["printed"]) == 27
    assert {"losses", "cuts", "trained", "vocabulary", "tensors"} <= first.keys()
    assert_equal(first, second)


some_tokens = st.lists(st.text("abcxyz <unk>", min_size=1, max_size=3), max_size=40)
reserved_tokens = st.lists(st.sampled_from(["<pad>", "<bos>", "a", "xy"]), max_size=3, unique=True)


@given(some_tokens | st.lists(some_tokens, max_size=5), st.integers(0, 4), reserved_tokens)
@settings(max_examples=100, deadline=None)
def test_vocabularies(corpus, min_freq, reserved):
    first, second = (d2l.Vocab(corpus, min_freq, reserved) for d2l in BOTH)
    assert first.idx_to_token == second.idx_to_token
    assert first.token_to_idx == second.token_to_idx
    assert first.token_freqs == second.token_freqs
    assert ours.count_corpus(corpus) == real.count_corpus(corpus)
    assert first[["a", ("b", "?")]] == second[["a", ("b", "?")]]
    assert len(ours.Vocab()) == len(ours.Vocab(None, 0, None)) == len(real.Vocab()) == 1


@given(
    *map(st.integers, (1, 1, 0, 0), (6, 9, 60, 2**32)), st.sampled_from(["random", "sequential"])
)
@settings(max_examples=200, deadline=None)
def test_minibatches_under_one_seed(batch_size, num_steps, more, seed, way):
    corpus, found = list(range(batch_size * num_steps + num_steps + 1 + more)), []
    for d2l in BOTH:
        random.seed(seed)
        batches = getattr(d2l, f"seq_data_iter_{way}")(corpus, batch_size, num_steps)
        found.append([list(map(list, batches)), random.random()])
    assert found[0][0]
    assert_equal(*found)


def grown(d2l, kind, hidden):
    """A net with weights so large that it writes more than one letter."""
    net = style.make_net(d2l, kind, 28, CPU, hidden)
    with torch.no_grad():
        for param in style.parameters_of(net):
            param.mul_(1 if kind == "scratch" else 2)
    return net


def steep(logits, targets):
    """A loss for each token, with gradients so long that they are clipped."""
    return 3 * F.cross_entropy(logits, targets, reduction="none")


@pytest.mark.parametrize("random_iter", [False, True])
@each_size
@each_kind
def test_weights_after_training_with_clipped_gradients(kind, hidden, random_iter):
    results = []
    for d2l in BOTH:
        random.seed(2)
        batches, vocab = d2l.load_data_time_machine(16, 20, random_iter, 3000)
        net = grown(d2l, kind, hidden)
        values, texts = style.train(d2l, net, batches, vocab, CPU, 2, steep, random_iter, 0.3)
        results.append([values, texts, style.parameters_of(net)])
    assert_equal(*results)


@pytest.mark.parametrize("scale", [0.01, 1, math.inf, math.nan])
def test_clipping_of_short_long_and_broken_gradients(scale):
    results = []
    for d2l in BOTH:
        net = nn.Linear(2, 1)
        net.weight.grad, net.bias.grad = torch.tensor([[3.0, 4.0]]) * scale, torch.tensor([0.5])
        d2l.grad_clipping(net, 1)
        results.append([net.weight.grad, net.bias.grad])
    torch.testing.assert_close(*results, equal_nan=True)


@each_size
@each_kind
def test_texts_for_all_kinds_of_prefixes(kind, hidden):
    vocab = ours.load_corpus_time_machine()[1]
    prefixes = "t", "time machine", "Zq? 9", "éß", ["i", "n"], ("t", "h", "e"), ["time", "x"]
    nets = [grown(d2l, kind, hidden) for d2l in BOTH]
    for num_preds in (0, 1, 25):
        written = [
            [d2l.predict_ch8(prefix, num_preds, net, vocab, CPU) for prefix in prefixes]
            for d2l, net in zip(BOTH, nets, strict=True)
        ]
        assert written[0] == written[1]


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_texts_of_the_fast_writer_and_of_rnnlibs_own_model(kind):
    vocab = ours.load_corpus_time_machine()[1]
    net = grown(real, kind, 32)
    model = models.language_model(kind.lower(), 28, 32)
    model.load_state_dict(net.state_dict())
    prefixes = ["t", "time traveller", "in the year"]
    expected = [real.predict_ch8(prefix, 30, net, vocab, CPU) for prefix in prefixes]
    assert [generation.generate(model, vocab, prefix, 30) for prefix in prefixes] == expected
    assert generation.generate_batch(model, vocab, prefixes, 30) == expected
    net = grown(ours, kind, 32)
    assert fast.writer(net, net.begin_state(CPU, 1)) is not None


@pytest.mark.parametrize("kind", style.NETS[1:])
def test_rnnlibs_own_functions_take_nets_and_minibatches(kind):
    train_iter, vocab = ours.load_data_time_machine(16, 20, False, 3000)
    net, twin = (style.make_net(ours, kind, len(vocab), CPU) for _ in range(2))
    values, _ = style.train(ours, net, train_iter, vocab, CPU, 2)
    random.seed(2)
    assert_equal(torch.tensor(training.train(twin, train_iter, 2)["train"]), values)
    assert 1 < training.evaluate(twin, torch.tensor(train_iter.corpus)) < 28
    assert len(generation.generate(twin, vocab, "time", 5)) == 9


def test_a_text_of_ones_own(monkeypatch):
    content = b"The cat, the hat;\n\nthe CAT.\n"
    (text.data_folder() / "cat.txt").write_bytes(content)
    entry = ours.DATA_URL + "cat.txt", sha1(content).hexdigest()
    for d2l in BOTH:
        monkeypatch.setitem(d2l.DATA_HUB, "time_machine", entry)
        assert d2l.read_time_machine() == ["the cat the hat", "", "the cat"]
        corpus, vocab = d2l.load_corpus_time_machine()
        assert "".join(vocab.to_tokens(corpus)) == "the cat the hatthe cat"


def test_a_file_is_fetched_unless_it_is_there(tmp_path, monkeypatch):
    source, path = tmp_path / "own.txt", tmp_path / "new" / "folder" / "own.txt"
    source.write_bytes(b"all of it")
    monkeypatch.setitem(ours.DATA_HUB, "own", (source.as_uri(), sha1(b"all of it").hexdigest()))
    assert Path(ours.download("own", path.parent)) == path
    path.write_bytes(b"half of it")
    ours.download("own", path.parent)
    source.unlink()
    assert Path(ours.download("own", path.parent)).read_bytes() == b"all of it"


@pytest.mark.parametrize("d2l", BOTH, ids=["ours", "real"])
def test_times_speed_and_devices(d2l, monkeypatch):
    clock, timer = iter([10.0, 12.0, 20.0, 25.0]), d2l.Timer()
    with monkeypatch.context() as patch:
        patch.setattr("time.time", lambda: next(clock))
        for _ in range(2):
            timer.start()
            last = timer.stop()
    found = last, timer.times, timer.sum(), timer.avg(), timer.cumsum()
    assert found == (5, [2, 5], 7, 3.5, [2, 7])
    monkeypatch.setattr(d2l.Timer, "stop", lambda timer: 2.0)
    net, loss = style.make_net(d2l, "RNN", 28, CPU), nn.CrossEntropyLoss()
    updater = torch.optim.SGD(net.parameters(), 0.5)
    batches = d2l.load_data_time_machine(4, 5, max_tokens=47)[0]
    assert d2l.train_epoch_ch8(net, batches, loss, updater, CPU, False)[1] == 40 / 2
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    gpus = [torch.device("cuda:0"), torch.device("cuda:1")]
    assert d2l.try_all_gpus() == gpus
    assert [d2l.try_gpu(), d2l.try_gpu(1), d2l.try_gpu(2)] == [*gpus, CPU]


def test_arguments_have_the_same_names_order_and_defaults():
    other = {*style.GROUPS["Tensors"].split(), "download", "DATA_HUB", "DATA_URL", "plt", "Vocab"}
    for name in set(style.NAMES) - other:
        first, second = (inspect.signature(getattr(d2l, name)).parameters for d2l in BOTH)
        assert list(first) == list(second), name
        assert [p.default for p in first.values()] == [p.default for p in second.values()], name
    assert not any(hasattr(ours, name) for name in ("bleu", "Trainer", "trian_ch8"))


def net_of(d2l, kind, hidden=64, model=None, gain=3, **arguments):
    torch.manual_seed(1)
    net = (model or d2l.RNNModel)(LAYERS[kind](28, hidden, **arguments), 28)
    with torch.no_grad():
        for param in net.parameters():
            param.mul_(gain)
    return net


def batches_of(d2l, corpus=None, way="sequential"):
    random.seed(3)
    corpus = [number * number % 28 for number in range(400)] if corpus is None else corpus
    return list(getattr(d2l, f"seq_data_iter_{way}")(corpus, 4, 20))


def train_and_write(d2l, net, batches=None, vocab=None):
    """Perplexities, weights and a text."""
    updater = torch.optim.SGD(style.parameters_of(net), 0.2)
    rest = batches or batches_of(d2l), nn.CrossEntropyLoss(), updater, CPU, False
    values = [d2l.train_epoch_ch8(net, *rest)[0] for _ in range(2)]
    written = d2l.predict_ch8("the", 20, net, vocab or d2l.Vocab(list(ALPHABET)), CPU)
    return [torch.tensor(values), [p.detach() for p in style.parameters_of(net)], written]


def equal_training(make, **arguments):
    """Both packages train and write the same, from the nets that `make(d2l)` gives."""
    assert_equal(*(train_and_write(d2l, make(d2l), **arguments) for d2l in BOTH))


@each_layer
def test_a_net_looks_like_d2ls_and_weights_travel_both_ways(kind):
    first, second = (net_of(d2l, kind) for d2l in BOTH)
    assert repr(first) == repr(second)
    assert [type(m) for m in first.modules()] == [ours.RNNModel, LAYERS[kind], nn.Linear]
    assert ours.RNNModel(second.rnn, 28).rnn is second.rnn
    assert list(first.state_dict()) == list(second.state_dict())
    for name in ("num_hiddens", "num_directions", "vocab_size"):
        assert getattr(first, name) == getattr(second, name)
    for source, target in ((first, real), (second, ours)):
        net, X = target.RNNModel(LAYERS[kind](28, 64), 28), torch.arange(28).reshape(7, 4)
        net.load_state_dict(source.state_dict())
        state = net.begin_state(CPU, batch_size=7)
        torch.testing.assert_close(net(X, state), source(X, state))


@pytest.mark.parametrize("hidden", [16, 256])
@pytest.mark.parametrize("kind", ["RNN", "GRU"])  # torch cannot train an LSTM so on every CPU
def test_mixed_precision(kind, hidden):
    with torch.autocast("cpu", torch.bfloat16):
        first, second = (train_and_write(d2l, net_of(d2l, kind, hidden)) for d2l in BOTH)
    torch.testing.assert_close(first[:2], second[:2], rtol=0.05, atol=0.02)
    assert first[2] == second[2]


@pytest.mark.parametrize("kind", ["RNN", "GRU"])
def test_second_derivatives(kind):
    results = []
    for d2l in BOTH:
        net, (X, Y) = net_of(d2l, kind, 128, gain=1), batches_of(d2l)[0]
        loss = F.cross_entropy(net(X, net.begin_state(CPU, 4))[0], Y.T.flatten())
        first = torch.autograd.grad(loss, list(net.parameters()), create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), net.rnn.weight_hh_l0)
        results.append([loss, *first, *second])
    assert_equal(*results)


@each_layer
def test_tools_of_torch(kind):
    net, other = (net_of(d2l, kind, 128).eval() for d2l in BOTH)
    X, state = torch.arange(80).reshape(4, 20) % 28, net.begin_state(CPU, 4)
    expected = other(X, state)
    compiled = torch.compile(net, backend="eager"), torch.export.export(net, (X, state)).module()
    for tool in (*compiled, copy.deepcopy(net), torch.jit.trace(net, (X, state))):
        torch.testing.assert_close(tool(X, state), expected)
    kinds = {nn.RNN, nn.GRU, nn.LSTM, nn.Linear}
    quantized = [torch.ao.quantization.quantize_dynamic(it, kinds) for it in (net, other)]
    state = quantized[0].begin_state(CPU, 4)
    torch.testing.assert_close(*(it(X, state) for it in quantized))
    net = net.double()
    torch.testing.assert_close(net(X, net.begin_state(CPU, 4))[0].float(), expected[0])


@pytest.mark.parametrize("name", ["", "rnn", "linear"])
def test_hooks_are_called_as_often(name):
    def make(d2l):
        net = net_of(d2l, "GRU")
        net.get_submodule(name).register_forward_hook(lambda *_: calls.append(d2l))
        return net

    calls = []
    equal_training(make)
    assert calls.count(ours) == calls.count(real) > 20


def embedded(d2l):
    class Embedded(d2l.RNNModel):
        def __init__(self, layer, vocab_size):
            super().__init__(layer, vocab_size)
            self.embedding = nn.Embedding(vocab_size, layer.input_size)

        def forward(self, inputs, state):
            Y, state = self.rnn(self.embedding(inputs.T.long()), state)
            return self.linear(Y.reshape(-1, Y.shape[-1])), state

    torch.manual_seed(5)
    return Embedded(nn.GRU(12, 16), 28)


def beginning_with_none(d2l):
    methods = {"begin_state": lambda *args, **kwargs: None}
    return net_of(d2l, "LSTM", model=type("Beginner", (d2l.RNNModel,), methods))


def with_parts_exchanged(d2l):
    net = net_of(d2l, "RNN")
    net.rnn, net.linear = nn.GRU(28, 64), nn.Sequential(nn.Linear(64, 28), nn.Tanh())
    return net


def of_numpys_sizes(d2l):
    torch.manual_seed(1)
    net = d2l.RNNModel(nn.GRU(28, 64), np.int64(28))
    assert net.begin_state(CPU, np.int64(7)).shape == (1, 7, 64)
    return net


def of_ones_own(d2l):
    class Memoryless(nn.Embedding):
        def forward(self, X, state):
            return super().forward(X.T.flatten()), (state[0] + 1, *state[1:])

        def begin_state(self, batch_size, device):
            return torch.zeros(batch_size, device=device), torch.ones(2)

    torch.manual_seed(5)
    return Memoryless(28, 28)


NETS = embedded, beginning_with_none, with_parts_exchanged, of_numpys_sizes, of_ones_own


@pytest.mark.parametrize("make", NETS, ids=lambda make: make.__name__)
def test_other_nets_train_and_write(make):
    equal_training(make)
    if isinstance(make(ours), ours.RNNModel):
        assert repr(make(ours)) == repr(make(real))


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64])
@pytest.mark.parametrize("way", ["random", "sequential"])
def test_corpora_of_other_integers(dtype, way):
    corpus = np.arange(400, dtype=dtype) % 28
    cut = [[part for pair in batches_of(d2l, corpus, way) for part in pair] for d2l in BOTH]
    torch.testing.assert_close(*cut)  # types, too
    for other in (tuple(corpus.tolist()), torch.tensor(corpus)):
        again = [part for pair in batches_of(ours, other, way) for part in pair]
        assert_equal([part.tolist() for part in again], [part.tolist() for part in cut[1]])
    batches = batches_of(real, corpus, way)
    equal_training(lambda d2l: net_of(d2l, "GRU"), batches=batches)


@pytest.mark.parametrize("kind", ["scratch", "GRU", "bidirectional"])
def test_a_vocabulary_of_ones_own_and_targets_that_the_loss_ignores(kind):
    class Letters:
        idx_to_token = tuple(ALPHABET)

        def __getitem__(self, token):
            return np.int64(ALPHABET.index(token))

    batches = batches_of(real)
    for _, Y in batches:
        Y[1, ::2] = -100
    make = partial(style.make_net, kind=kind, vocab_size=28, device=CPU)
    equal_training(make, batches=batches, vocab=Letters())


def test_writing_ignores_dropout_and_leaves_every_mode_as_it_was():
    net, vocab = net_of(ours, "LSTM", num_layers=2, dropout=0.5), ours.Vocab(list(ALPHABET))
    net.linear.eval()
    assert len({ours.predict_ch8("abc", 20, net, vocab, CPU) for _ in range(5)}) == 1
    assert [module.training for module in net.modules()] == [True, True, False]


def test_a_layer_that_is_batch_first_is_refused():
    """Of a minibatch with as many rows as steps it would mix up the texts, silently."""
    net = ours.RNNModel(nn.RNN(28, 8, batch_first=True), 28)
    with pytest.raises(ValueError, match="batch_first"):
        net(torch.zeros(3, 3, dtype=torch.int64), net.begin_state(CPU, 3))


def test_functions_that_a_reader_replaces_are_used(monkeypatch):
    drawn = []
    for d2l in BOTH:
        board = SimpleNamespace(add=lambda x, y: drawn.append([x, torch.tensor(y)]))
        monkeypatch.setattr(d2l, "read_time_machine", lambda: ["abc abd", "acd " * 40])
        monkeypatch.setattr(d2l, "Animator", lambda board=board, **options: board)
        random.seed(0)
        train_iter, vocab = d2l.load_data_time_machine(2, 5)
        assert vocab.idx_to_token[1] == "a"
        d2l.train_ch8(net_of(d2l, "GRU"), train_iter, vocab, 0.1, 10, CPU)
    assert_equal(*drawn)
