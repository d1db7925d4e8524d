"""The commands `validate` and `lint`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bookkit.manuscript import Finding
from bookkit.manuscript.names import BOOK_NAME, known_book

KINDS = ("md", "py")


def add_commands(subparsers: Any) -> None:
    """Add both commands to the parser of `bookkit`."""
    checked = subparsers.add_parser(
        "validate", help="check the sources, or with --built the editions in _book"
    )
    checked.add_argument("name", nargs="?", type=known_book, default=BOOK_NAME, metavar="NAME")
    checked.add_argument("--built", action="store_true", help="check the editions in _book")
    checked.add_argument("--root", type=Path, default=Path(), help="the book's folder (default: here)")
    checked.set_defaults(run=run_validate)
    linted = subparsers.add_parser("lint", help="check prose (md), code (py) or both")
    linted.add_argument(
        "words", nargs="*", type=_word, metavar="md|py|NAME", help="what to check, and the book"
    )
    linted.add_argument("--root", type=Path, default=Path(), help="the book's folder (default: here)")
    linted.set_defaults(run=run_lint)


def _word(word: str) -> str:
    return word if word in KINDS else known_book(word)


def show(findings: Iterable[Finding]) -> int:
    """Print findings, a line each; gives how many there were."""
    count = 0
    for finding in findings:
        print(finding)
        count += 1
    return count


def run_validate(given: argparse.Namespace) -> int:
    """Exit status 1 when anything is wrong, by the checks or by another room's `given.findings`."""
    if given.built:
        from bookkit.checks.built.editions import check

        findings, read = check(given.root)
        said = f"{read.pages} pages, EPUB with {read.documents} documents, PDF with {read.sheets} pages"
    else:
        from bookkit.checks.validate import validate

        report = validate(given.root)
        others = [finding for room in given.findings for finding in room(given.root)]
        findings, said = sorted({*report.findings, *others}), f"{report.chapters} chapters"
    count = show(findings)
    print(f"validate: {said}: {_counted(count)}", file=sys.stderr if count else sys.stdout)
    return 1 if count else 0


def run_lint(given: argparse.Namespace) -> int:
    """Exit status 1 when prose or code breaks a rule."""
    kinds = [word for word in given.words if word in KINDS] or list(KINDS)
    failed = False
    if "md" in kinds:
        from bookkit.checks.prose.lint import lint

        report = lint(given.root)
        count = show(report.findings)
        failed = count > 0
        said = f"{report.files} files: {_counted(count)}, {report.silenced} silenced in place"
        print(f"lint md: {said}", file=sys.stderr if count else sys.stdout)
    if "py" in kinds:
        from bookkit.checks.code import lint as lint_code

        for outcome in lint_code(given.root):
            print(outcome, file=sys.stdout if outcome.ok else sys.stderr)
            failed = failed or not outcome.ok
    return 1 if failed else 0


def _counted(count: int) -> str:
    return "nothing wrong" if count == 0 else "1 finding" if count == 1 else f"{count} findings"
