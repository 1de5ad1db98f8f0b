"""The names of d2l 0.17's recurrent chapters, for readers who bring the book's code.

    from rnnlib import d2l          # in place of: from d2l import torch as d2l

Same names, same order of arguments, same results. This file holds names and thin adapters
only; the work is done by `rnnlib` under names that explain themselves. Names and behaviour
are those of *Dive into Deep Learning* (Zhang et al., 2023), release 0.17 of its package.
"""

import collections
import time
from itertools import accumulate
from math import inf
from pathlib import Path
from urllib.parse import urlsplit

import torch
from IPython import display
from matplotlib import pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats
from torch import nn

from rnnlib import batches, generation, text, training
from rnnlib.checks import has_methods, whole_number
from rnnlib.d2l_names import ELSEWHERE
from rnnlib.models import LanguageModel
from rnnlib.text import Vocab as Vocab

# The plain names for tensors and what can be done with them.
ones, zeros, tensor, arange, meshgrid = (
    torch.ones,
    torch.zeros,
    torch.tensor,
    torch.arange,
    torch.meshgrid,
)
sin, sinh, cos, cosh, tanh = torch.sin, torch.sinh, torch.cos, torch.cosh, torch.tanh
linspace, exp, log, normal, rand = torch.linspace, torch.exp, torch.log, torch.normal, torch.rand
matmul, concat, stack, abs, eye = torch.matmul, torch.cat, torch.stack, torch.abs, torch.eye
int32, float32 = torch.int32, torch.float32
size, reshape, to, astype = (
    torch.Tensor.numel,
    torch.Tensor.reshape,
    torch.Tensor.to,
    torch.Tensor.type,
)
reduce_sum, argmax, transpose = torch.Tensor.sum, torch.Tensor.argmax, torch.Tensor.t


def numpy(x, *args, **kwargs):
    """The values of a tensor as an array of NumPy."""
    return x.detach().numpy(*args, **kwargs)


# Text preprocessing; language models and the data set.
DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/"
TIME_MACHINE = (DATA_URL + text.FILE_NAME, text.SHA1)
DATA_HUB = {"time_machine": TIME_MACHINE}


def download(name, cache_dir=None):
    """The path of the data `DATA_HUB[name]`, verified; fetched first if it is not there.

    `time_machine` may turn out to be the bundled sample (see `rnnlib.text.find_text`). An entry
    of your own is `(address, SHA-1)`; under the name `time_machine` it replaces the text, or
    the place that it comes from.
    """
    if not isinstance(name, str) or name not in DATA_HUB:
        raise ValueError(f"name must be one of {', '.join(DATA_HUB)}, got {name!r}")
    entry = DATA_HUB[name]
    if not isinstance(entry, tuple | list) or [type(part) for part in entry] != [str, str]:
        raise ValueError(f"DATA_HUB[{name!r}] must be (address, SHA-1), got {entry!r}")
    url, sha1 = entry
    if (url, sha1) == TIME_MACHINE:
        return str(text.find_text(cache_dir))
    path = Path(cache_dir or text.data_folder(), urlsplit(url).path.split("/")[-1])
    if not path.is_file() or text.sha1(path.read_bytes()) != sha1:
        text.download(url, path, sha1)
    return str(path)


def read_time_machine():
    """The lines of the text, cleaned."""
    return text.read_lines(download("time_machine"))


def tokenize(lines, token="word"):
    """Each line as a list of words, or of characters."""
    return text.tokenize(lines, token)


def count_corpus(tokens):
    """How often each token occurs."""
    return collections.Counter(text.flatten(tokens))


def load_corpus_time_machine(max_tokens=-1):
    """The text as a list of indices, and the vocabulary of its characters."""
    max_tokens = max_tokens if whole_number("max_tokens", max_tokens, -inf) > 0 else None
    corpus, vocab = text.load_corpus(max_tokens, path=download("time_machine"))
    return corpus.tolist(), vocab


