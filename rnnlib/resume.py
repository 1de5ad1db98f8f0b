"""A training that was interrupted -> the same training, going on as if it had not been."""

import copy
import random
from pathlib import Path

import torch
from torch import nn

from rnnlib.checkpoints import read_checkpoint, write_checkpoint
from rnnlib.checks import has_methods

FORMAT = "rnnlib interrupted training, version 1"
PARTS = ("optimizer", "scheduler")


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
    if isinstance(rng, random.SystemRandom):
        raise TypeError("rng must have a state, which a SystemRandom has not")


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
    none of the parts has been changed. A scheduler must be one that `copy.deepcopy` can copy.
    """
    _check(model, optimizer, scheduler, rng)
    checkpoint = read_checkpoint(path, FORMAT)
    kinds = [_kind(optimizer), _kind(scheduler)]
    try:
        saved_kinds = zip(PARTS, kinds, checkpoint["kinds"], strict=True)
        saved_kinds, saved = list(saved_kinds), checkpoint["model"]
        saved_shapes = {name: (w.shape, w.dtype) for name, w in saved.items()}
        saved_groups = checkpoint["optimizer"]["param_groups"]
        saved_sizes = [len(group["params"]) for group in saved_groups]
        if checkpoint["kinds"][1] is not None:
            checkpoint["scheduler"].keys()
        # Tried out first, so that a state that does not fit leaves the parts as they were.
        torch.Generator().set_state(checkpoint["torch random state"])
        trial = random.Random()
        trial.setstate(checkpoint["rng state"])
        trial.gauss()  # which setstate leaves unchecked
        progress = checkpoint["progress"]
    except Exception as error:  # which one depends on what is in there
        raise ValueError(f"the parts of {path} do not fit together: {error}") from error
    for name, found, kind in saved_kinds:
        if found != kind:
            raise ValueError(f"{name} must be {kind}, as in {path}, got {found}")
    if {name: (w.shape, w.dtype) for name, w in model.state_dict().items()} != saved_shapes:
        raise ValueError(f"model must have the same parameters as the one saved in {path}")
    groups = optimizer.param_groups
    if [len(group["params"]) for group in groups] != saved_sizes:
        raise ValueError(f"optimizer must have the same parameters as the one saved in {path}")
    weights, state = copy.deepcopy(model.state_dict()), rng.getstate()
    try:
        for group, saved_group in zip(groups, saved_groups, strict=True):
            _check_like("optimizer", {**group, "params": []}, {**saved_group, "params": []})
        _check_state(optimizer, checkpoint["optimizer"])
        if scheduler is not None:
            _check_like("scheduler", scheduler.state_dict(), checkpoint["scheduler"])
        # Tried out on copies, which hold together as the parts do.
        for part, name in zip(copy.deepcopy((optimizer, scheduler)), PARTS, strict=True):
            if part is not None:
                part.load_state_dict(copy.deepcopy(checkpoint[name]))
        # These two last: they are undone below if one of them fails.
        rng.setstate(checkpoint["rng state"])
        model.load_state_dict(saved)
    except Exception as error:  # which one depends on the parts
        model.load_state_dict(weights)
        rng.setstate(state)
        raise ValueError(f"the parts of {path} do not fit together: {error}") from error
    optimizer.load_state_dict(checkpoint["optimizer"])
    if scheduler is not None:
        scheduler.load_state_dict(checkpoint["scheduler"])
    torch.set_rng_state(checkpoint["torch random state"])
    return progress


def _check_like(name: str, found, saved) -> None:
    """Raise if `saved` cannot take the place of `found`: its numbers, and what holds them."""
    if isinstance(found, dict):
        if not isinstance(saved, dict):
            raise TypeError(f"{name} must be a dict, got {type(saved).__name__}")
        for key, value in found.items():
            if key in saved:
                _check_like(f"{name}'s {key}", value, saved[key])
            # What other versions of PyTorch lack: notes of its own, and switches.
            elif isinstance(key, str) and key[0] != "_" and not isinstance(value, bool | None):
                raise ValueError(f"{name} must have {key}, but there is none")
    elif isinstance(found, list | tuple):
        if not isinstance(saved, list | tuple):
            raise TypeError(f"{name} must be a list or tuple, got {type(saved).__name__}")
        # A list of numbers may grow; a pair, and the schedulers within one, may not.
        fixed = isinstance(found, tuple) or any(isinstance(part, dict) for part in found)
        if fixed and len(found) != len(saved):
            raise ValueError(f"{name} must be {len(found)} in number, got {len(saved)}")
        for part, saved_part in zip(found, saved, strict=False):
            _check_like(name, part, saved_part)
    elif isinstance(found, torch.Tensor):
        if not isinstance(saved, torch.Tensor) or saved.shape != found.shape:
            raise TypeError(f"{name} must be a tensor of shape {tuple(found.shape)}, got {saved!r}")
    elif isinstance(found, bool):
        if not isinstance(saved, bool | None):
            raise TypeError(f"{name} must be True or False, got {type(saved).__name__}")
    elif isinstance(found, int | float) and (
        isinstance(saved, bool) or not isinstance(saved, int | float)
    ):
        raise TypeError(f"{name} must be a number, got {type(saved).__name__}")


def _check_state(optimizer, saved: dict) -> None:
    """Raise if what an optimizer of PyTorch's keeps for a parameter has not its shape."""
    if not type(optimizer).__module__.startswith("torch.optim"):
        return  # which may keep anything
    for group, saved_group in zip(optimizer.param_groups, saved["param_groups"], strict=True):
        together = sum(weight.numel() for weight in group["params"])
        for weight, number in zip(group["params"], saved_group["params"], strict=True):
            for name, value in saved["state"].get(number, {}).items():
                if not isinstance(value, torch.Tensor | int | float | list | None):
                    raise TypeError(f"optimizer's {name} is of type {type(value).__name__}")
                if not isinstance(value, torch.Tensor) or not value.dim():
                    continue
                # Sums over rows or columns have an axis of length 1 (Adafactor), and what is
                # about all parameters is one row (LBFGS).
                fits = value.dim() == weight.dim() and all(
                    a in (1, b) for a, b in zip(value.shape, weight.shape, strict=True)
                )
                if not fits and value.shape != (together,):
                    raise ValueError(
                        "optimizer must have the same parameters in the same order, but its "
                        f"{name} has shape {tuple(value.shape)} for one of {tuple(weight.shape)}"
                    )
