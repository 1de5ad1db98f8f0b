"""`torch.nn.RNN`, `nn.LSTM` and `nn.GRU` rebuilt from tensor operations.

Same constructor arguments, same call, same `state_dict`, same numbers and gradients.
The equations are those of the PyTorch documentation of the three layers; gates lie one
under the other in the weights, in PyTorch's order: LSTM input, forget, cell, output; GRU
reset, update, new. Packed sequences are left to PyTorch.
"""

import math
import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlib.checks import MOST_LAYERS, affordable, flag, one_of, real_number, whole_number

DTYPES = (None, torch.float16, torch.bfloat16, torch.float32, torch.float64)


class RecurrentLayer(nn.Module):
    """What the three layers share: the loops over layers, directions and time.

    A subclass says how many gates it has, how many tensors its state consists of, and what
    one `step` does. Shapes, with D = 2 if bidirectional, else 1, and `state_size` =
    `proj_size` or else `hidden_size`:

        input   (num_steps, batch_size, input_size); batch_first swaps the first two;
                unbatched (num_steps, input_size)
        state   (D * num_layers, batch_size, state_size); unbatched without batch_size
        output  (num_steps, batch_size, D * state_size), as the input with its last axis changed
    """

    num_gates: int
    state_names: tuple[str, ...] = ("h_0",)

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
        dropout=0.0, bidirectional=False, proj_size=0, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.input_size = whole_number("input_size", input_size)
        self.hidden_size = whole_number("hidden_size", hidden_size)
        self.num_layers = whole_number("num_layers", num_layers, most=MOST_LAYERS)
        self.bias = flag("bias", bias)
        self.batch_first = flag("batch_first", batch_first)
        self.dropout = real_number("dropout", dropout, most=1.0)
        self.bidirectional = flag("bidirectional", bidirectional)
        self.proj_size = whole_number("proj_size", proj_size, least=0)
        if proj_size and not isinstance(self, LSTM):
            raise ValueError(f"proj_size is for LSTM only, got {proj_size}")
        if proj_size >= hidden_size:
            raise ValueError(f"proj_size must be below hidden_size={hidden_size}, got {proj_size}")
        if dropout and num_layers == 1:
            warnings.warn(
                "dropout acts between layers, so with num_layers=1 it does nothing",
                stacklevel=3 if isinstance(self, RNN) else 2,  # RNN has an __init__ of its own
            )
        one_of("dtype", dtype, DTYPES)
        state_size = proj_size or hidden_size
        columns = input_size + (num_layers - 1) * state_size * self.num_directions
        columns += num_layers * state_size
        numbers = self.num_directions * self.num_gates * hidden_size * columns
        affordable("input_size, hidden_size and num_layers", numbers)
        for layer in range(num_layers):
            columns = input_size if layer == 0 else state_size * self.num_directions
            for suffix in self._suffixes(layer):
                shapes = {"weight_ih": (self.num_gates * hidden_size, columns)}
                shapes["weight_hh"] = (self.num_gates * hidden_size, state_size)
                if bias:
                    shapes["bias_ih"] = shapes["bias_hh"] = (self.num_gates * hidden_size,)
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                for name, shape in shapes.items():
                    weight = torch.empty(shape, device=device, dtype=dtype)
                    self.register_parameter(f"{name}_{suffix}", nn.Parameter(weight))
        self.reset_parameters()

    @property
    def num_directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}", f"l{layer}_reverse"][: self.num_directions]

    def reset_parameters(self) -> None:
        """Draw every weight from U(-k, k) with k = 1 / sqrt(hidden_size), as PyTorch does."""
        k = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            nn.init.uniform_(weight, -k, k)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"

    def step(self, from_input: Tensor, state: tuple, weight_hh, bias_hh, weight_hr) -> tuple:
        """One time step: `from_input` is W_ih x + b_ih; returns the new state, h first."""
        raise NotImplementedError

    def forward(self, input: Tensor, state=None):
        """Run over all steps; return `output, state` after the last one (see the class)."""
        self._check_input(input)
        batched = input.dim() == 3
        if not batched:
            input = input.unsqueeze(1)
        elif self.batch_first:
            input = input.transpose(0, 1)
        states = self._unpack_state(state, input, batched)
        output, finals = input, []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                output = F.dropout(output, self.dropout, self.training)
            directions = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                row = layer * self.num_directions + direction
                start = tuple(part[row] for part in states)
                outputs, final = self._run(output, start, suffix, backwards=direction == 1)
                directions.append(outputs)
                finals.append(final)
            output = torch.cat(directions, dim=-1)
        # finals has one entry per layer and direction; the state stacks them, part by part.
        state = tuple(torch.stack(parts) for parts in zip(*finals, strict=True))
        if not batched:
            output, state = output.squeeze(1), tuple(part.squeeze(1) for part in state)
        elif self.batch_first:
            output = output.transpose(0, 1)
        return output, state if len(state) > 1 else state[0]

    def _run(self, input: Tensor, state: tuple, suffix: str, backwards: bool):
        """One layer in one direction: input (num_steps, batch_size, columns)."""
        weights = {
            name: getattr(self, f"{name}_{suffix}", None)
            for name in ("weight_hh", "bias_hh", "weight_hr")
        }
        # Only the recurrent product has to wait for its turn: the input's is done at once.
        from_input = F.linear(
            input, getattr(self, f"weight_ih_{suffix}"), getattr(self, f"bias_ih_{suffix}", None)
        )
        outputs = []
        for x in from_input.flip(0) if backwards else from_input:
            state = self.step(x, state, **weights)
            outputs.append(state[0])
        output = torch.stack(outputs)
        return output.flip(0) if backwards else output, state

    def _check_input(self, input: Tensor) -> None:
        if not isinstance(input, Tensor):
            raise TypeError(f"input must be a padded tensor, got {type(input).__name__}")
        if input.dtype != self.weight_ih_l0.dtype:
            raise TypeError(f"input must be {self.weight_ih_l0.dtype}, got {input.dtype}")
        if input.dim() not in (2, 3) or input.shape[-1] != self.input_size:
            first = "batch_size, num_steps" if self.batch_first else "num_steps, batch_size"
            raise ValueError(
                f"input must have shape ({first}, {self.input_size}) or unbatched "
                f"(num_steps, {self.input_size}), got {tuple(input.shape)}"
            )
        if input.device != self.weight_ih_l0.device:
            raise ValueError(f"input must be on {self.weight_ih_l0.device}, got {input.device}")
        if 0 in input.shape:
            raise ValueError(f"input must not be empty, got shape {tuple(input.shape)}")

    def _unpack_state(self, state, input: Tensor, batched: bool) -> list[Tensor]:
        """The start state as a list of (D * num_layers, batch_size, size) tensors."""
        rows, batch_size = self.num_layers * self.num_directions, input.shape[1]
        names = self.state_names
        sizes = [self.proj_size or self.hidden_size, self.hidden_size][: len(names)]
        if state is None:
            return [input.new_zeros(rows, batch_size, size) for size in sizes]
        parts = list(state) if isinstance(state, tuple | list) else [state]
        kind = (
            f"state must be a tuple ({', '.join(names)})"
            if len(names) > 1
            else "state must be one tensor"
        )
        if len(parts) != len(names) or isinstance(state, Tensor) == (len(names) > 1):
            raise TypeError(f"{kind}, got {_describe(state)}")
        for name, size, part in zip(names, sizes, parts, strict=True):
            if not isinstance(part, Tensor) or part.dtype != input.dtype:
                raise TypeError(f"{name} must be a tensor of {input.dtype}, got {_describe(part)}")
            expected = (rows, batch_size, size) if batched else (rows, size)
            if part.shape != expected:
                raise ValueError(f"{name} must have shape {expected}, got {tuple(part.shape)}")
            if part.device != input.device:
                raise ValueError(f"{name} must be on {input.device}, got one on {part.device}")
        return parts if batched else [part.unsqueeze(1) for part in parts]


