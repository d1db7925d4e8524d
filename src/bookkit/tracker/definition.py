"""The definition of done: each line, what decides it, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass

from bookkit.tracker.evidence import DONE, NONE, Book
from bookkit.tracker.gates import COMMANDS


@dataclass(frozen=True)
class Line:
    """One line. `by` says who decides: evidence, command or person; `missing` says what is open."""

    text: str
    by: str
    done: bool
    missing: tuple[str, ...] = ()


def done_lines(book: Book) -> list[Line]:
    """The definition of done, in the order of the document."""
    prose = _open(book, "Draft", ("chapter", "appendix", "front"))
    numbered = [chapter for chapter in book.chapters.values() if chapter.number]
    appendices = sum(chapter.kind == "appendix" for chapter in numbered)
    kinds = f"{len(numbered) - appendices} chapters + {appendices} appendix"
    lines = [
        Line(
            f"All {len(numbered)} chapter files ({kinds}) and the preface have full prose",
            "evidence",
            not prose,
            prose,
        )
    ]
    drawn = _open(book, "Diagrams", ("chapter", "appendix", "front"))
    lines.append(Line("All diagrams created and referenced", "evidence", not drawn, drawn))
    unread = tuple(_unread(book))
    lines.append(Line("WORKS_CITED.md fully populated with verified sources", "evidence", not unread, unread))
    for name, command in COMMANDS.items():
        held = book.gates[name]
        text = (
            f"All output formats build successfully (`{command}`)"
            if name == "formats"
            else f"`{command}` passes"
        )
        lines.append(
            Line(text, "command", held, () if held else (f"`{command}` has not passed on this content",))
        )
    review = _open(book, "Review", ("chapter", "appendix", "front"))
    people = " or ".join(book.plan.approvers)
    verb = f"{people} has reviewed and approved all chapters"
    return [*lines, Line(verb, "person", not review, review)]


def _open(book: Book, column: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Titles of the chapters whose column is not done, each with the first thing that it lacks."""
    found = []
    for path, columns in book.matrix.items():
        if columns[column].state not in (DONE, NONE) and book.chapters[path].kind in kinds:
            found.append(f"{path}: {columns[column].missing[0]}")
    return tuple(found)


def _unread(book: Book) -> list[str]:
    """Works that are cited and not verified, and the distance to the target."""
    cited = {key for reading in book.readings.values() for key in reading.citations}
    lines = [f"{key} is in no bibliography" for key in sorted(cited - book.works)]
    lines += [f"{key} is not in the ledger" for key in sorted(cited & book.works - set(book.ledger))]
    target = book.plan.targets.get("sources", 0)
    if len(cited) < target:
        lines.append(f"{len(cited)} works are cited, the target is {target}")
    return lines
