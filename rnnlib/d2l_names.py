"""What d2l 0.17's recurrent chapters share with all others, for `rnnlib.d2l`."""

import time
from importlib import import_module
from itertools import accumulate

import torch


def _method(name):
    return lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)


FUNCTIONS = """ones zeros tensor arange meshgrid sin sinh cos cosh tanh linspace exp log normal rand
    matmul stack abs eye int32 float32 concat"""
METHODS = {"size": "numel", "reduce_sum": "sum", "astype": "type", "transpose": "t"}
METHODS |= {name: name for name in ("argmax", "reshape", "to")}
TENSORS = {name: getattr(torch, name) for name in FUNCTIONS.split()}
TENSORS |= {name: _method(method) for name, method in METHODS.items()}
globals().update(TENSORS)


def numpy(x, *args, **kwargs):
    """The values of a tensor as an array of NumPy."""
    return x.detach().numpy(*args, **kwargs)


def load_array(data_arrays, batch_size, is_train=True):
    """Minibatches of tensors with equally many rows, shuffled for training."""
    rows = torch.utils.data.TensorDataset(*data_arrays)
    return torch.utils.data.DataLoader(rows, batch_size, shuffle=is_train)


def sgd(params, lr, batch_size):
    """One step of stochastic gradient descent, after which the gradients are zero."""
    with torch.no_grad():
        for weight in params:
            weight.sub_(lr / batch_size * weight.grad)
            weight.grad.zero_()


@torch.no_grad()
def evaluate_loss(net, data_iter, loss):
    """The mean loss over all numbers that `net` predicts."""
    total, count = 0.0, 0
    for X, y in data_iter:
        predicted = net(X)
        values = loss(predicted, y.reshape(predicted.shape))
        total, count = total + float(values.sum()), count + values.numel()
    return total / count


def try_all_gpus():
    """All GPUs, or else a list of the CPU."""
    names = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return [torch.device(name) for name in names or ["cpu"]]


def try_gpu(i=0):
    """GPU number `i`, or else the CPU."""
    return torch.device("cuda", i) if i < torch.cuda.device_count() else torch.device("cpu")


class Timer:
    """A stopwatch of several runs, in seconds."""

    def __init__(self):
        self.times = []
        self.start()

    def start(self):
        self.tik = time.time()

    def stop(self):
        self.times += [time.time() - self.tik]
        return self.times[-1]

    def sum(self):
        return sum(self.times)

    def avg(self):
        return self.sum() / len(self.times)

    def cumsum(self):
        return list(accumulate(self.times))


class Accumulator:
    """Several sums that grow together."""

    def __init__(self, n):
        self.data = n * [0.0]

    def add(self, *args):
        self.data = [total + float(new) for total, new in zip(self.data, args, strict=False)]

    def reset(self):
        self.data = [0.0 for _ in self.data]

    def __getitem__(self, idx):
        return self.data[idx]


FORMATS = ("-", "m--", "g-.", "r:")


def use_svg_display():
    """Show pictures in a notebook as SVG."""
    from IPython import get_ipython

    if get_ipython():
        import_module("matplotlib_inline.backend_inline").set_matplotlib_formats("svg")


def set_figsize(figsize=(3.5, 2.5)):
    """Set the size of pictures, in inches."""
    use_svg_display()
    import_module("matplotlib.pyplot").rcParams.update({"figure.figsize": figsize})


def set_axes(axes, xlabel, ylabel, xlim, ylim, xscale, yscale, legend):
    """Labels, limits, scales and legend of a plot."""
    axes.set(xlabel=xlabel, ylabel=ylabel, xscale=xscale, yscale=yscale, xlim=xlim, ylim=ylim)
    if legend:
        axes.legend(legend)
    axes.grid()


def _curves(values):
    """A list of curves, given one or several."""
    plain = isinstance(values, list) and not hasattr(values[0], "__len__")
    return [values] if plain or getattr(values, "ndim", 0) == 1 else values


def plot(X, Y=None, xlabel=None, ylabel=None, legend=None, xlim=None, ylim=None, xscale="linear",
         yscale="linear", fmts=FORMATS, figsize=(3.5, 2.5), axes=None):  # fmt: skip
    """Curves `Y` over `X`, or over 0, 1, 2, ... if there is no `Y`; each may be one or a list."""
    set_figsize(figsize)
    xs, ys = ([[]], _curves(X)) if Y is None else (_curves(X), _curves(Y))
    xs = xs if len(xs) == len(ys) else xs * len(ys)
    axes = axes or import_module("matplotlib.pyplot").gca()
    axes.cla()
    for x, y, style in zip(xs, ys, fmts, strict=False):
        axes.plot(*([x] if len(x) else []), y, style)
    set_axes(axes, xlabel, ylabel, xlim, ylim, xscale, yscale, legend)


class Animator:
    """A plot that grows: each `add(x, y)` appends a point to every curve and draws anew."""

    def __init__(self, xlabel=None, ylabel=None, legend=None, xlim=None, ylim=None, xscale="linear",
                 yscale="linear", fmts=FORMATS, nrows=1, ncols=1, figsize=(3.5, 2.5)):  # fmt: skip
        use_svg_display()
        self.fig, axes = import_module("matplotlib.pyplot").subplots(nrows, ncols, figsize=figsize)
        self.axes = axes if nrows * ncols > 1 else [axes]
        labels = xlabel, ylabel, xlim, ylim, xscale, yscale, legend
        self.config_axes = lambda: set_axes(self.axes[0], *labels)
        self.X, self.Y, self.fmts = None, None, fmts

    def add(self, x, y):
        display = import_module("IPython.display")
        ys = y if hasattr(y, "__len__") else [y]
        xs = x if hasattr(x, "__len__") else [x] * len(ys)
        self.X, self.Y = (known or [[] for _ in ys] for known in (self.X, self.Y))
        for a, b, along, up in zip(xs, ys, self.X, self.Y, strict=False):
            if not (a is None or b is None):
                along.append(a)
                up.append(b)
        self.axes[0].clear()
        for along, up, style in zip(self.X, self.Y, self.fmts, strict=False):
            self.axes[0].plot(along, up, style)
        self.config_axes()
        display.display(self.fig)
        display.clear_output(True)


# What else a reader may look for: modules that d2l had imported, and names of its release 1.0.
MODULES = {"plt": "matplotlib.pyplot", "display": "IPython.display", "np": "numpy"}
MODULES |= {"F": "torch.nn.functional", "data": "torch.utils.data"}
RELEASE_1 = {
    "load_data_time_machine": "TimeMachine Data DataModule",
    "RNNModelScratch": "RNNLMScratch",
    "RNNModel": "RNNLM Module Classifier",
    "train_ch8": "Trainer",
    "rnnlib.layers": "RNN GRU LSTM RNNScratch GRUScratch LSTMScratch StackedRNNScratch BiRNNScratch",
    "sgd": "SGD",
    "Animator": "ProgressBoard",
    "try_gpu": "cpu gpu num_gpus",
    "plain Python": "HyperParameters add_to_class check_len check_shape",
}


def __getattr__(name):
    if name in MODULES:
        return import_module(MODULES[name])
    reason = "it has the names of release 0.17's chapters on recurrent networks"
    for here, names in RELEASE_1.items():
        if name in names.split():
            reason = f"that is a name of release 1.0, in place of which you can use {here}"
    raise AttributeError(f"rnnlib.d2l has no {name}: {reason}")
