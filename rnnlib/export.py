"""A trained language model -> small scripts that a web page can load, and back again.

A page opened from a file may not fetch data, but it may load scripts. So a model becomes a
script, `NAME.js`, that hands its data to the page. It is one line, `Live.register(` + a JSON
object + `);`, with these keys:

    format       FORMAT below
    name         NAME, under which the page asks for the model
    parts        how many scripts there are: 1, or 2, the second being `NAME-2.js`
    part         which of them this is, from 1
    kind         "rnn" (tanh) or "gru"; one layer, one direction, one-hot input
    hidden_size  number of hidden units
    tokens       the vocabulary, token i at place i
    about        what the caller wants to say about the model, plain data
    matrices     for each of weight_ih, weight_hh and linear.weight, in PyTorch's layout and
                 order of gates: {"shape": [rows, columns], "values": ..., "scales": ...}
    biases       for each of bias_ih, bias_hh and linear.bias: its values

`values` of a matrix are one signed byte each, row after row; `scales` is one float for each
row; weight = value * scale, in 32-bit floats. The values of a bias are floats as they are.
Floats are 32-bit, little-endian, and all of it is written in base64: 4 characters for 3 bytes.

One byte moves a weight by up to 1/254 of the largest in its row. Where that is too coarse,
a second script holds what the rounding left over: again a byte for each weight and a scale
for each row, under the keys format, name, parts, part and matrices. The weight is the sum of
the two products, each rounded to a float, and as exact as 16 bits can make it.
"""

import base64
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rnnlib.checks import a_str, affordable, each_of, file_path, real_tensor, whole_number
from rnnlib.files import write_atomically
from rnnlib.models import LAYERS, LanguageModel, language_model
from rnnlib.text import Vocab

FORMAT = "rnnlib page model, version 1"
KINDS = ("rnn", "gru")
MOST_PARTS = 4  # as many bytes as a 32-bit float has
MOST_HASHES = 64
# Name in the script -> name in the model's state_dict.
MATRICES = {
    "weight_ih": "layer.weight_ih_l0",
    "weight_hh": "layer.weight_hh_l0",
    "linear.weight": "linear.weight",
}
BIASES = {
    "bias_ih": "layer.bias_ih_l0",
    "bias_hh": "layer.bias_hh_l0",
    "linear.bias": "linear.bias",
}


def quantise(weight: Tensor, parts: int = 1) -> list[tuple[Tensor, Tensor]]:
    """`weight` `(rows, columns)` as `parts` pairs of bytes (int8) and scales `(rows,)`.

    Each pair rounds what the pairs before it left over; the largest number of a row becomes
    127 or -127. `parts` is from 1 to 4. Raises `TypeError` or `ValueError` if the weight is not
    a tensor of finite 32-bit numbers, one at least.
    """
    whole_number("parts", parts, most=MOST_PARTS)
    if not isinstance(weight, Tensor) or weight.dim() != 2:
        found = tuple(weight.shape) if isinstance(weight, Tensor) else type(weight).__name__
        raise ValueError(f"weight must be a tensor of shape (rows, columns), got {found}")
    left, pairs = real_tensor("weight", weight).detach().float(), []
    if not torch.isfinite(left).all():
        raise ValueError("weight must be finite, as 32-bit floats too")
    for _ in range(parts):
        scales = left.abs().amax(dim=1) / 127
        scales[scales == 0] = 1.0  # a row of zeros
        values = (left / scales[:, None]).round().clamp(-127, 127).to(torch.int8)
        pairs.append((values, scales))
        left = left - values.float() * scales[:, None]
    return pairs


def dequantise(pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """The weight `(rows, columns)`, float32, that the pairs of `quantise` stand for.

    Raises `TypeError` or `ValueError` if they are not such pairs, all of one shape.
    """
    pairs = list(each_of("pairs", pairs, "the pairs of quantise()"))
    if not pairs:
        raise ValueError("pairs must hold at least one pair, got none")
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"pairs must hold pairs of tensors, got {type(pair).__name__}")
        values, scales = (real_tensor("pairs", tensor) for tensor in pair)
        shapes = values.shape, scales.shape
        if values.dim() != 2 or shapes != (pairs[0][0].shape, values.shape[:1]):
            shapes = " and ".join(str(tuple(shape)) for shape in shapes)
            raise ValueError(f"pairs must have shapes (rows, columns) and (rows,), got {shapes}")
    products = [values.float() * scales[:, None] for values, scales in pairs]
    return sum(products[1:], start=products[0])


