"""The steps of recurrent layers, written by hand: with their gradient, and to write text.

Only the gradient of the state has to go from step to step. That of the weights is one large
product over all steps, where PyTorch makes a small one for each. tanh is NumPy's. `fast`
decides when to use what is here; the chapter "Faster" says what each part gains.
"""

from functools import partial

import numpy as np
import torch
from torch import nn
from torch.autograd import Function
from torch.nn import functional as F

from rnnlib import layers


class Steps(Function):
    """All steps of one layer in one direction: `(from_input, h_0, weight_hh, bias_hh)` -> `(output, h_n)`.

    `from_input` `(num_steps, batch_size, gates * hidden_size)` is what comes from the input.
    """

    @classmethod
    def again(cls, ctx, *d_outputs):
        """The gradients once more by PyTorch's operations, so that they have gradients, too."""
        inputs, outputs = ctx.saved_tensors[:4], []
        from_input, h, *weights = inputs
        for x in from_input:
            (h,) = cls.step(x, (h,), *weights, None)
            outputs.append(h)
        needed = [x for x, needs in zip(inputs, ctx.needs_input_grad, strict=True) if needs]
        outputs = torch.stack(outputs), h
        gradients = iter(torch.autograd.grad(outputs, needed, d_outputs, create_graph=True))
        return tuple(next(gradients) if needs else None for needs in ctx.needs_input_grad)


class RNNSteps(Steps):
    """h_t = tanh(from_input_t + W_hh h_{t-1}); both biases are in `from_input`."""

    @staticmethod
    def step(x, state, weight, bias, _):
        return (torch.tanh(x + F.linear(state[0], weight, bias)),)

    @staticmethod
    def forward(ctx, from_input, h_0, weight, bias):
        states = torch.cat([h_0[None], torch.empty_like(from_input)])
        h, weight_T, arrays = states.unbind(), weight.T.contiguous(), states.numpy()
        for t, x in enumerate(from_input.unbind()):
            torch.addmm(x, h[t], weight_T, out=h[t + 1])
            np.tanh(arrays[t + 1], out=arrays[t + 1])
        ctx.save_for_backward(from_input, h_0, weight, bias, states)
        return states[1:], states[-1].clone()

    @staticmethod
    def backward(ctx, d_output, d_last):
        if torch.is_grad_enabled():
            return RNNSteps.again(ctx, d_output, d_last)
        _, _, weight, _, states = ctx.saved_tensors
        d_sums = 1 - states[1:] * states[1:]  # the slope of tanh; times d_h below
        sums, d_h = d_sums.unbind(), d_output[-1] + d_last
        for t in range(len(sums) - 1, 0, -1):
            d_h = torch.addmm(d_output[t - 1], sums[t].mul_(d_h), weight)
        d_h_0 = sums[0].mul_(d_h) @ weight
        return d_sums, d_h_0, d_sums.flatten(0, 1).T @ states[:-1].flatten(0, 1), None


class GRUSteps(Steps):
    """`layers.GRU.step` for all steps; the parts of r, z and n lie side by side."""

    step = partial(layers.GRU.step, None)

    @staticmethod
    def forward(ctx, from_input, h_0, weight, bias):
        two = 2 * h_0.shape[1]
        gates, new = from_input[..., :two].clone(), from_input[..., two:].clone()
        states = torch.cat([h_0[None], torch.empty_like(new)])
        of_state, weight_T = torch.empty_like(new), weight.T.contiguous()
        sums, arrays = torch.empty_like(from_input[0]), new.numpy()
        for t, h in enumerate(states.unbind()[:-1]):
            torch.addmm(bias, h, weight_T, out=sums)
            r, z = gates[t].add_(sums[:, :two]).sigmoid_().chunk(2, 1)
            of_state[t] = sums[:, two:]
            new[t].addcmul_(r, of_state[t])
            np.tanh(arrays[t], out=arrays[t])
            torch.lerp(new[t], h, z, out=states[t + 1])  # n + z (h - n)
        ctx.save_for_backward(from_input, h_0, weight, bias, states, gates, new, of_state)
        return states[1:], states[-1].clone()

    @staticmethod
    def backward(ctx, d_output, d_last):
        if torch.is_grad_enabled():
            return GRUSteps.again(ctx, d_output, d_last)
        weight, _, states, gates, n, of_state = ctx.saved_tensors[2:]
        r, z = gates.chunk(2, -1)
        # Each gate's gradient is d_h times a factor that is known before the loop.
        of_n = (1 - z) * (1 - n * n)
        factors = [of_n * of_state * r * (1 - r), (states[:-1] - n) * z * (1 - z), of_n * r]
        d_sums, d_states = torch.stack(factors, 2), torch.empty_like(d_output)
        d_h = d_output[-1] + d_last
        for t in range(len(d_output) - 1, -1, -1):
            d_states[t] = d_h
            d_h = d_h * z[t] + d_output[t - 1] if t else d_h * z[t]
            d_h.addmm_(d_sums[t].mul_(d_states[t, :, None]).flatten(1), weight)
        d_new, d_sums = d_states.mul_(of_n), d_sums.flatten(2)
        d_from_input = torch.cat([d_sums[..., : 2 * n.shape[2]], d_new], -1)
        d_sums = d_sums.flatten(0, 1)
        return d_from_input, d_h, d_sums.T @ states[:-1].flatten(0, 1), d_sums.sum(0)


