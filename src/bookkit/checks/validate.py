"""`validate`: the sources of the book, every rule."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bookkit.checks.anatomy import anatomy
from bookkit.checks.citations import citation_findings
from bookkit.checks.facts import fact_findings
from bookkit.checks.glyphs import glyphs, pictures
from bookkit.checks.labels import label_findings, link_findings
from bookkit.checks.listings import listings
from bookkit.checks.media import media
from bookkit.checks.page import Page, read_all
from bookkit.checks.plan import plan
from bookkit.checks.stale import stale
from bookkit.checks.subset import subset
from bookkit.manuscript import Finding, Project, load


@dataclass(frozen=True)
class Report:
    """What is wrong, and how many chapters were read."""

    findings: list[Finding]
    chapters: int


def findings(project: Project, pages: list[Page]) -> Iterator[Finding]:
    """Everything that is wrong with a book that could be read."""
    with ThreadPoolExecutor(1) as aside:
        later = aside.submit(lambda: list(stale(project)))  # another process, the slowest of all
        yield from plan(project)
        yield from label_findings(pages)
        yield from link_findings(pages, project)
        yield from citation_findings(pages, project)
        yield from fact_findings(pages, project)
        for page in pages:
            yield from anatomy(page)
            yield from subset(page)
            yield from listings(page)
            yield from media(page, project)
            yield from glyphs(page, project)
        yield from pictures(project)
        yield from later.result()


def validate(root: Path) -> Report:
    """Check the book at `root`. Raises ManuscriptError when it cannot be read."""
    project = load(root)
    pages = read_all((chapter.source, chapter.kind) for chapter in project.chapters)
    return Report(sorted(set(findings(project, pages))), len(pages))
