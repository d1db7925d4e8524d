"""Approvals: who approved which content of a chapter, and when. Written only by `tracker approve`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bookkit.manuscript import Finding, ManuscriptError
from bookkit.manuscript.files import read_text
from bookkit.tracker.files import write_safely
from bookkit.tracker.lines import Marked, read

APPROVALS = "tracker/approvals.yml"
HEAD = """\
# Who approved which content of a chapter. Written by `./just tracker approve CHAPTER`, at a terminal, by that
# person.
"""


@dataclass(frozen=True)
class Approval:
    """One approval. `digest` is that of the content which was approved, `date` the day."""

    chapter: str
    by: str
    date: str
    digest: str
    line: int


def load_approvals(root: Path) -> dict[str, Approval]:
    """The approvals by chapter file; none when nobody has approved anything. Raises ManuscriptError."""
    if not (root / APPROVALS).is_file():
        return {}
    marked = read(read_text(root, APPROVALS), APPROVALS)
    if wrong := list(_wrong(marked)):
        raise ManuscriptError(wrong)
    return {
        path: Approval(path, entry["by"], str(entry["date"]), entry["digest"], marked.line(path))
        for path, entry in marked.data.items()
    }


def _wrong(marked: Marked) -> Iterator[Finding]:
    remedy = "Remove the entry; approvals are written by `./just tracker approve CHAPTER`."
    for path, entry in marked.data.items():
        if not isinstance(entry, dict) or set(entry) != {"by", "date", "digest"}:
            yield marked.finding((path,), "approval", f"{path} has not exactly by, date and digest", remedy)
        elif not isinstance(entry["by"], str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", str(entry["date"])):
            yield marked.finding((path,), "approval", f"{path}: by is no name or date is no day", remedy)
        elif not re.fullmatch(r"[0-9a-f]{64}", str(entry["digest"])):
            yield marked.finding((path, "digest"), "approval", f"{path}: the digest is no SHA-256", remedy)


def record_approval(root: Path, approval: Approval) -> None:
    """Add `approval`, in the place of an older one of the same chapter. Raises ManuscriptError, OSError."""
    entries = {**load_approvals(root), approval.chapter: approval}
    blocks = [
        f'{path}:\n  by: {entry.by}\n  date: {entry.date}\n  digest: "{entry.digest}"\n'
        for path, entry in sorted(entries.items())
    ]
    write_safely(root / APPROVALS, HEAD + "\n" + "\n".join(blocks))
