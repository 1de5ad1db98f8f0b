"""`rnnlib.d2l` against the installed package d2l 0.17.0: same names, same results."""

import inspect
import math
import random
import warnings

import d2l_style
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnnlib import d2l as ours
from rnnlib import d2l_names, generation, models, text, training

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from real_d2l import d2l as real

both = pytest.mark.parametrize("d2l", [ours, real], ids=["ours", "real"])
CPU = torch.device("cpu")
LAYERS = {
    "rnn": lambda size: nn.RNN(size, 16),
    "gru": lambda size: nn.GRU(size, 16),
    "lstm": lambda size: nn.LSTM(size, 16),
    "deep": lambda size: nn.LSTM(size, 16, 2),
    "bidirectional": lambda size: nn.LSTM(size, 16, 2, bidirectional=True),
}
each_layer = pytest.mark.parametrize("kind", LAYERS)


@pytest.fixture(autouse=True)
def _text_for_both(tmp_path, monkeypatch):
    """Both packages read the text at hand; d2l wants it under its name in `../data`."""
    source = text.find_text()
    folder, chapters = tmp_path / "data", tmp_path / "chapters"
    folder.mkdir()
    chapters.mkdir()
    content = source.read_bytes()
    (folder / text.FILE_NAME).write_bytes(content)
    monkeypatch.chdir(chapters)
    monkeypatch.setenv("RNNLIB_DATA", str(folder))
    monkeypatch.setattr(text, "SHA1", text.sha1(content))
    monkeypatch.setitem(
        real.DATA_HUB, "time_machine", (real.DATA_HUB["time_machine"][0], text.SHA1)
    )
    plt.switch_backend("Agg")
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Converting a tensor with requires_grad=True")
        yield
    plt.close("all")


def scratch(d2l, vocab_size, num_hiddens=16):
    """An RNN of parameters and functions, as the book's section 8.5 has it."""

    def get_params(vocab_size, num_hiddens, device):
        shapes = [(vocab_size, num_hiddens), (num_hiddens, num_hiddens), (num_hiddens,)]
        shapes += [(num_hiddens, vocab_size), (vocab_size,)]
        return [(d2l.normal(0, 0.1, shape)).requires_grad_(True) for shape in shapes]

    def init_state(batch_size, num_hiddens, device):
        return (d2l.zeros((batch_size, num_hiddens), device=device),)

    def forward(inputs, state, params):
        W_xh, W_hh, b_h, W_hq, b_q = params
        (H,) = state
        outputs = []
        for X in inputs:
            H = d2l.tanh(d2l.matmul(X, W_xh) + d2l.matmul(H, W_hh) + b_h)
            outputs.append(d2l.matmul(H, W_hq) + b_q)
        return d2l.concat(outputs, 0), (H,)

    torch.manual_seed(1)
    return d2l.RNNModelScratch(vocab_size, num_hiddens, CPU, get_params, init_state, forward)


def concise(d2l, vocab_size, kind):
    torch.manual_seed(1)
    return d2l.RNNModel(LAYERS[kind](vocab_size), vocab_size)


def equal_batches(first, second):
    first, second = list(first), list(second)
    assert len(first) == len(second)
    for (x, y), (x_other, y_other) in zip(first, second, strict=True):
        assert torch.equal(x, x_other)
        assert torch.equal(y, y_other)
    return len(first)


class Recorder:
    """Hands on every name of a module and notes which were asked for."""

    def __init__(self, module):
        self.module, self.used = module, set()

    def __getattr__(self, name):
        self.used.add(name)
        return getattr(self.module, name)


def test_a_script_in_d2l_style_gives_equal_results():
    first, second = (Recorder(d2l) for d2l in (ours, real))
    results, results_real = d2l_style.run(first), d2l_style.run(second)
    assert results.keys() == results_real.keys()
    for name, result in results.items():
        d2l_style.assert_equal(result, results_real[name])
    assert first.used == second.used == set(d2l_style.NAMES)
    perplexities = [results[f"perplexities, {kind}"] for kind in d2l_style.NETS]
    assert all(values[-1] < values[0] for values in perplexities)


def test_the_script_uses_every_name_that_the_module_defines():
    defined = {
        name
        for name, value in vars(ours).items()
        if getattr(value, "__module__", None) == ours.__name__ and not name.startswith("_")
    }
    assert defined <= set(d2l_style.NAMES)
    for name in defined:
        assert getattr(ours, name).__doc__, name


