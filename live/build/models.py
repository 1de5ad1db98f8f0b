"""A trained language model -> small scripts for the page, and back again.

A model becomes a script, `NAME.js`, with these keys:

    format       FORMAT below
    name         NAME, under which the page asks for the model
    parts        how many scripts there are: 1, or 2, the second being `NAME-2.js`
    part         which of them this is, from 1
    kind         "rnn" (tanh) or "gru"; one layer, one direction, one-hot input
    hidden_size  number of hidden units
    tokens       the vocabulary, token i at place i
    about        what the caller wants to say about the model, plain data
    biases       for each of bias_ih, bias_hh and linear.bias: its values
    matrices     for each of weight_ih, weight_hh and linear.weight, in PyTorch's layout and
                 order of gates: {"shape": [rows, columns], "values": ..., "scales": ...}

`values` of a matrix are one signed byte each, row after row; `scales` is one float for each
row; weight = value * scale, in 32-bit floats. The values of a bias are floats as they are.
Floats are 32-bit, little-endian, and all of it is written in base64: 4 characters for 3 bytes.

One byte moves a weight by up to 1/254 of the largest in its row. Where that is too coarse,
a second script holds what the rounding left over: again a byte for each weight and a scale
for each row, under the keys format, name, parts, part and matrices. The weight is the sum of
the two products, each rounded to a float, and as exact as 16 bits can make it.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from live.build.scripts import decode, encode, read_script, write_script
from rnnlib.models import LanguageModel, language_model
from rnnlib.text import Vocab

FORMAT = "rnnlib page model, version 1"
KINDS = {nn.RNN: "rnn", nn.GRU: "gru"}
# Name in the script -> name in the model's state_dict.
MATRICES = {
    "weight_ih": "rnn.weight_ih_l0",
    "weight_hh": "rnn.weight_hh_l0",
    "linear.weight": "linear.weight",
}
BIASES = {
    "bias_ih": "rnn.bias_ih_l0",
    "bias_hh": "rnn.bias_hh_l0",
    "linear.bias": "linear.bias",
}


def round_matrix(weight: Tensor, parts: int = 1) -> list[dict]:
    """`weight` `(rows, columns)` as its entries under "matrices" in so many scripts.

    Each rounds what the ones before it left over; the largest number of a row becomes 127 or
    -127.
    """
    left, rounded = weight.float(), []
    for _ in range(parts):
        scales = left.abs().amax(dim=1) / 127
        scales[scales == 0] = 1.0  # a row of zeros
        values = (left / scales[:, None]).round().clamp(-127, 127)
        left = left - values * scales[:, None]
        texts = {"values": encode(values, "i1"), "scales": encode(scales)}
        rounded.append({"shape": list(weight.shape), **texts})
    return rounded


def read_matrix(rounded: list[dict]) -> Tensor:
    """The weight `(rows, columns)`, float32, that the entries of `round_matrix` mean."""
    weight = torch.zeros(rounded[0]["shape"])
    for matrix in rounded:
        values = decode(matrix["values"], "i1").reshape(weight.shape)
        weight += values.float() * decode(matrix["scales"])[:, None]
    return weight


def check(model: LanguageModel, vocab: Vocab) -> None:
    """Refuse what the page would compute without a complaint, and wrongly.

    Weights that it knows nothing of (more layers, a second direction, an embedding, an LSTM's
    gates) would be left out, a relu would become a tanh, tokens would be those of other
    columns, and all that comes from a weight that is not finite is NaN.
    """
    weights = model.state_dict()
    known = set(weights) == {*MATRICES.values(), *BIASES.values()}
    tanh = getattr(model.rnn, "nonlinearity", "tanh") == "tanh"
    if type(model.rnn) not in KINDS or not known or not tanh:
        raise ValueError(f"the page has no arithmetic for {model}")
    if len(vocab) != model.vocab_size:
        raise ValueError(f"vocab must hold {model.vocab_size} tokens, got {len(vocab)}")
    if not all(torch.isfinite(weight).all() for weight in weights.values()):
        raise ValueError("the weights must be finite")


def script_path(folder: Path, name: str, part: int) -> Path:
    return folder / (f"{name}.js" if part == 1 else f"{name}-{part}.js")


def export_model(
    folder: Path, name: str, model: LanguageModel, vocab: Vocab, about: dict, parts: int = 1
) -> None:
    """Write `model` as one script or two (`parts`) into `folder`."""
    check(model, vocab)
    weights = model.state_dict()
    matrices = {short: round_matrix(weights[full], parts) for short, full in MATRICES.items()}
    for part in range(1, parts + 1):
        data = {"format": FORMAT, "name": name, "parts": parts, "part": part}
        if part == 1:
            data |= {"kind": KINDS[type(model.rnn)], "hidden_size": model.rnn.hidden_size}
            data |= {"tokens": vocab.idx_to_token, "about": about}
            data["biases"] = {short: encode(weights[full]) for short, full in BIASES.items()}
        data["matrices"] = {short: rounded[part - 1] for short, rounded in matrices.items()}
        write_script(script_path(folder, name, part), data)


def read_model(folder: Path, name: str) -> tuple[LanguageModel, Vocab, dict]:
    """Read what `export_model` wrote: model, vocabulary, `about`; the weights are the page's."""
    first = read_script(script_path(folder, name, 1))
    rest = [read_script(script_path(folder, name, part)) for part in range(2, first["parts"] + 1)]
    vocab = Vocab.from_list(first["tokens"])
    model = language_model(first["kind"], len(vocab), first["hidden_size"])
    weights = {full: decode(first["biases"][short]) for short, full in BIASES.items()}
    for short, full in MATRICES.items():
        weights[full] = read_matrix([data["matrices"][short] for data in (first, *rest)])
    model.load_state_dict(weights)
    return model.eval(), vocab, first["about"]
