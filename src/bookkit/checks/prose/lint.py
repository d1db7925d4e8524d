"""`lint md`: every rule over every file of prose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bookkit.checks import page as pages
from bookkit.checks.page import Page
from bookkit.checks.prose import silence
from bookkit.checks.prose.acronyms import acronyms
from bookkit.checks.prose.formatting import formatting
from bookkit.checks.prose.numbers import orphans, ranges, units
from bookkit.checks.prose.passage import Passage, passages
from bookkit.checks.prose.spacing import spacing
from bookkit.checks.prose.spelling import spelling
from bookkit.checks.prose.wording import dashes, questions, words
from bookkit.manuscript import Finding, load, scan

README = "README.md"
Rule = Callable[[Iterable[Passage]], Iterator[Finding]]
EVERYWHERE: tuple[Rule, ...] = (dashes, words, questions, units, ranges)
IN_CHAPTERS: tuple[Rule, ...] = (acronyms,)
IN_WRITTEN: tuple[Rule, ...] = (orphans,)
RULES = frozenset(
    {"dash", "word", "question", "unit", "range", "acronym", "number", "spelling", "spacing", "format"}
)


@dataclass(frozen=True)
class Report:
    """Findings that are left, how many files were read, how many silences hold."""

    findings: list[Finding]
    files: int
    silenced: int


def page_findings(page: Page, read: list[Passage], chapter: bool) -> Iterator[Finding]:
    """What the rules find in one page. An outline has no numbers of its own yet; README is no chapter."""
    rules = EVERYWHERE + (IN_CHAPTERS if chapter else ())
    rules += IN_WRITTEN if chapter and not page.outline else ()
    for rule in rules:
        yield from rule(read)
    yield from spacing(page.source)


def lint(root: Path) -> Report:
    """All of `lint md` on the book at `root`. Raises ManuscriptError when the book cannot be read."""
    project = load(root)
    sources = [(chapter.source, chapter.kind) for chapter in project.chapters]
    if (root / README).is_file():
        sources.append((scan(root.resolve(), README), "readme"))
    read = pages.read_all(sources)
    prose = {page.path: passages(page) for page in read}
    findings: set[Finding] = set()
    for page in read:
        findings.update(page_findings(page, prose[page.path], page.kind != "readme"))
    findings.update(spelling([passage for one in prose.values() for passage in one]))
    files = {page.path for page in read}.union(*(page.source.includes for page in read))
    findings.update(formatting(root, files - {README}))  # panache pads the tables of a README into long rows
    marks = _unique(mark for page in read for mark in silence.silences(page.source))
    left = silence.apply(sorted(findings), marks, RULES)
    return Report(sorted(set(left)), len(files), sum(mark.used for mark in marks))


def _unique(marks: Iterable[silence.Silence]) -> list[silence.Silence]:
    """One silence for each place: a file that several chapters include is read several times."""
    return list({(mark.path, mark.first, mark.rule): mark for mark in marks}.values())
