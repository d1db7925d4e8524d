"""What a tracker document says: a dashboard of pieces of work, a matrix of chapters, and checklists.

`compose` derives one from the evidence, `markdown.render` writes it, `importing.parse` reads one back, also
one that was kept by hand: all three have one shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bookkit.tracker.definition import done_lines
from bookkit.tracker.evidence import (
    COLUMNS,
    DONE,
    IN_PROGRESS,
    IS_BLOCKED,
    IS_COMPLETE,
    NONE,
    NOT_STARTED,
    OPEN,
    PROGRESS,
    Book,
    Standing,
)

DOCUMENT = "tracker/PROGRESS_TRACKER.md"
STATUS_SIGNS: Mapping[str, str] = {NOT_STARTED: "🔴", IN_PROGRESS: "🟡", IS_COMPLETE: "🟢", IS_BLOCKED: "🔵"}
MARK_SIGNS: Mapping[str, str] = {DONE: "✅", PROGRESS: "🔄", OPEN: "⬜", NONE: "-"}
PR_COLUMNS = ("PR", "Title", "Status", "Completion", "Notes")
MATRIX_COLUMNS = ("Ch", "Title", *COLUMNS)
BAR_CELLS = 20


@dataclass(frozen=True)
class Row:
    """A line of the dashboard; `percent` is its completion."""

    name: str
    title: str
    status: str
    percent: int
    note: str


@dataclass(frozen=True)
class MatrixRow:
    """A line of the matrix: the chapter's number as it is shown, its title, the state of each column."""

    chapter: str
    title: str
    states: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """A line of a checklist."""

    done: bool
    text: str


@dataclass(frozen=True)
class Headline:
    """What a document says of the whole: percent, and how many of how many pieces."""

    percent: int
    complete: int
    pieces: int


@dataclass(frozen=True)
class Document:
    """What a tracker document says. `next_piece` and `next_title` are empty when nothing is left to do."""

    rows: tuple[Row, ...]
    matrix: tuple[MatrixRow, ...]
    next_piece: str
    next_title: str
    summary: str
    preflight: tuple[Item, ...]
    done: tuple[Item, ...]
    statuses: tuple[str, ...]
    marks: tuple[str, ...]

    @property
    def headline(self) -> Headline:
        """The whole, counted from the rows."""
        complete = sum(row.status == IS_COMPLETE for row in self.rows)
        return Headline(round(100 * complete / len(self.rows)) if self.rows else 0, complete, len(self.rows))


# ---------------------------------------------------------------- from evidence


def compose(book: Book) -> Document:
    """The document that the evidence of `book` gives; it depends on content only."""
    following = book.next_piece
    return Document(
        rows=tuple(
            Row(one.piece.name, one.piece.title, one.status, one.percent, _note(book, one))
            for one in book.standings.values()
        ),
        matrix=tuple(_matrix_row(book, path) for path in book.chapters),
        next_piece=following.piece.name if following else "",
        next_title=following.piece.title if following else "",
        summary=following.piece.scope if following else "Every piece of work is complete.",
        preflight=tuple(_preflight(book, following)),
        done=tuple(Item(line.done, line.text) for line in done_lines(book)),
        statuses=tuple(STATUS_SIGNS),
        marks=tuple(MARK_SIGNS),
    )


def _matrix_row(book: Book, path: str) -> MatrixRow:
    chapter = book.chapters[path]
    number = chapter.number.zfill(2) if chapter.number.isdigit() else chapter.number or "00"
    return MatrixRow(number, chapter.title, tuple(column.state for column in book.matrix[path].values()))


def _note(book: Book, standing: Standing) -> str:
    """Words, rounded to 500 so that the document changes when a chapter does and not with every sentence."""
    parts = []
    if standing.status == IS_BLOCKED:
        parts.append(standing.piece.reason)
    readings = [book.readings[path] for path in standing.piece.chapters]
    written = [reading for reading in readings if reading.status != "outline"]
    if words := sum(reading.words for reading in written):
        parts.append(f"about {round(words, -2) if words < 1000 else 500 * round(words / 500):,} words")
    planned = [(path, one) for path in standing.piece.chapters for one in book.plan.chapters[path].diagrams]
    if written and planned:
        drawn = sum(one.label in book.readings[path].figures for path, one in planned)
        parts.append(f"{drawn} of {len(planned)} planned diagrams")
    if standing.piece.note:
        parts.append(standing.piece.note)
    if standing.evident and standing.status not in (IS_COMPLETE, IS_BLOCKED):
        parts.append(f"nothing is missing: `./just tracker complete {standing.piece.name}`")
    return "; ".join(parts).replace("|", "/")


def _preflight(book: Book, following: Standing | None) -> Iterator[Item]:
    approved = sum(columns["Review"].state == DONE for columns in book.matrix.values())
    people = ", ".join(book.plan.approvers)
    yield Item(approved == len(book.matrix), f"Review by {people}: {approved} of {len(book.matrix)} approved")
    for standing in book.standings.values():
        if standing.status == IS_COMPLETE:
            yield Item(True, f"{standing.piece.name}: {standing.piece.title}")
    if following is None:
        return
    for path in following.piece.chapters:
        for name in book.plan.chapters[path].research:
            topic = book.topics.get(name)
            title = (
                f"{topic.title} ({topic.path})"
                if topic
                else f"tracker/research/{name}.md, which is not there"
            )
            yield Item(False, f"Read the research notes: {title}")
        outline = book.readings[path].status == "outline"
        yield Item(False, f"Read the {'outline' if outline else 'text as it stands'} in {path}")
    for text in following.piece.checklist:
        yield Item(False, text)


def current_state(book: Book) -> str:
    """What is written, drafted and outlined, by chapter."""
    groups: dict[str, list[str]] = {"In full": [], "Begun": [], "Outlines": []}
    for path, columns in book.matrix.items():
        state = columns["Draft"].state
        name = book.chapters[path].number or book.chapters[path].title
        groups["In full" if state == DONE else "Begun" if state == PROGRESS else "Outlines"].append(name)
    return ". ".join(f"{name}: {', '.join(members)}" for name, members in groups.items() if members) + "."


def bar(percent: int, cells: int = BAR_CELLS) -> str:
    """A bar of text: a full cell for each of its share of 100 percent."""
    full = round(cells * percent / 100)
    return "█" * full + "░" * (cells - full)
