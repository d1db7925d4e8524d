"""What the notebooks show: sentences, tables, and plots in both modes that carry their own alt text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bookkit.manuscript.cells import NARROW
from servelab.book import table

SVG = "image/svg+xml"


def say(text: str) -> None:
    """Show a paragraph of Markdown."""
    _display({"text/markdown": text})


def show(rows: Sequence[Sequence[object]], header: Sequence[str], align: str = "") -> None:
    """Show a table; `align` has one letter a column, as in `servelab.book.table`."""
    _display({"text/markdown": table(rows, header, align).markdown})


def picture(renderings: Sequence[tuple[str, str]], alt: str) -> None:
    """Show a plot, light and then dark, each with its form for phones (`servelab.plots.renderings`).

    `alt` is what the eye would learn from it, with the numbers.

    Raises ValueError for an empty `alt`.
    """
    if not alt.strip():
        raise ValueError("a plot needs its alt text: what the eye would learn from it")
    for wide, narrow in renderings:
        _display({SVG: wide, NARROW: narrow}, {SVG: {"alt": " ".join(alt.split())}})


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else list(parts))


def _display(data: dict[str, str], metadata: dict[str, Any] | None = None) -> None:
    from IPython.display import display

    display(data, raw=True, metadata=metadata)  # type: ignore[no-untyped-call]
