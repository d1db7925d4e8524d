"""Writes files so that nobody ever reads half of one; says when a tool that writes them fails."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` beside `path` and move it into place; the folder is made. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        new.write_bytes(data)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def write_if_new(path: Path, data: bytes) -> None:
    """Write `data` unless `path` holds it already, so that its time of change says something."""
    if not path.is_file() or path.read_bytes() != data:
        write_whole(path, data)


def copy(source: Path, target: Path) -> None:
    """Copy a file's content; folders are made, times and rights are not kept."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


AT_FDCWD, RENAME_EXCHANGE = -100, 2
WITHOUT_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one step. False where the system cannot. Raises OSError.

    renameat2(2) of Linux; not every file system has it.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in WITHOUT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def size_in_words(size: int) -> str:
    """`3.1 MB` or `640 kB`, in powers of ten."""
    return f"{size / 1e6:.1f} MB" if size >= 999_500 else f"{max(1, round(size / 1e3))} kB"


class ToolError(Exception):
    """A program that the press runs has failed: its name, its exit status and what it said."""

    def __init__(self, tool: str, status: int, said: str) -> None:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        super().__init__(f"{tool} {how}{': ' if said else ''}{said}")
