"""`nn.RNN`, `nn.GRU` and `nn.Linear` once more: the same numbers, sooner.

Subclasses of PyTorch's layers with the same arguments, parameters, outputs and gradients, up
to rounding. Four things make them fast on a CPU, and the chapter "Faster" measures each:

- The backward pass is written by hand. Only the gradient of the state has to go from step to
  step; each weight's gradient is then one large product over all steps, not one for each.
- The products are oneDNN's. On some processors PyTorch's own `mm` does less than half as much.
- tanh is NumPy's, several times as fast as PyTorch's.
- Results are written where they are needed; nothing is collected in lists and copied together.

What they do not cover goes to PyTorch's own layer, without a word: packed sequences, input
that is not a batch of float32 on the CPU, few hidden units or steps, `batch_first`, relu,
autocast, a model that is being compiled or traced. Second derivatives, forward-mode ones,
output changed in place, `torch.jit.script` and the transforms of `torch.func` are errors here
and not there. There is no LSTM: PyTorch's is oneDNN's from beginning to end, and faster
than the same made by hand.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

tanh_backward = torch.ops.aten.tanh_backward.grad_input  # d_h and tanh(z) -> d_z, into a tensor

# oneDNN's product, which PyTorch's compiler uses and has no public name for yet.
_ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
if not torch.backends.mkldnn.is_available():
    _ONEDNN = None
FEWEST_NUMBERS = 4096  # in x; below, oneDNN takes longer to begin than PyTorch to finish
# Below, what is written in Python takes longer than it saves.
FEWEST_HIDDEN, FEWEST_STEPS = 128, 20


def product(x: Tensor, weight: Tensor, add: Tensor | None = None) -> Tensor:
    """`x` `(rows, columns)` times `weight` `(outputs, columns)` transposed, plus `add`.

    `add` is one row `(outputs,)` for all, or a whole matrix `(rows, outputs)`.
    """
    if x.dim() != 2 or weight.dim() != 2 or x.shape[1] != weight.shape[1]:
        raise ValueError(
            "weight must have as many columns as x, "
            f"got x of shape {tuple(x.shape)} and weight of shape {tuple(weight.shape)}"
        )
    shape = len(x), len(weight)
    if add is not None and add.shape not in (shape, shape[1:]):
        raise ValueError(f"add must be of shape {shape[1:]} or {shape}, got {tuple(add.shape)}")
    return _product(x, weight, add)


def _product(x, weight, add=None):
    """`product` without its checks: the layers know that their shapes fit."""
    if _ONEDNN is None or x.numel() < FEWEST_NUMBERS:
        return torch.mm(x, weight.T) if add is None else torch.addmm(add, x, weight.T)
    if add is not None and add.dim() == 2:
        return _ONEDNN.binary(x, add, weight, None, "add")
    return _ONEDNN(x, weight, add, "none", [], "")


def packed(weight: Tensor, num_rows: int) -> Tensor:
    """`weight` as `product` can use it soonest, again and again, for an x of so many rows."""
    if _ONEDNN is None or num_rows * weight.shape[1] < FEWEST_NUMBERS:
        return weight
    return torch.ops.mkldnn._reorder_linear_weight(weight, num_rows)


@cache
def keep_freed_memory() -> None:
    """Let the C library keep large blocks that are freed, for the next to use.

    Linux's returns them to the system at once, and each new one is then paid for page by
    page: up to a fifth of an epoch. Freeing a block of almost 32 MiB, never written to, raises
    the size from which it does so (mallopt(3), M_MMAP_THRESHOLD). Elsewhere without effect.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


def _weight_gradient(d_output: Tensor, x: Tensor) -> Tensor:
    """Of `product(x, weight)` with respect to `weight`: `d_output.T @ x`, the small side first."""
    if d_output.shape[1] <= x.shape[1]:
        return _product(d_output.T, x.T)
    return _product(x.T, d_output.T).T


def _once(backward):
    """`backward`, but an error where its result is to be differentiated, which would be wrong."""

    def checked(ctx, *d_outputs):
        if torch.is_grad_enabled():
            raise RuntimeError("layers of rnnlib.fast have no second derivatives; torch.nn's have")
        return backward(ctx, *d_outputs)

    return checked


