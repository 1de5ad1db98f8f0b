"""Checks of arguments, so that an error names what was wrong with which argument."""

import math
from collections.abc import Sequence

import torch


def whole_number(name: str, value, least: int = 1) -> int:
    """Return `value` if it is an int of at least `least`, else raise."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return value


def real_number(name: str, value, least: float = 0.0, most: float = math.inf) -> float:
    """Return `value` as a float if it is finite and within [least, most], else raise."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    if not math.isfinite(value) or not least <= value <= most:
        limits = f"at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{name} must be a finite number, {limits}, got {value}")
    return float(value)


def flag(name: str, value) -> bool:
    """Return `value` if it is a bool, else raise."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {type(value).__name__}")
    return value


def one_of(name: str, value, allowed: Sequence):
    """Return `value` if it is among `allowed`, else raise."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def index_tensor(name: str, value, num_dims: int) -> torch.Tensor:
    """Return `value` if it is an int64 tensor with `num_dims` dimensions, else raise."""
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} must be a tensor of indices, got {type(value).__name__}")
    if value.dtype != torch.int64:
        raise TypeError(f"{name} must hold indices (torch.int64), got {value.dtype}")
    if value.dim() != num_dims:
        raise ValueError(f"{name} must have {num_dims} dimensions, got shape {tuple(value.shape)}")
    return value