def test_lines_tokens_vocabulary_and_corpus_are_equal():
    lines = ours.read_time_machine()
    assert lines == real.read_time_machine()
    for token in ("word", "char"):
        assert ours.tokenize(lines, token) == real.tokenize(lines, token)
    assert ours.tokenize(lines) == real.tokenize(lines)
    for max_tokens in (-1, 0, 1, 10000):
        corpus, vocab = ours.load_corpus_time_machine(max_tokens)
        corpus_real, vocab_real = real.load_corpus_time_machine(max_tokens)
        assert corpus == corpus_real
        assert vocab.idx_to_token == vocab_real.idx_to_token
        assert vocab.token_freqs == vocab_real.token_freqs
        assert vocab.unk == vocab_real.unk == 0


tokens = st.lists(st.text("abcxyz <unk>", min_size=1, max_size=3), max_size=40)


@given(
    tokens | st.lists(tokens, max_size=5),
    st.integers(0, 4),
    st.lists(st.sampled_from(["<pad>", "<bos>", "a", "xy"]), max_size=3, unique=True),
)
@settings(max_examples=200, deadline=None)
def test_vocabularies_are_equal(corpus, min_freq, reserved):
    first = ours.Vocab(corpus, min_freq, reserved)
    second = real.Vocab(corpus, min_freq, reserved)
    assert first.idx_to_token == second.idx_to_token
    assert first.token_to_idx == second.token_to_idx
    assert first.token_freqs == second.token_freqs
    assert ours.count_corpus(corpus) == real.count_corpus(corpus)
    assert len(first) == len(second)
    assert first[["a", "b", "?"]] == second[["a", "b", "?"]]
    assert first.to_tokens([0]) == second.to_tokens([0])


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_minibatches_are_equal_under_one_seed(batch_size, num_steps, more, seed):
    corpus = list(range(batch_size * num_steps + num_steps + 1 + more))
    for name in ("seq_data_iter_random", "seq_data_iter_sequential"):
        random.seed(seed)
        first = list(getattr(ours, name)(corpus, batch_size, num_steps))
        after = random.random()
        random.seed(seed)
        assert equal_batches(first, getattr(real, name)(corpus, batch_size, num_steps))
        assert after == random.random()


@pytest.mark.parametrize("use_random_iter", [False, True])
def test_data_loaders_are_equal_for_several_epochs(use_random_iter):
    random.seed(0)
    loader, vocab = ours.load_data_time_machine(32, 35, use_random_iter)
    first = [batch for _ in range(3) for batch in loader]
    random.seed(0)
    loader_real, vocab_real = real.load_data_time_machine(32, 35, use_random_iter)
    assert equal_batches(first, [batch for _ in range(3) for batch in loader_real]) >= 20
    assert vocab.idx_to_token == vocab_real.idx_to_token
    assert loader.corpus == loader_real.corpus
    assert (loader.batch_size, loader.num_steps) == (loader_real.batch_size, loader_real.num_steps)


@each_layer
def test_logits_states_and_clipped_gradients_are_equal(kind):
    torch.manual_seed(0)
    X = torch.randint(0, 28, (3, 5))
    results = []
    for d2l in (ours, real):
        net = concise(d2l, 28, kind)
        logits, state = net(X, net.begin_state(CPU, batch_size=3))
        assert logits.shape == (15, 28)
        (100 * logits.square().sum()).backward()
        before = [p.grad.clone() for p in net.parameters()]
        d2l.grad_clipping(net, 1)
        results.append((logits, state, before, [p.grad for p in net.parameters()]))
        assert sum(g.square().sum() for g in results[-1][3]) == pytest.approx(1, rel=1e-4)
        assert (net.num_hiddens, net.num_directions, net.vocab_size) == (
            16,
            1 + (kind == "bidirectional"),
            28,
        )
    torch.testing.assert_close(*results)


def train_some_epochs(d2l, net, use_random_iter, num_epochs=3):
    random.seed(2)
    batches, vocab = d2l.load_data_time_machine(16, 20, use_random_iter, 3000)
    loss = nn.CrossEntropyLoss()
    if isinstance(net, nn.Module):
        updater = torch.optim.SGD(net.parameters(), 0.5)
    else:

        def updater(batch_size):
            d2l.sgd(net.params, 0.5, batch_size)

    values = []
    for _ in range(num_epochs):
        value, speed = d2l.train_epoch_ch8(net, batches, loss, updater, CPU, use_random_iter)
        assert speed > 0
        values.append(value)
    return values, d2l.predict_ch8("time traveller ", 20, net, vocab, CPU)


