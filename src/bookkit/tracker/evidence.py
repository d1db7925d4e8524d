"""Evidence: what each column of the matrix can show for a chapter, and what it still lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bookkit.checks.citations import ENTRY, LEDGER
from bookkit.checks.dates import when
from bookkit.checks.facts import FACTS, RESULTS
from bookkit.manuscript import Chapter, Finding, ManuscriptError, Project, load
from bookkit.manuscript.files import read_text, yaml_mapping
from bookkit.tracker.approvals import Approval, load_approvals
from bookkit.tracker.gates import COMMANDS, book_digest, load_gates
from bookkit.tracker.plan import BLOCKED, COMPLETE, ChapterPlan, Piece, Plan, load_plan
from bookkit.tracker.reading import Reading, content_digest, media_path, read_chapters
from bookkit.tracker.research import FOLDER, Topic, topics

DONE, PROGRESS, OPEN, NONE = "Done", "In Progress", "Not Started", "Not Applicable"
COLUMNS = ("Research", "Outline", "Draft", "Review", "Diagrams", "Final")
AUTHORED = ("Research", "Outline", "Draft", "Diagrams")
"""The columns that an author fills; Review and Final wait for a reviewer."""

DOCUMENTS = ("tracker/AI_CONTEXT.md", f"{FOLDER}/00-summary.md")
"""What an outline review also needs, written by hand; generated documents are held by `check`."""

LEAST_SECTIONS = 3
ALMOST = 95
"""The most that a piece shows, in percent, while something of its evidence is missing."""

UNDRAWN = "no figure shows it yet (give the plan its label when one does)"

NOT_STARTED, IN_PROGRESS, IS_COMPLETE, IS_BLOCKED = "Not Started", "In Progress", "Complete", "Blocked"


@dataclass(frozen=True)
class Column:
    """One cell of the matrix: its state, and a line for each thing that it lacks."""

    state: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standing:
    """Where a piece of work stands, as its evidence says."""

    piece: Piece
    status: str
    percent: int
    missing: tuple[str, ...]

    @property
    def evident(self) -> bool:
        """Whether nothing is missing, claimed or not."""
        return not self.missing


@dataclass(frozen=True)
class Book:
    """Everything that evidence is drawn from, read once."""

    project: Project
    plan: Plan
    readings: Mapping[str, Reading]
    topics: Mapping[str, Topic]
    research_faults: tuple[Finding, ...]
    works: frozenset[str]
    ledger: Mapping[str, Any]
    facts: Mapping[str, Any]
    approvals: Mapping[str, Approval]

    @property
    def root(self) -> Path:
        """The book's folder."""
        return self.project.root

    @cached_property
    def chapters(self) -> dict[str, Chapter]:
        """The planned chapters by file, in reading order."""
        return {
            chapter.path: chapter for chapter in self.project.chapters if chapter.path in self.plan.chapters
        }

    @cached_property
    def labels(self) -> frozenset[str]:
        """Every label of the book."""
        return frozenset(label for reading in self.readings.values() for label in reading.labels)

    @cached_property
    def doubled(self) -> frozenset[str]:
        """Labels of figures, tables and the like that are given at two places."""
        places = {place for reading in self.readings.values() for place in reading.given}
        count = Counter(place.split(" ", 1)[0] for place in places)
        return frozenset(label for label, times in count.items() if times > 1)

    @cached_property
    def referenced(self) -> frozenset[str]:
        """Every label that some sentence refers to."""
        return frozenset(name for reading in self.readings.values() for name in reading.references)

    @cached_property
    def gates(self) -> dict[str, bool]:
        """Which commands of the definition of done have passed on exactly this content."""
        record = load_gates(self.root)
        content = book_digest(self.root) if record.passed else ""
        return {name: record.hold(name, content) for name in COMMANDS}

    def digest(self, path: str) -> str:
        """The digest of a chapter's content, which an approval is bound to."""
        return content_digest(self.root, self.chapters[path], self.readings[path])

    @cached_property
    def matrix(self) -> dict[str, dict[str, Column]]:
        """The columns of each chapter, by its file."""
        return {path: _columns(self, path) for path in self.chapters}

    @cached_property
    def standings(self) -> dict[str, Standing]:
        """Where each piece of work stands, by its name."""
        found: dict[str, Standing] = {}
        for name in _in_order(self.plan.pieces):
            found[name] = _standing(self, self.plan.pieces[name], found)
        return {name: found[name] for name in self.plan.pieces}

    @property
    def next_piece(self) -> Standing | None:
        """The first piece that is neither complete nor blocked and whose predecessors are complete."""
        complete = {name for name, standing in self.standings.items() if standing.status == IS_COMPLETE}
        for standing in self.standings.values():
            if standing.status not in (IS_COMPLETE, IS_BLOCKED) and set(standing.piece.after) <= complete:
                return standing
        return None

    def chapter_of(self, word: str) -> Chapter:
        """The chapter that `word` names: its number, its file or its file's name. Raises ManuscriptError."""
        for path, chapter in self.chapters.items():
            names = {
                path,
                chapter.stem,
                chapter.number.lower(),
                chapter.number.zfill(2),
                chapter.stem.split("-")[0],
            }
            if word.lower() in names - {""}:
                return chapter
        remedy = f"Name one of {', '.join(chapter.stem for chapter in self.chapters.values())}."
        raise ManuscriptError(Finding(word, 0, "chapter", "there is no such chapter", remedy))

    def piece_of(self, word: str) -> Standing:
        """The piece that `word` names, as `PR9` or by its chapter. Raises ManuscriptError."""
        if word.upper().startswith("PR") and word[2:].isdigit():
            return self.standings[self.plan.piece(word).name]
        return self.standings[self.plan.chapters[self.chapter_of(word).path].work]


