"""Checkpoints: what is kept of a model or a training in a file, and read without running code.

A checkpoint is a dict of plain data: numbers, strings, tensors, and lists, tuples and dicts
of them. Its `"format"` says what it is, as in "rnnlib language model, version 1".
"""

import io
import zipfile
from pathlib import Path

import torch

from rnnlib.checks import a_str, file_path
from rnnlib.files import write_atomically


def write_checkpoint(path: str | Path, content: dict) -> Path:
    """Write `content` to `path`, atomically; `read_checkpoint` reads it.

    It is first read back in memory, so that no file is left which could not be read. Raises
    `TypeError` that names the entry which is not plain data; then `path` is as it was.
    """
    path = file_path("path", path)
    if not isinstance(content, dict):
        raise TypeError(f"content must be a dict, got {type(content).__name__}")
    try:
        data = _serialised(content)
    except Exception as error:  # where and how it fails depends on what is in there
        name, error = _culprit(content, error)
        raise TypeError(
            f"{name} must be plain data (numbers, strings, tensors, and lists, tuples and dicts "
            f"of them), which pickle can write and read without running code: {error}"
        ) from error
    return write_atomically(path, lambda file: file.write(data))


def read_checkpoint(path: str | Path, format: str) -> dict:
    """Read what `write_checkpoint` wrote, tensors to the CPU; its `"format"` must be `format`.

    Only data is read, never code (`weights_only=True`). Raises `FileNotFoundError` (or another
    `OSError`), or `ValueError` if the file is damaged, unsafe, or something else.
    """
    path = file_path("path", path)
    kind = a_str("format", format).split(",")[0].split()[-1:]  # ["model"], ["training"]
    if not kind:
        raise ValueError(f"format must say what is saved, got {format!r}")
    data = path.read_bytes()
    try:
        checkpoint = _deserialised(data)
    except Exception as error:  # where and how reading fails depends on the damage
        raise ValueError(
            f"path must name a saved {kind[0]}, but {path} is damaged or unsafe"
        ) from error
    if not isinstance(checkpoint, dict) or checkpoint.get("format") != format:
        raise ValueError(f"path must name a saved {format!r}, but {path} is something else")
    return checkpoint


def _serialised(content) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    _deserialised(file.getvalue())
    return file.getvalue()


def _deserialised(data: bytes):
    # torch.load would take a few flipped bits for weights; the zip's checksums tell.
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        # torch.save compresses nothing, so that a file cannot claim more than it holds.
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise zipfile.BadZipFile("a part is compressed")
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"{damaged} differs from its checksum")
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def _culprit(content: dict, error: Exception):
    """The first entry of `content` that cannot be written and read back, and why."""
    for name, value in content.items():
        try:
            _serialised(value)
        except Exception as reason:
            return name, reason
    return "content", error