@pytest.mark.parametrize("use_random_iter", [False, True])
@each_layer
def test_training_and_greedy_text_are_equal(kind, use_random_iter):
    values, written = train_some_epochs(ours, concise(ours, 28, kind), use_random_iter)
    values_real, written_real = train_some_epochs(real, concise(real, 28, kind), use_random_iter)
    assert values == pytest.approx(values_real, rel=1e-4)
    assert written == written_real


@pytest.mark.parametrize("use_random_iter", [False, True])
def test_training_from_scratch_is_equal(use_random_iter):
    first, second = scratch(ours, 28), scratch(real, 28)
    assert all(torch.equal(a, b) for a, b in zip(first.params, second.params, strict=True))
    values, written = train_some_epochs(ours, first, use_random_iter)
    values_real, written_real = train_some_epochs(real, second, use_random_iter)
    assert values == pytest.approx(values_real, rel=1e-4)
    assert written == written_real
    torch.testing.assert_close(first.params, second.params, rtol=1e-3, atol=1e-5)


def test_train_ch8_prints_what_the_book_prints(capsys):
    printed, drawn = [], []
    for d2l in (ours, real):
        random.seed(4)
        batches, vocab = d2l.load_data_time_machine(16, 20, False, 3000)
        d2l.train_ch8(scratch(d2l, len(vocab)), batches, vocab, 0.5, 11, CPU)
        lines = [
            line
            for line in capsys.readouterr().out.splitlines()
            if "traveller" in line or "perplexity" in line
        ]
        printed.append([line.split(",")[0] for line in lines])
        axes = plt.gcf().axes[0]
        drawn.append((axes.get_xlabel(), axes.get_ylabel(), axes.get_xlim()))
    assert printed[0] == printed[1]
    assert drawn[0] == drawn[1] == ("epoch", "perplexity", (10, 11))
    assert len(printed[0]) == 4


def test_predictions_of_all_nets_agree_with_generate_for_odd_prefixes():
    vocab = ours.load_corpus_time_machine()[1]
    first, second = scratch(ours, len(vocab)), scratch(real, len(vocab))
    for prefix in ("t", "time machine", "Zq? 9", "éß"):
        expected = real.predict_ch8(prefix, 7, second, vocab, CPU)
        assert ours.predict_ch8(prefix, 7, first, vocab, CPU) == expected
    with pytest.raises(ValueError, match="prefix"):
        ours.predict_ch8("", 7, first, vocab, CPU)


@each_layer
def test_predictions_of_untrained_nets_are_equal(kind):
    """Of a bidirectional net too, which must not look ahead within the prefix."""
    vocab = ours.load_corpus_time_machine()[1]
    written = []
    for d2l in (ours, real):
        net = concise(d2l, len(vocab), kind)
        for param in net.parameters():
            nn.init.normal_(param)
        prefixes = ("t", "time traveller", "in the year")
        written.append([d2l.predict_ch8(prefix, 20, net, vocab, CPU) for prefix in prefixes])
    assert written[0] == written[1]


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_texts_of_rnnlibs_own_model_are_those_of_the_package(kind):
    vocab = ours.load_corpus_time_machine()[1]
    net = concise(real, len(vocab), kind)
    for param in net.parameters():
        nn.init.normal_(param)
    # Magnified from step to step, the rounding of the two would become another letter.
    nn.init.orthogonal_(net.rnn.weight_hh_l0)
    model = models.language_model(kind, len(vocab), 16)
    weights = net.state_dict().items()
    model.load_state_dict({name.replace("rnn.", "layer."): weight for name, weight in weights})
    prefixes = ["t", "time traveller", "in the year"]
    expected = [real.predict_ch8(prefix, 40, net, vocab, CPU) for prefix in prefixes]
    assert [generation.generate(model, vocab, prefix, 40) for prefix in prefixes] == expected
    assert generation.generate_batch(model, vocab, prefixes, 40) == expected