def read_book(root: Path) -> Book:
    """Read everything of the book at `root`. Raises ManuscriptError."""
    project = load(root)
    plan = load_plan(project)
    known, faults = topics(project.root)
    works = {
        found[1]
        for name in project.bibliography
        if (project.root / name).is_file()
        for found in ENTRY.finditer(read_text(project.root, name))
    }
    return Book(
        project=project,
        plan=plan,
        readings=read_chapters(project, list(project.chapters)),
        topics=known,
        research_faults=tuple(faults),
        works=frozenset(works),
        ledger=_mapping(project.root, LEDGER),
        facts=_mapping(project.root, FACTS),
        approvals=load_approvals(project.root),
    )


def _mapping(root: Path, path: str) -> dict[str, Any]:
    return yaml_mapping(read_text(root, path), path, 1, path) if (root / path).is_file() else {}


def _columns(book: Book, path: str) -> dict[str, Column]:
    plan, reading = book.plan.chapters[path], book.readings[path]
    columns = {
        "Research": _research(book, plan),
        "Outline": _outline(reading),
        "Draft": _draft(book, path, plan, reading),
        "Review": _review(book, path),
        "Diagrams": _diagrams(book, path, plan, reading),
    }
    columns["Final"] = _final(book, columns)
    return {name: columns[name] for name in COLUMNS}


def _research(book: Book, plan: ChapterPlan) -> Column:
    if not plan.research:
        return Column(NONE)
    missing: list[str] = []
    absent = 0
    for name in plan.research:
        topic = book.topics.get(name)
        if topic is None:
            absent += 1
            missing.append(f"the research notes {FOLDER}/{name}.md are not there")
            continue
        for finding in book.research_faults:
            if finding.path == topic.path:
                missing.append(f"{finding.path}:{finding.line}: {finding.message}")
        missing += _unread(book, topic.keys, topic.path)
    if not missing:
        return Column(DONE)
    return Column(OPEN if absent == len(plan.research) else PROGRESS, tuple(missing))


def _unread(book: Book, keys: Iterable[str], path: str) -> Iterator[str]:
    for key in keys:
        if key not in book.works:
            yield f"{path} cites {key}, which is in no bibliography"
        elif key not in book.ledger:
            yield f"{path} cites {key}, which is not in {LEDGER}"
        elif not isinstance(record := book.ledger[key], dict) or when(record.get("read")) is None:
            yield f"{path} cites {key}, for which {LEDGER} has no day on which it was read"


def _outline(reading: Reading) -> Column:
    missing = [] if reading.dek else ["the front matter has no `dek`"]
    if len(reading.sections) < LEAST_SECTIONS:
        missing.append(f"{len(reading.sections)} sections, fewer than {LEAST_SECTIONS}")
    return Column(PROGRESS if missing else DONE, tuple(missing))


def _draft(book: Book, path: str, plan: ChapterPlan, reading: Reading) -> Column:
    if reading.status == "outline":
        return Column(OPEN, ("the chapter is an outline",))
    missing: list[str] = []
    if reading.status:
        missing.append(f"the front matter says `status: {reading.status}`")
    low, high = plan.words
    if not low <= reading.words <= high:
        missing.append(f"{reading.words:,} words of prose, not {low:,} to {high:,}")
    counted = "words of prose"  # said above already
    missing += [fault for fault in reading.faults if counted not in fault]
    missing += [f"unfinished: {place}" for place in reading.unfinished]
    for name in reading.references:
        if name not in book.labels:
            missing.append(f"@{name} refers to nothing")
    for place in reading.given:
        label, where = place.split(" ", 1)
        if label in book.doubled:
            missing.append(f"{where}: the label {label} is given twice")
    missing += _unread(book, reading.citations, path)
    missing += [f"no fact has the key {key}" for key in reading.facts if key not in book.facts]
    for name in reading.records:
        if not (book.root / RESULTS / f"{name}.json").is_file():
            missing.append(f"the lab {name} has no record")
    for name in reading.files:
        if not media_path(book.root, path, name).is_file():
            missing.append(f"the file {name} is not there")
    return Column(PROGRESS if missing else DONE, tuple(missing))


