"""A small book in a temporary folder, right in every respect, to be spoiled one thing at a time."""

from __future__ import annotations

import json
from pathlib import Path

from bookkit.checks.page import Page, read, read_all
from bookkit.manuscript import Finding, Project, load, scan

PLAN = """\
project:
  type: book
  output-dir: _book
book:
  title: "Small"
  chapters:
    - index.qmd
    - chapters/01-first.qmd
bibliography: sources/references.bib
"""
INDEX = "# Small {.unnumbered}\n\nRead [the first](chapters/01-first.qmd#sec-first).\n"
FIRST = """\
---
dek: "One sentence."
status: partial
---

# First {#sec-first}

The wait of @fig-wait is `{python} fact("limit")` [@one], and `{python} measured("lab", "run.wait_ms")`.

![**It waits.** Read from left to right.](/figures/wait.svg){#fig-wait fig-alt="A line that rises."}
"""
BIB = "@misc{one,\n author={{Org}},\n title={One},\n year={2020},\n url={https://example.org/one}\n}\n"
LEDGER = "one:\n  for: the limit\n  where: page 1\n  read: 2026-01-02\n  copy_date: undated\n  note: none\n"
FACTS = """\
limit:
  value: 3
  unit: s
  source: one
  where: page 1
  as_of: 2020
  checked: 2026-01-02
  recheck: 2027-01-02
"""
LAYOUT = (Path(__file__).resolve().parents[2] / "panache.toml").read_text("utf-8")
RECORD = {"name": "lab", "values": {"run": {"wait_ms": {"value": 1.0, "unit": "ms", "n": 1}}}}


class SmallBook:
    """Files of the book by path; `write` changes one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        files = {
            "_quarto.yml": PLAN,
            "panache.toml": LAYOUT,
            "index.qmd": INDEX,
            "chapters/01-first.qmd": FIRST,
            "sources/references.bib": BIB,
            "sources/ledger.yml": LEDGER,
            "sources/facts.yml": FACTS,
            "labs/results/lab.json": json.dumps(RECORD),
            "figures/wait.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
        }
        for path, text in files.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        """Create or replace a file."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a piece of text that must be there."""
        text = (self.root / path).read_text("utf-8")
        assert old in text, f"{old!r} is not in {path}"
        self.write(path, text.replace(old, new))

    def add(self, text: str) -> None:
        """More Markdown at the end of the first chapter."""
        self.write(
            "chapters/01-first.qmd", (self.root / "chapters/01-first.qmd").read_text("utf-8") + "\n\n" + text
        )

    @property
    def project(self) -> Project:
        return load(self.root)

    @property
    def pages(self) -> list[Page]:
        return read_all((chapter.source, chapter.kind) for chapter in self.project.chapters)


def page_of(root: Path, text: str, kind: str = "chapter") -> Page:
    """One page made of `text`."""
    (root / "page.qmd").write_text(text, encoding="utf-8")
    return read(scan(root, "page.qmd"), kind)


def rules(findings: list[Finding]) -> list[str]:
    """`rule:line` of each finding."""
    return [f"{finding.rule}:{finding.line}" for finding in findings]