def _tensor(corpus):
    try:
        return torch.as_tensor(corpus)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        found = type(corpus).__name__
        raise TypeError(f"corpus must be a list or tensor of indices, got {found}") from error


def seq_data_iter_random(corpus, batch_size, num_steps):
    """Minibatches of windows in random order."""
    return batches.random_batches(_tensor(corpus), batch_size, num_steps)


def seq_data_iter_sequential(corpus, batch_size, num_steps):
    """Minibatches whose rows go on where those of the last one ended."""
    return batches.sequential_batches(_tensor(corpus), batch_size, num_steps)


class SeqDataLoader:
    """The minibatches of the text, for many epochs."""

    def __init__(self, batch_size, num_steps, use_random_iter, max_tokens):
        self.data_iter_fn = seq_data_iter_random if use_random_iter else seq_data_iter_sequential
        self.corpus, self.vocab = load_corpus_time_machine(max_tokens)
        self.batch_size, self.num_steps = batch_size, num_steps
        self.carries_state = not use_random_iter  # for rnnlib.training

    def __iter__(self):
        return self.data_iter_fn(self.corpus, self.batch_size, self.num_steps)


def load_data_time_machine(batch_size, num_steps, use_random_iter=False, max_tokens=10000):
    """The minibatches of the text, and its vocabulary."""
    data_iter = SeqDataLoader(batch_size, num_steps, use_random_iter, max_tokens)
    return data_iter, data_iter.vocab


# Models: one from parameters and functions, one around a recurrent layer.
class RNNModelScratch:
    """A language model out of parameters and functions."""

    def __init__(self, vocab_size, num_hiddens, device, get_params, init_state, forward_fn):
        self.vocab_size, self.num_hiddens = vocab_size, num_hiddens
        self.params = get_params(vocab_size, num_hiddens, device)
        self.init_state, self.forward_fn = init_state, forward_fn

    def __call__(self, X, state):
        one_hot = nn.functional.one_hot(X.T.long(), self.vocab_size).type(float32)
        return self.forward_fn(one_hot, state, self.params)

    def begin_state(self, batch_size, device):
        return self.init_state(batch_size, self.num_hiddens, device)


class RNNModel(LanguageModel):
    """A language model around a recurrent layer of PyTorch."""

    def __init__(self, rnn_layer, vocab_size):
        super().__init__(rnn_layer, vocab_size)
        self.num_hiddens = rnn_layer.hidden_size
        self.num_directions = 2 if rnn_layer.bidirectional else 1

    @property
    def rnn(self):
        return self.layer

    def __setattr__(self, name, value):
        super().__setattr__("layer" if name == "rnn" else name, value)

    def forward(self, inputs, state):
        return super().forward(inputs.long(), state)

    def begin_state(self, device=None, batch_size=None):
        if batch_size is None and isinstance(device, int):
            device, batch_size = None, device  # called as rnnlib's other models are
        state = super().begin_state(1 if batch_size is None else batch_size)
        return tuple(part.to(device) for part in state) if self.is_lstm else state.to(device)


# Training and prediction: d2l's nets, batches and updaters as rnnlib's functions want them.
class _Net(nn.Module):
    """Any net of d2l's kind (module or not) on a device, with the interface of rnnlib's models."""

    def __init__(self, net, device=None):
        super().__init__()
        self.net, self.device = net, device
        self.training = getattr(net, "training", True)

    def parameters(self, recurse=True):
        if isinstance(self.net, nn.Module):
            return self.net.parameters(recurse)
        if not hasattr(self.net, "params"):
            raise TypeError(f"net must have params, as RNNModelScratch has, got {self.net!r}")
        return iter(self.net.params)

    def begin_state(self, batch_size=1):
        has_methods("net", self.net, "begin_state", "a model as those of this file")
        return _tuple(self.net.begin_state(batch_size=batch_size, device=self.device))

    def forward(self, X, state):
        logits, state = self.net(X.to(self.device), state)
        return logits, _tuple(state)


