"""The pieces of one chapter's text, in order; every piece knows its file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

MARKER = "\ufffc"
"""Stands in `Source.prose_lines` where an inline cell or a shortcode will put its text."""

CODE_SPAN = re.compile(r"(?<![`\\])(`+)(?!`)(.+?)(?<!`)\1(?!`)")
HEADING = re.compile(r"^(#{1,6})[ \t]+(.*?)[ \t]*(?:\{([^{}]*)\})?[ \t]*$")


@dataclass(frozen=True)
class Piece:
    """`raw` is the text exactly as it stands in the file; `line` is where it begins, from 1."""

    raw: str
    path: str
    line: int


@dataclass(frozen=True)
class Prose(Piece):
    """Markdown that is none of the other pieces; code spans that run nothing are part of it."""


@dataclass(frozen=True)
class Verbatim(Piece):
    """A fenced block that is shown and not run. `info` is what follows the opening fence."""

    info: str
    code: str

    @property
    def language(self) -> str:
        """`json` for both `json` and `{.json .slider-data}`; empty when none is named."""
        found = re.match(r"\{[^}]*?(?<![\w-])\.([\w+-]+)", self.info) or re.match(r"([\w+-]+)", self.info)
        return found[1] if found else ""


@dataclass(frozen=True)
class Cell(Piece):
    """A Python cell. `indent` is what stands before its fence; `code` begins at `code_line`."""

    indent: str
    options: Mapping[str, Any]
    option_lines: Mapping[str, int]
    code: str
    code_line: int

    @property
    def label(self) -> str:
        """The label option, or an empty string."""
        return str(self.options.get("label", ""))


@dataclass(frozen=True)
class Inline(Piece):
    """An inline cell: `` `{python} expression` ``."""

    expression: str


@dataclass(frozen=True)
class Comment(Piece):
    """An HTML comment, without its marks."""

    text: str


@dataclass(frozen=True)
class Shortcode(Piece):
    """`{{< name arguments >}}`, other than `include`."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Include(Piece):
    """`{{< include target >}}` and the pieces of the file it names."""

    target: str
    pieces: tuple[Piece, ...]


class Line(NamedTuple):
    """A line of prose where it stands in its file."""

    path: str
    line: int
    text: str


class Heading(NamedTuple):
    """An ATX heading: its level, its Markdown without attributes, its id ("" if none), its classes."""

    path: str
    line: int
    level: int
    text: str
    id: str
    classes: tuple[str, ...]


P = TypeVar("P", bound=Piece)


@dataclass(frozen=True)
class Source:
    """One chapter file, read. `front` is the front matter's mapping; `pieces` is everything after it."""

    path: str
    front: Mapping[str, Any]
    front_raw: str
    pieces: tuple[Piece, ...]
    includes: tuple[str, ...] = field(default=())

    def flat(self) -> Iterator[Piece]:
        """All pieces in reading order, those of included files in the place of their include."""

        def walk(pieces: tuple[Piece, ...]) -> Iterator[Piece]:
            for piece in pieces:
                if isinstance(piece, Include):
                    yield from walk(piece.pieces)
                else:
                    yield piece

        return walk(self.pieces)

    def _all(self, kind: type[P]) -> list[P]:
        return [piece for piece in self.flat() if isinstance(piece, kind)]

    @property
    def cells(self) -> list[Cell]:
        """Python cells in reading order."""
        return self._all(Cell)

    @property
    def inlines(self) -> list[Inline]:
        """Inline cells in reading order; the k-th, counted from 1, is value `k` of the chapter."""
        return self._all(Inline)

    @property
    def comments(self) -> list[Comment]:
        """HTML comments; they never reach a reader."""
        return self._all(Comment)

    @property
    def verbatims(self) -> list[Verbatim]:
        """Fenced blocks that are shown and not run."""
        return self._all(Verbatim)

    @property
    def headings(self) -> list[Heading]:
        """ATX headings in reading order."""
        found = []
        for path, line, text in self.prose_lines():
            if match := HEADING.match(text):
                marks = (match[3] or "").split()
                ids = [m[1:] for m in marks if m.startswith("#")]
                classes = tuple("unnumbered" if m == "-" else m[1:] for m in marks if m == "-" or m[0] == ".")
                found.append(Heading(path, line, len(match[1]), match[2], ids[0] if ids else "", classes))
        return found

    def prose_lines(self) -> list[Line]:
        """Lines of prose: cells, fenced blocks and comments left out, inline cells and shortcodes as MARKER.

        A line that holds several pieces is one line here; blank lines are kept.
        """
        lines: list[Line] = []
        whole = True  # whether the next text begins a new line
        for piece in self.flat():
            if isinstance(piece, (Cell, Verbatim)):
                whole = True
                continue
            inline = isinstance(piece, (Inline, Shortcode))
            text = MARKER if inline else "" if isinstance(piece, Comment) else piece.raw
            last = piece.line
            for offset, part in enumerate(text.splitlines() or [""]):
                last = piece.line + offset
                if offset == 0 and not whole and lines[-1][:2] != (piece.path, last):
                    whole = True  # a comment that began on an earlier line
                if offset == 0 and not whole:
                    lines[-1] = lines[-1]._replace(text=lines[-1].text + part)
                else:
                    lines.append(Line(piece.path, last, part))
            whole = text.endswith("\n")
        return lines

    def places(self, pattern: str) -> list[tuple[str, int]]:
        """(file, line) of every match of a regular expression, those in prose before others."""
        found: list[tuple[str, int]] = []
        for piece in sorted(self.flat(), key=lambda piece: not isinstance(piece, Prose)):
            for match in re.finditer(pattern, piece.raw):
                found.append((piece.path, piece.line + piece.raw.count("\n", 0, match.start())))
        return found

    def locate(self, *patterns: str) -> tuple[str, int]:
        """(file, line) of the first regular expression that matches; the chapter's first line if none."""
        for pattern in patterns:
            if found := self.places(pattern):
                return found[0]
        return self.path, 1
