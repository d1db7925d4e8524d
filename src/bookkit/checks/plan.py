"""The chapter files against `_quarto.yml`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bookkit.manuscript import Finding, Project

PLAN = "_quarto.yml"
STATUS = ("outline", "partial")


def plan(project: Project) -> Iterator[Finding]:
    """Files that no plan lists, names that do not fit their place, front matter that the pages need."""
    listed = {chapter.path for chapter in project.chapters}
    included = {name for chapter in project.chapters for name in chapter.source.includes}
    for file in sorted((project.root / "chapters").glob("**/*.qmd")):
        path = file.relative_to(project.root).as_posix()
        if path not in listed | included:
            kind = "includes it" if file.name.startswith("_") else f"lists it in {PLAN}"
            remedy = f"List it under `chapters:` in {PLAN}, or remove the file."
            yield Finding(path, 0, "chapter", f"the file is there, and nothing {kind}", remedy)
    for name in project.bibliography:
        if not (project.root / name).is_file():
            remedy = "Create it or mend `bibliography:`."
            yield Finding(PLAN, 1, "plan", f"the bibliography {name} is not there", remedy)
    for chapter in project.chapters:
        if not chapter.path.startswith("chapters/"):
            continue
        expected = chapter.number.zfill(2) if chapter.number.isdigit() else chapter.number.lower()
        number = chapter.stem.partition("-")[0]
        if number != expected and not (chapter.kind == "front" and number == "00"):
            place = f"{chapter.kind} {chapter.number or '00'} in {PLAN}"
            message = f"it is {place}, and its file name says {number}"
            remedy = f"Rename it to {expected or '00'}-…, or mend the order in {PLAN}."
            yield Finding(chapter.path, 0, "chapter", message, remedy)
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", chapter.stem):
            remedy = "Use lower-case letters, digits and single hyphens."
            message = f"the file name {chapter.stem} is no plain address"
            yield Finding(chapter.path, 0, "chapter", message, remedy)
        if not str(chapter.source.front.get("dek") or "").strip():
            remedy = "Add one sentence that says what the chapter is about."
            yield Finding(chapter.path, 1, "front-matter", "`dek` is missing in the front matter", remedy)
        status = chapter.source.front.get("status")
        if status is not None and status not in STATUS:
            remedy = f"Write one of: {', '.join(STATUS)}; a finished chapter has none."
            yield Finding(chapter.path, 1, "front-matter", f"status is {status!r}", remedy)
