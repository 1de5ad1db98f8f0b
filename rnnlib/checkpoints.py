"""Files that are never half-written, and read without running code.

A checkpoint is a dict of plain data (numbers, strings, tensors; lists, tuples, dicts of them).
Its `"format"` says what it is, as in "rnnlib language model, version 2".
"""

import io
import os
import secrets
import zipfile
from pathlib import Path

import torch


def write_atomically(path: str | Path, write) -> Path:
    """Let `write(file)` fill a new file, then move it to `path`; if it fails, `path` stays."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not by tempfile, so that it gets the rights that any new file gets.
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)  # still there if something failed
    return path


def write_checkpoint(path: str | Path, content: dict) -> Path:
    """Write `content` to `path`, atomically; `ValueError` if it could not be read back."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    _load(buffer.getvalue(), "content")  # fails for an object that needs code
    return write_atomically(path, lambda file: file.write(buffer.getvalue()))


def read_checkpoint(path: str | Path, format: str) -> dict:
    """What `write_checkpoint` wrote, on the CPU; `ValueError` if damaged or of another format."""
    checkpoint = _load(Path(path).read_bytes(), path)
    if not isinstance(checkpoint, dict) or checkpoint.get("format") != format:
        raise ValueError(f"{path} does not hold a {format!r}")
    return checkpoint


def _load(data: bytes, name):
    try:
        # torch.load would take a few flipped bits for weights; the zip's checksums tell.
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"{damaged} differs from its checksum")
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # where and how reading fails depends on what is there
        raise ValueError(f"{name} is damaged, or not plain data: {error}") from error
