"""Runs pandoc's half of the press: jobs for `lua/press.lua`, and what came of them, kept by digest."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bookkit.manuscript import Chapter, Part, Project
from bookkit.press.files import write_if_new
from bookkit.press.numbering import Numbering
from bookkit.press.workers import Workers

LUA = Path(__file__).parent / "lua"
EXTENSION = Path(__file__).parents[3] / "_extensions" / "bookkit"
"""Filters and faces that Quarto and the press share; they stand in the repository, not in the package."""

BOOK_TYP = Path(".cache/press/typst-book/book.typ")
"""Where the PDF edition's pages are designed, from the book's root: fragments of chapters import it."""

AT_ONCE = 2


def digest(*parts: object) -> str:
    """Short SHA-256 of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Parsed:
    """A chapter's syntax tree (a file) with its digest, and its table of labels."""

    ast: Path
    digest: str
    labels: Mapping[str, Any]


def part_name(part: Part | None) -> str:
    """`Part II, Audio streaming`."""
    return f"Part {part.roman}, {part.title}" if part else ""


class Pandoc:
    """Pandoc for one book; results are files below `cache`, named by a digest of all they depend on."""

    def __init__(self, project: Project, cache: Path, workers: Workers) -> None:
        self.project, self.cache, self.workers = project, cache, workers

    @cached_property
    def tools(self) -> str:
        """Digest of everything that turns a chapter into an edition, other than the chapter."""
        files = sorted([*LUA.glob("*.lua"), *EXTENSION.glob("*.lua")])
        bibliography = [file_digest(self.project.root / name) for name in self.project.bibliography]
        return digest(version("pypandoc_binary"), [file_digest(path) for path in files], bibliography)

    def parse(self, chapters: Sequence[Chapter], woven: Mapping[str, str]) -> dict[str, Parsed]:
        """Syntax tree and labels of each chapter, by its path."""
        places: dict[str, tuple[Path, str]] = {}
        stale: list[dict[str, Any]] = []
        for chapter in chapters:
            name = digest(woven[chapter.path], chapter.path, self.tools)
            ast = self.cache / "parsed" / f"{name}.ast.json"
            labels = ast.with_name(f"{name}.labels.json")
            places[chapter.path] = ast, name
            if not (ast.is_file() and labels.is_file()):
                text = self.cache / "woven" / f"{chapter.stem}.md"
                write_if_new(text, woven[chapter.path].encode())
                entry = {"source": chapter.path, "kind": chapter.kind, "woven": str(text)}
                stale.append({**entry, "ast": str(ast), "labels": str(labels)})
        self._run({"step": "parse"}, stale, ("ast", "labels"))
        return {
            path: Parsed(ast, name, json.loads(ast.with_name(f"{name}.labels.json").read_bytes()))
            for path, (ast, name) in places.items()
        }

    def chapters(
        self, to: str, chapters: Sequence[Chapter], parsed: Mapping[str, Parsed], book: Numbering
    ) -> dict[str, Path]:
        """One file a chapter, by its path: JSON of a page for `html`, source for `typst`.

        For `typst` the part pages come too, named `part:` and the path of their first chapter.
        """
        common = self._common(to, parsed, book)
        places: dict[str, Path] = {}
        stale: list[dict[str, Any]] = []
        for name, entry in self._entries(chapters, parsed, book, parts=to == "typst"):
            ast = parsed[name].digest if name in parsed else None
            shown = self.media([parsed[name]]) if name in parsed else []
            key = digest({**entry, "ast": ast}, shown, common["digest"], self.tools)
            places[name] = self.cache / to / f"{key}.{'json' if to == 'html' else 'typ'}"
            if not places[name].is_file():
                stale.append({**entry, "out": str(places[name])})
        self._run({k: v for k, v in common.items() if k != "digest"}, stale, ("out",))
        return places

    def media(self, parsed: Iterable[Parsed]) -> list[tuple[str, str]]:
        """(path from the root, digest) of every image and clip of these chapters: pages hold their sizes."""
        chapters = list(parsed)
        names = {str(image["src"]) for one in chapters for image in one.labels["images"]}
        names |= {str(src) for one in chapters for src in one.labels["audio"]}
        narrow = {re.sub(r"(-(?:light|dark))?\.svg$", r"-narrow\1.svg", name) for name in names}
        names |= {name for name in narrow if (self.project.root / name).is_file()}
        return [(name, file_digest(self.project.root / name)) for name in sorted(names)]

    def epub(self, parsed: Mapping[str, Parsed], book: Numbering, meta: Mapping[str, Any], out: Path) -> None:
        """The whole book as one EPUB file."""
        common = self._common("epub", parsed, book)
        entries = [entry for _, entry in self._entries(self.project.chapters, parsed, book, parts=True)]
        out.parent.mkdir(parents=True, exist_ok=True)
        job = {**common, "meta": {**common["meta"], **meta}, "chapters": entries, "out": str(out)}
        self.workers.run([self._written(job)])

    def _entries(
        self, chapters: Sequence[Chapter], parsed: Mapping[str, Parsed], book: Numbering, parts: bool
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        last = None
        for chapter in chapters:
            part = chapter.part
            if parts and part and part != last:
                yield (
                    f"part:{chapter.path}",
                    {
                        "kind": "part",
                        "source": f"part-{part.number}",
                        "page": f"part-{part.number}.html",
                        "number": part.roman,
                        "title": part.title,
                        "chapters": [
                            {
                                "number": other.number,
                                "title": parsed[other.path].labels["title"],
                                "title_id": parsed[other.path].labels["title_id"],
                                "dek": str(other.source.front.get("dek", "")),
                            }
                            for other in chapters
                            if other.part == part
                        ],
                    },
                )
            last = part
            yield (
                chapter.path,
                {
                    "source": chapter.path,
                    "kind": chapter.kind,
                    "page": chapter.url,
                    "number": chapter.number,
                    "numbers": book.headings[chapter.path],
                    "title": parsed[chapter.path].labels["title"],
                    "title_id": parsed[chapter.path].labels["title_id"],
                    "part": part_name(part),
                    "dek": str(chapter.source.front.get("dek", "")),
                    "status": str(chapter.source.front.get("status", "")),
                    "ast": str(parsed[chapter.path].ast),
                },
            )

    def _common(self, to: str, parsed: Mapping[str, Parsed], book: Numbering) -> dict[str, Any]:
        cited = sorted({key for one in parsed.values() for key in one.labels["cites"]})
        titles = {path: one.labels["title_id"] for path, one in parsed.items()}
        pages = (c.url for c in self.project.chapters if c.source.places(r"\{#refs\b"))
        references = next(pages, "")
        xref = self.cache / "xref" / f"{digest(book.xref)}.json"
        write_if_new(xref, json.dumps(book.xref, ensure_ascii=False, sort_keys=True).encode())
        return {
            "step": "write",
            "format": to,
            "xref": str(xref),
            "bibliography": [str(self.project.root / name) for name in self.project.bibliography],
            "csl": None,
            "nocite": cited,
            "meta": {"lang": self.project.language, "references": references},
            "titles": titles,
            "book-typ": "/" + BOOK_TYP.as_posix(),
            "digest": digest(to, book.xref, cited, self.project.language, references, titles),
        }

    def _run(
        self, common: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], made: Sequence[str]
    ) -> None:
        """Run a step over chapters, in two processes when there are many; files appear only when whole."""
        if not entries:
            return
        jobs = []
        for share in (entries[0::2], entries[1::2]) if len(entries) > AT_ONCE else (entries,):
            chapters = []
            for entry in share:
                for name in made:
                    Path(entry[name]).parent.mkdir(parents=True, exist_ok=True)
                chapters.append({**entry, **{name: f"{entry[name]}.{os.getpid()}" for name in made}})
            jobs.append({**common, "chapters": chapters})
        try:
            self.workers.run([self._written(job) for job in jobs])
            for job in jobs:
                for entry in job["chapters"]:
                    for name in made:
                        Path(entry[name]).replace(entry[name].rpartition(".")[0])
        finally:
            for job in jobs:
                for entry in job["chapters"]:
                    for name in made:
                        Path(entry[name]).unlink(missing_ok=True)

    def _written(self, job: Mapping[str, Any]) -> Path:
        """The job as a file."""
        place = self.cache / "jobs" / f"{digest(job)}.json"
        whole = {"root": str(self.project.root), "extension": str(EXTENSION), **job}
        write_if_new(place, json.dumps(whole).encode())
        return place
