"""Research notes: one Markdown file a topic, whose every finding ends in a citation.

What stands before the first section introduces the notes; sections that begin as one of FREE hold no
findings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bookkit.manuscript import Finding, ManuscriptError
from bookkit.manuscript.files import read_text, yaml_mapping

FOLDER = "tracker/research"
SUMMARY = "00-summary"
FREE = ("Gaps", "Experiments")
FRONT = re.compile(r"---\n(.*?)^---[ \t]*\n", re.S | re.M)
CITED = re.compile(r"(?<![\w.])@([A-Za-z0-9_][\w:.#$%&+?<>~/-]*\w|\w)")
AT_END = re.compile(r"\[[^\[\]]*@[^\[\]]*\][.)]?$")


@dataclass(frozen=True)
class Note:
    """A statement of the notes: its line, its text on one line, the works it cites, where they end it."""

    line: int
    text: str
    keys: tuple[str, ...]
    ends_cited: bool


@dataclass(frozen=True)
class Topic:
    """The notes on one topic: `name` is the file's name without ending, `chapters` the stems it is for."""

    name: str
    title: str
    chapters: tuple[str, ...]
    notes: tuple[Note, ...]

    @property
    def path(self) -> str:
        """The file."""
        return f"{FOLDER}/{self.name}.md"

    @property
    def keys(self) -> tuple[str, ...]:
        """Every work that the notes cite."""
        return tuple(dict.fromkeys(key for note in self.notes for key in note.keys))

    @property
    def findings(self) -> tuple[Note, ...]:
        """The notes that state something with its source."""
        return tuple(note for note in self.notes if note.keys)


def topics(root: Path) -> tuple[dict[str, Topic], list[Finding]]:
    """The topics by name, and what is wrong with their files."""
    found: dict[str, Topic] = {}
    wrong: list[Finding] = []
    for file in sorted((root / FOLDER).glob("[0-9][0-9]-*.md")):
        path = file.relative_to(root).as_posix()
        try:
            topic = _topic(read_text(root, path), path, file.stem)
        except ManuscriptError as error:
            wrong += error.findings
            continue
        found[topic.name] = topic
        if topic.name != SUMMARY:
            for note in topic.notes:
                if not note.ends_cited:
                    message = f"no source at the end of “{note.text[:60]}”"
                    wrong.append(Finding(path, note.line, "research", message, "End it in [@key]."))
            if not topic.findings:
                wrong.append(
                    Finding(path, 0, "research", "the notes hold no finding", "Add one with its source.")
                )
    return found, wrong


def _topic(text: str, path: str, name: str) -> Topic:
    front = FRONT.match(text)
    if not front:
        message, remedy = "the front matter is missing", "Begin with `topic:` and `chapters:` between dashes."
        raise ManuscriptError(Finding(path, 1, "research", message, remedy))
    data = yaml_mapping(front[1], path, 2, "the front matter")
    title, chapters = data.get("topic"), data.get("chapters", [])
    if not isinstance(title, str) or not isinstance(chapters, list):
        message, remedy = "the front matter lacks `topic`, or `chapters` is no list", "Write both."
        raise ManuscriptError(Finding(path, 2, "research", message, remedy))
    body = text[front.end() :]
    notes = tuple(_notes(body, 1 + text.count("\n", 0, front.end())))
    return Topic(name, title, tuple(map(str, chapters)), notes)


def _notes(body: str, first: int) -> list[Note]:
    """Paragraphs and list items of the sections that hold findings; tables, code and lead-ins are none."""
    notes: list[Note] = []
    block: list[str] = []
    start = first
    fenced = False
    holds = False

    def flush() -> None:
        text = " ".join(" ".join(block).split())
        block.clear()
        text = re.sub(r"^(?:[-*+]|\d+\.)\s+", "", text)
        if text and holds and not text.startswith(("#", "|", ":")) and not text.endswith(":"):
            keys = tuple(dict.fromkeys(CITED.findall(" ".join(re.findall(r"\[[^\[\]]*\]", text)))))
            notes.append(Note(start, text, keys, bool(AT_END.search(text))))

    for number, line in enumerate(body.splitlines(), first):
        if line.startswith("```"):
            fenced = not fenced
        if fenced or line.startswith("```"):
            flush()
            continue
        item = re.match(r"\s*(?:[-*+]|\d+\.)\s+", line)
        if not line.strip() or item or line.startswith(("#", "|")):
            flush()
        if line.startswith("## "):
            holds = not line.removeprefix("## ").startswith(FREE)
        if line.strip():
            if not block:
                start = number
            block.append(line)
        if line.startswith(("#", "|")):
            flush()
    flush()
    return notes
