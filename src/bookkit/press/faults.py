"""What must not be in the book, found before anything is written: each fault with its file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bookkit.manuscript import Chapter, Finding, Project
from bookkit.manuscript.files import read_text
from bookkit.manuscript.project import PLAN
from bookkit.press.numbering import Numbering

ENTRY = re.compile(r"(?m)^[ \t]*@\w+[ \t]*\{[ \t]*([^,\s]+)[ \t]*,")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|$", re.I)


def citation_keys(project: Project) -> set[str]:
    """Keys of all bibliography files. Raises ManuscriptError when one cannot be read."""
    return {key for name in project.bibliography for key in ENTRY.findall(read_text(project.root, name))}


def faults(project: Project, tables: Mapping[str, Mapping[str, Any]], book: Numbering) -> list[Finding]:
    """All faults of all chapters; `tables` holds the labels file of each chapter, by the chapter's path."""
    keys = citation_keys(project)
    found = list(book.findings)
    picture = project.book.get("cover-image")
    if picture and not (project.root / str(picture)).is_file():
        message, remedy = f"the cover {picture} is not there", "Create it or mend its path."
        found.append(Finding(PLAN, 0, "image", message, remedy))
    for chapter in project.chapters:
        table = tables[chapter.path]
        found += _unsupported(chapter, table)
        found += _references(chapter, table, book, keys)
        found += _files(project, chapter, table)
        found += _links(chapter, tables, book, keys)
    return found


def _at(chapter: Chapter, rule: str, message: str, remedy: str, *patterns: str) -> Finding:
    path, line = chapter.source.locate(*patterns)
    return Finding(path, line, rule, message, remedy)


def _unsupported(chapter: Chapter, table: Mapping[str, Any]) -> Iterator[Finding]:
    for thing in table["unsupported"]:
        what, text = str(thing["what"]), str(thing["text"])
        escaped = re.escape(text)
        boxes = r"(?m)^[ \t]*[-*+][ \t]+\[[ xX]\][ \t]"
        patterns = {
            "list": boxes,
            "class": rf"\.{escaped}(?![\w-])|^:+ *{escaped}",
            "attribute": rf"(?<![\w-]){escaped}=",
        }
        pattern = patterns.get(what.rsplit(" ", 1)[-1], escaped)
        message, remedy = f"{what} `{text.strip()}` is not supported", "README lists what is."
        yield _at(chapter, "unsupported", message, remedy, pattern, re.escape(text.strip().split("\n")[0]))


def _references(
    chapter: Chapter, table: Mapping[str, Any], book: Numbering, keys: set[str]
) -> Iterator[Finding]:
    for name in table["refs"]:
        if name not in book.xref:
            pattern = rf"(?i:@{re.escape(name)})(?![\w-])"
            message, remedy = f"@{name} refers to nothing", "Mend the label or define it."
            yield _at(chapter, "reference", message, remedy, pattern)
    for key in table["cites"]:
        if key not in keys:
            pattern = rf"(?:@|key=\"?){re.escape(key)}(?![\w-])"
            message, remedy = f"@{key} is not in the bibliography", "Mend the key or add the source."
            yield _at(chapter, "citation", message, remedy, pattern)


def _files(project: Project, chapter: Chapter, table: Mapping[str, Any]) -> Iterator[Finding]:
    for image in table["images"]:
        src = str(image["src"])
        place = re.escape(Path(src).name)
        if not (project.root / src).is_file():
            message, remedy = f"the image {src} is not there", "Create it or mend its path."
            yield _at(chapter, "image", message, remedy, place)
        elif not str(image["alt"]).strip():
            message, remedy = f"the image {src} has no alt text", 'Add fig-alt="what it shows".'
            yield _at(
                chapter,
                "alt",
                message,
                remedy,
                rf"\([^()]*{place}\)(?:\{{(?![^}}]*fig-alt)[^}}]*\}}|(?!\{{))",
                place,
            )
    for src in table["audio"]:
        if not (project.root / str(src)).is_file():
            message, remedy = f"the clip {src} is not there", "Create it or mend its path."
            yield _at(chapter, "audio", message, remedy, re.escape(str(src)), re.escape(Path(str(src)).name))


def _links(
    chapter: Chapter, tables: Mapping[str, Mapping[str, Any]], book: Numbering, keys: set[str]
) -> Iterator[Finding]:
    for target in map(str, tables[chapter.path]["links"]):
        path, _, anchor = target.partition("#")
        if ELSEWHERE.match(target):
            continue
        patterns = (rf"\(<?{re.escape(target)}", re.escape(target), re.escape(Path(target).name))
        if path and path not in tables:
            message, remedy = f"the link to {target} leads to no chapter", "Name a chapter's .qmd file."
            yield _at(chapter, "link", message, remedy, *patterns)
        elif anchor and not _leads_to(anchor, path or chapter.path, chapter, tables, book, keys):
            there = path or "this chapter"
            message = f"the link to {target} leads nowhere: {there} has no label #{anchor}"
            yield _at(chapter, "link", message, "Mend the link, or give the heading that label.", *patterns)


def _leads_to(
    anchor: str,
    path: str,
    chapter: Chapter,
    tables: Mapping[str, Mapping[str, Any]],
    book: Numbering,
    keys: set[str],
) -> bool:
    """Whether all editions know the anchor; ids that pandoc made are known in their own chapter only."""
    if anchor in tables[path]["anchors"]:
        made = anchor in book.headings[path] and anchor not in book.xref
        return path == chapter.path or not made
    return path == chapter.path and (anchor in book.xref or anchor.removeprefix("ref-") in keys)
