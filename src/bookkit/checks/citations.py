"""Citations, the bibliography, and the ledger of what was read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bookkit.checks.dates import when
from bookkit.checks.labels import KIND
from bookkit.checks.page import Page, pandoc
from bookkit.manuscript import Finding, Project
from bookkit.manuscript.files import read_text, yaml_mapping

LEDGER = "sources/ledger.yml"
LEDGER_FIELDS = ("for", "where", "read", "copy_date", "note")
UNDATED = re.compile(r"\byear\s*=\s*[{\"]n\.d\.[}\"]")
ENTRY = re.compile(r"^[ \t]*@(?!comment|string|preamble)\w+\s*[{(]\s*([^,\s]+)\s*,", re.M | re.I)


@dataclass(frozen=True)
class Entry:
    """One work of the bibliography."""

    key: str
    path: str
    line: int


def bibliography(project: Project) -> tuple[list[Entry], list[Finding]]:
    """The works, and what is wrong with the files."""
    entries: list[Entry] = []
    findings: list[Finding] = []
    for path in project.bibliography:
        if not (project.root / path).is_file():
            continue
        text = read_text(project.root, path)
        own = [
            Entry(found[1], path, 1 + text.count("\n", 0, found.start(1))) for found in ENTRY.finditer(text)
        ]
        for entry in own:
            if entry.key in {other.key for other in entries}:
                findings.append(Finding(path, entry.line, "bibliography", f"{entry.key} twice", "Keep one."))
            else:
                entries.append(entry)
        findings += _incomplete(text, path, own)
    return entries, findings


def _incomplete(text: str, path: str, entries: list[Entry]) -> Iterator[Finding]:
    try:
        works: list[dict[str, Any]] = json.loads(pandoc(text, "biblatex", "csljson"))
    except ValueError as error:
        line = re.search(r"line (\d+)", str(error))
        message = f"not a bibliography: {' '.join(str(error).split())}"
        yield Finding(path, int(line[1]) if line else 1, "bibliography", message, "Mend the entry.")
        return
    read = {str(work["id"]): work for work in works}
    for entry in entries:
        work = read.get(entry.key)
        if work is None:
            remedy = "Look for a missing bracket or comma before it."
            yield Finding(path, entry.line, "bibliography", f"{entry.key} cannot be read", remedy)
            continue
        lacking = [
            name
            for name, keys in (
                ("author or organization", ("author", "editor", "publisher")), ("title", ("title",)),
                ("year", ("issued",)), ("url or doi", ("URL", "DOI")),
            )
            if not any(work.get(key) for key in keys)
            and not (name == "year" and UNDATED.search(_body(text, entry)))
        ]  # fmt: skip
        if lacking:
            message = f"{entry.key} lacks {', '.join(lacking)}"
            yield Finding(path, entry.line, "bibliography", message, "Add it from the source itself.")


def _body(text: str, entry: Entry) -> str:
    return text.split(f"{entry.key},", 1)[-1].partition("\n@")[0]


def citation_findings(pages: Iterable[Page], project: Project) -> Iterator[Finding]:
    """Citations of unknown works; works without a ledger entry and entries without a work."""
    entries, findings = bibliography(project)
    yield from findings
    known = {entry.key for entry in entries}
    for page in pages:
        for node in page.of("Cite"):
            for key in dict.fromkeys(cite["citationId"] for cite in node["c"][0]):
                if key not in known and not KIND.match(key):
                    remedy = (
                        f"Add it to {' or '.join(project.bibliography) or 'a bibliography'}, or mend the key."
                    )
                    yield Finding(*page.locate(f"@{key}"), "citation", f"no work has the key {key}", remedy)
    if not entries and not (project.root / LEDGER).is_file():
        return
    yield from _ledger(project.root, entries)


def _ledger(root: Path, entries: list[Entry]) -> Iterator[Finding]:
    if not (root / LEDGER).is_file():
        remedy = "Create it, with an entry for each work."
        yield Finding(LEDGER, 0, "ledger", "the ledger is not there", remedy)
        return
    text = read_text(root, LEDGER)
    ledger = yaml_mapping(text, LEDGER, 1, "the ledger")
    for entry in entries:
        if entry.key not in ledger:
            remedy = f"Write in {LEDGER} what it is cited for, where in it, and when you read it."
            yield Finding(entry.path, entry.line, "ledger", f"{entry.key} is not in the ledger", remedy)
    known = {entry.key for entry in entries}
    for key, record in ledger.items():
        line = line_of_key(text, key)
        if key not in known:
            message = f"{key} is in no bibliography"
            yield Finding(LEDGER, line, "ledger", message, "Add the work or remove the entry.")
        record = record if isinstance(record, dict) else {}
        lacking = [name for name in LEDGER_FIELDS if record.get(name) in (None, "")]
        if lacking:
            message = f"{key} lacks {', '.join(lacking)}"
            yield Finding(LEDGER, line, "ledger", message, "Fill it in from what was read.")
        read = when(record.get("read"))
        if "read" not in lacking and (read is None or read > date.today()):
            message = f"{key}: read is {record['read']!r}, no past day"
            yield Finding(LEDGER, line, "ledger", message, "Write the day as YYYY-MM-DD.")
        copied = record.get("copy_date")
        if "copy_date" not in lacking and copied != "undated" and when(copied) is None:
            message = f"{key}: copy_date is {copied!r}"
            yield Finding(LEDGER, line, "ledger", message, "Write YYYY, YYYY-MM, YYYY-MM-DD or undated.")


def line_of_key(text: str, key: object) -> int:
    """The line of a top-level key in YAML text; 1 when it is written some other way."""
    found = re.search(rf"^['\"]?{re.escape(str(key))}['\"]?\s*:", text, re.M)
    return 1 + text.count("\n", 0, found.start()) if found else 1