class _Linear(Function):
    """x W^T + b for `x` `(rows, columns)`."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    @_once
    def backward(ctx, d_output):
        x, weight = ctx.saved_tensors
        d_x = _product(d_output, weight.T) if ctx.needs_input_grad[0] else None
        d_bias = d_output.sum(0) if ctx.needs_input_grad[2] else None
        return d_x, _weight_gradient(d_output, x), d_bias


class _RNNSteps(Function):
    """h_t = tanh(from_input_t + W_hh h_{t-1}) for all t.

    Returns all of them, `(num_steps, batch, hidden)`, and the last once more: a tensor of its
    own, so that it has a gradient of its own, as in PyTorch's layer.
    """

    @staticmethod
    def forward(ctx, from_input, h_0, weight_hh, bias_hh):
        num_steps, batch_size, hidden_size = from_input.shape
        states = from_input.new_empty(num_steps + 1, batch_size, hidden_size)
        states[0] = h_0
        weight, hidden = weight_hh.T.contiguous().T, states.unbind()
        for x, h, result in zip(from_input, hidden[:-1], states.numpy()[1:], strict=True):
            np.tanh(_product(h, weight, x).numpy(), out=result)
        ctx.save_for_backward(states, weight_hh)
        return states[1:], states[-1].clone()

    @staticmethod
    @_once
    def backward(ctx, d_output, d_final):
        states, weight_hh = ctx.saved_tensors
        d_sums = torch.empty_like(d_output)
        into, hidden, from_above = d_sums.unbind(), states.unbind(), d_output.unbind()
        d_h = from_above[-1] + d_final
        for t in range(len(into) - 1, -1, -1):
            tanh_backward(d_h, hidden[t + 1], grad_input=into[t])
            if t:
                d_h = _product(into[t], weight_hh.T, from_above[t - 1])
        d_h_0 = _product(into[0], weight_hh.T) if ctx.needs_input_grad[1] else None
        d_weight = _weight_gradient(d_sums.flatten(0, 1), states[:-1].flatten(0, 1))
        return d_sums, d_h_0, d_weight, None


class _GRUSteps(Function):
    """The GRU's steps; `from_input` holds the parts of r, z and n side by side."""

    @staticmethod
    def forward(ctx, from_input, h_0, weight_hh, bias_hh):
        num_steps, batch_size, size = from_input.shape
        size //= 3
        states = from_input.new_empty(num_steps + 1, batch_size, size)
        states[0] = h_0
        gates, new_parts = torch.empty_like(from_input), torch.empty_like(states[1:])
        weight, r_and_z, of_n = weight_hh.T.contiguous().T, slice(2 * size), slice(2 * size, None)
        for t in range(num_steps):
            h, gate, x = states[t], gates[t], from_input[t]
            from_hidden = _product(h, weight, bias_hh)
            torch.add(x[:, r_and_z], from_hidden[:, r_and_z], out=gate[:, r_and_z]).sigmoid_()
            r, z, n = gate.chunk(3, 1)
            new_parts[t] = from_hidden[:, of_n]
            torch.addcmul(x[:, of_n], r, new_parts[t], out=n)
            np.tanh(n.numpy(), out=n.numpy())
            torch.lerp(n, h, z, out=states[t + 1])  # n + z (h - n)
        ctx.save_for_backward(states, gates, new_parts, weight_hh)
        return states[1:], states[-1].clone()

    @staticmethod
    @_once
    def backward(ctx, d_output, d_final):
        states, gates, new_parts, weight_hh = ctx.saved_tensors
        r, z, n = gates.chunk(3, -1)
        # Each gate's gradient is d_h times a factor that is known before the loop.
        of_n = (1 - z) * (1 - n * n)
        factors = torch.stack(
            [of_n * new_parts * r * (1 - r), (states[:-1] - n) * z * (1 - z), of_n * r], 2
        )
        d_from_hidden, d_states = torch.empty_like(factors), torch.empty_like(d_output)
        d_h = d_output[-1] + d_final
        for t in range(len(d_output) - 1, -1, -1):
            d_states[t] = d_h
            torch.mul(d_h[:, None], factors[t], out=d_from_hidden[t])
            if t or ctx.needs_input_grad[1]:
                d_h = d_h * z[t] + d_output[t - 1] if t else d_h * z[t]
                d_h = _product(d_from_hidden[t].flatten(1), weight_hh.T, d_h)
        d_from_hidden = d_from_hidden.flatten(2)
        d_new = d_states.mul_(of_n)
        d_from_input = torch.cat([d_from_hidden[..., : -d_new.shape[2]], d_new], -1)
        d_from_hidden = d_from_hidden.flatten(0, 1)
        d_weight = _weight_gradient(d_from_hidden, states[:-1].flatten(0, 1))
        d_h_0 = d_h if ctx.needs_input_grad[1] else None
        d_bias = d_from_hidden.sum(0) if ctx.needs_input_grad[3] else None
        return d_from_input, d_h_0, d_weight, d_bias


