"""A chapter as a notebook to run: its prose and its cells, without outputs."""

from __future__ import annotations

import json
import re

from bookkit.manuscript import Cell, Chapter, Comment, Inline, Shortcode

FENCE = re.compile(r"(?m)^[ \t]*:{3,}.*\n?")
LABELS = re.compile(r"[ \t]*\{#[^{}\n]*\}(?=[ \t]*$)", re.M)
LEAD = "*Run it from the root of the book's repository, in the book's environment.*\n\n"


def notebook(chapter: Chapter) -> bytes:
    """The .ipynb file, the same bytes for the same chapter. Inline cells stay as code in the text."""
    cells: list[dict[str, object]] = []
    prose: list[str] = [LEAD]

    def flush() -> None:
        text = LABELS.sub("", FENCE.sub("", "".join(prose)))
        text = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
        prose.clear()
        if text.strip():
            cells.append(
                {"cell_type": "markdown", "id": f"text-{len(cells)}", "metadata": {}, "source": text}
            )

    for piece in chapter.source.flat():
        if isinstance(piece, Cell):
            flush()
            cells.append(
                {
                    "cell_type": "code",
                    "execution_count": None,
                    "id": f"cell-{len(cells)}",
                    "metadata": {},
                    "outputs": [],
                    "source": piece.code,
                }
            )
        elif isinstance(piece, Inline):
            prose.append(f"`{piece.expression}`")
        elif not isinstance(piece, (Comment, Shortcode)):
            prose.append(piece.raw)
    flush()
    book = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (json.dumps(book, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
