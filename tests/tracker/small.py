"""A small book with a plan and a finished, approved chapter: right in every respect, to be spoiled."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from bookkit.tracker.actions import update
from bookkit.tracker.approvals import Approval, record_approval
from bookkit.tracker.evidence import read_book
from bookkit.tracker.history import append, snapshot
from checks.small import BIB, FACTS

ROOT = Path(__file__).resolve().parents[2]
REVIEWER = "Test Reviewer"
CHAPTER, OUTLINE = "chapters/01-first.qmd", "chapters/02-second.qmd"

QUARTO = """\
project:
  type: book
book:
  title: "Small"
  chapters:
    - index.qmd
    - chapters/01-first.qmd
    - chapters/02-second.qmd
bibliography: sources/references.bib
"""
PLAN = """\
approvers: [Test Reviewer]
targets: {words: 4000, sources: 1}
work:
  PR1:
    title: Outline Review
    scope: Outlines of everything.
    status: complete
  PR2:
    scope: The first chapter.
    after: [PR1]
    status: complete
    note: "written in one go"
    checklist:
      - Read it aloud
  PR3:
    scope: The second chapter.
    after: [PR2]
chapters:
  chapters/01-first.qmd:
    work: PR2
    research: [01-waiting]
    diagrams:
      - {shows: The wait, label: fig-wait}
      - {shows: The queue, label: fig-queue}
  chapters/02-second.qmd:
    work: PR3
    research: [01-waiting]
    diagrams:
      - shows: The second picture
"""
SENTENCE = "The stream waits for its chunk and the reader sees why it has to wait there. "
FIGURE = """\
![**It waits.** Read it from left to right.](/figures/{name}.svg){{#fig-{name} fig-alt="A line that rises."}}

As @fig-{name} shows, it rises.
"""
CELL = """\
```{{python}}
#| label: fig-{name}
#| fig-cap: "**It is computed.** Read it upward."
#| fig-alt: "Bars that fall."
1 + 1
```

As @fig-{name} shows, it falls.
"""
EXERCISE = """\
::: {{#exr-{number} level="apply" minutes="5"}}
## Task {number}
Do it.
:::

::: {{.answer}}
So.
:::
"""
SECOND = """\
---
dek: "What comes after."
status: outline
---

# Second {#sec-second}

## Where?

Here.

## When?

Then.

## Why?

Because.
"""
TOPIC = """\
---
topic: Waiting
chapters: [01-first, 02-second]
---

# Waiting

## What is known

- A stream waits for its slowest frame [@one, sec. 2].
- It waits less when frames are short [@one].
"""
LEDGER = "one:\n  for: the wait\n  where: page 1\n  read: 2026-01-02\n  copy_date: 2026-01-01\n  note: none\n"


def chapter() -> str:
    """A chapter that has everything which the anatomy asks for."""
    body = "\n\n".join(
        f"## Section {number}\n\n{SENTENCE * 50}\n\n{SENTENCE} [@one]" for number in range(1, 6)
    )
    return "\n\n".join(
        [
            '---\ndek: "One sentence."\n---\n\n# First {#sec-first}',
            'The limit is `{python} fact("limit")` [@one]. <!-- the measured limit -->',
            'It waited `{python} measured("waits", "p99_ms")`.',
            "::: {.goals}\n- See it.\n- Say it.\n- Do it.\n:::",
            f"## Overview\n\n{SENTENCE * 5}",
            "::: {.bridge}\n::: {.from-ml}\nFrames.\n:::\n\n::: {.from-api}\nChunks.\n:::\n:::",
            body,
            "::: {.predict}\nHow long?\n:::",
            *(FIGURE.format(name=name) for name in ("wait", "queue")),
            *(CELL.format(name=name) for name in ("bars", "steps")),
            "::: {.slider-figure}\nA slider.\n:::",
            "## Decide\n\nTake it. @sec-second says where.",
            "::: {.pitfalls}\nNone.\n:::",
            "## Summary\n\n- It waits.",
            "## Exercises\n\n" + "\n".join(EXERCISE.format(number=number) for number in range(1, 5)),
            "## Sources\n\nOne [@one].\n",
        ]
    )


class Tracked:
    """The book in a folder, with the ways to spoil it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        """Create or replace a file."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def read(self, path: str) -> str:
        """The text of a file."""
        return (self.root / path).read_text("utf-8")

    def edit(self, path: str, old: str, new: str, count: int = -1) -> None:
        """Replace a piece of text that must be there."""
        text = self.read(path)
        assert old in text, f"{old!r} is not in {path}"
        self.write(path, text.replace(old, new, count))

    def copy(self, root: Path) -> Tracked:
        """The same book in another folder."""
        shutil.copytree(self.root, root)
        return Tracked(root)

    def git(self, *arguments: str) -> str:
        """Run git in the book's folder."""
        identity = ["-c", "user.name=Author", "-c", "user.email=author@example.org"]
        command = ["git", "-C", str(self.root), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def commit(self) -> None:
        """Make the folder a repository, if it is none, and commit everything."""
        if not (self.root / ".git").exists():
            self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "state")


def build(root: Path) -> Tracked:
    """The book without a fault, its first chapter approved, its documents current, with one snapshot."""
    book = Tracked(root)
    for path, text in {
        "_quarto.yml": QUARTO,
        "index.qmd": "# Small {.unnumbered}\n\nRead on.\n",
        CHAPTER: chapter(),
        OUTLINE: SECOND,
        "sources/references.bib": BIB,
        "sources/ledger.yml": LEDGER,
        "sources/facts.yml": FACTS,
        "figures/wait.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
        "figures/queue.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
        "labs/results/waits.json": '{"values": {"p99_ms": {"value": 7}}}\n',
        "tracker/book.yml": PLAN,
        "tracker/book.schema.json": (ROOT / "tracker/book.schema.json").read_text("utf-8"),
        "tracker/AI_CONTEXT.md": "# Context\n",
        "tracker/research/00-summary.md": "---\ntopic: Summary\nchapters: []\n---\n\n# Summary\n",
        "tracker/research/01-waiting.md": TOPIC,
        ".gitignore": ".cache/\n",
    }.items():
        book.write(path, text)
    state = read_book(root)
    record_approval(root, Approval(CHAPTER, REVIEWER, "2026-01-03", state.digest(CHAPTER), 0))
    append(root, snapshot(read_book(root), "snapshot", datetime(2026, 1, 4, tzinfo=UTC), ""))
    update(root)
    return book


def damaged(text: str) -> str:
    """A JSON line with one word count more."""
    data = json.loads(text)
    data["counts"]["words"] += 1
    return json.dumps(data)
