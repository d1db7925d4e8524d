"""Shows each edit as it is saved: its chapter's page at once, the others if a number or title changed."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

from watchfiles import watch

from bookkit.manuscript import Chapter, ManuscriptError, load
from bookkit.press import html
from bookkit.press.build import WORK, Sheets, build, check, prepare
from bookkit.press.execute import outputs
from bookkit.press.files import ToolError
from bookkit.press.pandoc import EXTENSION, LUA, Pandoc
from bookkit.press.progress import Progress
from bookkit.press.server import Server
from bookkit.press.weave import weave
from bookkit.press.workers import Workers

IGNORED = ("_book", "_freeze", "_analysis", "build", "tests", "node_modules")
SETTLE_MS = 40


class Preview:
    """A book that is being written, and the server that shows it."""

    def __init__(self, root: Path, port: int, say: Callable[[str], None]) -> None:
        self.root, self.say = root.resolve(), say
        work = self.root / WORK
        self.server = Server(
            port,
            [
                ("assets/", html.THEME / "site"),
                ("figures/cells/", work / "figures" / "cells"),
                ("figures/", self.root / "figures"),
                ("audio/", self.root / "audio"),
                ("", self.root / "_book"),
            ],
        )
        self.workers = Workers()
        self.sheets: Sheets | None = None

    def serve(self, stop: threading.Event) -> None:
        """Build, then serve and watch until `stop` is set."""
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        changes: queue.SimpleQueue[set[Path]] = queue.SimpleQueue()
        try:
            self.say(f"{self.server.address}  (Ctrl-C ends it)")
            self._attempt(self._begin)
            for folders, deep in ((self._folders(), True), ([self.root], False)):
                threading.Thread(target=_watch, args=(folders, deep, stop, changes), daemon=True).start()
            while not stop.is_set():
                with contextlib.suppress(queue.Empty):
                    self.changed(changes.get(timeout=0.5))
        finally:
            stop.set()
            self.workers.close()
            self.server.shutdown()
            self.server.server_close()

    def _folders(self) -> list[Path]:
        own = [
            p
            for p in sorted(self.root.iterdir())
            if p.is_dir() and p.name[0] != "." and p.name not in IGNORED
        ]
        return own + [p for p in (html.THEME, LUA, EXTENSION) if not p.is_relative_to(self.root)]

    def changed(self, paths: Collection[Path]) -> None:
        """Bring the pages up to date after these files have changed."""
        begun = time.perf_counter()
        names = {
            p.relative_to(self.root).as_posix() if p.is_relative_to(self.root) else str(p) for p in paths
        }
        edited = None
        if self.sheets and len(names) == len(paths) == 1:
            edited = next((c for c in self.sheets.project.chapters if c.path in names), None)
        if self._attempt(lambda: self._chapter(edited) if edited else self._whole()):
            self.say(f"{', '.join(sorted(names)[:3]) or 'theme'}: {time.perf_counter() - begun:.2f} s")

    def _attempt(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except (ManuscriptError, ToolError, OSError) as error:
            self.say(str(error))
            self.server.complain(str(error))
            return False
        return True

    def _begin(self) -> None:
        build(self.root, ["html"], Progress())
        self._whole()

    def _whole(self) -> None:
        self.workers.close()  # they know the filters of their start
        self.sheets = prepare(load(self.root), Progress(quiet=True), self.workers)
        self._show(self.sheets, self.sheets.project.chapters, everywhere=True)

    def _chapter(self, chapter: Chapter) -> None:
        """The edited chapter's page; the other pages after it if the edit reaches them."""
        old = self.sheets
        assert old is not None
        project = old.project.reread(chapter)
        fresh = next(c for c in project.chapters if c.path == chapter.path)
        pandoc = Pandoc(project, old.work, self.workers)
        given = outputs(project, [fresh], old.work / "outputs", Progress().cells)
        parsed = pandoc.parse([fresh], {fresh.path: weave(project, fresh, given[fresh.path])})
        sheets = check(replace(old, project=project, pandoc=pandoc, parsed={**old.parsed, **parsed}))
        reaches = (sheets.numbering.xref, sheets.titles) != (old.numbering.xref, old.titles)
        reaches = reaches or fresh.kind != chapter.kind or fresh.outline != chapter.outline
        self.sheets = sheets
        self._show(sheets, [fresh], everywhere=False)
        if reaches:
            self._show(sheets, project.chapters, everywhere=True)

    def _show(self, sheets: Sheets, chapters: Iterable[Chapter], everywhere: bool) -> None:
        project, chosen = sheets.project, list(chapters)
        bodies = sheets.pandoc.chapters("html", chosen, sheets.parsed, sheets.numbering)
        downloads = html.downloads(project, project.output)
        pages = {
            c.url: html.render(
                project, c, json.loads(bodies[c.path].read_bytes()), sheets.titles, sheets.commit, downloads
            )
            for c in chosen
        }
        if everywhere:
            pages["404.html"] = html.not_found(project, sheets.titles, sheets.commit)
        self.server.refresh(pages, everywhere)


def _watch(folders: list[Path], deep: bool, stop: threading.Event, out: queue.SimpleQueue[set[Path]]) -> None:
    """Put into `out` the files of these folders that change, until `stop` is set."""
    for changes in watch(*folders, recursive=deep, step=SETTLE_MS, stop_event=stop, raise_interrupt=False):
        if files := {Path(path) for _, path in changes if not Path(path).is_dir()}:
            out.put(files)
