"""Plain data -> a script that a page can load, and back again.

A page opened from a file may not fetch data, but it may load scripts. So each data file of the
page is a script of one line, `Live.register(` + a JSON object + `);`.
"""

import base64
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rnnlib.checkpoints import write_atomically


def encode(numbers: Tensor, kind: str = "<f4") -> str:
    return base64.b64encode(numbers.numpy().astype(kind).tobytes()).decode()


def decode(text: str, kind: str = "<f4") -> Tensor:
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), kind).astype(kind.lstrip("<")))


def write_script(path: Path, data: dict) -> Path:
    """Write `data` as a script. A NaN is an error: JSON has none, and the page would show it."""
    line = f"Live.register({json.dumps(data, separators=(',', ':'), allow_nan=False)});\n"
    write_atomically(path, lambda file: file.write(line.encode("ascii")))
    return path


def read_script(path: Path) -> dict:
    """The data in a script that `write_script` wrote."""
    line = path.read_text(encoding="ascii")
    return json.loads(line.removeprefix("Live.register(").removesuffix(");\n"))


def text_filter(text: str, num_bytes: int, num_hashes: int = 5, length: int = 18) -> dict:
    """A filter that tells whether a stretch of `length` characters is in `text`.

    The page wants to mark what a network has copied without bringing the text along. So each
    stretch of the text sets `num_hashes` bits of a field of `num_bytes` bytes (a Bloom filter);
    a stretch whose bits are all set is taken to be of the text. None of the text's own is
    missed. With seven bits for each stretch, 4 others in 100 are taken by mistake; but what
    the page marks has at least `least` characters, all three of whose stretches must be known.
    """
    field = np.zeros(8 * num_bytes, dtype=np.uint8)
    for stretch in {text[i : i + length] for i in range(len(text) - length + 1)}:
        field[filter_bits(stretch, num_hashes, len(field))] = 1
    bits = base64.b64encode(np.packbits(field, bitorder="little").tobytes()).decode()
    return {"length": length, "least": length + 2, "hashes": num_hashes, "bits": bits}


def is_copied(text: str, data: dict) -> bool:
    """Are the last `least` characters of `text` copied, by the filter? As the page finds out."""
    if len(text) < data["least"]:
        return False
    field, length = base64.b64decode(data["bits"]), data["length"]
    ends = range(len(text) - (data["least"] - length), len(text) + 1)
    bits = [filter_bits(text[end - length : end], data["hashes"], 8 * len(field)) for end in ends]
    return all(field[bit >> 3] >> (bit & 7) & 1 for row in bits for bit in row)


def filter_bits(stretch: str, num_hashes: int, num_bits: int) -> list[int]:
    """The bits that belong to `stretch`: one + k * two for k = 0, 1, ..., of two hashes."""
    one, two = _hash(stretch, 0x811C9DC5), _hash(stretch, 0x9747B28C) | 1
    return [(one + k * two) % 2**32 % num_bits for k in range(num_hashes)]


def _hash(text: str, value: int) -> int:
    """FNV-1a, 32 bits, with a start of one's own and a last shift that mixes the low bits."""
    for character in text:
        value = (value ^ ord(character)) * 0x01000193 % 2**32
    return value ^ (value >> 15)
