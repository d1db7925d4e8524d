"""Gives every chapter's cells their outputs, from the cache or from kernels, two chapters at a time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bookkit.manuscript import Cell, Chapter, Finding, Inline, ManuscriptError, Project
from bookkit.manuscript.files import read_text
from bookkit.press import kernel
from bookkit.press.files import write_whole
from bookkit.press.kernel import Step
from bookkit.press.modules import digest, used_files

Outputs = list[list[dict[str, Any]]]

AT_ONCE = 2
TIMEOUT_S = 120.0


def steps(project: Project, chapter: Chapter) -> list[Step]:
    """What has to run, in reading order: cells that `eval` does not switch off, and inline cells."""
    default = project.execution(chapter).get("eval", True)
    return [
        Step(piece)
        for piece in chapter.source.flat()
        if isinstance(piece, Inline) or (isinstance(piece, Cell) and piece.options.get("eval", default))
    ]


def key(project: Project, chapter: Chapter, todo: Sequence[Step]) -> str:
    """Digest of everything that can change the outputs; prose, captions and alt text cannot."""
    root = project.root
    codes = [step.code for step in todo]
    lock = root / "constraints.txt"
    parts = [
        [kernel.SETUP, kernel.SVG_SETTINGS, dict(kernel.FIXED)],
        [(step.code, step.may_fail) for step in todo],
        digest(used_files(root, codes), root),
        read_text(root, lock.name) if lock.is_file() else "",
        list(sys.version_info[:3]),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def outputs(
    project: Project, chapters: Sequence[Chapter], cache: Path, say: Callable[[str, int, int], None]
) -> dict[str, Outputs]:
    """Outputs of the steps of each chapter, by the chapter's path.

    `say(chapter, done, total)` is called for chapters that run. Raises ManuscriptError for the first cell
    that fails; the other kernels are ended then.
    """
    found: dict[str, Outputs] = {}
    waiting: list[tuple[Chapter, list[Step], Path]] = []
    for chapter in chapters:
        todo = steps(project, chapter)
        place = cache / f"{key(project, chapter, todo)}.json" if todo else None
        if place is None:
            found[chapter.path] = []
        elif place.is_file():
            found[chapter.path] = json.loads(place.read_text("utf-8"))
        else:
            waiting.append((chapter, todo, place))
    if waiting:
        found |= asyncio.run(_run_all(project, waiting, say))
    return found


async def _run_all(
    project: Project, waiting: list[tuple[Chapter, list[Step], Path]], say: Callable[[str, int, int], None]
) -> dict[str, Outputs]:
    turn = asyncio.Semaphore(AT_ONCE)
    found: dict[str, Outputs] = {}

    async def one(chapter: Chapter, todo: list[Step], place: Path) -> None:
        async with turn:
            count = 0
            say(chapter.path, 0, len(todo))

            def done() -> None:
                nonlocal count
                count += 1
                say(chapter.path, count, len(todo))

            given = await kernel.run(todo, project.root, _timeout(project, chapter), done)
            write_whole(place, json.dumps(given, sort_keys=True).encode())
            found[chapter.path] = json.loads(place.read_text("utf-8"))

    tasks = [asyncio.create_task(one(*item)) for item in waiting]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return found


def _timeout(project: Project, chapter: Chapter) -> float:
    value = project.execution(chapter).get("timeout", TIMEOUT_S)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        message = f"`execute: timeout` is {value!r}"
        raise ManuscriptError(Finding(chapter.path, 1, "plan", message, "Give a number of seconds above 0."))
    return float(value)
