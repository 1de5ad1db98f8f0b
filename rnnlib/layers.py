"""`torch.nn.RNN`, `nn.LSTM` and `nn.GRU` rebuilt from tensor operations.

Same constructor arguments, same call, same `state_dict`, same numbers and gradients, but for
packed sequences. Gates lie one under the other in the weights, in the order and with the
equations of PyTorch's documentation: LSTM input, forget, cell, output; GRU reset, update, new.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RecurrentLayer(nn.Module):
    """What the three layers share: the loops over layers, directions and time.

    Shapes, with D = 2 if bidirectional, else 1, and `state_size` = `proj_size` or `hidden_size`:

        input   (num_steps, batch_size, input_size)
        state   (D * num_layers, batch_size, state_size); an LSTM's c: hidden_size at the end
        output  (num_steps, batch_size, D * state_size)

    `batch_first` swaps the first two axes of input and output; batch_size may be left out.
    """

    num_gates, pair = 1, False  # whether the state is a pair

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False,
        dropout=0.0, bidirectional=False, proj_size=0, device=None, dtype=None,
    ):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.bidirectional, self.proj_size = bidirectional, proj_size
        if proj_size and not self.pair:  # it would be ignored
            raise ValueError("proj_size is for LSTM only")
        rows, state_size = self.num_gates * hidden_size, proj_size or hidden_size
        for layer in range(num_layers):
            columns = state_size * (1 + bidirectional) if layer else input_size
            shapes = {"weight_ih": (rows, columns), "weight_hh": (rows, state_size)}
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
            shapes |= {"weight_hr": (proj_size, hidden_size)} if proj_size else {}
            for suffix in self._suffixes(layer):
                for name, shape in shapes.items():
                    weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
                    self.register_parameter(f"{name}_{suffix}", weight)
        self.reset_parameters()

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}", f"l{layer}_reverse"][: 1 + self.bidirectional]

    def reset_parameters(self) -> None:
        """Draw every weight from U(-k, k) with k = 1 / sqrt(hidden_size), as PyTorch does."""
        k = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            nn.init.uniform_(weight, -k, k)

    def flatten_parameters(self) -> None:
        """Nothing: only PyTorch's layers on a GPU keep their weights in one piece of memory."""

    def extra_repr(self) -> str:
        names = ("num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size")
        others = ", ".join(f"{name}={getattr(self, name)}" for name in names)
        return f"{self.input_size}, {self.hidden_size}, {others}"

    def forward(self, input: Tensor, hx=None):
        """Run over all steps; return `output, state` after the last one (see the class)."""
        batched = input.dim() == 3
        if not batched:
            input = input.unsqueeze(1)
        elif self.batch_first:
            input = input.transpose(0, 1)
        rows = self.num_layers * (1 + self.bidirectional)
        sizes = [self.proj_size or self.hidden_size, self.hidden_size][: 1 + self.pair]
        shapes = [(rows, input.shape[1], size) for size in sizes]
        states = [input.new_zeros(shape) for shape in shapes]
        if hx is not None:
            states = [s if batched else s.unsqueeze(1) for s in (hx if self.pair else [hx])]
        if [part.shape for part in states] != shapes:  # one for one word would serve all words
            raise ValueError(f"the state must have shape {shapes}")
        # One start and one final state, a tuple of parts, for each layer and direction.
        starts, output, finals = zip(*states, strict=True), input, []
        for layer in range(self.num_layers):
            if layer:
                output = F.dropout(output, self.dropout, self.training)
            runs = [self._run(output, next(starts), suffix) for suffix in self._suffixes(layer)]
            output = torch.cat([output for output, _ in runs], dim=-1)
            finals += [final for _, final in runs]
        state = tuple(torch.stack(parts) for parts in zip(*finals, strict=True))
        if not batched:
            output, state = output.squeeze(1), tuple(part.squeeze(1) for part in state)
        elif self.batch_first:
            output = output.transpose(0, 1)
        return output, state if self.pair else state[0]

    def _run(self, input: Tensor, state: tuple, suffix: str):
        """One layer in one direction: input (num_steps, batch_size, columns)."""
        names = ("weight_ih", "bias_ih", "weight_hh", "bias_hh", "weight_hr")
        w_ih, b_ih, *others = (getattr(self, f"{name}_{suffix}", None) for name in names)
        backwards = suffix.endswith("reverse")
        # Only the recurrent product has to wait for its turn: the input's is done at once.
        from_input = F.linear(input.flip(0) if backwards else input, w_ih, b_ih)
        outputs = []
        for x in from_input:
            state = self.step(x, state, *others)
            outputs.append(state[0])
        output = torch.stack(outputs)
        return output.flip(0) if backwards else output, state


class RNN(RecurrentLayer):
    """`torch.nn.RNN`: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh) (Elman, 1990)."""

    def __init__(self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", *args, **more):
        super().__init__(input_size, hidden_size, num_layers, *args, **more)
        self.nonlinearity = nonlinearity
        self.activation = {"tanh": torch.tanh, "relu": torch.relu}[nonlinearity]

    def step(self, from_input, state, weight_hh, bias_hh, weight_hr):
        """One time step: `from_input` is W_ih x + b_ih; the new state is a tuple, h first."""
        return (self.activation(from_input + F.linear(state[0], weight_hh, bias_hh)),)


class LSTM(RecurrentLayer):
    """`torch.nn.LSTM` (Hochreiter and Schmidhuber, 1997); its state is the pair (h, c)."""

    num_gates, pair = 4, True

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