class _Recurrent:
    """What both layers share: when to step in, and the loop over layers and directions."""

    def forward(self, input, hx=None):
        if not self._covers(input, hx):
            return super().forward(input, hx)
        if hx is None:
            hx = input.new_zeros(self._state_shape(input))
        starts, finals = iter(hx), []
        for layer in range(self.num_layers):
            if layer:
                input = F.dropout(input, self.dropout, self.training)
            output, final = self._direction(input, next(starts), f"l{layer}")
            finals.append(final)
            if self.bidirectional:
                back, final = self._direction(input.flip(0), next(starts), f"l{layer}_reverse")
                finals.append(final)
                output = torch.cat([output, back.flip(0)], -1)
            input = output
        return output, torch.stack(finals)

    def _state_shape(self, input) -> tuple:
        directions = 2 if self.bidirectional else 1
        return self.num_layers * directions, input.shape[1], self.hidden_size

    def _covers(self, input, hx) -> bool:
        """A state that does not fit is not covered either: PyTorch says what is wrong with it."""
        weight = self.weight_ih_l0
        return (
            _plain(input, 3, weight)
            and input.shape[2] == self.input_size
            and self._pays(*input.shape[:2])
            and not self.batch_first
            and getattr(self, "nonlinearity", "tanh") == "tanh"
            and (hx is None or (_plain(hx, 3, weight) and hx.shape == self._state_shape(input)))
        )

    def _pays(self, num_steps: int, batch_size: int) -> bool:
        """Whether the loop is faster than PyTorch's layer; without gradients it saves less."""
        enough_rows = torch.is_grad_enabled() or batch_size * self.hidden_size > FEWEST_NUMBERS
        return self.hidden_size >= FEWEST_HIDDEN and num_steps >= FEWEST_STEPS and enough_rows

    def _direction(self, input, h_0, name):
        """One layer in one direction: its output and its final state."""
        weight_ih, weight_hh = (getattr(self, f"weight_{of}_{name}") for of in ("ih", "hh"))
        biases = [getattr(self, f"bias_{of}_{name}", None) for of in ("ih", "hh")]
        bias, bias_hh = self._biases(*biases)
        from_input = _Linear.apply(input.flatten(0, 1), weight_ih, bias)
        from_input = from_input.unflatten(0, input.shape[:2])
        return self._steps.apply(from_input, h_0, weight_hh, bias_hh)


class RNN(_Recurrent, nn.RNN):
    """`torch.nn.RNN`, its steps and their gradients written by hand."""

    _steps = _RNNSteps

    def _biases(self, bias_ih, bias_hh):
        return (bias_ih + bias_hh if self.bias else None), None


class GRU(_Recurrent, nn.GRU):
    """`torch.nn.GRU`, its steps and their gradients written by hand."""

    _steps = _GRUSteps

    def _biases(self, bias_ih, bias_hh):
        return bias_ih, bias_hh


class Linear(nn.Linear):
    """`torch.nn.Linear` for a batch of rows, with oneDNN's products."""

    def forward(self, input):
        covered = (
            _plain(input, 2, self.weight)
            and input.shape[1] == self.in_features
            and (self.bias is None or self.bias.shape == (self.out_features,))
        )
        if not covered or input.numel() < FEWEST_NUMBERS or self.in_features < FEWEST_HIDDEN:
            return super().forward(input)
        return _Linear.apply(input, self.weight, self.bias)


def _plain(tensor, num_dims: int, weight: Tensor) -> bool:
    """Whether `tensor` is a batch that the code above is written for."""
    return (
        not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and type(tensor) in (Tensor, nn.Parameter)
        and tensor.dim() == num_dims
        and tensor.numel() > 0
        and tensor.dtype == weight.dtype == torch.float32
        and tensor.device.type == weight.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
    )