class _StepByStep(_Net):
    """Reads one step a call, as d2l reads a prefix: in one call, a net might look ahead."""

    def forward(self, X, state):
        for x in X.split(1, dim=1):
            logits, state = super().forward(x, state)
        return logits, state


def _tuple(state):
    return tuple(state) if isinstance(state, list) else state


class _Batches:
    def __init__(self, train_iter, carries_state, device):
        self.train_iter, self.carries_state, self.device = train_iter, carries_state, device

    def __iter__(self):
        return ((X, Y.long().to(self.device)) for X, Y in training.pairs(self.train_iter))


class _Updater:
    """A function `updater(batch_size)`, which also clears the gradients, as an optimizer."""

    def __init__(self, updater):
        self.updater = updater

    def zero_grad(self):
        pass

    def step(self):
        self.updater(batch_size=1)


def sgd(params, lr, batch_size):
    """One step of stochastic gradient descent, after which the gradients are zero."""
    with torch.no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()


def grad_clipping(net, theta):
    """Scale all gradients together so that their norm does not exceed `theta`."""
    nn.utils.clip_grad_norm_([p for p in _Net(net).parameters() if p.requires_grad], theta)


def train_epoch_ch8(net, train_iter, loss, updater, device, use_random_iter):
    """Perplexity of the epoch, and tokens per second."""
    num_tokens, timer = 0, Timer()

    def counted_loss(logits, targets):
        nonlocal num_tokens
        num_tokens += len(targets)
        return loss(logits, targets).mean()

    perplexity = training.train_epoch(
        _Net(net, device),
        _Batches(train_iter, not use_random_iter, device),
        updater if isinstance(updater, torch.optim.Optimizer) else _Updater(updater),
        loss=counted_loss,
    )
    return perplexity, num_tokens / timer.stop()


def predict_ch8(prefix, num_preds, net, vocab, device):
    """The prefix and `num_preds` characters more, always the most probable one."""
    reads_one_way = isinstance(net, RNNModel) and net.num_directions == 1
    reader = _Net(net, device) if reads_one_way else _StepByStep(net, device)
    # A prefix may also be a list of words, which d2l writes without blanks.
    prefix = list(prefix) if isinstance(prefix, tuple) else prefix
    return "".join(generation.generate(reader, vocab, prefix, num_preds))


def train_ch8(net, train_iter, vocab, lr, num_epochs, device, use_random_iter=False):
    """Train, drawing the perplexity and printing text as the book does."""
    whole_number("num_epochs", num_epochs)
    loss = nn.CrossEntropyLoss()
    animator = Animator(
        xlabel="epoch", ylabel="perplexity", legend=["train"], xlim=[10, num_epochs]
    )
    if isinstance(net, nn.Module):
        updater = torch.optim.SGD(net.parameters(), lr)
    else:

        def updater(batch_size):
            sgd(net.params, lr, batch_size)

    def predict(prefix):
        return predict_ch8(prefix, 50, net, vocab, device)

    for epoch in range(1, num_epochs + 1):
        ppl, speed = train_epoch_ch8(net, train_iter, loss, updater, device, use_random_iter)
        if epoch % 10 == 0:
            print(predict("time traveller"))
            animator.add(epoch, [ppl])
    print(f"perplexity {ppl:.1f}, {speed:.1f} tokens/sec on {device!s}")
    print(predict("time traveller"))
    print(predict("traveller"))


# Devices, timing, sums.
def try_all_gpus():
    """All GPUs, or else a list of the CPU."""
    gpus = [torch.device(f"cuda:{i}") for i in range(torch.cuda.device_count())]
    return gpus or [torch.device("cpu")]


def try_gpu(i=0):
    """GPU number `i`, or else the CPU."""
    return torch.device(f"cuda:{i}" if i < torch.cuda.device_count() else "cpu")


class Timer:
    """A stopwatch of several runs, in seconds."""

    def __init__(self):
        self.times = []
        self.start()

    def start(self):
        self.tik = time.time()

    def stop(self):
        self.times.append(time.time() - self.tik)
        return self.times[-1]

    def avg(self):
        return sum(self.times) / len(self.times)

    def sum(self):
        return sum(self.times)

    def cumsum(self):
        return list(accumulate(self.times))


