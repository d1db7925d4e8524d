"""PR_BREAKDOWN.md: the plan of each piece of work, with the questions that its outline asks."""

from __future__ import annotations

from typing import Any

from bookkit.tracker.evidence import Book
from bookkit.tracker.plan import Piece

BREAKDOWN = "tracker/PR_BREAKDOWN.md"
PLANNED = "What will be drawn, moved and heard?"
"""The section of an outline that answers no question of the reader."""


def render(book: Book) -> str:
    """The document. It depends on the plan and on the headings of outlines, not on written chapters."""
    from bookkit.tracker.markdown import fill

    targets = ", ".join(f"{count:,} {name}" for name, count in book.plan.targets.items())
    pieces = [_piece(book, piece) for piece in book.plan.pieces.values()]
    return fill("PR_BREAKDOWN.md", title=book.project.title, targets=targets, pieces=pieces)


def _piece(book: Book, piece: Piece) -> dict[str, Any]:
    return {
        "name": piece.name,
        "title": piece.title,
        "scope": piece.scope,
        "after": piece.after,
        "checklist": piece.checklist,
        "chapters": [chapter_plan(book, path) for path in piece.chapters],
    }


def chapter_plan(book: Book, path: str) -> dict[str, Any]:
    """What is planned for one chapter, as lines to show."""
    chapter, plan, reading = book.chapters[path], book.plan.chapters[path], book.readings[path]
    outline = reading.status == "outline"
    known = {name: topic.title for name, topic in book.topics.items()}
    return {
        "path": path,
        "heading": f"{chapter.number} {chapter.title}".strip(),
        "words": f"{plan.words[0]:,} to {plan.words[1]:,}",
        "research": [
            f"`tracker/research/{name}.md`: {known.get(name, 'not written yet')}" for name in plan.research
        ],
        "questions": [text for text in reading.sections if text != PLANNED] if outline else [],
        "experiments": list(plan.experiments),
        "diagrams": [f"{one.shows}{f' (`{one.label}`)' if one.label else ''}" for one in plan.diagrams],
    }