def _describe(value) -> str:
    if isinstance(value, Tensor):
        return f"one tensor of shape {tuple(value.shape)} and {value.dtype}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return type(value).__name__


class RNN(RecurrentLayer):
    """`torch.nn.RNN`: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh) (Elman, 1990)."""

    num_gates = 1

    def __init__(
        self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", *args, **options
    ):
        super().__init__(input_size, hidden_size, num_layers, *args, **options)
        self.nonlinearity = one_of("nonlinearity", nonlinearity, ("tanh", "relu"))

    def step(self, from_input, state, weight_hh, bias_hh, weight_hr):
        total = from_input + F.linear(state[0], weight_hh, bias_hh)
        return (torch.tanh(total) if self.nonlinearity == "tanh" else torch.relu(total),)


class LSTM(RecurrentLayer):
    """`torch.nn.LSTM` (Hochreiter and Schmidhuber, 1997); its state is the pair (h, c)."""

    num_gates = 4
    state_names = ("h_0", "c_0")

    def step(self, from_input, state, weight_hh, bias_hh, weight_hr):
        h, c = state
        i, f, g, o = (from_input + F.linear(h, weight_hh, bias_hh)).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return (h if weight_hr is None else F.linear(h, weight_hr)), c


class GRU(RecurrentLayer):
    """`torch.nn.GRU` (Cho et al., 2014); the reset gate acts after the matrix product."""

    num_gates = 3

    def step(self, from_input, state, weight_hh, bias_hh, weight_hr):
        (h,) = state
        input_r, input_z, input_n = from_input.chunk(3, dim=-1)
        hidden_r, hidden_z, hidden_n = F.linear(h, weight_hh, bias_hh).chunk(3, dim=-1)
        r = torch.sigmoid(input_r + hidden_r)
        z = torch.sigmoid(input_z + hidden_z)
        n = torch.tanh(input_n + r * hidden_n)
        return ((1 - z) * n + z * h,)
