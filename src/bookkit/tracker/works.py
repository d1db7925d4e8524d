"""WORKS_CITED.md: what each chapter cites, and the works that the book leans on most."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bookkit.checks.page import pandoc
from bookkit.manuscript.files import read_text
from bookkit.tracker.evidence import Book

WORKS = "WORKS_CITED.md"
MOST = 20


def bibliography(book: Book) -> dict[str, dict[str, Any]]:
    """The works of the bibliography in CSL's form, by key. Raises ValueError when pandoc cannot read it."""
    works: dict[str, dict[str, Any]] = {}
    for name in book.project.bibliography:
        for work in json.loads(pandoc(read_text(book.root, name), "biblatex", "csljson")):
            works[str(work["id"])] = work
    return works


def render(book: Book) -> str:
    """The document. A work that the ledger does not know is marked as not verified."""
    works = bibliography(book)
    cited = {path: book.readings[path].citations for path in book.readings if book.readings[path].citations}
    total: dict[str, int] = {}
    for counts in cited.values():
        for key, count in counts.items():
            total[key] = total.get(key, 0) + count
    read = len(total.keys() & book.ledger.keys())
    lines = [
        "<!-- Generated from the chapters and sources/ by `./just tracker update`. -->",
        "", "# Works cited", "",
        f"{len(total)} works are cited, {read} of them opened and read on the day given. "
        "sources/ledger.yml says where in each the claim stands.",
        "", "## Most cited", "", "| Work | Citations | Chapters |", "|---|---:|---:|",
    ]  # fmt: skip
    ranked = sorted(total, key=lambda key: (-total[key], key))
    for key in ranked[:MOST]:
        chapters = sum(key in counts for counts in cited.values())
        lines.append(f"| {_short(key, works.get(key))} | {total[key]} | {chapters} |")
    titles = {chapter.path: chapter for chapter in book.project.chapters}
    for path, counts in cited.items():
        chapter = titles[path]
        lines += ["", f"## {chapter.number}{' ' if chapter.number else ''}{chapter.title}", ""]
        for key in sorted(counts, key=lambda key: (_authors(works.get(key, {})).lower(), key)):
            lines.append(f"- {_entry(key, works.get(key), book.ledger.get(key))}")
    return "\n".join(lines) + "\n"


def _authors(work: Mapping[str, Any]) -> str:
    people = work.get("author") or work.get("editor") or []
    names = [person.get("literal") or person.get("family") or person.get("given", "") for person in people]
    if not names:
        return str(work.get("publisher", ""))
    return f"{names[0]} et al." if len(names) > 3 else ", ".join(map(str, names))


def _year(work: Mapping[str, Any]) -> str:
    parts = (work.get("issued") or {}).get("date-parts") or [[]]
    return str(parts[0][0]) if parts[0] else "n.d."


def _title(work: Mapping[str, Any]) -> str:
    title = str(work.get("title", "")).replace("|", "/")
    for mark in ('<span class="nocase">', "</span>", "<i>", "</i>"):
        title = title.replace(mark, "")
    return title


def _short(key: str, work: Mapping[str, Any] | None) -> str:
    return f"{_authors(work)}: *{_title(work)}*" if work else f"`{key}`"


def _entry(key: str, work: Mapping[str, Any] | None, record: Any) -> str:
    if work is None:
        return f"`{key}`: **in no bibliography**"
    address = work.get("URL") or (f"https://doi.org/{work['DOI']}" if work.get("DOI") else "")
    text = f"{_authors(work)} ({_year(work)}): *{_title(work)}*" + (f". <{address}>" if address else "")
    if not isinstance(record, dict):
        return f"{text}. **Not verified**: it is not in the ledger"
    copy = record.get("copy_date")
    dated = "" if copy in (None, "undated") else f", in a copy of {copy}"
    return f"{text}. Read {record.get('read')}{dated}"
