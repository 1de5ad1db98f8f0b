"""`sections.py`, a script in d2l's style, run with the package d2l 0.17 or with `rnnlib.d2l`."""

import contextlib
import io
import random
from functools import partial
from pathlib import Path

import numpy as np
import torch
from IPython.utils.capture import capture_output
from torch import nn

# The names of the recurrent chapters. The script uses every one of them.
GROUPS = {
    "Text": """download DATA_HUB DATA_URL read_time_machine tokenize Vocab count_corpus
        load_corpus_time_machine""",
    "Minibatches": """seq_data_iter_random seq_data_iter_sequential SeqDataLoader
        load_data_time_machine load_array""",
    "Models": "RNNModelScratch RNNModel",
    "Training and writing": """sgd grad_clipping train_epoch_ch8 train_ch8 predict_ch8
        evaluate_loss""",
    "Devices, times, sums": "try_gpu try_all_gpus Timer Accumulator",
    "Plots": "plt use_svg_display set_figsize set_axes plot Animator",
    "Tensors": """ones zeros tensor arange meshgrid sin sinh cos cosh tanh linspace exp log normal
        rand matmul concat stack abs eye int32 float32 size reshape to astype reduce_sum argmax
        transpose numpy""",
}
NAMES = [name for names in GROUPS.values() for name in names.split()]
NETS = "scratch", "RNN", "GRU", "LSTM", "deep", "bidirectional"


def scratch_net(d2l, vocab_size, device, hidden_size):
    """A network of tensors and functions, in d2l's form."""

    def get_params(vocab_size, num_hiddens, device):
        sizes = (vocab_size, num_hiddens), (num_hiddens, num_hiddens), (num_hiddens, vocab_size)
        return [d2l.normal(0, 0.1, size, device=device).requires_grad_() for size in sizes]

    def init_state(batch_size, num_hiddens, device):
        return (d2l.zeros((batch_size, num_hiddens), device=device),)

    def forward(inputs, state, params):
        H, logits = state[0], []
        for X in inputs:
            H = d2l.tanh(d2l.matmul(X, params[0]) + d2l.matmul(H, params[1]))
            logits.append(d2l.matmul(H, params[2]))
        return d2l.concat(logits, 0), (H,)

    return d2l.RNNModelScratch(vocab_size, hidden_size, device, get_params, init_state, forward)


def make_net(d2l, kind, vocab_size, device, hidden_size=32):
    """One of `NETS`: for one name, always the same weights."""
    torch.manual_seed(5)
    if kind == "scratch":
        return scratch_net(d2l, vocab_size, device, hidden_size)
    shape = {"num_layers": 1 + (kind == "deep"), "bidirectional": kind == "bidirectional"}
    layer = getattr(nn, kind if kind in ("RNN", "GRU") else "LSTM")
    return d2l.RNNModel(layer(vocab_size, hidden_size, **shape), vocab_size).to(device)


def parameters_of(net):
    return list(net.parameters()) if isinstance(net, nn.Module) else net.params


def train(d2l, net, train_iter, vocab, device, num_epochs=5, loss=None, random_iter=False, lr=1.0):
    """Perplexities of some epochs, and texts before and after."""
    texts = [d2l.predict_ch8("time traveller", 30, net, vocab, device)]
    random.seed(2)
    if isinstance(net, nn.Module):
        updater = torch.optim.SGD(net.parameters(), lr)
    else:
        updater = partial(d2l.sgd, net.params, lr)
    rest = loss or nn.CrossEntropyLoss(), updater, device, random_iter
    perplexities = [d2l.train_epoch_ch8(net, train_iter, *rest)[0] for _ in range(num_epochs)]
    texts.append(d2l.predict_ch8("time traveller", 30, net, vocab, device))
    return torch.tensor(perplexities), texts


class Recorder:
    """Passes on every name of a module and notes which were asked for."""

    def __init__(self, module):
        self.module, self.used = module, set()

    def __getattr__(self, name):
        self.used.add(name)
        return getattr(self.module, name)


SCRIPT = Path(__file__).parent / "sections.py"


def run_script(first_line=None, d2l=None):
    """What the script computes, prints and asks d2l for; `first_line` replaces its import."""
    own_line, _, rest = SCRIPT.read_text(encoding="utf-8").partition("\n")
    space, printed = {"d2l": d2l}, io.StringIO()
    if d2l is None:
        exec(first_line or own_line, space)
    space["d2l"] = recorder = Recorder(space["d2l"])
    with capture_output(), contextlib.redirect_stdout(printed):
        exec(compile(rest, SCRIPT.name, "exec"), space)
    recorder.plt.close("all")
    kinds = torch.Tensor, np.ndarray, list, tuple, float, int, str
    results = {name: it for name, it in space.items() if isinstance(it, kinds)}
    lines = [line.split(",")[0] for line in printed.getvalue().splitlines() if line[:1] in "pt"]
    return results | {"printed": lines, "names": sorted(recorder.used)}


def run(d2l):
    """What the script computes, and how each kind of net trains and writes."""
    results = run_script(d2l=d2l)
    train_iter, vocab = d2l.load_data_time_machine(16, 20, max_tokens=6000)
    for kind in NETS:
        net = make_net(d2l, kind, len(vocab), d2l.try_gpu())
        perplexities, texts = train(d2l, net, train_iter, vocab, d2l.try_gpu())
        results |= {f"perplexities, {kind}": perplexities, f"texts, {kind}": texts}
    return results


def assert_equal(first, second):
    """Raise an error unless two results are equal, numbers up to rounding."""
    if isinstance(first, dict | list | tuple):
        assert len(first) == len(second)
        pairs = first if isinstance(first, dict) else range(len(first))
        for name in pairs:
            assert_equal(first[name], second[name])
    elif isinstance(first, torch.Tensor | np.ndarray | float):
        torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-5)
    else:
        assert first == second