def test_writing_leaves_the_net_in_the_mode_it_was_in_and_ignores_dropout():
    vocab = ours.load_corpus_time_machine()[1]
    torch.manual_seed(0)
    net = ours.RNNModel(nn.LSTM(len(vocab), 64, 2, dropout=0.5), len(vocab))
    assert len({ours.predict_ch8("time", 20, net, vocab, CPU) for _ in range(5)}) == 1
    assert net.training
    net.eval()
    ours.predict_ch8("time", 2, net, vocab, CPU)
    assert not net.training


def test_a_state_may_be_a_list_of_tensors():
    def get_params(vocab_size, num_hiddens, device):
        shapes = (vocab_size, num_hiddens), (num_hiddens, vocab_size)
        return [torch.normal(0, 0.5, shape).requires_grad_() for shape in shapes]

    def init_state(batch_size, num_hiddens, device):
        return [torch.zeros(batch_size, num_hiddens)]

    def forward(inputs, state, params):
        (H,), logits = state, []
        for X in inputs:
            H = torch.tanh(X @ params[0] + H)
            logits.append(H @ params[1])
        return torch.cat(logits), [H]

    results = []
    for d2l in (ours, real):
        torch.manual_seed(1)
        net = d2l.RNNModelScratch(28, 16, CPU, get_params, init_state, forward)
        results.append(train_some_epochs(d2l, net, use_random_iter=False))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-4)
    assert results[0][1] == results[1][1]


@each_layer
def test_rnnlibs_own_functions_take_the_model_and_the_minibatches(kind):
    random.seed(0)
    train_iter, vocab = ours.load_data_time_machine(16, 20, False, 3000)
    assert train_iter.carries_state
    assert not ours.SeqDataLoader(16, 20, True, 3000).carries_state
    net, twin = (concise(ours, len(vocab), kind) for _ in range(2))
    random.seed(1)
    values = training.train(net, train_iter, 2, lr=0.5)["train"]
    random.seed(1)
    updater = torch.optim.SGD(twin.parameters(), 0.5)
    for value in values:
        arguments = twin, train_iter, nn.CrossEntropyLoss(), updater, CPU, False
        assert ours.train_epoch_ch8(*arguments)[0] == pytest.approx(value, rel=1e-5)
    assert 1 < training.evaluate(net, torch.tensor(train_iter.corpus)) < 28
    assert len(generation.generate(net, vocab, "time", 5)) == 9
    assert (net.begin_state(3)[0] if net.is_lstm else net.begin_state(3)).shape[1] == 3


def test_a_text_of_ones_own_takes_the_place_of_the_text(monkeypatch):
    content = b"The cat, the hat;\n\nthe CAT.\n"
    (text.data_folder() / "cat.txt").write_bytes(content)
    entry = (ours.DATA_URL + "cat.txt", text.sha1(content))
    for d2l in (ours, real):
        monkeypatch.setitem(d2l.DATA_HUB, "time_machine", entry)
        assert d2l.read_time_machine() == ["the cat the hat", "", "the cat"]
        corpus, vocab = d2l.load_corpus_time_machine()
        assert "".join(vocab.to_tokens(corpus)) == "the cat the hatthe cat"
        assert len(d2l.SeqDataLoader(2, 3, False, 12).corpus) == 12


@both
def test_timer_accumulator_and_devices(d2l):
    timer = d2l.Timer()
    timer.stop()
    timer.start()
    assert timer.stop() >= 0
    assert timer.sum() == pytest.approx(sum(timer.times))
    assert timer.avg() == pytest.approx(sum(timer.times) / 2)
    assert timer.cumsum() == pytest.approx([timer.times[0], sum(timer.times)])
    totals = d2l.Accumulator(2)
    totals.add(1, torch.tensor(2.5))
    totals.add(1, 3)
    assert [totals[0], totals[1]] == [2.0, 5.5]
    totals.add(1, 1, 1)  # one sum more than there are
    assert totals.data == [3.0, 6.5]
    totals.reset()
    assert totals.data == [0.0, 0.0]
    assert isinstance(d2l.try_gpu(99), torch.device)
    assert len(d2l.try_all_gpus()) >= 1


@both
def test_timer_measures_each_run_from_its_start_to_its_stop(d2l, monkeypatch):
    clock = iter([10.0, 12.0, 20.0, 25.0])
    timer = d2l.Timer()
    with monkeypatch.context() as patch:
        patch.setattr("time.time", lambda: next(clock))
        timer.start()
        assert timer.stop() == 2
        timer.start()
        assert timer.stop() == 5
    assert timer.times == [2, 5]


