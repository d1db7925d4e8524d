"""What the tracker prints: the dashboard and the next piece of work, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from bookkit.tracker.breakdown import chapter_plan
from bookkit.tracker.document import MARK_SIGNS, STATUS_SIGNS, bar, compose
from bookkit.tracker.due import Due, due
from bookkit.tracker.evidence import COLUMNS, DONE, UNDRAWN, Book, Standing
from bookkit.tracker.history import counts
from bookkit.tracker.plan import PLAN, Piece
from bookkit.tracker.reviews import FOLDER as REVIEWS


def status_lines(book: Book) -> Iterator[str]:
    """The dashboard: the whole, each piece of work, each chapter's columns, the targets, what is next."""
    document = compose(book)
    whole = document.headline
    yield book.project.title
    yield f"[{bar(whole.percent, 40)}] {whole.percent} %, {whole.complete} of {whole.pieces} pieces complete"
    yield ""
    width = max(len(row.title) for row in document.rows)
    for row in document.rows:
        note = f"  {row.note}" if row.note else ""
        yield f"{STATUS_SIGNS[row.status]} {row.name:<5}{row.title:<{width}}  {row.percent:>3} %{note}"
    yield ""
    yield f"{'':<{width + 4}}{' '.join(f'{name:<8}' for name in COLUMNS)}"
    for chapter in document.matrix:
        marks = " ".join(
            f"{MARK_SIGNS[state]:<{7 if state != 'Not Applicable' else 8}}" for state in chapter.states
        )
        yield f"{chapter.chapter:<4}{chapter.title:<{width}}{marks}".rstrip()
    yield ""
    has = counts(book)
    yield "Targets: " + ", ".join(
        f"{has[name]:,} of {least:,} {name}" for name, least in book.plan.targets.items()
    )
    lapsed = [
        path
        for path, columns in book.matrix.items()
        if any("changed since" in m for m in columns["Review"].missing)
    ]
    if lapsed:
        yield f"Changed since review: {', '.join(lapsed)}"
    for standing in book.standings.values():
        if standing.status == "Blocked":
            yield f"Blocked: {standing.piece.name}: {standing.piece.reason}"
    if document.next_piece:
        yield f"Next: {document.next_piece}; {document.next_title}   (./just next shows what it needs)"


def status_json(book: Book) -> dict[str, Any]:
    """The same as data."""
    document = compose(book)
    following = book.next_piece
    return {
        "title": book.project.title,
        "percent": document.headline.percent,
        "complete": document.headline.complete,
        "pieces": {
            name: {
                "title": one.piece.title, "status": one.status, "percent": one.percent,
                "missing": list(one.missing), "reason": one.piece.reason, "note": one.piece.note,
            }
            for name, one in book.standings.items()
        },
        "chapters": {
            path: {
                "title": book.chapters[path].title, "words": book.readings[path].words,
                "digest": book.digest(path),
                "columns": {
                    name: {"state": cell.state, "missing": list(cell.missing)}
                    for name, cell in columns.items()
                },
            }
            for path, columns in book.matrix.items()
        },
        "counts": counts(book),
        "targets": dict(book.plan.targets),
        "next": following.piece.name if following else None,
        "done": [{"text": line.text, "done": line.done} for line in document.done],
    }  # fmt: skip


def next_lines(book: Book, standing: Standing | None, today: date) -> Iterator[str]:
    """A piece with everything that its author needs; `standing` is None when there is none to do."""
    if standing is None:
        blocked = [one.piece.name for one in book.standings.values() if one.status == "Blocked"]
        yield (
            f"Nothing is left but what is blocked: {', '.join(blocked)}"
            if blocked
            else "Every piece of work is complete."
        )
        return
    piece = standing.piece
    yield f"{piece.name}; {piece.title}"
    yield f"{standing.status}, {standing.percent} %"
    yield from ("", piece.scope)
    if piece.note:
        yield from ("", f"Note: {piece.note}")
    if piece.reason:
        yield from ("", f"Blocked: {piece.reason}")
    for path in piece.chapters:
        yield from ("", *_chapter_lines(book, path, today))
    if missing := [line for line in standing.missing if UNDRAWN not in line]:
        yield from ("", "Evidence that is missing:")
        yield from (f"- {line}" for line in missing)
    if piece.checklist:
        yield from ("", "Checklist:")
        yield from (f"- {line}" for line in piece.checklist)
    yield from ("", *_how(book, piece))


def _chapter_lines(book: Book, path: str, today: date) -> Iterator[str]:
    plan, reading = chapter_plan(book, path), book.readings[path]
    state = "an outline" if reading.status == "outline" else f"{reading.words:,}"
    yield f"{plan['heading']}: {path}, {plan['words']} words of prose (now {state})"
    diagrams = [
        f"{one.shows} ({f'`{one.label}`' if one.label else 'no figure yet'})"
        for one in book.plan.chapters[path].diagrams
    ]
    reviews = f"{REVIEWS}/{Path(path).stem}.md"
    found = [f"`{reviews}`"] if (book.root / reviews).is_file() else []
    late = [due_line(one) for one in due(book, today) if path in one.chapters]
    for title, lines in (
        ("Research notes, read them first", plan["research"]),
        ("What readers found", found),
        ("Questions that it answers, one a section", plan["questions"]),
        ("Planned experiments", plan["experiments"]),
        ("Planned diagrams", diagrams),
        ("Sources and facts that are due", late or ["none"]),
    ):
        if lines:
            yield from ("", f"  {title}:")
            yield from (f"  - {line}" for line in lines)


def _how(book: Book, piece: Piece) -> Iterator[str]:
    yield "How:"
    yield (
        "- tracker/AI_CONTEXT.md says what the book is and how it is written; README.md has the commands "
        "and the Markdown."
    )
    for path in piece.chapters:
        if book.readings[path].status == "outline":
            included = ", ".join(book.chapters[path].source.includes)
            remove = f", and remove the line that includes {included}" if included else ""
            yield (
                f"- Begin: read the outline in {path}, which says what each section has to settle. "
                f"Write `status: partial` for its `status: outline`{remove}."
            )
    if any(book.plan.chapters[path].diagrams for path in piece.chapters):
        yield f"- Once a figure shows a planned diagram, give the diagram its `label:` in {PLAN}."
    yield "- While writing: ./just preview, ./just validate, ./just lint md."
    yield (
        f"- When it is written, its `status:` removed: ./just tracker complete {piece.name} "
        '--note "what the next author should know"'
    )


def due_line(one: Due) -> str:
    """One fact or source that must be read again."""
    users = ", ".join(one.chapters) or "no chapter"
    dates = f"checked {one.checked}, due {one.recheck}"
    return f"{one.path}:{one.line}: {one.kind} {one.key}, {dates}, used by {users}"


def done_mark(done: bool) -> str:
    """The mark of a line of the definition of done."""
    return MARK_SIGNS[DONE] if done else MARK_SIGNS["Not Started"]