class Accumulator:
    """Several sums that grow together."""

    def __init__(self, n):
        self.data = [0.0] * n

    def add(self, *args):
        self.data = [total + float(new) for total, new in zip(self.data, args, strict=False)]

    def reset(self):
        self.data = [0.0] * len(self.data)

    def __getitem__(self, idx):
        return self.data[idx]


# Plots.
FORMATS = ("-", "m--", "g-.", "r:")


def use_svg_display():
    """Show pictures in a notebook as SVG."""
    set_matplotlib_formats("svg")


def set_figsize(figsize=(3.5, 2.5)):
    """Set the size of pictures, in inches."""
    use_svg_display()
    plt.rcParams["figure.figsize"] = figsize


def set_axes(axes, xlabel, ylabel, xlim, ylim, xscale, yscale, legend):
    """Labels, limits, scales and legend of a plot."""
    axes.set(xlabel=xlabel, ylabel=ylabel, xscale=xscale, yscale=yscale)
    axes.set_xlim(xlim)
    axes.set_ylim(ylim)
    if legend:
        axes.legend(legend)
    axes.grid()


def _one_curve(values) -> bool:
    if hasattr(values, "ndim"):
        return values.ndim == 1
    return isinstance(values, list) and not hasattr(values[0], "__len__")


def plot(X, Y=None, xlabel=None, ylabel=None, legend=None, xlim=None, ylim=None, xscale="linear",
         yscale="linear", fmts=FORMATS, figsize=(3.5, 2.5), axes=None):  # fmt: skip
    """Curves `Y` over `X`, or over 0, 1, 2, ... if there is no `Y`; each may be one or a list."""
    set_figsize(figsize)
    axes = axes or plt.gca()
    X = [X] if _one_curve(X) else X
    if Y is None:
        X, Y = [[]] * len(X), X
    Y = [Y] if _one_curve(Y) else Y
    X = X * len(Y) if len(X) != len(Y) else X
    axes.cla()
    for x, y, fmt in zip(X, Y, fmts, strict=False):
        axes.plot(*([x, y, fmt] if len(x) else [y, fmt]))
    set_axes(axes, xlabel, ylabel, xlim, ylim, xscale, yscale, legend)


class Animator:
    """A plot that grows: each `add(x, y)` appends a point to every curve and draws anew."""

    def __init__(self, xlabel=None, ylabel=None, legend=None, xlim=None, ylim=None, xscale="linear",
                 yscale="linear", fmts=FORMATS, nrows=1, ncols=1, figsize=(3.5, 2.5)):  # fmt: skip
        use_svg_display()
        self.fig, axes = plt.subplots(nrows, ncols, figsize=figsize)
        self.axes = [axes] if nrows * ncols == 1 else axes
        self.config_axes = lambda: set_axes(
            self.axes[0], xlabel, ylabel, xlim, ylim, xscale, yscale, legend
        )
        self.X, self.Y, self.fmts = None, None, fmts

    def add(self, x, y):
        y = y if hasattr(y, "__len__") else [y]
        x = x if hasattr(x, "__len__") else [x] * len(y)
        self.X = self.X or [[] for _ in y]
        self.Y = self.Y or [[] for _ in y]
        for i, (a, b) in enumerate(zip(x, y, strict=False)):
            if a is not None and b is not None:
                self.X[i].append(a)
                self.Y[i].append(b)
        self.axes[0].cla()
        for xs, ys, fmt in zip(self.X, self.Y, self.fmts, strict=False):
            self.axes[0].plot(xs, ys, fmt)
        self.config_axes()
        display.display(self.fig)
        display.clear_output(wait=True)


def __getattr__(name):
    raise AttributeError(f"rnnlib.d2l has no {name}: {ELSEWHERE.get(name, 'no name of d2l 0.17')}")
