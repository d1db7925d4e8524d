"""Writes the tracker's document and the plan of each piece of work as Markdown, from templates."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from bookkit.tracker.document import MARK_SIGNS, MATRIX_COLUMNS, PR_COLUMNS, STATUS_SIGNS, Document, bar

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["sign"] = lambda status: f"{STATUS_SIGNS[status]} {status}"
    environment.filters["mark"] = lambda state: MARK_SIGNS[state]
    return environment


def fill(template: str, **values: Any) -> str:
    """A template of this folder, filled, without more than one blank line in a row."""
    text = _environment().get_template(template).render(**values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def render(document: Document, book_title: str, current: str) -> str:
    """`document` as Markdown. `current` is a sentence or two on the state of the book."""
    return fill(
        "PROGRESS_TRACKER.md",
        document=document,
        title=book_title,
        current=current,
        bar=bar(document.headline.percent),
        pr_columns=PR_COLUMNS,
        matrix_columns=MATRIX_COLUMNS,
    )
