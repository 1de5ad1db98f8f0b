"""A training that was interrupted -> the same training, going on as if it had not been."""

import copy
import random
from pathlib import Path

import torch
from torch import nn

from rnnlib.checkpoints import read_checkpoint, write_checkpoint
from rnnlib.checks import has_methods

FORMAT = "rnnlib interrupted training, version 1"


def _kind(part) -> str | None:
    return None if part is None else type(part).__name__


def _check(model, optimizer, scheduler, rng) -> None:
    for name, part in {"model": model, "optimizer": optimizer, "scheduler": scheduler}.items():
        if part is not None or name != "scheduler":
            has_methods(name, part, "state_dict load_state_dict", "one of PyTorch's")
    if not isinstance(rng, random.Random) and rng is not random:
        raise TypeError(
            f"rng must be a random.Random or the module random, got {type(rng).__name__}"
        )


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
    number of epochs done, the history. Save between epochs, not within one. Raises
    `TypeError` if any of it could not be read back; then nothing is written.
    """
    _check(model, optimizer, scheduler, rng)
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
    return write_checkpoint(path, checkpoint)


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
    _check(model, optimizer, scheduler, rng)
    checkpoint = read_checkpoint(path, FORMAT)
    kinds = [_kind(optimizer), _kind(scheduler)]
    try:
        saved_kinds = zip(("optimizer", "scheduler"), kinds, checkpoint["kinds"], strict=True)
        saved_kinds, saved = list(saved_kinds), checkpoint["model"]
        saved_shapes = {name: (w.shape, w.dtype) for name, w in saved.items()}
        saved_groups = [len(g["params"]) for g in checkpoint["optimizer"]["param_groups"]]
        if checkpoint["kinds"][1] is not None:
            checkpoint["scheduler"].keys()
        # Tried out first, so that a state that does not fit leaves the parts as they were.
        torch.Generator().set_state(checkpoint["torch random state"])
        random.Random().setstate(checkpoint["rng state"])
        progress = checkpoint["progress"]
    except Exception as error:  # which one depends on what is in there
        raise ValueError(f"the parts of {path} do not fit together: {error}") from error
    for name, found, kind in saved_kinds:
        if found != kind:
            raise ValueError(f"{name} must be {kind}, as in {path}, got {found}")
    if {name: (w.shape, w.dtype) for name, w in model.state_dict().items()} != saved_shapes:
        raise ValueError(f"model must have the same parameters as the one saved in {path}")
    if [len(group["params"]) for group in optimizer.param_groups] != saved_groups:
        raise ValueError(f"optimizer must have the same parameters as the one saved in {path}")
    try:
        copy.deepcopy(optimizer).load_state_dict(checkpoint["optimizer"])
    except Exception as error:  # which one depends on the optimizer
        raise ValueError(f"the parts of {path} do not fit together: {error}") from error
    model.load_state_dict(saved)
    optimizer.load_state_dict(checkpoint["optimizer"])
    if scheduler is not None:
        scheduler.load_state_dict(checkpoint["scheduler"])
    torch.set_rng_state(checkpoint["torch random state"])
    rng.setstate(checkpoint["rng state"])
    return progress
