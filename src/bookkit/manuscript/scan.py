"""Reads a Quarto Markdown file into pieces, line by line, and knows fences, code spans and comments.

The scanner decides only what is code, comment or shortcode; all other structure is pandoc's business.
Joining the `raw` of a file's own pieces after its front matter gives the file back, character by character.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bookkit.manuscript.cells import read_cell
from bookkit.manuscript.errors import Finding, ManuscriptError
from bookkit.manuscript.files import read_text, yaml_mapping
from bookkit.manuscript.source import Comment, Include, Inline, Piece, Prose, Shortcode, Source, Verbatim

SHORTCODES = {"pagebreak": 0, "meta": 1, "var": 1}
OPENING = re.compile(r"([ \t]*)(?:(`{3,})([^`\n]*)|(~{3,})([^\n]*))(?:\n|\Z)")
BLANK = re.compile(r"\n[ \t]*\n")
INLINE_CELL = re.compile(r"\{(\w+)\}[ \t]+(\S.*)", re.S)
NEXT = re.compile(r"\\.|`+|<!--|\{+<|\n", re.S)


def scan(root: Path, path: str) -> Source:
    """Read `path` (relative to `root`, with `/`). Raises ManuscriptError with every fault of the file."""
    text = read_text(root, path)
    front, raw = _front(text, path)
    scanner = _Scanner(root)
    pieces = scanner.file(text[len(raw) :], path, 1 + raw.count("\n"), ())
    if scanner.findings:
        raise ManuscriptError(scanner.findings)
    return Source(path, front, raw, pieces, tuple(scanner.includes))


def _front(text: str, path: str) -> tuple[Mapping[str, Any], str]:
    if not text.startswith("---\n"):
        return {}, ""
    match = re.match(r"---\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", text, re.S | re.M)
    if not match:
        raise ManuscriptError(
            Finding(path, 1, "yaml", "the front matter is not closed", "End it with a line of three dashes.")
        )
    return yaml_mapping(match[1], path, 2, "the front matter"), match[0]


class _Scanner:
    """Walks one file after another; gathers what is wrong instead of stopping at the first fault."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.findings: list[Finding] = []
        self.includes: list[str] = []

    def file(self, text: str, path: str, first_line: int, parents: tuple[str, ...]) -> tuple[Piece, ...]:
        """Pieces of `text`, which begins at `first_line` of `path`; `parents` include it."""
        pieces: list[Piece] = []
        start = at = 0  # prose since `start` is not yet a piece

        def line(position: int) -> int:
            return first_line + text.count("\n", 0, position)

        def add(begin: int, piece: Piece) -> None:
            nonlocal start, at
            if start < begin:
                pieces.append(Prose(text[start:begin], path, line(start)))
            pieces.append(piece)
            start = at = begin + len(piece.raw)

        while at < len(text):
            if at == 0 or text[at - 1] == "\n":
                fence = OPENING.match(text, at)
                if fence and not text[at:].startswith("\n"):
                    add(at, self._fenced(text, fence, path, line(at)))
                    continue
            token = NEXT.search(text, at)
            if not token:
                break
            mark = token[0]
            if mark[0] == "`":
                end = _span_end(text, token.end(), len(mark))
                content = text[token.end() : end - len(mark)] if end else ""
                cell = INLINE_CELL.fullmatch(content) if len(mark) == 1 else None
                if cell:
                    add(
                        token.start(),
                        self._inline(text[token.start() : end], cell, path, line(token.start())),
                    )
                else:
                    at = end or token.end()
            elif mark == "<!--":
                closing = text.find("-->", token.end())
                if closing < 0:
                    self._say(path, line(token.start()), "comment", "the comment is not closed", "Add `-->`.")
                    closing = len(text) - 3
                raw = text[token.start() : closing + 3]
                add(token.start(), Comment(raw, path, line(token.start()), raw[4:-3].strip()))
            elif mark.startswith("{{"):
                add(token.start(), self._shortcode(text, token.start(), path, line(token.start()), parents))
            else:
                at = token.end()
        if start < len(text):
            pieces.append(Prose(text[start:], path, line(start)))
        return tuple(pieces)

    def _say(self, path: str, line: int, rule: str, message: str, remedy: str) -> None:
        self.findings.append(Finding(path, line, rule, message, remedy))

    def _fenced(self, text: str, opening: re.Match[str], path: str, line: int) -> Piece:
        ticks, info = opening[2] or opening[4], (opening[3] or opening[5] or "").strip()
        closing = re.compile(rf"^[ \t]*{ticks[0]}{{{len(ticks)},}}[ \t]*(?:\n|\Z)", re.M).search(
            text, opening.end()
        )
        if not closing:
            self._say(path, line, "fence", "the fenced block is not closed", f"End it with a line {ticks}.")
        body = text[opening.end() : closing.start() if closing else len(text)]
        raw = text[opening.start() : closing.end() if closing else len(text)]
        named = re.fullmatch(r"\{(\{*\w[\w+-]*)([^}]*)\}+", info)
        if not named or ticks[0] == "~":
            return Verbatim(raw, path, line, info, _dedent(body, opening[1]))
        if named[1] != "python" or named[2].strip():
            message = f"cell `{info}` cannot be run here: cells are `{{python}}`, without attributes"
            remedy = f"Write `{{.{named[1].strip('{')}}}` to show code, or `#|` options for a Python cell."
            self._say(path, line, "cell-language", message, remedy)
            return Verbatim(raw, path, line, info, body)
        cell, findings = read_cell(raw, path, line, opening[1], _dedent(body, opening[1]))
        self.findings.extend(findings)
        return cell

    def _inline(self, raw: str, cell: re.Match[str], path: str, line: int) -> Piece:
        if cell[1] != "python":
            message, remedy = f"inline cell `{{{cell[1]}}}` cannot be run here", "Write `{python}`."
            self._say(path, line, "cell-language", message, remedy)
        elif "\n" in raw:
            message, remedy = "the inline cell runs over a line end", "Put it on one line."
            self._say(path, line, "inline-cell", message, remedy)
        return Inline(raw, path, line, cell[2].strip())

    def _shortcode(self, text: str, begin: int, path: str, line: int, parents: tuple[str, ...]) -> Piece:
        match = re.compile(r"\{\{<[ \t]*(\S+)((?:(?!>\}\})[^\n])*)>\}\}").match(text, begin)
        if not match:
            self._say(
                path, line, "shortcode", "the shortcode is not closed on its line", "End it with ` >}}`."
            )
            return Shortcode(text[begin : begin + 3], path, line, "", ())
        name, arguments = match[1], tuple(word.strip("\"'") for word in match[2].split())
        if name == "include" and len(arguments) == 1:
            return self._include(match, text, arguments[0], path, line, parents)
        if SHORTCODES.get(name) != len(arguments):
            message = f"shortcode `{match[0]}` is not supported"
            self._say(
                path, line, "shortcode", message, "Only include FILE, pagebreak, meta KEY and var KEY are."
            )
        return Shortcode(match[0], path, line, name, arguments)

    def _include(
        self, match: re.Match[str], text: str, name: str, path: str, line: int, parents: tuple[str, ...]
    ) -> Piece:
        target = name[1:] if name.startswith("/") else (Path(path).parent / name).as_posix()
        pieces: tuple[Piece, ...] = ()
        rest = text[match.end() :].partition("\n")[0]
        if rest.strip() or (match.start() and text[match.start() - 1] != "\n"):
            self._say(
                path, line, "include", "the include is not alone on its line", "Give it a line of its own."
            )
        elif target in (path, *parents):
            self._say(path, line, "include", f"{target} includes itself", "Break the circle.")
        elif not (self.root / target).is_file():
            self._say(
                path,
                line,
                "include",
                f"the included file {target} is not there",
                "Create it or mend its name.",
            )
        else:
            self.includes.append(target)
            try:
                pieces = self.file(read_text(self.root, target), target, 1, (path, *parents))
            except ManuscriptError as error:
                self.findings.extend(error.findings)
        return Include(match[0], path, line, target, pieces)


def _span_end(text: str, at: int, length: int) -> int:
    """Where a code span of `length` backticks that opened before `at` ends in its paragraph, or 0."""
    blank = BLANK.search(text, at)
    stop = blank.start() if blank else len(text)
    for run in re.compile(r"`+").finditer(text, at, stop):
        line_start = text.rfind("\n", 0, run.start()) + 1
        if len(run[0]) >= 3 and line_start > at and not text[line_start : run.start()].strip():
            return 0  # a fence begins: the span was never closed
        if len(run[0]) == length:
            return run.end()
    return 0


def _dedent(body: str, indent: str) -> str:
    return re.sub(rf"(?m)^{re.escape(indent)}", "", body) if indent else body
