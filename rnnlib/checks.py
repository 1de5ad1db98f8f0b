"""Checks of arguments, so that an error names what was wrong with which argument."""

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

MOST_NUMBERS = 2**31
MOST_LAYERS = 1000
MOST_FLOAT = sys.float_info.max
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64, *INTEGERS)


def whole_number(name: str, value, least: int = 1, most: int | None = None) -> int:
    """Return `value` if it is an int within [least, most], else raise."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most}, got {value}")
    return value


def affordable(name: str, count: int) -> None:
    """Raise if what `name` asks for would hold `count` numbers, too many for any memory here."""
    if count > MOST_NUMBERS:
        raise ValueError(f"{name} must fit in memory, but need more than {MOST_NUMBERS} numbers")


def real_number(name: str, value, least: float = 0.0, most: float = math.inf) -> float:
    """Return `value` as a float if it is finite and within [least, most], else raise."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    # An int beyond the range of floats would be an OverflowError of isfinite.
    if not -MOST_FLOAT <= value <= MOST_FLOAT or not least <= value <= most:
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
    # By type first: a tensor or an array would answer == with more than True or False.
    if not any(isinstance(value, type(option)) and value == option for option in allowed):
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
    if value.is_meta:
        raise ValueError(f"{name} must hold values, got a tensor on the device meta")
    return value


def real_tensor(name: str, value) -> torch.Tensor:
    """Return `value` if it is a tensor whose real numbers PyTorch can compute with, else raise."""
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} must be a tensor of real numbers, got {type(value).__name__}")
    # For other dtypes, as unsigned ones of over 8 bits, most operations are missing.
    if value.dtype not in REAL:
        raise TypeError(f"{name} must be a tensor of real numbers, got {value.dtype}")
    if value.layout is not torch.strided or value.is_nested:
        found = "a nested one" if value.is_nested else value.layout
        raise TypeError(f"{name} must be a dense tensor, got {found}")
    if value.is_meta or not value.numel():
        raise ValueError(f"{name} must hold values, got {value}")
    return value


def a_str(name: str, value) -> str:
    """Return `value` if it is a str, else raise."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, got {type(value).__name__}")
    return value


def each_of(name: str, value, wanted: str):
    """Return an iterator over `value` if there is one, else raise."""
    try:
        return iter(value)
    except TypeError as error:  # a tensor of no dimensions has __iter__, too
        raise TypeError(f"{name} must be {wanted}, got {type(value).__name__}") from error


def same_length(name: str, first: Sequence, second: Sequence) -> None:
    """Raise if `name` pairs two sequences, by zip, one of which is longer than the other."""
    try:
        equal = len(first) == len(second)
    except TypeError as error:
        found = f"{type(first).__name__} and {type(second).__name__}"
        raise TypeError(f"{name} must be sequences, got {found}") from error
    if not equal:
        raise ValueError(f"{name} must zip to pairs, got {len(first)} and {len(second)} of them")


def has_methods(name: str, value, methods: str, wanted: str):
    """Return `value` if it has each of the `methods` (names with blanks between), else raise."""
    if not all(callable(getattr(value, method, None)) for method in methods.split()):
        raise TypeError(f"{name} must be {wanted}, got {type(value).__name__}")
    return value


def file_path(name: str, value) -> Path:
    """Return `value` as a `Path` if it can name a file, else raise."""
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise TypeError(f"{name} must be a str or a Path, got {type(value).__name__}")
    if "\0" in os.fspath(value):
        raise ValueError(f"{name} must not hold the character NUL, got {os.fspath(value)!r}")
    try:
        os.fsencode(value)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} must be a name that can be encoded, got {os.fspath(value)!r}"
        ) from error
    return Path(value)
