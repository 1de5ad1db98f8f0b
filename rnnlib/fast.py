"""Plain layers of `torch.nn`, the same numbers sooner; the chapter "Faster" says how and how much.

For an `nn.RNN` or `nn.GRU` in float32 on the CPU, `run` uses the steps of `rnnlib.steps`. All
else is left to PyTorch's own layers: the LSTM (which oneDNN runs from end to end), other devices
and types, autocast, packed sequences, hooks, subclasses, tracing, compiling, quantization.
"""

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules import module as everywhere

from rnnlib.steps import GRUSteps, RNNSteps

STEPS = {nn.RNN: RNNSteps, nn.GRU: GRUSteps}
FEWEST_HIDDEN, FEWEST_STEPS = 64, 5  # below, Python takes longer than it saves
HOOKS = [f"_{kind}_hooks" for kind in ("forward", "forward_pre", "backward", "backward_pre")]


def run(layer, x, state):
    """`layer(x, state)`: output and last state, time first.

    `x` holds numbers `(num_steps, batch_size, input_size)`, or indices `(num_steps, batch_size)`
    that stand for one-hot rows.
    """
    is_index = isinstance(x, Tensor) and not x.is_floating_point()
    if not _covers(layer, x, state, is_index):
        if is_index:
            like = next(layer.parameters(), torch.empty(0))  # a quantized layer has none
            x = F.one_hot(x, layer.input_size).to(like.dtype)
        return layer(x, state)
    finals = []
    for depth in range(layer.num_layers):
        if depth:
            x, is_index = F.dropout(x, layer.dropout, layer.training), False
        outputs = []
        for name in (f"l{depth}", f"l{depth}_reverse")[: 1 + layer.bidirectional]:
            w_ih, w_hh, b_ih, b_hh = weights(layer, name)
            given = x.flip(0) if outputs else x
            sums = F.embedding(given, w_ih.T + b_ih) if is_index else F.linear(given, w_ih, b_ih)
            output, final = STEPS[type(layer)].apply(sums, state[len(finals)], w_hh, b_hh)
            outputs.append(output.flip(0) if outputs else output)
            finals.append(final)
        x = torch.cat(outputs, -1) if len(outputs) > 1 else output
    return x, torch.stack(finals)


def weights(layer, name: str):
    """W_ih, W_hh, b_ih, b_hh of one layer and direction, such as "l0"; without biases, zeros.

    Both biases are in b_ih, but for a GRU, whose reset gate acts on b_hh.
    """
    kinds = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
    w_ih, w_hh, b_ih, b_hh = (getattr(layer, f"{kind}_{name}", None) for kind in kinds)
    if b_ih is None:
        b_ih = b_hh = w_hh.new_zeros(len(w_hh))
    if not isinstance(layer, nn.GRU):
        b_ih, b_hh = b_ih + b_hh, torch.zeros_like(b_hh)
    return w_ih, w_hh, b_ih, b_hh


def _covers(layer, x, state, is_index: bool) -> bool:
    """Whether `run` may go its own way: it has to compute the same, and to pay."""
    if type(layer) not in STEPS or type(x) is not Tensor or type(state) is not Tensor:
        return False
    rows, own = layer.num_layers * (1 + layer.bidirectional), list(layer.parameters())
    return (
        x.dim() == (2 if is_index else 3)
        and x.numel() > 0
        and layer.hidden_size >= FEWEST_HIDDEN
        and len(x) >= FEWEST_STEPS
        and not layer.batch_first
        and getattr(layer, "nonlinearity", "tanh") == "tanh"
        and (is_index or x.shape[2] == layer.input_size)
        and state.shape == (rows, x.shape[1], layer.hidden_size)
        and {p.dtype for p in [state, *own, *[x] * (not is_index)]} == {torch.float32}
        and {p.device.type for p in [x, state, *own]} == {"cpu"}
        and {*map(type, own)} == {nn.Parameter}
        and _ordinary(layer)
    )


def _ordinary(*modules) -> bool:
    """Whether calling these modules runs the `forward` of their class, and nothing else."""
    return not (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or any(map(torch.is_autocast_enabled, ("cpu", "cuda")))
        or torch._C._functorch.peek_interpreter_stack() is not None
        or torch.autograd.forward_ad._current_level >= 0
        or any(getattr(everywhere, f"_global{name}") for name in HOOKS)
        or any("forward" in vars(m) or any(getattr(m, name) for name in HOOKS) for m in modules)
    )


def writable(forward):
    """Mark a model's `forward`: indices, one-hot or embedded -> `rnn` -> `linear`.

    `writer` may then compute in its place; a subclass with a `forward` of its own has no mark.
    """
    forward.writable = True
    return forward