class Writer:
    """`writer(tokens)` feeds one token to each text and returns the logits for the next ones.

    A step is a handful of operations on NumPy arrays: the input's product is a row looked up,
    biases are added beforehand, and one product gives both the logits and what the next step
    gets from the state, since both read the same state.
    """

    def __init__(self, rnn, linear, embedding, state):
        kind, size, one = type(rnn), rnn.hidden_size, state[0].shape[1] == 1
        rows, weight, bias = self._merge(rnn, linear, embedding)
        # |h| is at most 1, so no sum is larger than this.
        largest = weight.abs().sum(1).max() + bias.abs().max() + rows.abs().max()
        self.is_finite = bool(largest.isfinite())
        # sigmoid(x) = (tanh(x / 2) + 1) / 2; halving is exact.
        halved = {nn.RNN: 0, nn.GRU: 2 * size, nn.LSTM: 4 * size}[kind]
        for part in (rows.T, weight, bias):
            part[:halved] /= 2
            part[2 * size : 3 * size] *= 2 if kind is nn.LSTM else 1  # g is a tanh
        h, *cell = (part[0].detach().cpu().numpy() for part in state)
        # A column of ones beside the state, so that the product adds the bias.
        ones = np.concatenate([h, np.ones((len(h), 1), dtype=np.float32)], 1)
        weight, num_sums = torch.cat([weight.T, bias[None]]), rows.shape[1]
        sums = np.empty((len(h), weight.shape[1]), dtype=np.float32)
        if one:
            ones, sums, cell = ones[0], sums[0], [part[0] for part in cell]
            self.multiply = partial(np.dot, ones, weight.numpy(), sums)
            self.rows = rows.numpy().__getitem__
        else:  # by PyTorch: NumPy would take all cores, and wait for the slowest
            tensors = torch.from_numpy(ones), weight
            self.multiply = partial(torch.mm, *tensors, out=torch.from_numpy(sums))
            self.rows = partial(np.take, rows.numpy(), axis=0)
        self.size, self.cell, self.h = size, cell[0].copy() if cell else None, ones[..., :size]
        self.from_state, self.logits = sums[..., :num_sums], sums[..., num_sums:]
        self.advance = {nn.RNN: self._rnn, nn.GRU: self._gru, nn.LSTM: self._lstm}[kind]
        self.multiply()

    @staticmethod
    def _merge(rnn, linear, embedding):
        """A row for each token, and the weights and biases of all that reads the state."""
        weights = dict(rnn.named_parameters())
        b_ih, b_hh = (
            weights.get(f"bias_{of}_l0", rnn.weight_hh_l0[:, 0] * 0) for of in ("ih", "hh")
        )
        if not isinstance(rnn, nn.GRU):  # whose reset gate acts on the second bias as well
            b_ih, b_hh = b_ih + b_hh, b_hh * 0
        rows = rnn.weight_ih_l0.T if embedding is None else embedding.weight @ rnn.weight_ih_l0.T
        parts = (
            rows + b_ih,
            torch.cat([rnn.weight_hh_l0, linear.weight]),
            torch.cat([b_hh, linear.bias]),
        )
        return [part.detach().cpu() for part in parts]

    def __call__(self, tokens) -> np.ndarray:
        self.advance(self.rows(tokens))
        self.multiply()
        return self.logits

    def _rnn(self, from_input):
        np.tanh(from_input + self.from_state, out=self.h)

    def _gru(self, from_input):
        two, size = 2 * self.size, self.size
        gates = np.tanh(from_input[..., :two] + self.from_state[..., :two])
        gates *= 0.5
        gates += 0.5
        n = np.tanh(from_input[..., two:] + gates[..., :size] * self.from_state[..., two:])
        np.add(n, gates[..., size:] * (self.h - n), out=self.h)

    def _lstm(self, from_input):
        size, gates = self.size, np.tanh(from_input + self.from_state)
        g = gates[..., 2 * size : 3 * size].copy()
        gates *= 0.5
        gates += 0.5
        self.cell *= gates[..., size : 2 * size]
        self.cell += gates[..., :size] * g
        np.multiply(gates[..., 3 * size :], np.tanh(self.cell), out=self.h)
