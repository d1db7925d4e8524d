"""The history: one line a snapshot, only ever appended, each sealed by the digest of the one before it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bookkit.manuscript import Finding, ManuscriptError
from bookkit.manuscript.files import read_text
from bookkit.tracker.evidence import Book
from bookkit.tracker.files import write_safely

HISTORY = "tracker/history.jsonl"
BEGINNING = "0" * 64
COUNTS = ("words", "figures", "clips", "interactive", "exercises", "sources")


@dataclass(frozen=True)
class Snapshot:
    """The state of the book at one moment. `at` is UTC; `data` is the whole line as it stands in the file."""

    at: datetime
    commit: str
    data: dict[str, Any]

    @property
    def complete(self) -> int:
        """How many pieces of work were complete."""
        return sum(piece["status"] == "Complete" for piece in self.data["pieces"].values())


def load_history(root: Path, path: str = HISTORY) -> list[Snapshot]:
    """Every snapshot, oldest first. Raises ManuscriptError at the first line that is cut, edited or moved."""
    if not (root / path).is_file():
        return []
    text = read_text(root, path)
    found: list[Snapshot] = []
    seal = BEGINNING
    for number, line in enumerate(text.splitlines(), 1):
        try:
            data = json.loads(line)
            at = datetime.fromisoformat(data["at"])
            snapshot = Snapshot(at, str(data["commit"]), data)
            fits = data["before"] == seal
            assert {"pieces", "chapters", "counts", "numbers"} <= set(data)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            what = (
                "half a line: it was cut while it was written"
                if number == text.count("\n") + 1
                else "no snapshot"
            )
            remedy = f"Restore the file from git (`git checkout -- {path}`); no other line is lost."
            raise ManuscriptError(Finding(path, number, "history", what, remedy)) from error
        if not fits or (found and at < found[-1].at):
            message = "this line does not continue the one before it: a line was edited, removed or reordered"
            remedy = f"Restore the file from git (`git checkout -- {path}`), then take a snapshot again."
            raise ManuscriptError(Finding(path, number, "history", message, remedy))
        seal = hashlib.sha256(line.encode()).hexdigest()
        found.append(snapshot)
    if text and not text.endswith("\n"):
        remedy = "Add the line end; the snapshot itself is whole."
        raise ManuscriptError(Finding(path, len(found), "history", "the last line has no end", remedy))
    return found


def continues_committed(root: Path) -> list[Finding]:
    """What is wrong when the file does not begin with what is committed of it; nothing is, without git."""
    run = subprocess.run(
        ["git", "-C", str(root), "show", f"HEAD:./{HISTORY}"], capture_output=True, check=False
    )
    here = (root / HISTORY).read_bytes() if (root / HISTORY).is_file() else b""
    if run.returncode or here.startswith(run.stdout):
        return []
    message = "committed snapshots are no longer there"
    remedy = f"Only append: restore the file from git (`git checkout -- {HISTORY}`)."
    return [Finding(HISTORY, 0, "history", message, remedy)]


def snapshot(book: Book, event: str, at: datetime, commit: str) -> dict[str, Any]:
    """The state of `book`, without its seal. Counts are of what is written, outlines too."""
    chapters = {}
    for path, columns in book.matrix.items():
        reading = book.readings[path]
        chapters[path] = {
            "words": reading.words,
            "written": reading.words if reading.status != "outline" else 0,
            "states": [column.state for column in columns.values()],
        }
    return {
        "at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "event": event,
        "pieces": {
            name: {"status": one.status, "percent": one.percent} for name, one in book.standings.items()
        },
        "chapters": chapters,
        "counts": counts(book),
        "numbers": dict(sum((Counter(one.numbers) for one in book.readings.values()), Counter())),
    }


def counts(book: Book) -> dict[str, int]:
    """What the book has of that for which the plan may set targets. Words of outlines do not count."""
    written = [book.readings[path] for path in book.chapters if book.readings[path].status != "outline"]
    return {
        "words": sum(reading.words for reading in written),
        "figures": sum(len(reading.pictures) for reading in written),
        "clips": sum(reading.clips for reading in written),
        "interactive": sum(reading.interactive for reading in written),
        "exercises": sum(reading.exercises for reading in written),
        "sources": len({key for reading in book.readings.values() for key in reading.citations}),
    }


def append(root: Path, data: dict[str, Any]) -> Snapshot:
    """Add one snapshot at the end; the caller holds the lock.

    Raises ManuscriptError when the file is damaged.
    """
    old = load_history(root)
    text = read_text(root, HISTORY) if (root / HISTORY).is_file() else ""
    lines = text.splitlines()
    at = datetime.fromisoformat(data["at"])
    if old and at < old[-1].at:
        message = f"a snapshot of {data['at']} cannot follow one of {old[-1].data['at']}"
        raise ManuscriptError(Finding(HISTORY, len(old), "history", message, "Look at the clock."))
    sealed = {**data, "before": hashlib.sha256(lines[-1].encode()).hexdigest() if lines else BEGINNING}
    write_safely(root / HISTORY, text + json.dumps(sealed, ensure_ascii=False) + "\n")
    return Snapshot(at, str(data["commit"]), sealed)


def head(root: Path) -> str:
    """The commit that is checked out; an empty name outside git."""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout.strip() if run.returncode == 0 else ""
