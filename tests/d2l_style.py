"""A script as a reader of *Dive into Deep Learning* may bring it: d2l's names throughout.

Where such a script has an import at its top, `run` takes the module as an argument, so that
the very same lines run with the package d2l 0.17 and with `rnnlib.d2l`. It returns what it
computed, for comparison.
"""

import contextlib
import io
import random
from pathlib import Path

import torch
from IPython.utils.capture import capture_output
from torch import nn

# The names of the recurrent chapters. This script uses every one of them.
GROUPS = {
    "Text": """
        download DATA_HUB DATA_URL read_time_machine tokenize Vocab count_corpus
        load_corpus_time_machine
    """,
    "Minibatches": """
        seq_data_iter_random seq_data_iter_sequential SeqDataLoader load_data_time_machine
    """,
    "Models": """
        RNNModelScratch RNNModel
    """,
    "Training and writing": """
        sgd grad_clipping train_epoch_ch8 train_ch8 predict_ch8
    """,
    "Devices, times, sums": """
        try_gpu try_all_gpus Timer Accumulator
    """,
    "Plots": """
        plt use_svg_display set_figsize set_axes plot Animator
    """,
    "Tensors": """
        ones zeros tensor arange meshgrid sin sinh cos cosh tanh linspace exp log normal rand
        matmul concat stack abs eye int32 float32 size reshape to astype reduce_sum argmax
        transpose numpy
    """,
}
NAMES = [name for names in GROUPS.values() for name in names.split()]

BATCH_SIZE, NUM_STEPS, NUM_HIDDENS = 16, 20, 32
LAYERS = {
    "RNN": lambda size: nn.RNN(size, NUM_HIDDENS),
    "GRU": lambda size: nn.GRU(size, NUM_HIDDENS),
    "LSTM": lambda size: nn.LSTM(size, NUM_HIDDENS),
    "deep": lambda size: nn.LSTM(size, NUM_HIDDENS, 2),
    "bidirectional": lambda size: nn.LSTM(size, NUM_HIDDENS, bidirectional=True),
}
NETS = ("scratch", *LAYERS)


def read_text(d2l):
    """From the file to the corpus."""
    lines = d2l.read_time_machine()
    words = d2l.tokenize(lines)
    word_vocab = d2l.Vocab(words, min_freq=3, reserved_tokens=["<pad>"])
    corpus, vocab = d2l.load_corpus_time_machine()
    return {
        "lines": lines,
        "most frequent words": d2l.count_corpus(words).most_common(5),
        "vocabulary of words": word_vocab.idx_to_token,
        "vocabulary": vocab.idx_to_token,
        "frequencies": vocab.token_freqs,
        "corpus": corpus,
    }


def cut_minibatches(d2l):
    """Both ways of cutting under one seed, and a loader."""
    corpus = list(range(200))
    random.seed(1)
    loader = d2l.SeqDataLoader(BATCH_SIZE, NUM_STEPS, True, 3000)
    ways = {
        "random minibatches": d2l.seq_data_iter_random(corpus, 4, 6),
        "sequential minibatches": d2l.seq_data_iter_sequential(corpus, 4, 6),
        "minibatches of a loader": [*loader, *loader],
    }
    return {
        name: [part for X_and_Y in batches for part in X_and_Y]
        for name, batches in ways.items()
    }  # fmt: skip


def scratch_net(d2l, vocab_size, device):
    """A network of tensors and functions."""

    def get_params(vocab_size, num_hiddens, device):
        def draw(*shape):
            return d2l.normal(0, 0.2, shape, device=device)

        params = [
            draw(vocab_size, num_hiddens),
            draw(num_hiddens, num_hiddens),
            draw(num_hiddens, vocab_size),
            d2l.zeros(vocab_size, device=device),
        ]
        return [param.requires_grad_() for param in params]

    def init_state(batch_size, num_hiddens, device):
        return (d2l.zeros((batch_size, num_hiddens), device=device),)

    def forward(inputs, state, params):
        W_xh, W_hh, W_hq, b_q = params
        H, logits = state[0], []
        for X in inputs:
            H = d2l.tanh(d2l.matmul(X, W_xh) + d2l.matmul(H, W_hh))
            logits.append(d2l.matmul(H, W_hq) + b_q)
        return d2l.concat(logits, 0), (H,)

    arguments = vocab_size, NUM_HIDDENS, device
    return d2l.RNNModelScratch(*arguments, get_params, init_state, forward)


def make_net(d2l, kind, vocab_size, device):
    """One of `NETS`: the same name, the same weights."""
    torch.manual_seed(5)
    if kind == "scratch":
        return scratch_net(d2l, vocab_size, device)
    return d2l.RNNModel(LAYERS[kind](vocab_size), vocab_size).to(device)


def parameters_of(net):
    return list(net.parameters()) if isinstance(net, nn.Module) else net.params


def one_step(d2l, net, X, Y, device):
    """Logits, state and clipped gradients of a minibatch."""
    state = net.begin_state(batch_size=len(X), device=device)
    logits, state = net(X.to(device), state)
    loss = nn.functional.cross_entropy(logits, Y.T.reshape(-1).to(device))
    (100 * loss).backward()  # long enough to be clipped
    d2l.grad_clipping(net, 1)
    gradients = [param.grad.clone() for param in parameters_of(net)]
    for param in parameters_of(net):
        param.grad.zero_()
    return logits.detach(), state, gradients


