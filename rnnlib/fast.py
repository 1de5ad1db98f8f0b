"""Plain layers of `torch.nn`, the same numbers sooner; the chapter "Faster" says how and how much.

For an `nn.RNN` or `nn.GRU` in float32 on the CPU, `run` uses the steps of `rnnlib.steps`, and so
does `writer` for a model of one layer. All else is left to PyTorch's own layers: the LSTM (which
oneDNN runs from end to end), other devices and types, autocast, packed sequences, hooks,
subclasses, tracing, compiling, quantization and the transforms of `torch.func`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules import module as everywhere

from rnnlib.steps import GRUSteps, RNNSteps, Writer

STEPS = {nn.RNN: RNNSteps, nn.GRU: GRUSteps}
FEWEST_HIDDEN, FEWEST_STEPS = 64, 5  # below, Python takes longer than it saves
HOOKS = [f"_{kind}_hooks" for kind in ("forward", "forward_pre", "backward", "backward_pre")]


def run(layer, x, state):
    """`layer(x, state)`: output and last state, time first.

    `x` holds numbers `(num_steps, batch_size, input_size)`, or indices `(num_steps,
    batch_size)`, which stand for one-hot rows: a matrix times a one-hot row is one of its columns.
    """
    is_index = isinstance(x, Tensor) and not x.is_floating_point()
    if not _covers(layer, x, state, is_index):
        if is_index:
            weight = next(layer.parameters(), None)  # a quantized layer has none
            x = F.one_hot(x, layer.input_size).to(torch.float32 if weight is None else weight.dtype)
        return layer(x, state)
    finals = []
    for depth in range(layer.num_layers):
        if depth:
            x, is_index = F.dropout(x, layer.dropout, layer.training), False
        outputs = []
        for name in (f"l{depth}", f"l{depth}_reverse")[: 1 + layer.bidirectional]:
            parts = _parts(layer, x.flip(0) if len(outputs) else x, name, is_index)
            output, final = STEPS[type(layer)].apply(parts[0], state[len(finals)], *parts[1:])
            outputs.append(output.flip(0) if len(outputs) else output)
            finals.append(final)
        x = torch.cat(outputs, -1) if len(outputs) > 1 else output
    return x, torch.stack(finals)


def _parts(layer, x, name: str, is_index: bool):
    """What comes from the input at all steps, then the weight and the bias of the state."""
    w_ih, w_hh = (getattr(layer, f"weight_{of}_{name}") for of in ("ih", "hh"))
    b_ih, b_hh = (
        getattr(layer, f"bias_{of}_{name}", w_hh.new_zeros(len(w_hh))) for of in ("ih", "hh")
    )
    if type(layer) is nn.RNN:
        b_ih, b_hh = b_ih + b_hh, None
    return F.embedding(x, w_ih.T + b_ih) if is_index else F.linear(x, w_ih, b_ih), w_hh, b_hh


def _covers(layer, x, state, is_index: bool) -> bool:
    """Whether `run` may go its own way: it has to compute the same, and to pay."""
    if type(layer) not in STEPS or type(x) is not Tensor or type(state) is not Tensor:
        return False
    rows, weights = layer.num_layers * (1 + layer.bidirectional), list(layer.parameters())
    return (
        x.dim() == (2 if is_index else 3)
        and x.numel() > 0
        and layer.hidden_size >= FEWEST_HIDDEN
        and len(x) >= FEWEST_STEPS
        and not layer.batch_first
        and getattr(layer, "nonlinearity", "tanh") == "tanh"
        and (is_index or x.shape[2] == layer.input_size)
        and state.shape == (rows, x.shape[1], layer.hidden_size)
        and {p.dtype for p in [state, *weights, *[x] * (not is_index)]} == {torch.float32}
        and {p.device.type for p in [x, state, *weights]} == {"cpu"}
        and {*map(type, weights)} == {nn.Parameter}
        and _ordinary(layer)
    )


def _ordinary(*modules) -> bool:
    """Whether calling these modules runs the `forward` of their class, and nothing else."""
    return not (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or torch.is_autocast_enabled("cpu")
        or torch.is_autocast_enabled("cuda")
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

    From `state` on, it feeds one token to each text and keeps the new state. One text:
    `tokens` is an int, the logits a NumPy array `(vocab_size,)`. Several texts: `tokens`
    `(batch_size,)`, logits `(batch_size, vocab_size)`, overwritten by the next call. The model
    has one layer, one direction and 32-bit weights; it may be on a GPU: they are copied once.
    """
    rnn, linear = getattr(model, "rnn", None), getattr(model, "linear", None)
    embedding = getattr(model, "embedding", None)
    state = state if isinstance(state, tuple) else (state,)
    usual = (
        getattr(type(model).forward, "writable", False)
        and type(rnn) in (nn.RNN, nn.GRU, nn.LSTM)
        and getattr(rnn, "nonlinearity", "tanh") == "tanh"
        and (rnn.num_layers, rnn.bidirectional, rnn.proj_size) == (1, False, 0)
        and type(linear) is nn.Linear and linear.bias is not None
        and (embedding is None or (type(embedding) is nn.Embedding and embedding.max_norm is None))
        and rnn.input_size == (embedding.embedding_dim if embedding else model.vocab_size)
        and [type(part) for part in state] == [Tensor] * (1 + (type(rnn) is nn.LSTM))
        and all(p.dtype == torch.float32 for p in model.parameters())
        and _ordinary(*model.modules())
    )  # fmt: skip
    step = Writer(rnn, linear, embedding, state) if usual else None
    return step if step and step.is_finite else None
