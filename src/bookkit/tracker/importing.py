"""Reads a tracker document back, also one that was kept by hand, and says what does not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import ftfy

from bookkit.manuscript import Finding, ManuscriptError
from bookkit.tracker.document import (
    MARK_SIGNS,
    MATRIX_COLUMNS,
    PR_COLUMNS,
    STATUS_SIGNS,
    Document,
    Headline,
    Item,
    MatrixRow,
    Row,
)
from bookkit.tracker.evidence import IS_COMPLETE, NOT_STARTED


@dataclass(frozen=True)
class Imported:
    """A document that was read: what it says, its own headline, and what does not fit.

    `unplaced` are lines that could not be read, `contradictions` places where the document disagrees with
    itself; `repaired` counts the lines that the repair of the encoding changed.
    """

    document: Document
    headline: Headline | None
    unplaced: tuple[Finding, ...]
    contradictions: tuple[Finding, ...]
    repaired: int


PLACE = re.compile(r"(?:START HERE: *)?(PR\d+)\s*[;:,]?\s*(.*)")
HEADLINE = re.compile(r"\*\*Total Completion\*\*:\s*(\d+)\s*%\s*\((\d+)/(\d+)")
BAR = re.compile(r"\[([█░]+)\]\s*(\d+)\s*%")
NEXT = "Next PR"
"""How the section on the next piece of work begins its heading."""

ITEM = re.compile(r"\s*[-*] \[([ xX])\] (.+)")


def parse(text: str, path: str) -> Imported:
    """Read a tracker document, repairing its encoding first. Nothing that it holds is dropped silently.

    Raises ManuscriptError for a text that has neither of the two tables.
    """
    whole = repaired(text)
    changed = sum(a != b for a, b in zip(text.splitlines(), whole.splitlines(), strict=True))
    reader = _Reader(path)
    for number, line in enumerate(whole.splitlines(), 1):
        reader.line(number, line.rstrip())
    document = reader.document()
    if not document.rows and not document.matrix:
        message = "it is no tracker document: it has neither a PR dashboard nor a chapter matrix"
        remedy = f"Name a file with a table of the columns {' | '.join(PR_COLUMNS)}."
        raise ManuscriptError(Finding(path, 0, "import", message, remedy))
    unplaced = [*reader.unplaced, *reader.absent(document)]
    return Imported(
        document, reader.headline, tuple(unplaced), tuple(reader.contradictions(document)), changed
    )


def repaired(text: str) -> str:
    """Text whose UTF-8 was once read as another encoding, line by line; quotation marks stay as they are."""
    settings = ftfy.TextFixerConfig(uncurl_quotes=False, normalization=None)
    return "".join(ftfy.fix_text(line, settings) for line in text.splitlines(keepends=True))


class _Reader:
    """Goes through a document line by line and knows under which headings it is."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.section = ""
        self.columns: tuple[str, ...] = ()
        self.rows: dict[str, tuple[int, Row]] = {}
        self.matrix: dict[str, tuple[int, MatrixRow]] = {}
        self.preflight: list[Item] = []
        self.done: list[Item] = []
        self.statuses: list[str] = []
        self.marks: list[str] = []
        self.summary: list[str] = []
        self.next: tuple[int, str, str] = (0, "", "")
        self.headline: Headline | None = None
        self.bar: tuple[int, int, int] | None = None
        self.headline_line = 0
        self.unplaced: list[Finding] = []

    def line(self, number: int, line: str) -> None:
        if heading := re.match(r"#{2,3} +(.+)", line):
            self.heading(number, heading[1].strip())
        elif line.lstrip().startswith("|"):
            self.table(number, [cell.strip() for cell in line.strip().strip("|").split("|")])
        elif (item := ITEM.match(line)) and "Definition of Done" in self.section:
            self.done.append(Item(item[1] != " ", item[2].strip()))
        elif item and self.section.startswith(NEXT):
            self.preflight.append(Item(item[1] != " ", item[2].strip()))
        elif item:
            self.lost(
                number,
                f"the line {line.strip()}",
                "Checklists stand under the next PR and the definition of done.",
            )
        elif found := HEADLINE.search(line):
            self.headline, self.headline_line = Headline(*map(int, found.groups())), number
        elif found := BAR.search(line):
            self.bar = (number, int(found[2]), round(100 * found[1].count("█") / len(found[1])))
        elif self.section == "Status Legend" and line.startswith("- "):
            self.legend(number, line[2:].strip(), STATUS_SIGNS, self.statuses)
        elif line.startswith("Legend:"):
            for part in line.removeprefix("Legend:").split("|"):
                self.legend(number, part.strip(), MARK_SIGNS, self.marks)
        elif self.section.startswith(NEXT) and line.strip() and not line.startswith(("**", "---")):
            self.summary.append(line.strip())

    def heading(self, number: int, title: str) -> None:
        self.columns = ()
        found = PLACE.match(title)
        if found and self.section.startswith(NEXT):
            self.next = (number, found[1], found[2].strip())
        else:
            self.section = title

    def legend(self, number: int, text: str, signs: Mapping[str, str], into: list[str]) -> None:
        found = next((name for name, sign in signs.items() if text == f"{sign} {name}"), None)
        if found:
            into.append(found)
        else:
            self.lost(
                number, f"the legend's “{text}”", f"Known: {', '.join(f'{s} {n}' for n, s in signs.items())}."
            )

    def table(self, number: int, cells: list[str]) -> None:
        if not self.columns:
            self.columns = tuple(cells)
            if self.columns not in (PR_COLUMNS, MATRIX_COLUMNS):
                remedy = f"Known: {' | '.join(PR_COLUMNS)} and {' | '.join(MATRIX_COLUMNS)}."
                self.lost(number, f"a table with the columns {' | '.join(cells)}", remedy)
            return
        if all(re.fullmatch(r":?-{2,}:?", cell) for cell in cells):
            return
        if self.columns == PR_COLUMNS:
            self.pr_row(number, cells)
        elif self.columns == MATRIX_COLUMNS:
            self.matrix_row(number, cells)
        else:
            self.lost(number, f"the row {' | '.join(cells)}", "Its table is not known.")

    def pr_row(self, number: int, cells: list[str]) -> None:
        shown = " | ".join(cells)
        if len(cells) != len(PR_COLUMNS):
            return self.lost(number, f"the row {shown}", f"It needs {len(PR_COLUMNS)} cells.")
        status = next((name for name, sign in STATUS_SIGNS.items() if cells[2] == f"{sign} {name}"), None)
        percent = re.fullmatch(r"(\d{1,3})\s*%", cells[3])
        if not re.fullmatch(r"PR\d+", cells[0]):
            return self.lost(number, f"the row {shown}", "It names no PR.")
        if status is None:
            known = ", ".join(f"{sign} {name}" for name, sign in STATUS_SIGNS.items())
            return self.lost(number, f"the status “{cells[2]}” of {cells[0]}", f"Known: {known}.")
        if percent is None or int(percent[1]) > 100:
            return self.lost(number, f"the completion “{cells[3]}” of {cells[0]}", "Write 0% to 100%.")
        if cells[0] in self.rows:
            return self.lost(
                number, f"the row {shown}", f"{cells[0]} stands in line {self.rows[cells[0]][0]} too."
            )
        self.rows[cells[0]] = (number, Row(cells[0], cells[1], status, int(percent[1]), cells[4]))
        return None

    def matrix_row(self, number: int, cells: list[str]) -> None:
        shown = " | ".join(cells)
        if len(cells) != len(MATRIX_COLUMNS):
            return self.lost(number, f"the row {shown}", f"It needs {len(MATRIX_COLUMNS)} cells.")
        names = {sign: name for name, sign in MARK_SIGNS.items()}
        unknown = [cell for cell in cells[2:] if cell not in names]
        if unknown:
            return self.lost(
                number, f"the mark “{unknown[0]}” of chapter {cells[0]}", f"Known: {' '.join(names)}."
            )
        if cells[0] in self.matrix:
            line = self.matrix[cells[0]][0]
            return self.lost(number, f"the row {shown}", f"Chapter {cells[0]} stands in line {line} too.")
        states = tuple(names[cell] for cell in cells[2:])
        self.matrix[cells[0]] = (number, MatrixRow(cells[0], cells[1], states))
        return None

    def lost(self, number: int, what: str, remedy: str) -> None:
        self.unplaced.append(Finding(self.path, number, "import", f"cannot place {what}", remedy))

    def document(self) -> Document:
        return Document(
            rows=tuple(row for _, row in self.rows.values()),
            matrix=tuple(row for _, row in self.matrix.values()),
            next_piece=self.next[1],
            next_title=self.next[2],
            summary=" ".join(self.summary),
            preflight=tuple(self.preflight),
            done=tuple(self.done),
            statuses=tuple(self.statuses),
            marks=tuple(self.marks),
        )

    def absent(self, document: Document) -> Iterator[Finding]:
        """Parts of a tracker document that this one has not."""
        for name, there in (("the PR dashboard", document.rows), ("the chapter matrix", document.matrix)):
            if not there:
                yield Finding(self.path, 0, "import", f"{name} is not there", "Is this a tracker document?")

    def contradictions(self, document: Document) -> Iterator[Finding]:
        """Where the document says one thing in one place and another in another."""
        counted = document.headline
        if self.headline and self.headline != counted:
            said = self.headline
            message = (
                f"the headline says {said.percent} % ({said.complete} of {said.pieces}), "
                f"the rows say {counted.percent} % ({counted.complete} of {counted.pieces})"
            )
            yield Finding(self.path, self.headline_line, "contradiction", message, "The rows are taken.")
        if self.headline and self.bar and self.bar[1] != self.headline.percent:
            message = f"the bar says {self.bar[1]} %, the headline {self.headline.percent} %"
            yield Finding(self.path, self.bar[0], "contradiction", message, "The rows are taken.")
        for number, row in self.rows.values():
            if (row.status == IS_COMPLETE) != (row.percent == 100) or (
                row.status == NOT_STARTED and row.percent
            ):
                message = f"{row.name} is {row.status} at {row.percent} %"
                yield Finding(self.path, number, "contradiction", message, "The status is taken.")
        following = self.rows.get(document.next_piece)
        if document.next_piece and following is None:
            message = f"the next piece is {document.next_piece}, which has no row"
            yield Finding(self.path, self.next[0], "contradiction", message, "Add its row.")
        elif following and following[1].status == IS_COMPLETE:
            message = f"the next piece is {document.next_piece}, which is complete"
            yield Finding(self.path, self.next[0], "contradiction", message, "The status is taken.")