@both
def test_speed_is_the_number_of_targets_over_the_seconds(d2l, monkeypatch):
    monkeypatch.setattr(d2l.Timer, "stop", lambda timer: 2.0)
    net = concise(d2l, 28, "rnn")
    updater = torch.optim.SGD(net.parameters(), 0.5)
    train_iter = d2l.load_data_time_machine(4, 5, max_tokens=47)[0]
    num_targets = sum(Y.numel() for _, Y in train_iter)
    assert num_targets == 40
    arguments = net, train_iter, nn.CrossEntropyLoss(), updater, CPU, False
    assert d2l.train_epoch_ch8(*arguments)[1] == 20


@both
def test_gpus_are_taken_while_there_are_any(d2l, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    gpus = [torch.device("cuda:0"), torch.device("cuda:1")]
    assert d2l.try_all_gpus() == gpus
    assert [d2l.try_gpu(), d2l.try_gpu(1), d2l.try_gpu(2)] == [*gpus, CPU]


@both
def test_sgd_takes_the_mean_over_the_minibatch(d2l):
    param = torch.tensor([1.0, 2.0], requires_grad=True)
    param.grad = torch.tensor([4.0, -8.0])
    d2l.sgd([param], 0.5, 4)
    assert param.tolist() == [0.5, 3.0]
    assert param.grad.tolist() == [0.0, 0.0]


@both
def test_model_names_its_layer_and_begins_with_one_row_unless_told_otherwise(d2l):
    net = concise(d2l, 28, "gru")
    assert net.rnn.hidden_size == 16
    assert net.begin_state(CPU).shape == (1, 1, 16)
    assert net.begin_state(device=CPU, batch_size=3).shape == (1, 3, 16)


@both
def test_plot_and_animator_draw_the_same_curves(d2l):
    d2l.plt.figure()
    d2l.plot([1, 2, 3], [[1, 4, 9], [1, 8, 27]], "x", "y", legend=["square", "cube"], xlim=[0, 4])
    axes = plt.gca()
    assert [line.get_ydata().tolist() for line in axes.lines] == [[1, 4, 9], [1, 8, 27]]
    assert axes.get_xlabel() == "x"
    assert axes.get_xlim() == (0, 4)
    d2l.plot(torch.tensor([5.0, 6.0]))
    assert plt.gca().lines[0].get_xdata().tolist() == [0, 1]
    d2l.plot([1, 2, 3], torch.tensor([[1.0, 2, 3], [4, 5, 6]]))
    assert [line.get_ydata().tolist() for line in axes.lines] == [[1, 2, 3], [4, 5, 6]]
    animator = d2l.Animator(xlabel="epoch", legend=["train", "test"], xlim=[1, 3])
    for epoch in (1, 2):
        animator.add(epoch, [epoch * 2, None if epoch == 1 else 7])
    assert animator.X == [[1, 2], [2]]
    assert animator.Y == [[2, 4], [7]]
    animator.add(3, (1, 1))
    assert [len(line.get_xdata()) for line in animator.axes[0].lines] == [3, 2]


@both
def test_animator_draws_in_the_first_of_several_axes(d2l):
    animator = d2l.Animator(xlabel="epoch", nrows=2)
    animator.add([1], [2, 3])  # no x for the second curve, which stays empty
    animator.add([2], [4, 5])
    first, second = animator.axes
    assert [line.get_xydata().tolist() for line in first.lines] == [[[1, 2], [2, 4]], []]
    assert (first.get_xlabel(), second.get_xlabel(), len(second.lines)) == ("epoch", "", 0)
    assert d2l.Animator(nrows=2, ncols=2).axes.shape == (2, 2)


@both
def test_picture_of_an_animator_stays_until_the_next_one(d2l, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda figure: shown.append(figure))
    monkeypatch.setattr("IPython.display.clear_output", lambda wait=False: shown.append(wait))
    animator = d2l.Animator()
    animator.add(1, 2)
    assert shown == [animator.fig, True]


@both
def test_plain_tensor_names(d2l):
    x = d2l.reshape(d2l.arange(6, dtype=d2l.float32), (2, 3))
    assert d2l.size(x) == 6
    assert d2l.concat([x, d2l.zeros((1, 3)), d2l.ones((1, 3))], 0).shape == (4, 3)
    assert d2l.matmul(x, d2l.transpose(x)).shape == (2, 2)
    assert d2l.argmax(x, dim=1).tolist() == [2, 2]
    assert float(d2l.reduce_sum(x)) == 15
    assert d2l.astype(x, d2l.int32).dtype == torch.int32
    assert d2l.numpy(d2l.tensor([1.0], requires_grad=True)).tolist() == [1.0]
    assert d2l.to(x, CPU) is x
    assert d2l.stack([x, x]).shape == (2, 2, 3)
    assert float(d2l.abs(-d2l.eye(2)).sum()) == 2
    assert float(d2l.exp(d2l.log(d2l.tensor(2.0)))) == pytest.approx(2)
    assert d2l.normal(0, 1, (2, 2)).shape == d2l.rand(2, 2).shape
    assert d2l.linspace(0, 1, 3).tolist() == [0, 0.5, 1]
    assert float(d2l.cosh(x[0, 0]) - d2l.sinh(x[0, 0]) + d2l.sin(x[0, 0]) - d2l.cos(x[0, 0])) == 0
    assert d2l.meshgrid(x[0], x[0], indexing="ij")[0].shape == (3, 3)
    assert math.isclose(float(d2l.tanh(d2l.tensor(0.0))), 0)


NAMES = [
    "load_data_time_machine",
    "load_corpus_time_machine",
    "read_time_machine",
    "tokenize",
    "count_corpus",
    "Vocab",
    "SeqDataLoader",
    "seq_data_iter_random",
    "seq_data_iter_sequential",
    "RNNModelScratch",
    "RNNModel",
    "predict_ch8",
    "grad_clipping",
    "train_epoch_ch8",
    "train_ch8",
    "try_gpu",
    "try_all_gpus",
    "sgd",
    "Timer",
    "Accumulator",
    "Animator",
    "plot",
    "set_figsize",
    "set_axes",
    "use_svg_display",
    "download",
]


@pytest.mark.parametrize("name", NAMES)
def test_arguments_have_the_same_names_order_and_defaults(name):
    def arguments(function):
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.default) for p in parameters if p.kind != p.VAR_KEYWORD]

    first, second = arguments(getattr(ours, name)), arguments(getattr(real, name))
    if name == "download":  # the course knows where its data lie
        first, second = first[:1], second[:1]
    assert first == second


