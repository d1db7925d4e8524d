"""The book's plan: `_quarto.yml` with its parts and chapters, every chapter read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bookkit.manuscript.errors import Finding, ManuscriptError
from bookkit.manuscript.files import read_text, yaml_mapping
from bookkit.manuscript.scan import scan
from bookkit.manuscript.source import Heading, Source

PLAN = "_quarto.yml"
ROMAN = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")


@dataclass(frozen=True)
class Part:
    """A part of the book: its number from 1 and its title."""

    number: int
    title: str

    @property
    def roman(self) -> str:
        """The part's number as it is printed; books of up to 39 parts."""
        return "X" * (self.number // 10) + ROMAN[self.number % 10]


@dataclass(frozen=True)
class Chapter:
    """One file of the book.

    `kind` is front (unnumbered, before the first chapter), chapter, appendix or back (unnumbered, after);
    `number` is "5" or "A", empty for front and back; `title` is the first heading's Markdown.
    """

    path: str
    kind: str
    number: str
    title: str
    part: Part | None
    source: Source

    @property
    def stem(self) -> str:
        """`05-streaming-audio` for `chapters/05-streaming-audio.qmd`; unique in the book."""
        return Path(self.path).stem

    @property
    def url(self) -> str:
        """The page's address below the site's root."""
        return str(Path(self.path).with_suffix(".html").as_posix())

    @property
    def tag(self) -> str:
        """Short name that goes into ids of values: the number, or the stem without one."""
        return self.number or self.stem

    @property
    def outline(self) -> bool:
        """Whether the chapter is an outline: planned and not yet written."""
        return self.source.front.get("status") == "outline"


@dataclass(frozen=True)
class Project:
    """A book. `config` is `_quarto.yml`, `variables` is `_variables.yml`; `chapters` are in reading order."""

    root: Path
    config: Mapping[str, Any]
    variables: Mapping[str, Any]
    chapters: tuple[Chapter, ...]

    @property
    def book(self) -> Mapping[str, Any]:
        """The `book` key of the plan."""
        book: Mapping[str, Any] = self.config["book"]
        return book

    @property
    def title(self) -> str:
        """The book's title."""
        return str(self.book.get("title", ""))

    @property
    def authors(self) -> list[str]:
        """Names as `book.author` gives them."""
        value = self.book.get("author") or []
        names = value if isinstance(value, list) else [value]
        return [str(name["name"]) if isinstance(name, dict) else str(name) for name in names]

    @property
    def language(self) -> str:
        """BCP 47 tag; English when the plan names none."""
        return str(self.config.get("lang", "en"))

    @property
    def output(self) -> Path:
        """Where editions are written."""
        return self.root / str(self.config["project"].get("output-dir", "_book"))

    @property
    def stem(self) -> str:
        """File name, without ending, of the PDF and EPUB editions."""
        return re.sub(r"[^\w.-]+", "-", str(self.book.get("output-file") or self.title)).strip("-")

    @property
    def bibliography(self) -> list[str]:
        """Bibliography files, relative to the root."""
        value = self.config.get("bibliography") or []
        return [str(name) for name in (value if isinstance(value, list) else [value])]

    @property
    def parts(self) -> list[tuple[Part | None, list[Chapter]]]:
        """Consecutive chapters of one part; None for those outside a part."""
        groups: list[tuple[Part | None, list[Chapter]]] = []
        for chapter in self.chapters:
            if not groups or groups[-1][0] != chapter.part:
                groups.append((chapter.part, []))
            groups[-1][1].append(chapter)
        return groups

    def execution(self, chapter: Chapter) -> dict[str, Any]:
        """The chapter's `execute` options over the book's."""
        return {**(self.config.get("execute") or {}), **(chapter.source.front.get("execute") or {})}

    def reread(self, chapter: Chapter) -> Project:
        """This book with one chapter read again. Raises ManuscriptError as `load` does."""
        source = scan(self.root, chapter.path)
        fresh = replace(chapter, source=source, title=_first_heading(source).text)
        chapters = tuple(fresh if old.path == chapter.path else old for old in self.chapters)
        return replace(self, chapters=chapters)


def load(root: Path) -> Project:
    """Read the book at `root`. Raises ManuscriptError with the findings of the plan, else of all chapters."""
    root = root.resolve()
    text = read_text(root, PLAN)
    config = yaml_mapping(text, PLAN, 1, PLAN)
    for key, kind in (("project", dict), ("book", dict)):
        if not isinstance(config.get(key), kind):
            raise ManuscriptError(Finding(PLAN, 1, "plan", f"`{key}` is missing", f"Add a `{key}:` mapping."))
    if config["project"].get("type") != "book":
        raise ManuscriptError(
            Finding(PLAN, _line(text, "type:"), "plan", "project.type is not book", "Write `type: book`.")
        )
    variables: dict[str, Any] = {}
    if (root / "_variables.yml").is_file():
        variables = yaml_mapping(read_text(root, "_variables.yml"), "_variables.yml", 1, "_variables.yml")
    return Project(root, config, variables, _chapters(root, config["book"], text))


def _chapters(root: Path, book: Mapping[str, Any], text: str) -> tuple[Chapter, ...]:
    chapters: list[Chapter] = []
    findings: list[Finding] = []
    stems: set[str] = set()
    numbered = lettered = 0
    for path, part, appendix in _entries(book, text):
        line = _line(text, path)
        if not (root / path).is_file():
            message = f"the chapter file {path} is not there"
            findings.append(Finding(PLAN, line, "chapter", message, "Create it or mend its name."))
            continue
        if Path(path).stem in stems:
            message = f"two chapter files are called {Path(path).stem}"
            findings.append(Finding(PLAN, line, "chapter", message, "Rename one of them."))
        stems.add(Path(path).stem)
        try:
            source = scan(root, path)
            heading = _first_heading(source)
        except ManuscriptError as error:
            findings += error.findings
            continue
        if "unnumbered" in heading.classes:
            kind, number = ("back" if numbered else "front"), ""
        elif appendix:
            lettered += 1
            kind, number = "appendix", chr(64 + lettered)
        else:
            numbered += 1
            kind, number = "chapter", str(numbered)
        chapters.append(Chapter(path, kind, number, heading.text, part, source))
    if findings:
        raise ManuscriptError(findings)
    return tuple(chapters)


def _entries(book: Mapping[str, Any], text: str) -> Iterator[tuple[str, Part | None, bool]]:
    """(file, part, whether an appendix) of every chapter that the plan names."""
    count = 0
    for entry in book.get("chapters") or []:
        if isinstance(entry, dict) and "part" in entry:
            count += 1
            for name in entry.get("chapters") or []:
                yield _name(name, text), Part(count, str(entry["part"])), False
        else:
            yield _name(entry, text), None, False
    for entry in book.get("appendices") or []:
        yield _name(entry, text), None, True


def _name(entry: object, text: str) -> str:
    name = entry.get("file") if isinstance(entry, dict) else entry
    if not isinstance(name, str) or not name.endswith(".qmd"):
        message, remedy = f"{entry!r} is not a chapter", "Name a .qmd file, or a `part:` with `chapters:`."
        raise ManuscriptError(Finding(PLAN, _line(text, "chapters:"), "plan", message, remedy))
    return name


def _first_heading(source: Source) -> Heading:
    heading = next(iter(source.headings), None)
    if heading is None or heading.level != 1:
        message, remedy = "the chapter does not begin with its title", "Begin it with `# Title {#sec-name}`."
        raise ManuscriptError(Finding(source.path, 1, "title", message, remedy))
    return heading


def _line(text: str, needle: str) -> int:
    """The line of `needle` in the plan; 1 when it is written some other way."""
    return 1 + text.count("\n", 0, max(0, text.find(needle)))