def _encode(tensor: Tensor) -> str:
    kind = "i1" if tensor.dtype == torch.int8 else "<f4"
    return base64.b64encode(tensor.detach().cpu().numpy().astype(kind).tobytes()).decode()


def _decode(text: str, kind: str, shape: Sequence[int]) -> Tensor:
    array = np.frombuffer(base64.b64decode(text, validate=True), dtype=kind)
    return torch.from_numpy(array.astype(kind.lstrip("<"))).reshape(*shape)


def _kind(model: LanguageModel) -> str:
    """The kind of a model that fits the format, else an error."""
    if not isinstance(model, LanguageModel):
        raise TypeError(f"model must be a LanguageModel, got {type(model).__name__}")
    layer = model.layer
    kinds = [kind for kind in KINDS if type(layer) is LAYERS[kind]]
    plain = layer.num_layers == 1 and not layer.bidirectional and layer.bias
    tanh = getattr(layer, "nonlinearity", "tanh") == "tanh"
    if not kinds or not plain or not tanh or model.embedding is not None:
        raise ValueError(
            f"model must be a language model of kind {' or '.join(map(repr, KINDS))} with one "
            f"layer, one direction and one-hot input, got {model}"
        )
    return kinds[0]


def _check_name(name) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ValueError(f"name must be small letters, digits and single hyphens, got {name!r}")


def _path(folder: Path, name: str, part: int) -> Path:
    return folder / (f"{name}.js" if part == 1 else f"{name}-{part}.js")


def _json(name: str, data) -> str:
    if not isinstance(data, dict):
        raise TypeError(f"{name} must be a dict, got {type(data).__name__}")
    try:
        return json.dumps(data, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} must be plain data that JSON can hold: {error}") from error


def script(data: dict) -> bytes:
    """`data`, plain data, as a script that hands it to the page."""
    return f"Live.register({_json('data', data)});\n".encode("ascii")


def export_model(
    folder: str | Path,
    name: str,
    model: LanguageModel,
    vocab: Vocab,
    about: dict | None = None,
    parts: int = 1,
) -> list[Path]:
    """Write `model` as one script or two (`parts`) into `folder`; return their paths.

    `model` is one that `language_model` built: "rnn" or "gru", one layer, one direction, no
    embedding. `about` is plain data for the page. What does not fit raises `TypeError` or
    `ValueError` before anything is written.
    """
    folder = file_path("folder", folder)
    _check_name(name)
    if whole_number("parts", parts) > 2:
        raise ValueError(f"parts must be 1 or 2, got {parts}")
    kind, hidden_size = _kind(model), model.layer.hidden_size
    if not isinstance(vocab, Vocab):
        raise TypeError(f"vocab must be a Vocab, got {type(vocab).__name__}")
    if len(vocab) != model.vocab_size:
        raise ValueError(f"vocab must hold {model.vocab_size} tokens, got {len(vocab)}")
    about = {} if about is None else about
    _json("about", about)
    weights = model.state_dict()
    rounded = {short: quantise(weights[full], parts) for short, full in MATRICES.items()}
    biases = {short: weights[full].float() for short, full in BIASES.items()}
    if not all(torch.isfinite(bias).all() for bias in biases.values()):
        raise ValueError("biases must be finite")
    paths = []
    for part in range(1, parts + 1):
        data = {"format": FORMAT, "name": name, "parts": parts, "part": part}
        if part == 1:
            data |= {"kind": kind, "hidden_size": hidden_size}
            data |= {"tokens": vocab.idx_to_token, "about": about}
            data["biases"] = {short: _encode(bias) for short, bias in biases.items()}
        data["matrices"] = {}
        for short, pairs in rounded.items():
            values, scales = pairs[part - 1]
            data["matrices"][short] = {
                "shape": list(values.shape),
                "values": _encode(values),
                "scales": _encode(scales),
            }
        content = script(data)
        path = _path(folder, name, part)
        paths.append(write_atomically(path, lambda file, content=content: file.write(content)))
    return paths


