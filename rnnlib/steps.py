"""A language model -> the same model, one token after another, as fast as one thread can.

A step of generation is small: for one text, a matrix times a vector. Calling a module, and an
operation of PyTorch for each part of it, costs several times as much as the arithmetic. Here
a step is a handful of NumPy operations on plain arrays. Three things keep them few: the
input's product is a row looked up, biases are added beforehand, and one product gives both
the logits and the part of the next step that comes from the hidden state, as both read it.
"""

from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn.modules import module as everywhere

from rnnlib import fast
from rnnlib.fast import packed, product
from rnnlib.models import LanguageModel

# What the modules of such a model compute; a subclass may compute something else.
RECURRENT = (nn.RNN, nn.GRU, nn.LSTM, fast.RNN)
OTHERS = (LanguageModel, nn.Embedding, nn.Dropout, nn.Linear, fast.Linear)
FORWARDS = {module.forward for module in (*RECURRENT, *OTHERS)}


def steps_of(model: nn.Module, state) -> "Steps | None":
    """`Steps` from `state`, or None if the model is not one that `Steps` can stand for.

    It can for a `LanguageModel` of one layer in one direction, in float32, on the CPU, whose
    weights are finite and so small that no sum can overflow.
    """
    layer = getattr(model, "layer", None)
    usual = (
        isinstance(model, LanguageModel)
        and all(getattr(m.forward, "__func__", None) in FORWARDS for m in model.modules())
        and isinstance(layer, nn.RNN | nn.GRU | nn.LSTM)
        and getattr(layer, "nonlinearity", "tanh") == "tanh"
        and (layer.num_layers, layer.bidirectional, layer.proj_size) == (1, False, 0)
        and model.linear.bias is not None
        and all(type(m).__call__ is nn.Module.__call__ for m in model.modules())
        and not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
        and not (everywhere._global_forward_hooks or everywhere._global_forward_pre_hooks)
        and (model.embedding is None or model.embedding.max_norm is None)
        and all(p.dtype == torch.float32 and p.device.type == "cpu" for p in model.parameters())
    )
    if not usual:
        return None
    steps = Steps(model, state)
    return steps if steps.bounded else None


class Steps:
    """`steps(indices)` feeds one token a text and returns the logits for the next ones.

    One text: `indices` is an int, logits have shape `(vocab_size,)`. Several texts, from a
    state of that batch size: `indices` `(batch_size,)`, logits `(batch_size, vocab_size)`.
    The logits are overwritten by the next call. The state is kept inside.
    """

    @torch.no_grad()
    def __init__(self, model: LanguageModel, state):
        layer, linear = model.layer, model.linear
        zeros = layer.weight_hh_l0.new_zeros(len(layer.weight_hh_l0))
        bias, bias_hh = (layer.bias_ih_l0, layer.bias_hh_l0) if layer.bias else (zeros, zeros)
        if not isinstance(layer, nn.GRU):  # whose reset gate acts on b_hh as well
            bias, bias_hh = bias + bias_hh, zeros
        rows = layer.weight_ih_l0.T
        if model.embedding is not None:
            rows = model.embedding.weight @ rows
        from_input = rows + bias
        weight = torch.cat([layer.weight_hh_l0, linear.weight])
        bias = torch.cat([bias_hh, linear.bias])
        # |h| is at most 1, so no sum is larger.
        largest = weight.abs().sum(1).max() + bias.abs().max() + from_input.abs().max()
        self.bounded = bool(torch.isfinite(largest))
        if not self.bounded:
            return
        size = layer.hidden_size
        if isinstance(layer, nn.RNN):
            self.advance = self._rnn
        else:
            self.advance = self._gru if isinstance(layer, nn.GRU) else self._lstm
            # sigmoid(x) = (tanh(x / 2) + 1) / 2; halving is exact.
            halved = [slice(2 * size)] + [slice(3 * size, 4 * size)] * isinstance(layer, nn.LSTM)
            for part in halved:
                from_input[:, part] /= 2
                weight[part] /= 2
                bias[part] /= 2
        self.size, self.num_sums = size, len(zeros)
        parts = state if isinstance(state, tuple) else (state,)
        one = parts[0].shape[1] == 1
        start, *cell = ((part[0, 0] if one else part[0]).numpy() for part in parts)
        self.cell = cell[0].copy() if cell else None
        rows = from_input.numpy()
        self.rows = rows.__getitem__ if one else partial(np.take, rows, axis=0)
        if one or start.size < fast.FEWEST_NUMBERS:
            # A column of ones beside the state, so that the product adds the bias.
            state = np.ones((*start.shape[:-1], size + 1), dtype=np.float32)
            self.h = state[..., :size]
            weight_T = torch.cat([weight.T, bias[None]]).numpy()
            sums = np.empty((*start.shape[:-1], weight_T.shape[1]), dtype=np.float32)
            self._share(sums)
            self.multiply = partial(np.dot, state, weight_T, sums)
        else:
            self.h = np.empty_like(start)
            h, weight = torch.from_numpy(self.h), packed(weight, len(start))
            self.multiply = lambda: self._share(product(h, weight, bias).numpy())
        self.h[:] = start
        self.multiply()

    def __call__(self, indices) -> np.ndarray:
        self.advance(self.rows(indices))
        self.multiply()
        return self.logits

    def _share(self, sums) -> None:
        """One product gave both: what the next step gets from the state, and the logits."""
        self.from_hidden, self.logits = sums[..., : self.num_sums], sums[..., self.num_sums :]

    def _rnn(self, from_input):
        np.tanh(from_input + self.from_hidden, out=self.h)

    def _gru(self, from_input):
        size, of_n = self.size, self.from_hidden[..., 2 * self.size :]
        gates = np.tanh(from_input[..., : 2 * size] + self.from_hidden[..., : 2 * size])
        gates *= 0.5
        gates += 0.5
        n = np.tanh(from_input[..., 2 * size :] + gates[..., :size] * of_n)
        np.add(n, gates[..., size:] * (self.h - n), out=self.h)

    def _lstm(self, from_input):
        size = self.size
        gates = from_input + self.from_hidden
        np.tanh(gates, out=gates)
        g = gates[..., 2 * size : 3 * size].copy()
        gates *= 0.5
        gates += 0.5
        self.cell *= gates[..., size : 2 * size]
        self.cell += gates[..., :size] * g
        np.multiply(gates[..., 3 * size :], np.tanh(self.cell), out=self.h)
