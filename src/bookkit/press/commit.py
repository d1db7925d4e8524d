"""The commit that is built: every date in the book is its date, never the clock's."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bookkit.manuscript import Finding, ManuscriptError


@dataclass(frozen=True)
class Commit:
    """`name` is the full hash, empty outside a repository; `epoch` is in seconds since 1970, UTC."""

    name: str
    epoch: int

    @property
    def date(self) -> str:
        """`24 November 2026`."""
        when = datetime.fromtimestamp(self.epoch, UTC)
        return f"{when.day} {when:%B %Y}"

    @property
    def iso(self) -> str:
        """`2026-11-24`."""
        return f"{datetime.fromtimestamp(self.epoch, UTC):%Y-%m-%d}"


def commit(root: Path) -> Commit:
    """The last commit of the repository that holds `root`, else SOURCE_DATE_EPOCH. Raises ManuscriptError."""
    why = "git is not installed"
    try:
        run = subprocess.run(
            ["git", "-C", str(root), "log", "-1", "--format=%H %ct"],
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode == 0 and run.stdout.strip():
            name, epoch = run.stdout.split()
            return Commit(name, int(epoch))
        why = (run.stderr.strip().splitlines() or ["there is no commit"])[-1]
    except OSError:
        pass
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given.isdigit():
        return Commit("", int(given))
    remedy = "Build in a git clone, or set SOURCE_DATE_EPOCH to seconds since 1970."
    raise ManuscriptError(Finding("_quarto.yml", 0, "date", f"the book has no date: {why}", remedy))
