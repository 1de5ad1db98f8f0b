"""The steps of recurrent layers with their gradients written by hand.

Only the gradient of the state has to go from step to step; that of the weights is one large
product over all steps, where PyTorch makes a small one for each. `fast` decides when to use this.
"""

from functools import cache, partial

import numpy as np
import torch
from torch.autograd import Function
from torch.nn import functional as F

from rnnlib import layers


@cache
def _keep_freed_memory() -> None:
    """Let the C library keep large blocks that are freed, for the next to use.

    Linux's gives them back at once, and pays for each new one page by page. Freeing a block of
    almost 32 MiB raises the size from which it does so (mallopt(3), M_MMAP_THRESHOLD).
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


def _storage(from_input, h_0):
    """Room for all states `(num_steps + 1, batch_size, hidden_size)`, the first one filled in."""
    _keep_freed_memory()
    states = h_0.new_empty(len(from_input) + 1, *h_0.shape)
    states[0] = h_0
    return states


class Steps(Function):
    """All steps of a layer in one direction: `(from_input, h_0, W_hh, b_hh)` -> `(output, h_n)`.

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
        states = _storage(from_input, h_0)
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
        d_sums, d_h = torch.empty_like(d_output), d_output[-1] + d_last
        sums, h, from_above = d_sums.unbind(), states.unbind()[1:], d_output.unbind()
        for t in range(len(sums) - 1, -1, -1):
            # The slope of tanh is 1 - h * h.
            torch.addcmul(d_h, d_h, h[t].square(), value=-1, out=sums[t])
            d_h = torch.addmm(from_above[t - 1], sums[t], weight) if t else sums[t] @ weight
        return d_sums, d_h, d_sums.flatten(0, 1).T @ states[:-1].flatten(0, 1), None


class GRUSteps(Steps):
    """`layers.GRU.step` for all steps; the parts of r, z and n lie side by side."""

    step = partial(layers.GRU.step, None)

    @staticmethod
    def forward(ctx, from_input, h_0, weight, bias):
        size, two = h_0.shape[1], 2 * h_0.shape[1]
        states, gates = _storage(from_input, h_0), torch.empty_like(from_input)  # r, z and n
        of_state, weight_T = torch.empty_like(states[1:]), weight.T.contiguous()
        sums = torch.empty_like(from_input[0])
        for t, (x, gate) in enumerate(zip(from_input.unbind(), gates.unbind(), strict=True)):
            torch.addmm(bias, states[t], weight_T, out=sums)
            r_and_z, n = gate[:, :two], gate[:, two:]
            torch.add(x[:, :two], sums[:, :two], out=r_and_z).sigmoid_()
            of_state[t] = sums[:, two:]
            array = torch.addcmul(x[:, two:], gate[:, :size], of_state[t], out=n).numpy()
            np.tanh(array, out=array)
            torch.lerp(n, states[t], gate[:, size:two], out=states[t + 1])  # n + z (h - n)
        ctx.save_for_backward(from_input, h_0, weight, bias, states, gates, of_state)
        return states[1:], states[-1].clone()

    @staticmethod
    def backward(ctx, d_output, d_last):
        if torch.is_grad_enabled():
            return GRUSteps.again(ctx, d_output, d_last)
        weight, _, states, gates, of_state = ctx.saved_tensors[2:]
        r, z, n = gates.chunk(3, -1)
        # Each gate's gradient is d_h times a factor that is known before the loop.
        d_sums, of_r, d_h = (
            torch.empty_like(gates),
            torch.empty_like(of_state),
            d_output[-1] + d_last,
        )
        d_r, d_z, d_n = d_sums.chunk(3, -1)
        torch.mul(1 - z, 1 - n * n, out=d_n)
        torch.mul(d_n, of_state, out=d_r).mul_(r).mul_(1 - r)
        torch.sub(states[:-1], n, out=d_z).mul_(z).mul_(1 - z)
        two, rows = weight[: d_r.shape[2] * 2], d_sums.unflatten(2, (3, -1))
        for t in range(len(d_output) - 1, -1, -1):
            rows[t].mul_(d_h[:, None])
            torch.mul(d_n[t], r[t], out=of_r[t])
            d_h = torch.addcmul(d_output[t - 1], d_h, z[t]) if t else d_h * z[t]
            d_h.addmm_(d_sums[t, :, : len(two)], two).addmm_(of_r[t], weight[len(two) :])
        parts = [part.flatten(0, 1) for part in (d_sums[..., : len(two)], of_r)]
        d_weight = torch.cat([part.T @ states[:-1].flatten(0, 1) for part in parts])
        return d_sums, d_h, d_weight, torch.cat([part.sum(0) for part in parts])