def report(imported: Imported) -> Iterator[str]:
    """What was read, what could not be placed, and where the document contradicts itself."""
    document = imported.document
    whole = document.headline
    yield f"lines whose encoding was repaired: {imported.repaired}"
    yield f"pieces of work: {len(document.rows)}, {whole.complete} complete ({whole.percent} %)"
    for status in STATUS_SIGNS:
        rows = [row for row in document.rows if row.status == status]
        if rows and status != "Complete":
            yield f"  {status}: {', '.join(f'{row.name} at {row.percent} %' for row in rows)}"
    yield f"chapters in the matrix: {len(document.matrix)}"
    yield f"next: {document.next_piece or 'nothing'} {document.next_title}".rstrip()
    ticked = [sum(item.done for item in items) for items in (document.preflight, document.done)]
    yield f"pre-flight checklist: {ticked[0]} of {len(document.preflight)} ticked"
    yield f"definition of done: {ticked[1]} of {len(document.done)} ticked"
    yield f"legends: {len(document.statuses)} statuses, {len(document.marks)} marks"
    for finding in (*imported.contradictions, *imported.unplaced):
        yield str(finding)


def as_data(imported: Imported) -> dict[str, Any]:
    """Everything that was read, for a program."""
    return {
        **asdict(imported.document),
        "headline": asdict(imported.headline) if imported.headline else None,
        "counted": asdict(imported.document.headline),
        "repaired": imported.repaired,
        "unplaced": [str(finding) for finding in imported.unplaced],
        "contradictions": [str(finding) for finding in imported.contradictions],
    }