@torch.no_grad()
def writer(model: nn.Module, state):
    """A function `step(tokens)` -> logits for the next ones, or None where it cannot be had.

    From `state` on, it feeds one token to each text. One text: `tokens` is an int, the logits a
    NumPy array `(vocab_size,)`. Several: `(batch_size,)` and `(batch_size, vocab_size)`. The next
    call overwrites them. For one layer in one direction; weights are copied from where they are.
    """
    rnn, linear = getattr(model, "rnn", None), getattr(model, "linear", None)
    embedding = getattr(model, "embedding", None)
    state = state if isinstance(state, tuple) else (state,)
    usual = (
        getattr(type(model).forward, "writable", False)
        and type(rnn) in (nn.RNN, nn.GRU, nn.LSTM)
        and getattr(rnn, "nonlinearity", "tanh") == "tanh"
        and (rnn.num_layers, rnn.bidirectional, rnn.proj_size) == (1, False, 0)
        and (type(linear) is nn.Linear and linear.bias is not None)
        and (embedding is None or (type(embedding) is nn.Embedding and embedding.max_norm is None))
        and rnn.input_size == (embedding.embedding_dim if embedding else model.vocab_size)
        and [type(part) for part in state] == [Tensor] * (1 + (type(rnn) is nn.LSTM))
        and all(p.dtype == torch.float32 for p in model.parameters())
        and _ordinary(*model.modules())
    )
    step = Writer(rnn, linear, embedding, state) if usual else None
    return step if step and step.is_finite else None


class Writer:
    """`writer(tokens)` feeds one token to each text and returns the logits for the next ones.

    The input's product is a row looked up, biases are added beforehand, and one product gives
    both the logits and what the next step gets from the state, since both read the same state.
    """

    def __init__(self, rnn, linear, embedding, state):
        kind, size = type(rnn), rnn.hidden_size
        w_ih, w_hh, b_ih, b_hh = weights(rnn, "l0")
        rows = ((w_ih.T if embedding is None else embedding.weight @ w_ih.T) + b_ih).cpu()
        # The last row, of biases, meets a one beside the state.
        weight, num_sums = torch.empty(size + 1, len(w_hh) + len(linear.bias)), len(w_hh)
        weight[:-1], weight[-1] = torch.cat([w_hh, linear.weight]).T, torch.cat([b_hh, linear.bias])
        # A norm overflows long before a sum of weights does.
        self.is_finite = bool((weight.norm() + rows.norm()).isfinite())
        # sigmoid(x) = (tanh(x / 2) + 1) / 2; halving is exact. All gates but one are a sigmoid.
        scale = torch.full((num_sums // size, size), 0.5)
        scale[0 if kind is nn.RNN else 2] = 1
        rows *= scale.flatten()
        weight[:, :num_sums] *= scale.flatten()
        self.scale, self.shift = scale.flatten().numpy(), (1 - scale).flatten().numpy()
        h, cell = (part[0].cpu().numpy().copy() for part in (state[0], state[-1]))
        ones = np.concatenate([h, np.ones((len(h), 1), dtype=np.float32)], 1)
        sums = np.empty((len(h), weight.shape[1]), dtype=np.float32)
        if len(h) == 1:
            ones, sums, cell = ones[0], sums[0], cell[0]
            self.multiply = partial(np.dot, ones, weight.numpy(), sums)
        else:  # by PyTorch: NumPy would take all cores, and wait for the slowest
            out = torch.from_numpy(sums)
            self.multiply = partial(torch.mm, torch.from_numpy(ones), weight, out=out)
        self.rows, self.h, self.cell = rows.numpy(), ones[..., :size], cell
        self.from_state, self.logits = sums[..., :num_sums], sums[..., num_sums:]
        self.gates = np.empty_like(self.from_state)
        self.parts = np.split(self.gates, num_sums // size, -1)  # views, one for each gate
        self.advance = {nn.RNN: self._rnn, nn.GRU: self._gru, nn.LSTM: self._lstm}[kind]
        self.multiply()

    def __call__(self, tokens) -> np.ndarray:
        self.advance(self.rows[tokens])
        self.multiply()
        return self.logits

    def _rnn(self, from_input):
        np.tanh(np.add(from_input, self.from_state, self.h), self.h)

    def _gru(self, from_input):
        h, (r, z, n), two = self.h, self.parts, 2 * self.h.shape[-1]
        gates = self.gates[..., :two]
        np.tanh(np.add(from_input[..., :two], self.from_state[..., :two], gates), gates)
        gates *= 0.5
        gates += 0.5
        np.multiply(r, self.from_state[..., two:], n)
        np.tanh(np.add(n, from_input[..., two:], n), n)
        np.multiply(np.subtract(h, n, h), z, h)
        h += n

    def _lstm(self, from_input):
        cell, gates, (i, f, g, o) = self.cell, self.gates, self.parts
        np.tanh(np.add(from_input, self.from_state, gates), gates)
        gates *= self.scale
        gates += self.shift
        cell *= f
        i *= g
        np.tanh(np.add(cell, i, cell), self.h)
        self.h *= o
