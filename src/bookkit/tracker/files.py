"""Files of the tracker: one writer at a time, and never half a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bookkit.manuscript import Finding, ManuscriptError

LOCK = ".cache/tracker/lock"
PATIENCE_S = 20.0


def write_safely(path: Path, text: str) -> None:
    """Replace `path` by `text`: after a power cut the old file or the new one is there, whole.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with fresh.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def writing(root: Path, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Be the one process that changes the tracker of `root`. Raises ManuscriptError if another one stays."""
    from filelock import FileLock, Timeout

    place = root / LOCK
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place, timeout=patience_s)
    try:
        lock.acquire()
    except Timeout as error:
        message = f"another process has been changing the tracker for {patience_s:g} s"
        remedy = "Wait for it or end it, then run the command again."
        raise ManuscriptError(Finding(LOCK, 0, "lock", message, remedy)) from error
    try:
        yield
    finally:
        lock.release()
