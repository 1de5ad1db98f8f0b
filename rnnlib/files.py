"""Writing files so that no half-written one is ever left under its real name."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: str | Path, write: Callable) -> Path:
    """Let `write(file)` fill a new file, then move it to `path` in one step.

    `file` is open for binary writing in the folder of `path`, which is created if missing.
    If writing fails, `path` is left as it was, nothing else stays behind, and the error
    (an `OSError` for a full or read-only disk) is passed on.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes the file private; give it the rights any new file gets.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    return path
