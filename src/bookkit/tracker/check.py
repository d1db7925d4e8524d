"""`tracker check`: every claim against its evidence, every generated document against its sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bookkit.manuscript import Finding, ManuscriptError
from bookkit.tracker import breakdown, document, markdown, works
from bookkit.tracker.approvals import APPROVALS
from bookkit.tracker.evidence import DONE, Book, chapter_name, read_book
from bookkit.tracker.history import continues_committed, load_history
from bookkit.tracker.plan import COMPLETE, PLAN
from bookkit.tracker.research import FOLDER

UPDATE = "Run `./just tracker update` and commit what it writes."
LAPSED = "review"
"""The rule of an approval whose content has changed: `check` reports it, validation lets its author work."""


def documents(book: Book) -> dict[str, str]:
    """The generated documents by path. Raises ManuscriptError when the bibliography cannot be read."""
    try:
        cited = works.render(book)
    except ValueError as error:
        remedy = "`./just validate` names the entry."
        raise ManuscriptError(
            Finding(book.project.bibliography[0], 0, "bibliography", str(error), remedy)
        ) from error
    composed = document.compose(book)
    return {
        document.DOCUMENT: markdown.render(composed, book.project.title, document.current_state(book)),
        breakdown.BREAKDOWN: breakdown.render(book),
        works.WORKS: cited,
    }


def claims(book: Book) -> Iterator[Finding]:
    """Claims that the evidence does not bear out, each with its row."""
    marked = book.plan.marked
    for name, standing in book.standings.items():
        if standing.piece.claim == COMPLETE:
            for line in standing.missing:
                message = f"{name} is claimed complete, and {line}"
                yield marked.finding(
                    ("work", name, "status"), "claim", message, "Mend it, or take the claim back."
                )
    for path, plan in book.plan.chapters.items():
        name = chapter_name(book.chapters[path])
        for at, diagram in enumerate(plan.diagrams):
            if diagram.label and diagram.label not in book.readings[path].figures:
                message = f"{name}, Diagrams: the chapter has no figure {diagram.label}"
                remedy = "Mend the label, or leave it out until the figure is there."
                yield marked.finding(("chapters", path, "diagrams", at, "label"), "claim", message, remedy)
    stems = {chapter.stem for chapter in book.project.chapters}
    for topic in book.topics.values():
        for stem in topic.chapters:
            if stem not in stems:
                message = f"{stem} is no chapter of the book"
                yield Finding(
                    topic.path, 0, "research", message, "Write the chapter file's name without .qmd."
                )


def reviews(book: Book) -> Iterator[Finding]:
    """Approvals that do not hold: by nobody who may, of no chapter, of content that has changed."""
    for path, approval in book.approvals.items():
        if path not in book.chapters:
            remedy = "Mend the name or remove the entry."
            yield Finding(APPROVALS, approval.line, "approval", f"{path} is no chapter of the book", remedy)
            continue
        column = book.matrix[path]["Review"]
        if column.state != DONE:
            rule = LAPSED if approval.by in book.plan.approvers else "approval"
            message = f"{chapter_name(book.chapters[path])}, Review: {column.missing[0]}"
            remedy = "It has to be approved again, or the change taken back."
            yield Finding(APPROVALS, approval.line, rule, message, remedy)


def stale(book: Book) -> Iterator[Finding]:
    """Generated documents that are not there or say what is no longer so."""
    for path, text in documents(book).items():
        place = book.root / path
        if not place.is_file():
            yield Finding(path, 0, "stale", "the generated document is not there", UPDATE)
        elif (old := place.read_text("utf-8", "replace")) != text:
            lines = zip(old.splitlines(), text.splitlines(), strict=False)
            line = next((n for n, (was, now) in enumerate(lines, 1) if was != now), 0)
            yield Finding(path, line, "stale", "the document no longer says what its sources say", UPDATE)


def check(root: Path) -> list[Finding]:
    """Everything that is wrong with the tracker. Raises ManuscriptError when it cannot be read at all."""
    book = read_book(root)
    found = [
        *claims(book),
        *reviews(book),
        *book.research_faults,
        *stale(book),
        *continues_committed(book.root),
    ]
    try:
        load_history(book.root)
    except ManuscriptError as error:
        found += error.findings
    return sorted(set(found))


def validation(root: Path) -> list[Finding]:
    """What `bookkit validate` asks of the tracker; nothing of a book that has no plan."""
    if not (root / PLAN).is_file() and not (root / FOLDER).is_dir():
        return []
    return [finding for finding in check(root) if finding.rule != LAPSED]
