"""A cell's `#|` options: which there are, and what they may hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bookkit.manuscript.errors import Finding, ManuscriptError
from bookkit.manuscript.files import yaml_mapping
from bookkit.manuscript.source import Cell

NARROW = "application/vnd.bookkit.narrow+svg"
"""The kind of a plot's form for phones (`servelab.plots.NARROW`), shown beside the plot itself."""


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


OPTIONS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "label": (_text, "a word such as fig-wait"),
    "fig-cap": (_text, "text"),
    "fig-alt": (_text, "text"),
    "tbl-cap": (_text, "text"),
    "lst-label": (lambda v: _text(v) and v.startswith("lst-"), "a word that begins with lst-"),
    "lst-cap": (_text, "text"),
    "echo": (_flag, "true or false"),
    "eval": (_flag, "true or false"),
    "output": (lambda v: _flag(v) or v == "asis", "true, false or asis"),
    "include": (_flag, "true or false"),
    "warning": (_flag, "true or false"),
    "error": (_flag, "true or false"),
    "code-fold": (lambda v: _flag(v) or v == "show", "true, false or show"),
    "code-summary": (_text, "text"),
    "renderings": (lambda v: v == ["light", "dark"], "[light, dark]"),
}
DEFAULTS: Mapping[str, Any] = {
    "echo": True, "eval": True, "output": True, "include": True, "warning": True, "error": False,
}  # fmt: skip


def read_cell(raw: str, path: str, line: int, indent: str, body: str) -> tuple[Cell, list[Finding]]:
    """The cell whose fence opens at `line`, and what is wrong with its options."""
    lines = body.split("\n")
    count = next((i for i, text in enumerate(lines) if not text.startswith("#|")), len(lines))
    code = lines[count:]
    blank = next((i for i, text in enumerate(code) if text.strip()), 0)
    findings: list[Finding] = []
    options: dict[str, Any] = {}
    try:
        header = "\n".join(text[2:].removeprefix(" ") for text in lines[:count])
        options = yaml_mapping(header, path, line + 1, "the cell's options")
    except ManuscriptError as error:
        findings += error.findings
    where = {}
    for key, value in options.items():
        at = next((i for i, text in enumerate(lines[:count]) if text[2:].strip().startswith(f"{key}:")), 0)
        where[str(key)] = line + 1 + at
        if key not in OPTIONS:
            message, remedy = f"cell option `{key}` is not supported", f"Use one of: {', '.join(OPTIONS)}."
            findings.append(Finding(path, where[str(key)], "cell-option", message, remedy))
        elif not OPTIONS[key][0](value):
            message, remedy = f"cell option `{key}` is {value!r}", f"Give it {OPTIONS[key][1]}."
            findings.append(Finding(path, where[str(key)], "cell-option", message, remedy))
    text = "\n".join(code[blank:]).rstrip("\n")
    return Cell(raw, path, line, indent, options, where, text, line + 1 + count + blank), findings
