"""What changes the tracker: update, complete, approve, snapshot.

One process at a time, and each file is whole or unchanged.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from bookkit.manuscript import Chapter, Finding, ManuscriptError
from bookkit.manuscript.files import read_text
from bookkit.tracker.approvals import APPROVALS, Approval, record_approval
from bookkit.tracker.check import documents
from bookkit.tracker.evidence import Book, Standing, chapter_name, read_book
from bookkit.tracker.files import write_safely, writing
from bookkit.tracker.history import Snapshot, append, head, snapshot
from bookkit.tracker.plan import COMPLETE, PLAN, with_claim
from bookkit.tracker.reading import media_path


def update(root: Path) -> list[str]:
    """Write the generated documents that are stale; gives their paths. Raises ManuscriptError, OSError."""
    with writing(root):
        return _update(read_book(root))


def _update(book: Book) -> list[str]:
    written = []
    for path, text in documents(book).items():
        place = book.root / path
        if not place.is_file() or place.read_text("utf-8", "replace") != text:
            write_safely(place, text)
            written.append(path)
    return written


def complete(root: Path, name: str, note: str) -> tuple[Standing, list[str]]:
    """Claim that a piece is complete and do the update protocol; gives where it stands and what was written.

    Raises ManuscriptError with a finding for each piece of evidence that is missing; nothing is changed then.
    """
    with writing(root):
        book = read_book(root)
        piece = book.plan.piece(name)
        standing = book.standings[piece.name]
        if standing.missing:
            place = ("work", piece.name)
            raise ManuscriptError(
                [
                    book.plan.marked.finding(place, "evidence", f"{piece.name} is not complete: {line}", "")
                    for line in standing.missing
                ]
            )
        try:
            text = with_claim(read_text(book.root, PLAN), piece.name, COMPLETE, note)
        except ValueError as error:
            raise ManuscriptError(Finding(PLAN, 0, "plan", str(error), "Edit it by hand.")) from error
        write_safely(book.root / PLAN, text)
        book = read_book(root)
        written = [PLAN, *_update(book)]
        _snapshot(book, f"complete {piece.name}")
        return book.standings[piece.name], written


def take_snapshot(root: Path, performance: Mapping[str, float] | None = None) -> Snapshot:
    """Append the state of the book, with what was measured of it, to the history.

    Raises ManuscriptError, OSError.
    """
    with writing(root):
        return _snapshot(read_book(root), "snapshot", performance)


def _snapshot(book: Book, event: str, performance: Mapping[str, float] | None = None) -> Snapshot:
    data = snapshot(book, event, datetime.now(UTC), head(book.root))
    return append(book.root, data | ({"performance": dict(performance)} if performance else {}))


def snapshot_of(root: Path, revision: str) -> Snapshot:
    """Append the state that the manuscript had in a commit, held against today's plan.

    Raises ManuscriptError for a revision that git does not know or a manuscript that cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="tracker-") as folder, writing(root):
        place = Path(folder)
        run = subprocess.run(
            ["git", "-C", str(root), "archive", "--format=tar", revision], capture_output=True, check=False
        )
        if run.returncode:
            said = run.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            message = f"git has no tree for {revision}: {' '.join(said)}"
            raise ManuscriptError(
                Finding(revision, 0, "history", message, "Name a commit of this repository.")
            )
        subprocess.run(["tar", "-x", "-C", folder], input=run.stdout, check=True)
        for name in (PLAN, "tracker/book.schema.json"):
            write_safely(place / name, read_text(root, name))
        when = subprocess.run(
            ["git", "-C", str(root), "log", "-1", "--format=%H %cI", revision],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        name, at = when.stdout.split()
        data = snapshot(read_book(place), "commit", datetime.fromisoformat(at), name)
        return append(root, data)


# ---------------------------------------------------------------- approval


def uncommitted(book: Book, chapter: Chapter) -> list[str]:
    """Files of the chapter's content that differ from the commit that is checked out, or are in none."""
    reading = book.readings[chapter.path]
    files = [book.root / chapter.path, *(book.root / name for name in chapter.source.includes)]
    files += [media_path(book.root, chapter.path, name) for name in reading.files]
    command = ["git", "-C", str(book.root), "status", "--porcelain", "--ignored", "--", *map(str, files)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        message = f"git cannot say what is committed: {run.stderr.strip()}"
        raise ManuscriptError(Finding(chapter.path, 0, "approval", message, "Approve in a git clone."))
    return [line[3:] for line in run.stdout.splitlines()]


def approve(root: Path, word: str, ask: Callable[[str], str], say: Callable[[str], None]) -> Approval:
    """Record the approval of the person at the terminal.

    Raises ManuscriptError, and then nothing is recorded.
    """
    with writing(root):
        book = read_book(root)
        chapter = book.chapter_of(word)

        def refuse(message: str, remedy: str) -> ManuscriptError:
            return ManuscriptError(Finding(chapter.path, 0, "approval", message, remedy))

        if dirty := uncommitted(book, chapter):
            raise refuse(f"not committed: {', '.join(dirty)}", "Commit the content first, then approve it.")
        lacking = [
            f"{column}: {line}"
            for column, cell in book.matrix[chapter.path].items()
            if column in ("Draft", "Diagrams")
            for line in cell.missing
        ]
        if lacking:
            raise refuse(
                f"it is not ready for review: {lacking[0]}", "`./just tracker status` shows the rest."
            )
        digest = book.digest(chapter.path)
        say(f"{chapter_name(chapter)}: {chapter.title}\n{chapter.path}\ndigest {digest[:16]}")
        by = ask("Your name, as it stands under approvers in tracker/book.yml: ").strip()
        if by not in book.plan.approvers:
            raise refuse(
                f"{by or 'nobody'} may not approve", f"It takes one of {', '.join(book.plan.approvers)}."
            )
        typed = ask("To approve this content, type its digest: ").strip()
        if typed != digest[:16]:
            raise refuse("the digest that was typed is another one", "Nothing was recorded. Try again.")
        approval = Approval(chapter.path, by, f"{datetime.now(UTC):%Y-%m-%d}", digest, 0)
        record_approval(book.root, approval)
        _update(read_book(root))
        say(f"recorded in {APPROVALS}; commit it")
        return approval