def read_script(path: str | Path) -> dict:
    """The data in a script that `script` made.

    Raises `FileNotFoundError` (or another `OSError`), or `ValueError` if it is something else.
    """
    path = file_path("path", path)
    content = path.read_bytes()
    found = re.fullmatch(rb"Live\.register\((.*)\);\n", content, re.DOTALL)
    try:
        data = json.loads(found[1])
    except (TypeError, ValueError) as error:
        raise ValueError(f"path must name a script of this format, but {path} is not") from error
    if not isinstance(data, dict):
        raise ValueError(f"path must name a script of this format, but {path} is not")
    return data


def read_model(folder: str | Path, name: str):
    """Read what `export_model` wrote: `(model, vocab, about)`, the weights as the page has them.

    Raises `FileNotFoundError`, or `ValueError` if a file is damaged or something else.
    """
    folder = file_path("folder", folder)
    _check_name(name)
    path = _path(folder, name, 1)
    datas = [read_script(path)]
    try:
        first = datas[0]
        datas += [read_script(_path(folder, name, part + 1)) for part in range(1, first["parts"])]
        for part, data in enumerate(datas, start=1):
            found = [data.get(key) for key in ("format", "name", "parts", "part")]
            if found != [FORMAT, name, first["parts"], part]:
                raise ValueError(f"part {part} is {found}")
        size, vocab = first["hidden_size"], Vocab.from_list(first["tokens"])
        model = language_model(first["kind"], len(vocab), size)
        weights = {
            BIASES[short]: _decode(text, "<f4", [-1]) for short, text in first["biases"].items()
        }
        for short, full in MATRICES.items():
            parts = [data["matrices"][short] for data in datas]
            pairs = [
                (_decode(part["values"], "i1", part["shape"]), _decode(part["scales"], "<f4", [-1]))
                for part in parts
            ]
            weights[full] = dequantise(pairs)
        model.load_state_dict(weights)
    except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        raise ValueError(f"path must name a {FORMAT!r}, but {path} is damaged: {error}") from error
    return model.eval(), vocab, first["about"]


def text_filter(text: str, length: int = 20, num_bytes: int = 2**15, num_hashes: int = 8) -> dict:
    """A filter that tells whether a stretch of `length` characters stands in `text`.

    The page wants to mark what a network has copied without bringing the text along. So each
    stretch of the text sets `num_hashes` bits of a field of `num_bytes` bytes (a Bloom filter);
    a stretch whose bits are all set is taken to be of the text. None of the text's own is
    missed, and with 10,000 characters hardly two others in 100,000 are taken by mistake.
    """
    a_str("text", text)
    whole_number("length", length)
    affordable("num_bytes", 8 * whole_number("num_bytes", num_bytes))
    whole_number("num_hashes", num_hashes, most=MOST_HASHES)
    if len(text) < length:
        raise ValueError(f"text must hold at least {length} characters, got {len(text)}")
    field = np.zeros(8 * num_bytes, dtype=np.uint8)
    for stretch in {text[i : i + length] for i in range(len(text) - length + 1)}:
        field[filter_bits(stretch, num_hashes, len(field))] = 1
    packed = np.packbits(field, bitorder="little")
    return {
        "length": length,
        "hashes": num_hashes,
        "bits": base64.b64encode(packed.tobytes()).decode(),
    }


def filter_bits(stretch: str, num_hashes: int, num_bits: int) -> list[int]:
    """The bits that stand for `stretch`: one + k * two for k = 0, 1, ..., of two hashes.

    `num_hashes` is at most 64.
    """
    a_str("stretch", stretch)
    whole_number("num_hashes", num_hashes, most=MOST_HASHES)
    whole_number("num_bits", num_bits)
    one, two = _hash(stretch, 0x811C9DC5), _hash(stretch, 0x9747B28C) | 1
    return [(one + k * two) % 2**32 % num_bits for k in range(num_hashes)]


def _hash(text: str, start: int) -> int:
    """FNV-1a, 32 bits, with a start of one's own and a last shift that mixes the low bits."""
    value = start
    for character in text:
        value = (value ^ ord(character)) * 0x01000193 % 2**32
    return value ^ (value >> 15)
