"""Spelling: codespell with its own lists, its British list, and the book's two lists beside this file."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from bookkit.checks.prose.passage import Passage
from bookkit.manuscript import Finding

HERE = Path(__file__).parent
FOUND = re.compile(r"^(\d+): .*\n\t(\S+) ==> (.+)$", re.M)


def spelling(passages: Iterable[Passage]) -> Iterator[Finding]:
    """Words that codespell knows better, British forms among them."""
    read = list(passages)
    if not read:
        return
    text = "\n".join(re.sub(r"[\s\ue000-\ue00f]", " ", passage.text) for passage in read)
    command = [
        sys.executable, "-m", "codespell_lib", "--builtin", "clear,rare,en-GB_to_en-US", "-D", "-",
        "-D", str(HERE / "british.txt"), "-I", str(HERE / "spelling.txt"), "-",
    ]  # fmt: skip
    done = subprocess.run(command, input=text, capture_output=True, text=True, encoding="utf-8")
    if done.returncode not in (0, 65):
        raise RuntimeError(f"codespell failed: {done.stderr.strip()}")
    for row, wrong, right in FOUND.findall(done.stdout):
        passage = read[int(row) - 1]
        place = passage.line_at(max(0, passage.text.find(wrong)))
        remedy = f"Write {right}, or add it to checks/prose/spelling.txt."
        yield Finding(*place, "spelling", f"“{wrong}”", remedy)
