"""Commands of the tracker: status, next, tracker VERB, done."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from bookkit.manuscript import Finding, ManuscriptError
from bookkit.manuscript.files import read_text

Run = Callable[[argparse.Namespace], int]


def add_commands(commands: Any) -> None:
    """Add the commands to the parser of `bookkit`."""
    _status(commands)
    _next(commands)
    done = commands.add_parser("done", help="run the definition of done and say what is open")
    _root(done, _run_done)
    tracker = commands.add_parser("tracker", help="where the book stands, and what changes that")
    verbs = tracker.add_subparsers(required=True, metavar="VERB")
    _status(verbs)
    _next(verbs)
    completed = verbs.add_parser("complete", help="claim that a piece of work is complete, with its evidence")
    completed.add_argument("piece", metavar="PR")
    completed.add_argument("--note", default="", help="what the next author should know")
    _root(completed, _run_complete)
    approved = verbs.add_parser("approve", help="approve a chapter; only its reviewer, at a terminal")
    approved.add_argument("chapter")
    _root(approved, _run_approve)
    _root(verbs.add_parser("check", help="hold every claim against its evidence"), _run_check)
    _root(verbs.add_parser("update", help="write the generated documents anew"), _run_update)
    taken = verbs.add_parser("snapshot", help="append the state of the book to the history")
    taken.add_argument("--of", metavar="COMMIT", help="the state that the manuscript had in a commit")
    taken.add_argument(
        "--measure", nargs="*", metavar="PART",
        help="with measurements: build, simulators, tracker, tests (all, when none is named)",
    )  # fmt: skip
    _root(taken, _run_snapshot)
    imported = verbs.add_parser("import", help="read a tracker document that was kept by hand")
    imported.add_argument("file", type=Path)
    imported.add_argument("--json", action="store_true", help="everything that was read, as JSON")
    imported.set_defaults(run=_run_import)
    late = verbs.add_parser("due", help="facts and sources that must be read again")
    late.add_argument("--by", type=_day, default=None, metavar="DAY", help="YYYY-MM-DD (today)")
    _root(late, _run_due)


def findings(root: Path) -> list[Finding]:
    """What the tracker adds to `validate`."""
    from bookkit.tracker.check import validation

    return validation(root)


def _root(parser: argparse.ArgumentParser, run: Run) -> None:
    parser.add_argument("--root", type=Path, default=Path(), help="the book's folder (default: here)")
    parser.set_defaults(run=run)


def _counted(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is no day; write it as YYYY-MM-DD") from error


def _status(commands: Any) -> None:
    parser = commands.add_parser("status", help="where the book stands")
    parser.add_argument("--json", action="store_true", help="as data, with everything that is missing")
    _root(parser, _run_status)


def _next(commands: Any) -> None:
    parser = commands.add_parser("next", help="the next piece of work and everything that it needs")
    parser.add_argument("what", nargs="?", default="", metavar="PR|CHAPTER", help="another piece: PR9, or 8")
    _root(parser, _run_next)


def _run_status(given: argparse.Namespace) -> int:
    from bookkit.tracker.evidence import read_book
    from bookkit.tracker.show import status_json, status_lines

    book = read_book(given.root)
    print(
        json.dumps(status_json(book), indent=1, ensure_ascii=False)
        if given.json
        else "\n".join(status_lines(book))
    )
    return 0


def _run_next(given: argparse.Namespace) -> int:
    from bookkit.tracker.evidence import read_book
    from bookkit.tracker.show import next_lines

    book = read_book(given.root)
    standing = book.piece_of(given.what) if given.what else book.next_piece
    print("\n".join(next_lines(book, standing, date.today())))
    return 0


def _run_complete(given: argparse.Namespace) -> int:
    from bookkit.tracker.actions import complete

    standing, written = complete(given.root, given.piece, given.note)
    print(
        f"{standing.piece.name} is {standing.status}; "
        f"wrote {', '.join(written)} and the history. Commit them."
    )
    return 0


def _run_approve(given: argparse.Namespace) -> int:
    from bookkit.tracker.actions import approve

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        message = "an approval is given by a person at a terminal, and this is none"
        raise ManuscriptError(Finding(given.chapter, 0, "approval", message, "Run it in a terminal."))
    approve(given.root, given.chapter, input, print)
    return 0


def _run_check(given: argparse.Namespace) -> int:
    from bookkit.tracker.check import check

    found = check(given.root)
    for finding in found:
        print(finding)
    said = "every claim has its evidence" if not found else f"{len(found)} finding{'s' * (len(found) > 1)}"
    print(f"tracker check: {said}", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


def _run_update(given: argparse.Namespace) -> int:
    from bookkit.tracker.actions import update

    written = update(given.root)
    print(f"wrote {', '.join(written)}" if written else "every document is current")
    return 0


def _run_snapshot(given: argparse.Namespace) -> int:
    from bookkit.tracker.actions import snapshot_of, take_snapshot
    from bookkit.tracker.measure import measure

    if given.of:
        taken = snapshot_of(given.root, given.of)
    else:
        found = None if given.measure is None else measure(given.root.resolve(), given.measure)
        taken = take_snapshot(given.root, found)
    print(
        f"{taken.data['at']}: {taken.complete} of {len(taken.data['pieces'])} pieces complete, "
        f"{taken.data['counts']['words']:,} words written"
    )
    return 0


def _run_import(given: argparse.Namespace) -> int:
    from bookkit.tracker.importing import as_data, parse, report

    imported = parse(read_text(given.file.parent, given.file.name), given.file.name)
    if given.json:
        print(json.dumps(as_data(imported), indent=1, ensure_ascii=False))
    else:
        print("\n".join(report(imported)))
    return 1 if imported.unplaced else 0


def _run_due(given: argparse.Namespace) -> int:
    from bookkit.tracker.due import due, rechecks
    from bookkit.tracker.evidence import read_book
    from bookkit.tracker.show import due_line

    book = read_book(given.root)
    day = given.by or date.today()
    late = due(book, day)
    for one in late:
        print(due_line(one))
    coming = [one for one in rechecks(book) if one.recheck > day]
    print(f"{len(late)} due by {day}" + (f"; the next one on {coming[0].recheck}" if coming else ""))
    return 0


def _run_done(given: argparse.Namespace) -> int:
    from bookkit.tracker.done import lines, run_gates
    from bookkit.tracker.gates import GATES
    from bookkit.tracker.show import done_mark

    for outcome in run_gates(given.root, lambda text: print(text, file=sys.stderr, flush=True)):
        if not outcome.passed:
            print(f"{outcome.name} failed:\n{outcome.said}\n", file=sys.stderr)
    listed = lines(given.root)
    for line in listed:
        person = "   (only a person can)" if line.by == "person" else ""
        print(f"{done_mark(line.done)} {line.text}{person}")
        for missing in line.missing if not line.done else ():
            print(f"     {missing}")
    open_ = [line for line in listed if not line.done and line.by != "person"]
    waiting = [line for line in listed if not line.done and line.by == "person"]
    tail = f"; {_counted(len(waiting), 'waits', 'wait')} for a person" if waiting else ""
    still = _counted(len(open_), "line is", "lines are")
    print(f"{still} open{tail}" if open_ or waiting else "done")
    print(f"Recorded in {GATES}, for exactly this content; commit it with what `git status` names.")
    return 1 if open_ else 0
