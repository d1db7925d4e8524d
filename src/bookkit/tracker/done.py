"""`done`: the definition of done as a command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bookkit.tracker.actions import update
from bookkit.tracker.definition import Line, done_lines
from bookkit.tracker.evidence import read_book
from bookkit.tracker.files import writing
from bookkit.tracker.gates import book_digest, record_gates

RUNS = {
    "validate": (("validate",),),
    "lint": (("lint", "md"),),
    "formats": (("build", "all"), ("validate", "--built")),
}
"""What each gate runs, as arguments of `bookkit`."""


@dataclass(frozen=True)
class Outcome:
    """How one gate ended; `said` is the end of what it printed when it failed."""

    name: str
    passed: bool
    said: str


def run_gates(root: Path, say: Callable[[str], None]) -> list[Outcome]:
    """Run every command of the definition of done, all of them whatever the first ones say, and record it.

    What they say holds for the content that was there when they began: an edit meanwhile leaves it open.
    """
    outcomes = []
    content = book_digest(root)
    for name, commands in RUNS.items():
        outcome = Outcome(name, True, "")
        for arguments in commands:
            say(f"running: bookkit {' '.join(arguments)}")
            command = [sys.executable, "-m", "bookkit.cli", *arguments, "--root", str(root)]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                said = "\n".join((run.stdout + run.stderr).strip().splitlines()[-20:])
                outcome = Outcome(name, False, said)
                break
        outcomes.append(outcome)
    with writing(root):
        record_gates(root, content, tuple(outcome.name for outcome in outcomes if outcome.passed))
    update(root)
    return outcomes


def lines(root: Path) -> list[Line]:
    """The definition of done, after the gates have run."""
    return done_lines(read_book(root))
