"""One numbering for the whole book, from the tables of labels that pandoc made of each chapter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bookkit.manuscript import Chapter, Finding

WORDS = {
    "fig": "Figure",
    "tbl": "Table",
    "lst": "Listing",
    "eq": "Equation",
    "sec": "Section",
    "exr": "Exercise",
    "aud": "Clip",
}
NBSP = "\u00a0"


@dataclass
class Numbering:
    """`xref` is what a reference to each label says; `headings` the numbers of each chapter's headings."""

    xref: dict[str, dict[str, Any]] = field(default_factory=dict)
    headings: dict[str, dict[str, str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def number(chapters: Sequence[Chapter], tables: Mapping[str, Mapping[str, Any]]) -> Numbering:
    """Number all labels. `tables` holds the labels file of each chapter, by the chapter's path."""
    book = Numbering()
    homes: dict[str, Chapter] = {}
    for chapter in chapters:
        _number_chapter(book, chapter, tables[chapter.path]["labels"], homes)
    return book


def _number_chapter(
    book: Numbering, chapter: Chapter, labels: Sequence[Mapping[str, Any]], homes: dict[str, Chapter]
) -> None:
    counts: Counter[str] = Counter()
    panels: Counter[str] = Counter()
    sections = [0] * 7
    headings = book.headings.setdefault(chapter.path, {})
    for label in labels:
        name, kind = str(label["id"]), str(label["kind"])
        if kind == "sec":
            text, shown = _section(chapter, label, sections)
            headings[name] = shown
            if not name.startswith("sec-") and label.get("level", 1) > 1:
                continue  # an id that pandoc made is known only inside its chapter
        elif kind == "sub":
            parent = str(label["parent"])
            panels[parent] += 1
            shown = f"{book.xref[parent]['number']}{NBSP}({chr(96 + panels[parent])})"
            text, kind = f"{WORDS[book.xref[parent]['kind']]}{NBSP}{shown}", book.xref[parent]["kind"]
        elif not name:
            continue
        else:
            counts[kind] += 1
            shown = f"{chapter.number}.{counts[kind]}" if chapter.number else str(counts[kind])
            text = f"{WORDS[kind]}{NBSP}{shown}"
        if name in homes:
            book.findings.append(_twice(name, chapter, homes[name]))
        homes.setdefault(name, chapter)
        entry: dict[str, Any] = {
            "kind": kind,
            "number": shown,
            "text": text,
            "page": chapter.url,
            "title": label.get("title", ""),
        }
        if kind == "sec":
            entry["level"] = label["level"]
        book.xref.setdefault(name, entry)


def _section(chapter: Chapter, label: Mapping[str, Any], sections: list[int]) -> tuple[str, str]:
    """(what a reference says, the number) of a heading; without a number a reference says the title."""
    level = int(label["level"])
    if label.get("unnumbered") or not chapter.number:
        return str(label["title"]), ""
    if level == 1:
        return (
            f"{'Appendix' if chapter.kind == 'appendix' else 'Chapter'}{NBSP}{chapter.number}",
            chapter.number,
        )
    sections[level] += 1
    sections[level + 1 :] = [0] * (6 - level)
    shown = ".".join([chapter.number, *(str(count) for count in sections[2 : level + 1])])
    return f"Section{NBSP}{shown}", shown


def _twice(name: str, chapter: Chapter, home: Chapter) -> Finding:
    pattern = rf"(?:\{{[^{{}}\n]*#{re.escape(name)}|label: *{re.escape(name)})(?![\w-])"
    own = chapter.source.places(pattern) or [(chapter.path, 1)]
    path, line = own[-1] if home.path == chapter.path else own[0]
    first = home.source.locate(pattern)
    message = f"the label {name} is used twice, first at {first[0]}:{first[1]}"
    return Finding(path, line, "duplicate-label", message, "Rename one of them.")
