"""Gates: which commands have passed, and on which content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bookkit.manuscript import Finding, ManuscriptError
from bookkit.tracker.files import write_safely

GATES = "tracker/gates.json"
COMMANDS: Mapping[str, str] = {
    "validate": "./just validate ml-inference-apis",
    "lint": "./just lint md ml-inference-apis",
    "formats": "./just build-all ml-inference-apis",
}
"""The lines of the definition of done that a command decides."""

CONTENT = (
    "_quarto.yml", "_variables.yml", "constraints.txt", "chapters", "figures", "audio", "sources", "labs",
    "src", "_extensions",
)  # fmt: skip
"""What the book is made of, besides the pages that stand beside `_quarto.yml`."""
PASSING = ("__pycache__", ".egg-info")


@dataclass(frozen=True)
class Gates:
    """The commands that passed, and the digest of the content on which they did."""

    content: str
    passed: tuple[str, ...]

    def hold(self, name: str, content: str) -> bool:
        """Whether command `name` has passed on this very content."""
        return name in self.passed and self.content == content


def load_gates(root: Path) -> Gates:
    """The record of the last `./just done`; an empty one before the first. Raises ManuscriptError."""
    if not (root / GATES).is_file():
        return Gates("", ())
    try:
        data = json.loads((root / GATES).read_text("utf-8"))
        passed = tuple(name for name in data["passed"] if name in COMMANDS)
        return Gates(str(data["content"]), passed)
    except (ValueError, KeyError, TypeError) as error:
        message = f"it is no record of gates ({type(error).__name__})"
        raise ManuscriptError(Finding(GATES, 1, "gates", message, "Run `./just done` again.")) from error


def record_gates(root: Path, content: str, passed: tuple[str, ...]) -> None:
    """Say which commands passed on the content with this digest. Raises OSError."""
    data = {"content": content, "passed": list(passed)}
    write_safely(root / GATES, json.dumps(data, indent=1) + "\n")


def book_digest(root: Path) -> str:
    """SHA-256 of everything that can change the book: sources, code, drawings, records, pinned versions."""
    whole = hashlib.sha256()
    for place in [*(root / name for name in CONTENT), *sorted(root.glob("*.qmd"))]:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            inside = path.relative_to(root).as_posix()
            if path.is_file() and not any(part.endswith(PASSING) for part in path.relative_to(root).parts):
                whole.update(f"\n{inside} ".encode())
                whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()
