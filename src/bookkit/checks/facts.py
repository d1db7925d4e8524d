"""Facts and results: every key that a cell asks for is there, every fact says where it comes from."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from bookkit.checks.citations import bibliography, line_of_key
from bookkit.checks.dates import when
from bookkit.checks.page import Page
from bookkit.manuscript import Finding, Project
from bookkit.manuscript.files import read_text, yaml_mapping

FACTS = "sources/facts.yml"
FIELDS = ("value", "source", "where", "as_of", "checked", "recheck")
RESULTS = "labs/results"
SPREAD = ("low", "high", "n")


def fact_findings(pages: Iterable[Page], project: Project) -> Iterator[Finding]:
    """Incomplete facts, and keys of facts and results that nothing has."""
    facts: dict[str, Any] = {}
    if (project.root / FACTS).is_file():
        text = read_text(project.root, FACTS)
        facts = yaml_mapping(text, FACTS, 1, "the ledger of facts")
        works = {entry.key for entry in bibliography(project)[0]}
        for key, entry in facts.items():
            yield from _incomplete(str(key), entry, works, line_of_key(text, key))
    records = Records(project.root)
    for page in pages:
        for path, line, name, arguments in calls(page):
            if name == "fact" and arguments and arguments[0] not in facts:
                remedy = f"Add it to {FACTS}, or mend the key."
                yield Finding(path, line, "fact", f"no fact has the key {arguments[0]}", remedy)
            elif name in ("measured", "result", "card") and arguments:
                fault = records.fault(*arguments[:2])
                if fault:
                    yield Finding(path, line, "result", fault, "Run the lab, or mend the key.")


def calls(page: Page) -> Iterator[tuple[str, int, str, list[str]]]:
    """(file, line, function, its literal arguments) of every call that reads a fact or a record."""
    code = [(cell.path, cell.code_line, cell.code) for cell in page.source.cells]
    code += [(inline.path, inline.line, inline.expression) for inline in page.source.inlines]
    for path, first, text in code:
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue  # the rule `listing` reports it
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            line = first + node.lineno - 1
            literal = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            words = [value for value in literal if isinstance(value, str)]
            if name == "card":
                keys = list(_card_keys(node))
                yield path, line, name, words[:1]
                for key in keys:
                    yield path, line, "measured", [*words[:1], key]
            elif name == "measured":
                literal_key = len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
                yield path, line, name, words[: 2 if literal_key else 1]
            elif name in ("fact", "result"):
                first_literal = node.args and isinstance(node.args[0], ast.Constant)
                yield path, line, name, words[:1] if first_literal else []


def _card_keys(call: ast.Call) -> Iterator[str]:
    rows = call.args[1].elts if len(call.args) > 1 and isinstance(call.args[1], ast.List | ast.Tuple) else []
    for row in rows:
        if isinstance(row, ast.Tuple | ast.List) and len(row.elts) > 1:
            key = row.elts[1]
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value


class Records:
    """The labs' records, read when they are asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.read: dict[str, Any] = {}

    def fault(self, name: str, key: str = "") -> str:
        """What is wrong with reading `key` of record `name`; empty when nothing is."""
        path = self.root / RESULTS / f"{name}.json"
        if not path.is_file():
            return f"the lab {name} has no record in {RESULTS}"
        if name not in self.read:
            try:
                self.read[name] = json.loads(path.read_text("utf-8"))["values"]
            except (ValueError, KeyError, TypeError):
                self.read[name] = None
        values = self.read[name]
        if not isinstance(values, dict):
            return f"{RESULTS}/{name}.json is not a lab's record"
        if not key:
            return ""
        group, *rest = key.split(".")
        entry = values.get(group, {}).get(rest[0] if rest else "")
        if entry is None or len(rest) > 2 or (len(rest) == 2 and rest[1] not in SPREAD):
            return f"the record {name} has no value {key}"
        return ""


def _incomplete(key: str, entry: Any, works: set[str], line: int) -> Iterator[Finding]:
    entry = entry if isinstance(entry, dict) else {}
    lacking = [name for name in FIELDS if entry.get(name) in (None, "")]
    if lacking:
        message = f"{key} lacks {', '.join(lacking)}"
        yield Finding(FACTS, line, "fact", message, "Fill it in from what was read.")
    if entry.get("source") and entry["source"] not in works:
        message = f"{key}: its source {entry['source']} is in no bibliography"
        yield Finding(FACTS, line, "fact", message, "Add the work, or mend the key.")
    dates = {name: when(entry.get(name)) for name in ("as_of", "checked", "recheck")}
    for name, day in dates.items():
        if name not in lacking and day is None and (name, entry[name]) != ("as_of", "undated"):
            message = f"{key}: {name} is {entry[name]!r}"
            also = ", or undated where the source bears no date" if name == "as_of" else ""
            yield Finding(FACTS, line, "fact", message, f"Write a date: YYYY-MM-DD{also}.")
    checked, recheck, as_of = dates["checked"], dates["recheck"], dates["as_of"]
    if checked and checked > date.today():
        yield Finding(FACTS, line, "fact", f"{key}: checked in the future", "Write the day it was read.")
    if checked and recheck and recheck <= checked:
        message = f"{key}: to be checked again before it was checked"
        yield Finding(FACTS, line, "fact", message, "Mend `recheck`.")
    if checked and as_of and as_of > checked:
        message = f"{key}: as_of is later than checked"
        yield Finding(FACTS, line, "fact", message, "Mend the date of the source.")
