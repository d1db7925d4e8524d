"""What readers found: `tracker/reviews/`, a file a chapter, for its author and the next one.

A section of such a file is one reading: who read as what, and when. Its list items and table rows are
findings, each with what was done about it. A reading is no approval.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bookkit.manuscript.files import read_text

FOLDER = "tracker/reviews"
READING = re.compile(r"^## \S", re.M)
FINDING = re.compile(r"^(?:[-*+]|\d+[.)]) +\S|^\|(?!\s*:?-{2,})", re.M)
HEAD = re.compile(r"^\|.*\n\|\s*:?-{2,}", re.M)


@dataclass(frozen=True)
class Read:
    """How often a chapter was read, and how many findings that gave."""

    readings: int
    findings: int


def reviews(root: Path) -> dict[str, Read]:
    """The readings by the name of the chapter's file without its ending. Raises ManuscriptError."""
    found = {}
    for file in sorted((root / FOLDER).glob("*.md")):
        text = read_text(root, file.relative_to(root).as_posix())
        rows = len(FINDING.findall(text)) - len(HEAD.findall(text))
        found[file.stem] = Read(len(READING.findall(text)), rows)
    return found
