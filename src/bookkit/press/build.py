"""Builds editions: run, weave, parse, number, write, and swap the finished book in at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bookkit.manuscript import ManuscriptError, Project, load
from bookkit.press import epub, html, pdf
from bookkit.press.commit import Commit, commit
from bookkit.press.execute import outputs
from bookkit.press.faults import faults
from bookkit.press.files import exchange
from bookkit.press.lock import locked
from bookkit.press.numbering import Numbering, number
from bookkit.press.pandoc import Pandoc, Parsed
from bookkit.press.progress import Progress
from bookkit.press.weave import weave
from bookkit.press.workers import Workers

WORK = ".cache/press"
EDITIONS_KEPT = 4
FORMATS = ("pdf", "epub", "html")
"""In the order of a whole build: the web edition offers the other two for download."""


@dataclass(frozen=True)
class Sheets:
    """A book that is run, parsed, numbered and free of faults, ready to be written in any format."""

    project: Project
    commit: Commit
    pandoc: Pandoc
    parsed: Mapping[str, Parsed]
    numbering: Numbering

    @property
    def work(self) -> Path:
        """Folder of all caches."""
        return self.project.root / WORK

    @property
    def titles(self) -> dict[str, str]:
        """The title of each chapter as plain text, by its path."""
        return {path: str(one.labels["title"]) for path, one in self.parsed.items()}


def prepare(project: Project, progress: Progress, workers: Workers) -> Sheets:
    """Everything up to the writing of editions. Raises ManuscriptError with the faults of the whole book."""
    work = project.root / WORK
    date = commit(project.root)
    with progress.stage("cells"):
        given = outputs(project, project.chapters, work / "outputs", progress.cells)
    with progress.stage("parse"):
        woven, findings = {}, []
        for chapter in project.chapters:
            try:
                woven[chapter.path] = weave(project, chapter, given[chapter.path])
            except ManuscriptError as error:
                findings += error.findings
        if findings:
            raise ManuscriptError(findings)
        pandoc = Pandoc(project, work, workers)
        parsed = pandoc.parse(project.chapters, woven)
        return check(Sheets(project, date, pandoc, parsed, Numbering()))


def check(sheets: Sheets) -> Sheets:
    """The sheets with the numbers of the whole book. Raises ManuscriptError with every fault."""
    tables = {path: one.labels for path, one in sheets.parsed.items()}
    numbering = number(sheets.project.chapters, tables)
    if found := faults(sheets.project, tables, numbering):
        raise ManuscriptError(found)
    return replace(sheets, numbering=numbering)


def build(root: Path, formats: Iterable[str], progress: Progress) -> Project:
    """Build editions of the book at `root` into its output folder; formats not named stay as they are.

    Raises ManuscriptError, ToolError, OSError; the folder then holds the last good book, untouched.
    """
    wanted = [name for name in FORMATS if name in set(formats)]
    work = root.resolve() / WORK
    with locked(work), Workers() as workers:
        _sweep(work)
        fresh = work / f"next-{os.getpid()}"
        try:
            with progress.stage("read"):
                project = load(root)
            _recover(work, project.output)
            sheets = prepare(project, progress, workers)
            fresh.mkdir()
            _keep(project.output, fresh, project.stem, wanted)
            for name in wanted:
                with progress.stage(name):
                    WRITERS[name](sheets, fresh)
            with progress.stage("swap"):
                _swap(fresh, project.output, work / f"old-{os.getpid()}")
            _prune(work)
        finally:
            _sweep(work)
    return project


def _write_html(sheets: Sheets, out: Path) -> None:
    project = sheets.project
    bodies = sheets.pandoc.chapters("html", project.chapters, sheets.parsed, sheets.numbering)
    html.site(project, bodies, sheets.titles, sheets.commit, sheets.work, out)


def _write_pdf(sheets: Sheets, out: Path) -> None:
    fragments = sheets.pandoc.chapters("typst", sheets.project.chapters, sheets.parsed, sheets.numbering)
    pdf.write(sheets.project, fragments, sheets.parsed, sheets.commit, sheets.work, out)


def _write_epub(sheets: Sheets, out: Path) -> None:
    epub.write(sheets.project, sheets.pandoc, sheets.parsed, sheets.numbering, sheets.commit, out)


WRITERS: Mapping[str, Callable[[Sheets, Path], None]] = {
    "html": _write_html,
    "pdf": _write_pdf,
    "epub": _write_epub,
}


def _keep(old: Path, fresh: Path, stem: str, wanted: Sequence[str]) -> None:
    """Link into `fresh` what the editions that are not built anew left in `old`."""
    editions = {f"{stem}.pdf": "pdf", f"{stem}.epub": "epub"}
    for path in sorted(old.rglob("*")) if old.is_dir() else []:
        name = path.relative_to(old)
        if path.is_file() and editions.get(str(name), "html") not in wanted:
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(path, fresh / name)


def _swap(fresh: Path, output: Path, old: Path) -> None:
    """Put `fresh` in the place of `output`; what was there comes back when that fails.

    In one step where the system can; else in two, and a build that is killed between them leaves the last
    book in `old`, from where the next build fetches it.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    if not output.exists():
        fresh.replace(output)
        return
    if exchange(fresh, output):
        return
    output.replace(old)
    try:
        fresh.replace(output)
    except BaseException:
        old.replace(output)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _recover(work: Path, output: Path) -> None:
    """Bring back the book that a build, killed in the middle of a swap, has left aside."""
    for old in sorted(work.glob("old-*"), key=lambda path: path.stat().st_mtime, reverse=True):
        if output.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.replace(output)


def _sweep(work: Path) -> None:
    """Remove what builds, this one or an earlier one that was killed, have left half done."""
    for path in work.glob("next-*"):
        shutil.rmtree(path, ignore_errors=True)


def _prune(work: Path) -> None:
    """Forget all but the newest editions and search indexes; the other caches are small."""
    for name in ("pdf", "epub", "search"):
        kept = sorted((work / name).glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in kept[EDITIONS_KEPT:]:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
