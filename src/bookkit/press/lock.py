"""One build at a time in one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from bookkit.manuscript import Finding, ManuscriptError


@contextmanager
def locked(work: Path) -> Iterator[None]:
    """Hold the lock of `work`. Raises ManuscriptError, which names the build that holds it."""
    work.mkdir(parents=True, exist_ok=True)
    note = work / "builder"
    lock = FileLock(work / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        who = note.read_text("utf-8").strip() if note.is_file() else "an unknown process"
        message = f"another build is running here: {who}"
        raise ManuscriptError(Finding(str(note), 0, "lock", message, "Wait for it, or end it.")) from error
    try:
        note.write_text(f"process {os.getpid()}, started {datetime.now():%Y-%m-%d %H:%M:%S}\n", "utf-8")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()
