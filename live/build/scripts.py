"""Plain data -> a script that a page can load, and back again.

A page opened from a file may not fetch data, but it may load scripts. So each data file of the
page is a script of one line, `Live.register(` + a JSON object + `);`.
"""

import base64
import json
from pathlib import Path

import numpy as np

from rnnlib.checkpoints import write_atomically


def write_script(path: Path, data: dict) -> Path:
    """Write `data` as a script. A NaN is an error: JSON has none, and the page would show it."""
    line = f"Live.register({json.dumps(data, separators=(',', ':'), allow_nan=False)});\n"
    write_atomically(path, lambda file: file.write(line.encode("ascii")))
    return path


def read_script(path: Path) -> dict:
    """The data in a script that `write_script` wrote."""
    line = path.read_text(encoding="ascii")
    return json.loads(line.removeprefix("Live.register(").removesuffix(");\n"))


def text_filter(text: str, length: int = 20, num_bytes: int = 2**15, num_hashes: int = 8) -> dict:
    """A filter that tells whether a stretch of `length` characters stands in `text`.

    The page wants to mark what a network has copied without bringing the text along. So each
    stretch of the text sets `num_hashes` bits of a field of `num_bytes` bytes (a Bloom filter);
    a stretch whose bits are all set is taken to be of the text. None of the text's own is
    missed, and with 10,000 characters hardly two others in 100,000 are taken by mistake.
    """
    field = np.zeros(8 * num_bytes, dtype=np.uint8)
    for stretch in {text[i : i + length] for i in range(len(text) - length + 1)}:
        field[filter_bits(stretch, num_hashes, len(field))] = 1
    bits = base64.b64encode(np.packbits(field, bitorder="little").tobytes()).decode()
    return {"length": length, "hashes": num_hashes, "bits": bits}


def in_filter(stretch: str, data: dict) -> bool:
    """Does the stretch stand in the text, by its filter? As the page finds out."""
    field = base64.b64decode(data["bits"])
    bits = filter_bits(stretch, data["hashes"], 8 * len(field))
    return all(field[bit >> 3] >> (bit & 7) & 1 for bit in bits)


def filter_bits(stretch: str, num_hashes: int, num_bits: int) -> list[int]:
    """The bits that belong to `stretch`: one + k * two for k = 0, 1, ..., of two hashes."""
    one, two = _hash(stretch, 0x811C9DC5), _hash(stretch, 0x9747B28C) | 1
    return [(one + k * two) % 2**32 % num_bits for k in range(num_hashes)]


def _hash(text: str, value: int) -> int:
    """FNV-1a, 32 bits, with a start of one's own and a last shift that mixes the low bits."""
    for character in text:
        value = (value ^ ord(character)) * 0x01000193 % 2**32
    return value ^ (value >> 15)