def _diagrams(book: Book, path: str, plan: ChapterPlan, reading: Reading) -> Column:
    if not plan.diagrams:
        return Column(NONE)
    missing: list[str] = []
    drawn = 0
    for diagram in plan.diagrams:
        fault = _diagram_fault(book, path, diagram.label, reading)
        drawn += bool(diagram.label) and not fault
        if fault:
            missing.append(f"planned diagram “{diagram.shows}”: {fault}")
    for picture in reading.pictures:
        if not picture.alt:
            missing.append(f"the figure {picture.label} has no alt text")
    return Column(DONE if not missing else PROGRESS if drawn else OPEN, tuple(missing))


def _diagram_fault(book: Book, path: str, label: str, reading: Reading) -> str:
    if not label:
        return UNDRAWN
    picture = reading.figures.get(label)
    if picture is None:
        return f"the chapter has no figure {label}"
    if label not in book.referenced:
        return f"no sentence refers to {label}"
    if not picture.alt:
        return f"{label} has no alt text"
    for name in picture.files:
        if not media_path(book.root, path, name).is_file():
            return f"the file {name} is not there"
    return ""


def _review(book: Book, path: str) -> Column:
    approval = book.approvals.get(path)
    if approval is None:
        return Column(OPEN, ("nobody has approved it",))
    if approval.by not in book.plan.approvers:
        return Column(OPEN, (f"approved by {approval.by}, who may not approve",))
    if approval.digest != book.digest(path):
        return Column(PROGRESS, (f"changed since review: {approval.by} approved it on {approval.date}",))
    return Column(DONE)


def _final(book: Book, columns: Mapping[str, Column]) -> Column:
    missing = [name for name, column in columns.items() if column.state not in (DONE, NONE)]
    lines = [f"{name} is not done" for name in missing]
    gates = [
        f"`{COMMANDS[name]}` has not passed on this content" for name, held in book.gates.items() if not held
    ]
    if not lines and not gates:
        return Column(DONE)
    return Column(OPEN if missing else PROGRESS, (*lines, *gates))


def _in_order(pieces: Mapping[str, Piece]) -> Iterator[str]:
    """The names so that every piece stands after those it waits for; the plan has no circle."""
    seen: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name not in seen:
            seen.add(name)
            for other in pieces[name].after:
                yield from visit(other)
            yield name

    for name in pieces:
        yield from visit(name)


def _standing(book: Book, piece: Piece, before: Mapping[str, Standing]) -> Standing:
    missing: list[str] = []
    shares: list[float] = []
    if piece.chapters:
        for path in piece.chapters:
            columns = book.matrix[path]
            name = chapter_name(book.chapters[path])
            for column in AUTHORED:
                missing += [f"{name}, {column}: {line}" for line in columns[column].missing]
            states = [columns[column].state for column in ("Draft", "Diagrams")]
            shares += [{DONE: 1.0, PROGRESS: 0.5}.get(state, 0.0) for state in states if state != NONE]
    else:
        for path, columns in book.matrix.items():
            name = chapter_name(book.chapters[path])
            missing += [f"{name}, Outline: {line}" for line in columns["Outline"].missing]
            shares.append(columns["Outline"].state == DONE)
        for document in DOCUMENTS:
            there = (book.root / document).is_file()
            shares.append(there)
            missing += [] if there else [f"{document} is not there"]
    for other in piece.after:
        if before[other].status != IS_COMPLETE:
            missing.append(f"{other} comes before it and is not complete")
    percent = int(100 * sum(shares) / len(shares)) if shares else 0
    percent = min(percent, ALMOST) if missing else 100
    if piece.claim == BLOCKED:
        status = IS_BLOCKED
    elif piece.claim == COMPLETE and not missing:
        status = IS_COMPLETE
    else:
        status = IN_PROGRESS if percent else NOT_STARTED
    return Standing(piece, status, percent, tuple(missing))


def chapter_name(chapter: Chapter) -> str:
    """`chapter 6`, `appendix A`, or the title of a chapter without a number."""
    return f"{chapter.kind} {chapter.number}" if chapter.number else chapter.title
