"""The PDF edition: Typst, tagged, PDF/UA-1, with the book's own faces only."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bookkit.manuscript import Project
from bookkit.press.commit import Commit
from bookkit.press.files import ToolError, copy, write_if_new
from bookkit.press.html import cover
from bookkit.press.pandoc import BOOK_TYP, EXTENSION, Parsed, digest, file_digest

TYPESET = """\
import json, sys, typst
job = json.load(open(sys.argv[1]))
try:
    typst.Compiler(
        job["main"], root=job["root"], ignore_system_fonts=True,
        font_paths=typst.Fonts(False, False, [job["fonts"]]),
    ).compile(output=job["out"], format="pdf", pdf_standards=["ua-1"], timestamp=job["epoch"])
except typst.TypstError as error:
    sys.exit(error.diagnostic or str(error))
"""
"""Runs in a process of its own, so that an interrupt ends it at once."""


def write(
    project: Project,
    fragments: Mapping[str, Path],
    parsed: Mapping[str, Parsed],
    commit: Commit,
    work: Path,
    out: Path,
) -> None:
    """Set the book from its chapters' fragments. Raises ToolError, OSError."""
    folder = project.root / BOOK_TYP.parent
    for path in _theme_files():
        write_if_new(folder / path.relative_to(EXTENSION), path.read_bytes())
    settings = _settings(project, commit)
    write_if_new(folder / "book.json", json.dumps(settings, ensure_ascii=False).encode())
    write_if_new(folder / "main.typ", _main(project, fragments).encode())
    images = {str(image["src"]) for one in parsed.values() for image in one.labels["images"]}
    images |= {
        path.relative_to(project.root).as_posix() for path in project.root.glob("figures/strips/*.svg")
    }
    key = digest(
        settings,
        commit.epoch,
        [file_digest(path) for path in fragments.values()],
        [(name, file_digest(project.root / name)) for name in sorted(images)],
        [file_digest(path) for path in [*_theme_files(), *sorted(EXTENSION.glob("fonts/*.ttf"))]],
        file_digest(project.root / settings["cover"]) if settings["cover"] else "",
        version("typst"),
        TYPESET,
    )
    place = work / "pdf" / f"{key}.pdf"
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        _typeset(project, folder, place, commit.epoch)
    copy(place, out / f"{project.stem}.pdf")


def _theme_files() -> list[Path]:
    return sorted([*EXTENSION.glob("*.typ"), *EXTENSION.glob("typst/*.typ"), *EXTENSION.glob("*.tmTheme")])


def _settings(project: Project, commit: Commit) -> dict[str, Any]:
    book = project.book
    return {
        "title": project.title,
        "subtitle": book.get("subtitle"),
        "authors": project.authors,
        "description": book.get("description"),
        "lang": project.language,
        "date": commit.iso,
        "commit": commit.name,
        "cover": cover(project) or "",
        "cover-alt": str(book.get("cover-image-alt") or ""),
    }


def _main(project: Project, fragments: Mapping[str, Path]) -> str:
    lines = ['#import "book.typ": book', '#show: book.with(..json("book.json"))']
    for chapter in project.chapters:
        for name in (f"part:{chapter.path}", chapter.path):
            if name in fragments:
                lines.append(f'#include "/{fragments[name].relative_to(project.root).as_posix()}"')
    return "\n".join(lines) + "\n"


def _typeset(project: Project, folder: Path, place: Path, epoch: int) -> None:
    new = place.with_suffix(".new")
    job = {
        "main": str(folder / "main.typ"),
        "root": str(project.root),
        "fonts": str(EXTENSION / "fonts"),
        "out": str(new),
        "epoch": epoch,
    }
    write_if_new(folder / "job.json", json.dumps(job).encode())
    try:
        run = subprocess.run(
            [sys.executable, "-c", TYPESET, str(folder / "job.json")],
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise ToolError("typst", run.returncode, run.stderr.strip())
        new.replace(place)
    finally:
        new.unlink(missing_ok=True)
