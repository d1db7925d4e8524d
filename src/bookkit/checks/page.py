"""A chapter as pandoc reads it, with the way back from each word to its file and line.

Cells become empty code blocks of class `bk-cell`, inline cells empty code spans of class `bk-value`; captions
that stand in a cell's options follow the cell in a Div of class `bk-caption`. Nothing is executed.
"""

from __future__ import annotations

import bisect
import functools
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pypandoc

from bookkit.manuscript import Cell, Comment, Inline, Prose, Shortcode, Source, Verbatim

READER = "markdown-smart"
CELL, VALUE, CAPTION = "bk-cell", "bk-value", "bk-caption"
CAPTIONS = ("fig-cap", "tbl-cap", "lst-cap")

Node = Mapping[str, Any]


@functools.cache
def pandoc_path() -> str:
    """The pandoc of the wheel."""
    return str(pypandoc.get_pandoc_path())


def pandoc(text: str, reader: str = READER, writer: str = "json") -> str:
    """What pandoc makes of `text`. Raises ValueError with pandoc's own message."""
    command = [pandoc_path(), "-f", reader, "-t", writer]
    done = subprocess.run(command, input=text, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise ValueError(done.stderr.strip())
    return done.stdout


@dataclass(frozen=True)
class Woven:
    """The text that pandoc reads, and the file and line of every position in it."""

    text: str
    starts: list[int]
    origins: list[tuple[str, int, bool]]

    def place(self, position: int) -> tuple[str, int]:
        """(file, line) of the character at `position`."""
        index = max(0, bisect.bisect_right(self.starts, position) - 1)
        path, line, counts = self.origins[index]
        return path, line + (self.text.count("\n", self.starts[index], position) if counts else 0)


def weave(source: Source) -> Woven:
    """`source` as plain Markdown without anything to run."""
    parts: list[str] = []
    starts: list[int] = []
    origins: list[tuple[str, int, bool]] = []
    length = cells = values = 0

    def add(text: str, path: str, line: int, counts: bool = False) -> None:
        nonlocal length
        starts.append(length)
        origins.append((path, line, counts))
        parts.append(text)
        length += len(text)

    for piece in source.flat():
        if isinstance(piece, Cell):
            indent = piece.indent
            add(f"{indent}```{{.{CELL} n={cells}}}\n{indent}```\n", piece.path, piece.line)
            cells += 1
            for name in CAPTIONS:
                if isinstance(piece.options.get(name), str):
                    add(f"\n{indent}::: {CAPTION}\n{indent}", piece.path, piece.option_lines[name])
                    add(piece.options[name], piece.path, piece.option_lines[name])
                    add(f"\n{indent}:::\n\n", piece.path, piece.option_lines[name])
        elif isinstance(piece, Inline):
            add(f"`v`{{.{VALUE} n={values}}}", piece.path, piece.line)
            values += 1
        elif isinstance(piece, (Prose, Verbatim)):
            add(piece.raw, piece.path, piece.line, True)
        elif isinstance(piece, Shortcode):
            inline = piece.name in ("meta", "var")
            add(f"`v`{{.{VALUE}}}" if inline else "", piece.path, piece.line)
        else:
            assert isinstance(piece, Comment)
    return Woven("".join(parts), starts, origins)


@dataclass(frozen=True)
class Attributes:
    """pandoc's `Attr`."""

    id: str
    classes: tuple[str, ...]
    pairs: Mapping[str, str]


def attributes(attr: Any) -> Attributes:
    """Read pandoc's triple."""
    return Attributes(attr[0], tuple(attr[1]), dict(attr[2]))


ATTR_AT: Mapping[str, int | None] = {
    "Div": 0, "Span": 0, "Code": 0, "CodeBlock": 0, "Link": 0, "Image": 0, "Table": 0, "Figure": 0,
    "Header": 1,
}  # fmt: skip


def attr_of(node: Node) -> Attributes:
    """The attributes of any node; empty ones if its kind has none."""
    at = ATTR_AT.get(node["t"])
    return attributes(node["c"][at]) if at is not None else Attributes("", (), {})


def nodes(tree: Any) -> Iterator[Node]:
    """Every element of a piece of syntax tree, in reading order, itself first."""
    if isinstance(tree, dict):
        if "t" in tree:
            yield tree
        for value in tree.values():
            if isinstance(value, (list, dict)):
                yield from nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            if isinstance(value, (list, dict)):
                yield from nodes(value)


def plain(tree: Any) -> str:
    """The words of a piece of syntax tree; code and formulas as they are written."""
    words = []
    for node in nodes(tree):
        kind = node["t"]
        if kind == "Str":
            words.append(node["c"])
        elif kind in ("Space", "SoftBreak", "LineBreak"):
            words.append(" ")
        elif kind in ("Code", "Math"):
            words.append(node["c"][1])
        elif kind in ("Para", "Plain", "Header"):
            words.append(" ")
    return " ".join("".join(words).split())


@dataclass(frozen=True)
class Page:
    """One chapter: its pieces, pandoc's tree, and the woven text both came from."""

    source: Source
    woven: Woven
    blocks: list[Node]
    kind: str = "front"
    outline: bool = False
    partial: bool = False
    _cells: list[Cell] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The chapter's file."""
        return self.source.path

    def cell(self, node: Node) -> Cell | None:
        """The cell that a `bk-cell` code block stands for."""
        attr = attr_of(node)
        return self._cells[int(attr.pairs["n"])] if CELL in attr.classes else None

    def of(self, *kinds: str) -> Iterator[Node]:
        """All elements of these kinds, in reading order."""
        return (node for node in self._elements if node["t"] in kinds)

    @functools.cached_property
    def _elements(self) -> list[Node]:
        """Every element, gone through once: the rules ask for a few kinds each, dozens of times."""
        return list(nodes(self.blocks))

    def divs(self, name: str) -> list[Node]:
        """Divs of one class."""
        return [node for node in self.of("Div") if name in attr_of(node).classes]

    def locate_all(self, needle: str) -> list[tuple[str, int]]:
        """(file, line) of each place where `needle` stands outside code."""
        places = []
        for piece in self.source.flat():
            at = piece.raw.find(needle) if isinstance(piece, Prose) else -1
            while at >= 0:
                places.append((piece.path, piece.line + piece.raw.count("\n", 0, at)))
                at = piece.raw.find(needle, at + 1)
        return places

    def locate(self, *needles: str) -> tuple[str, int]:
        """(file, line) of the first needle that is found; the first line of the chapter if none is."""
        for needle in filter(None, needles):
            for piece in self.source.flat():
                at = piece.raw.find(needle)
                if at >= 0:
                    return piece.path, piece.line + piece.raw.count("\n", 0, at)
        return self.path, 1


def read(source: Source, kind: str = "front") -> Page:
    """Parse one chapter. Raises ValueError with pandoc's message when it cannot be read."""
    woven = weave(source)
    blocks = json.loads(pandoc(woven.text))["blocks"]
    status = source.front.get("status")
    return Page(
        source, woven, blocks, kind, status == "outline", status not in (None, "outline"), source.cells
    )


def read_all(sources: Iterable[tuple[Source, str]]) -> list[Page]:
    """Parse several chapters at once, in order; each comes with its kind."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda pair: read(*pair), sources))