def test_every_other_name_of_the_package_says_where_to_look():
    functions = {
        name
        for name, value in vars(real).items()
        if getattr(value, "__module__", None) == real.__name__ and not name.startswith("_")
    }
    missing = {name for name in functions if not hasattr(ours, name)}
    assert missing == {
        name for names in d2l_names.OTHER_CHAPTERS.values() for name in names.split()
    }
    with pytest.raises(AttributeError, match=r"bleu.*sequence to sequence"):
        _ = ours.bleu
    with pytest.raises(AttributeError, match=r"Trainer.*1\.0.*train_ch8"):
        _ = ours.Trainer
    with pytest.raises(AttributeError, match="no name of d2l"):
        _ = ours.nonsense
    # Of whatever kind: no name that the package has is said to be none of its own.
    unknown = {n for n in vars(real) if n[0] != "_" and not hasattr(ours, n)} - {"d2l"}
    assert unknown <= set(d2l_names.ELSEWHERE)
    for line in d2l_names.IMPORTED.values():
        if not {"pandas", "torchvision"} & set(line.split()):  # the course has no use for them
            exec(line, {})
    with pytest.raises(AttributeError, match="had imported it; here write: import numpy as np"):
        _ = ours.np


def test_layer_of_a_model_can_be_exchanged_under_d2ls_name():
    torch.manual_seed(0)
    layer, prefix = nn.GRU(5, 8), torch.tensor([[1, 2]])
    nets = [d2l.RNNModel(nn.GRU(5, 8), 5) for d2l in (ours, real)]
    for net in nets:
        net.rnn, net.linear = layer, nn.Sequential(nn.Linear(8, 5), nn.Tanh())
        assert net.rnn is layer
    nets[1].load_state_dict(
        {key.replace("layer", "rnn"): value for key, value in nets[0].state_dict().items()}
    )
    states = [net.begin_state(batch_size=1, device=CPU) for net in nets]
    assert states[0].shape == (1, 1, 8)
    found, expected = (net(prefix, state)[0] for net, state in zip(nets, states, strict=True))
    assert torch.equal(found, expected)


