"""Copies of the small test book, spoilt on purpose, and builds of them."""

import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from gates.tools import ROOT

SOURCE = ROOT / "tests" / "data" / "book"
BOOKKIT = str(Path(sys.executable).with_name("bookkit"))
BUILD = [BOOKKIT, "build", "html", "--root"]


def tree(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path from there; links are followed."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@dataclass
class Result:
    """How a build ended: its exit code and everything it said."""

    code: int
    said: str


@dataclass
class SmallBook:
    """A copy of the small book in `root`; builds keep temporary files in `scratch`, which must end empty."""

    root: Path
    scratch: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="bg-", dir="/tmp")))

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a piece of a file that is there once."""
        text = (self.root / path).read_text("utf-8")
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
        (self.root / path).write_text(text.replace(old, new), "utf-8")

    def append(self, path: str, text: str) -> int:
        """Add paragraphs at the end of a chapter; gives the line on which they begin."""
        old = (self.root / path).read_text("utf-8").rstrip("\n") + "\n\n"
        (self.root / path).write_text(old + text + "\n", "utf-8")
        return old.count("\n") + 1

    def environment(self) -> dict[str, str]:
        """The environment of a build: temporary files go to `scratch`; a copy outside git needs a date."""
        return {**os.environ, "TMPDIR": str(self.scratch), "SOURCE_DATE_EPOCH": "1790000000"}

    def start(self) -> "subprocess.Popen[str]":
        """Begin a build of the HTML edition in a process group of its own."""
        return subprocess.Popen(
            [*BUILD, str(self.root)], env=self.environment(), cwd=self.root, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def build(self, largest_file: int | None = None) -> Result:
        """Build the HTML edition. `largest_file` (bytes) makes every longer write fail, for root too."""
        limit = (
            (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file)))
            if largest_file
            else None
        )
        run = subprocess.run(
            [*BUILD, str(self.root)], env=self.environment(), cwd=self.root, text=True, preexec_fn=limit,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180, check=False,
        )  # fmt: skip
        return Result(run.returncode, run.stdout)

    def book(self) -> dict[str, str]:
        """Digests of the built book."""
        return tree(self.root / "_book")

    def leftovers(self) -> list[str]:
        """Temporary files and half-built books that a build left behind."""
        cache = self.root / ".cache" / "press"
        halves = (
            [path for path in cache.glob("*") if path.name.startswith(("next", "old", "previous"))]
            if cache.is_dir()
            else []
        )
        return sorted(str(path) for path in [*halves, *self.scratch.iterdir()])


def fresh_copy(source: Path, target: Path) -> SmallBook:
    """A copy of a book folder; of the test book itself without what a build left in it."""
    ignore = shutil.ignore_patterns("_book", ".cache") if source == SOURCE else None
    shutil.copytree(source, target, ignore=ignore, symlinks=True)
    return SmallBook(target)
