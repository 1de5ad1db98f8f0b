"""Files that are never half-written, and read without running code.

A checkpoint is a dict of plain data: numbers, strings, tensors, and lists, tuples and dicts of
them. Its `"format"` says what it is, as in "rnnlib language model, version 2".
"""

import contextlib
import io
import os
import random
import secrets
import zipfile
from pathlib import Path

import torch

TRAINING = "rnnlib interrupted training, version 2"


def write_atomically(path: str | Path, write) -> Path:
    """Let `write(file)` fill a new binary file, then move it to `path` in one step.

    Missing folders are made. If writing fails (a full disk, say), `path` is left as it was.
    """
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
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return path


def write_checkpoint(path: str | Path, content: dict) -> Path:
    """Write `content` to `path`, atomically; `read_checkpoint` reads it.

    Raises `ValueError` if it could not be read back (an object that needs code, say); then
    `path` is left as it was.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    _load(buffer.getvalue(), "content")
    return write_atomically(path, lambda file: file.write(buffer.getvalue()))


def read_checkpoint(path: str | Path, format: str) -> dict:
    """Read what `write_checkpoint` wrote, tensors to the CPU; its `"format"` must be `format`.

    Only data is read, never code (`weights_only=True`). Raises `OSError`, or `ValueError` if
    the file is damaged or something else.
    """
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


def save_training(path, model, optimizer, scheduler=None, rng=random, progress=None) -> Path:
    """Write all that the rest of a training depends on to `path`, atomically, between epochs.

    That is weights, optimizer, scheduler if any, and both random states: torch's on the CPU
    (dropout) and that of `rng`, a `random.Random` or the module `random` (minibatches).
    `progress` is plain data of your own, such as the epochs done.
    """
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    content = {name: part and part.state_dict() for name, part in parts.items()}
    content |= {"torch": torch.get_rng_state(), "rng": rng.getstate(), "progress": progress}
    return write_checkpoint(path, {"format": TRAINING, **content})


def load_training(path, model, optimizer, scheduler=None, rng=random):
    """Set new parts, made by the same code, to what `save_training` wrote; return `progress`."""
    saved = read_checkpoint(path, TRAINING)
    # Without it the learning rate would start anew, and nobody would notice.
    if (scheduler is None) != (saved["scheduler"] is None):
        raise ValueError(f"{path} was saved with{'out' * (scheduler is not None)} a scheduler")
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    if scheduler is not None:
        scheduler.load_state_dict(saved["scheduler"])
    torch.set_rng_state(saved["torch"])
    rng.setstate(saved["rng"])
    return saved["progress"]
