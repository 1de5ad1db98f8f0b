"""Writing files so that no half-written one is ever left under its real name."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from rnnlib.checks import file_path, has_methods


def write_atomically(path: str | Path, write: Callable) -> Path:
    """Let `write(file)` fill a new file, then move it to `path` in one step.

    `file` is open for binary writing in the folder of `path`, which is created if missing.
    If writing fails, `path` is left as it was, nothing else stays behind, and the error
    (an `OSError` for a full or read-only disk) is passed on.
    """
    has_methods("write", write, "__call__", "a function of a file")
    path = file_path("path", path)
    if not path.name:
        raise IsADirectoryError(f"path must name a file, got {str(path)!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Opened as any new file, not by tempfile, so that it gets the rights any new file gets.
    # Its name is short, so that every name which the folder takes for the file will do.
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