def train(d2l, net, train_iter, vocab, device, num_epochs=5):
    """Perplexities of some epochs; texts before and after."""
    texts = [d2l.predict_ch8("time traveller", 30, net, vocab, device)]
    random.seed(2)
    loss = nn.CrossEntropyLoss()
    updater = torch.optim.SGD(parameters_of(net), lr=1.0)
    if not isinstance(net, nn.Module):

        def updater(batch_size):
            return d2l.sgd(net.params, 1.0, batch_size)

    perplexities = []
    for _ in range(num_epochs):
        arguments = net, train_iter, loss, updater, device, False
        perplexity, _ = d2l.train_epoch_ch8(*arguments)
        perplexities.append(perplexity)
    texts.append(d2l.predict_ch8("time traveller", 30, net, vocab, device))
    return torch.tensor(perplexities), texts


def train_as_a_whole(d2l, train_iter, vocab, device):
    """What `train_ch8` prints, but for the speed, and draws."""
    random.seed(3)
    net = make_net(d2l, "scratch", len(vocab), device)
    printed = io.StringIO()
    with capture_output(), contextlib.redirect_stdout(printed):
        d2l.train_ch8(net, train_iter, vocab, 0.5, 20, device)
    lines = [line.split(",")[0] for line in printed.getvalue().splitlines()]
    curve = d2l.plt.gcf().axes[0].lines[0]
    d2l.plt.close("all")
    return {
        "printed by train_ch8": [
            line for line in lines if line.startswith(("perplexity", "time traveller", "traveller"))
        ],
        "drawn by train_ch8": torch.tensor(curve.get_xydata()),
    }


def draw(d2l):
    """The points of a plot, and of a plot that grows."""
    with capture_output():
        d2l.use_svg_display()
        d2l.set_figsize((4, 3))
        d2l.plot([1, 2, 3], [[1, 4, 9], [1, 8, 27]], "x", legend=["a", "b"])
        axes = d2l.plt.gca()
        d2l.set_axes(axes, "x", "y", [0, 4], [0, 30], "linear", "linear", [])
        animator = d2l.Animator(xlabel="epoch", xlim=[1, 2])
        animator.add(1, [3])
        animator.add(2, [2.5])
    curves = [line.get_xydata() for line in [*axes.lines, *animator.axes[0].lines]]
    d2l.plt.close("all")
    return {
        "size of figures": d2l.plt.rcParams["figure.figsize"],
        "labels": [axes.get_xlabel(), axes.get_ylabel()],
        "curves": [torch.tensor(curve) for curve in curves],
    }


def keep_books(d2l):
    """Sums, times and devices."""
    sums, timer = d2l.Accumulator(2), d2l.Timer()
    for number in (1, 2.5):
        sums.add(number, 1)
        timer.stop()
    return {
        "sums": [sums[0], sums[1]],
        "times taken": len(timer.cumsum()),
        "devices": [d2l.try_gpu(), *d2l.try_all_gpus()],
    }


def find_file(d2l):
    """Where the text comes from, and how long it is."""
    content = Path(d2l.download("time_machine")).read_bytes()
    return {
        "address": d2l.DATA_HUB["time_machine"][0],
        "folder": d2l.DATA_URL,
        "bytes": len(content),
    }


def plain_tensors(d2l):
    """The plain names, each called once."""
    torch.manual_seed(6)
    x = d2l.reshape(d2l.arange(6, dtype=d2l.float32), (2, 3))
    y = d2l.concat([d2l.ones((1, 3)), d2l.zeros((1, 3))], 0)
    waves = [function(x) for function in (d2l.sin, d2l.sinh, d2l.cos, d2l.cosh)]
    grid = d2l.meshgrid(d2l.tensor([1.0, 2]), d2l.linspace(0, 1, 4), indexing="ij")
    return {
        "plain tensors": [
            d2l.matmul(x, d2l.transpose(y)),
            d2l.stack([d2l.exp(x), d2l.log(x + 1), d2l.tanh(x), d2l.abs(-x)]),
            d2l.eye(3),
            d2l.normal(0, 1, (2, 2)),
            d2l.rand(2, 2),
            d2l.to(d2l.astype(x, d2l.int32), torch.device("cpu")),
            d2l.argmax(x, dim=1),
            d2l.reduce_sum(x, dim=0),
            torch.from_numpy(d2l.numpy(x.clone().requires_grad_())),
            *waves,
            *grid,
        ],
        "number of elements": d2l.size(x),
    }


def run(d2l):
    """All of the above; each result under its name."""
    results = read_text(d2l) | cut_minibatches(d2l)
    device = d2l.try_gpu()
    random.seed(4)
    sizes = BATCH_SIZE, NUM_STEPS
    train_iter, vocab = d2l.load_data_time_machine(*sizes, max_tokens=6000)
    X, Y = next(iter(train_iter))
    for kind in NETS:
        net = make_net(d2l, kind, len(vocab), device)
        logits, state, gradients = one_step(d2l, net, X, Y, device)
        perplexities, texts = train(d2l, net, train_iter, vocab, device)
        results |= {
            f"logits, {kind}": logits,
            f"state, {kind}": list(state) if isinstance(state, tuple) else state,
            f"gradients, {kind}": gradients,
            f"perplexities, {kind}": perplexities,
            f"texts, {kind}": texts,
        }
    results |= train_as_a_whole(d2l, train_iter, vocab, device)
    results |= draw(d2l) | keep_books(d2l) | find_file(d2l)
    return results | plain_tensors(d2l)


def assert_equal(first, second):
    """Raise an error unless two results are equal, numbers of tensors up to rounding."""
    if isinstance(first, torch.Tensor):
        torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-5)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for name in first:
            assert_equal(first[name], second[name])
    elif isinstance(first, list):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_equal(one, other)
    else:
        assert first == second