def test_download_knows_the_text_and_refuses_other_names():
    assert ours.download("time_machine") == str(text.find_text())
    assert set(ours.DATA_HUB) == {"time_machine"}
    assert ours.DATA_URL == real.DATA_URL
    assert ours.DATA_HUB["time_machine"][0] == real.DATA_HUB["time_machine"][0]
    with pytest.raises(ValueError, match="name must be one of time_machine"):
        ours.download("fra-eng")


CONTENTS = sorted((b"%d" % number for number in range(99)), key=text.sha1)
LOW, HIGH = CONTENTS[0], CONTENTS[-1]


@pytest.mark.parametrize(("content", "before"), [(LOW, HIGH), (HIGH, LOW)], ids=["low", "high"])
def test_file_of_ones_own_is_fetched_only_if_another_one_is_there(
    content, before, tmp_path, monkeypatch
):
    assert text.sha1(LOW) < ours.TIME_MACHINE[1] < text.sha1(HIGH)
    source = tmp_path / "deep" / "own.txt"
    source.parent.mkdir()
    source.write_bytes(content)
    monkeypatch.setitem(ours.DATA_HUB, "own", (source.as_uri(), text.sha1(content)))
    path = text.data_folder() / "own.txt"
    path.write_bytes(before)
    assert ours.download("own") == str(path)
    assert path.read_bytes() == content
    assert ours.download("own", tmp_path) == str(tmp_path / "own.txt")
    source.unlink()
    assert ours.download("own") == str(path)


def test_the_sample_stands_in_for_the_text_that_cannot_be_fetched(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise OSError("no network")

    monkeypatch.setattr(text, "download", fail)
    assert ours.download("time_machine", tmp_path) == str(text.COURSE_FOLDER / "data/sample.txt")


def test_the_text_may_come_from_a_place_of_ones_own(tmp_path, monkeypatch):
    source = tmp_path / "mirror.txt"
    source.write_bytes(text.find_text().read_bytes())
    monkeypatch.setattr(ours, "TIME_MACHINE", (ours.TIME_MACHINE[0], text.SHA1))
    monkeypatch.setitem(ours.DATA_HUB, "time_machine", (source.as_uri(), text.SHA1))
    (tmp_path / "empty").mkdir()
    path = tmp_path / "empty" / "mirror.txt"
    assert ours.download("time_machine", tmp_path / "empty") == str(path)
    assert path.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("entry", [None, "http://x", ("http://x",), ("http://x", None)], ids=str)
def test_entry_that_is_no_address_with_a_sha1_is_named(entry, monkeypatch):
    monkeypatch.setitem(ours.DATA_HUB, "own", entry)
    with pytest.raises(ValueError, match=r"^DATA_HUB\['own'\] must be \(address, SHA-1\), got"):
        ours.download("own")


@pytest.mark.parametrize("prefix", [["time", "traveller"], ("time",)])
def test_words_are_predicted_as_one_string(prefix):
    vocab = ours.Vocab([["time", "traveller", "the"]])
    torch.manual_seed(0)
    net = ours.RNNModel(nn.GRU(len(vocab), 8), len(vocab))
    twin = real.RNNModel(nn.GRU(len(vocab), 8), len(vocab))
    twin.load_state_dict(
        {key.replace("layer", "rnn"): value for key, value in net.state_dict().items()}
    )
    found = ours.predict_ch8(prefix, 4, net, vocab, CPU)
    assert isinstance(found, str)
    assert found == real.predict_ch8(prefix, 4, twin, vocab, CPU)


@pytest.mark.parametrize(
    "corpus", ["abc", [[1], [1, 2]], [None], [1.5, 10**400]], ids=["str", "ragged", "none", "huge"]
)
@pytest.mark.parametrize("cut", [ours.seq_data_iter_random, ours.seq_data_iter_sequential])
def test_corpus_that_is_no_list_of_indices_is_refused(cut, corpus):
    found = type(corpus).__name__
    with pytest.raises(TypeError, match=f"^corpus must be a list or tensor .* got {found}$"):
        list(cut(corpus, 2, 3))


def test_set_figsize_sets_the_size_for_what_follows():
    ours.set_figsize((4, 2))
    assert plt.rcParams["figure.figsize"] == [4, 2]
