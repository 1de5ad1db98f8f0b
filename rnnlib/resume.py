"""A training that was interrupted -> the same training, going on as if it had not been."""

import io
import random
import zipfile
from pathlib import Path

import torch
from torch import nn

from rnnlib.files import write_atomically

FORMAT = "rnnlib interrupted training, version 1"


def _kind(part) -> str | None:
    return None if part is None else type(part).__name__


def save_training(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scheduler=None,
    rng=random,
    progress=None,
) -> Path:
    """Write all that the rest of a training depends on to `path`, atomically.

    That is: weights, optimizer, scheduler if any, and both random states, torch's (dropout,
    on the CPU) and that of `rng`, a `random.Random` or the module `random` (minibatches; pass
    the one they draw from). `progress` is for your own use and may be any plain data: the
    number of epochs done, the history. Save between epochs, not within one.
    """
    checkpoint = {
        "format": FORMAT,
        "kinds": [_kind(optimizer), _kind(scheduler)],
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": None if scheduler is None else scheduler.state_dict(),
        "torch random state": torch.get_rng_state(),
        "rng state": rng.getstate(),
        "progress": progress,
    }
    return write_atomically(path, lambda file: torch.save(checkpoint, file))


def load_training(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scheduler=None,
    rng=random,
):
    """Set the given parts to what `save_training` wrote, and return its `progress`.

    The parts are new ones, made by the same code as those that were saved. Only data is
    read, never code (`weights_only=True`). Raises `FileNotFoundError`, or `ValueError` if the
    file is damaged or something else, or if a part is not like the one that was saved; then
    none of the parts has been changed.
    """
    checkpoint = _read(path)
    kinds = [_kind(optimizer), _kind(scheduler)]
    for name, found, saved in zip(
        ("optimizer", "scheduler"), kinds, checkpoint["kinds"], strict=True
    ):
        if found != saved:
            raise ValueError(f"{name} must be a {saved}, as in {path}, got {found}")
    weights, saved = model.state_dict(), checkpoint["model"]
    if {name: w.shape for name, w in weights.items()} != {n: w.shape for n, w in saved.items()}:
        raise ValueError(f"model must have the same parameters as the one saved in {path}")
    groups = [part["param_groups"] for part in (optimizer.state_dict(), checkpoint["optimizer"])]
    if [len(g["params"]) for g in groups[0]] != [len(g["params"]) for g in groups[1]]:
        raise ValueError(f"optimizer must have the same parameters as the one saved in {path}")
    model.load_state_dict(saved)
    optimizer.load_state_dict(checkpoint["optimizer"])
    if scheduler is not None:
        scheduler.load_state_dict(checkpoint["scheduler"])
    torch.set_rng_state(checkpoint["torch random state"])
    rng.setstate(checkpoint["rng state"])
    return checkpoint["progress"]


def _read(path: str | Path) -> dict:
    content = Path(path).read_bytes()
    try:
        # torch.load would take a few flipped bits for weights; the zip's checksums tell.
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"{damaged} differs from its checksum")
        checkpoint = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # where and how reading fails depends on the damage
        raise ValueError(
            f"path must name a saved training, but {path} is damaged or unsafe"
        ) from error
    if not isinstance(checkpoint, dict) or checkpoint.get("format") != FORMAT:
        raise ValueError(f"path must name a saved {FORMAT!r}, but {path} is something else")
    return checkpoint
