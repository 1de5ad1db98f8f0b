"""An interrupted training -> the same training, going on as if it had not been.

Chapter 11 uses these two functions, and so does `distributed.py` beside this file.
"""

import random
from pathlib import Path

import torch

from rnnlib.checkpoints import read_checkpoint, write_checkpoint

TRAINING = "rnnlib interrupted training, version 2"


def save_training(path, model, optimizer, scheduler=None, rng=random, progress=None) -> Path:
    """Write all that the rest of a training depends on to `path`, atomically, between epochs.

    Beside the parts that is both random states: torch's on the CPU (dropout) and that of `rng`
    (minibatches). `progress` is plain data of your own, such as the epochs done.
    """
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    content = {name: part and part.state_dict() for name, part in parts.items()}
    content |= {"torch": torch.get_rng_state(), "rng": rng.getstate(), "progress": progress}
    return write_checkpoint(path, {"format": TRAINING, **content})


def load_training(path, model, optimizer, scheduler=None, rng=random):
    """Set new parts, made by the same code, to what `save_training` wrote; return `progress`."""
    saved = read_checkpoint(path, TRAINING)
    if (scheduler is None) != (saved["scheduler"] is None):  # the rate would start anew, unnoticed
        raise ValueError(f"{path} was saved with{'out' * (scheduler is not None)} a scheduler")
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    if scheduler is not None:
        scheduler.load_state_dict(saved["scheduler"])
    torch.set_rng_state(saved["torch"])
    rng.setstate(saved["rng"])
    return saved["progress"]
