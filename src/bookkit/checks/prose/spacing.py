"""A blank line before and after each block of code."""

from __future__ import annotations

from collections.abc import Iterator

from bookkit.manuscript import Cell, Finding, Source, Verbatim


def spacing(source: Source) -> Iterator[Finding]:
    """Fences that touch the text around them; a Div's own fence may touch them."""
    pieces = list(source.flat())
    for before, piece in zip([None, *pieces], pieces, strict=False):
        if not isinstance(piece, (Cell, Verbatim)):
            continue
        at = pieces.index(piece)
        if before is not None and not _open(_last_line(before.raw)):
            message = "no blank line before the block of code"
            yield Finding(piece.path, piece.line, "spacing", message, "Put one.")
        after = pieces[at + 1] if at + 1 < len(pieces) else None
        if after is not None and after.path == piece.path and not _open(after.raw.split("\n", 1)[0]):
            line = piece.line + piece.raw.count("\n")
            yield Finding(piece.path, line, "spacing", "no blank line after the block of code", "Put one.")


def _last_line(text: str) -> str:
    return text[:-1].rsplit("\n", 1)[-1] if text.endswith("\n") else text.rsplit("\n", 1)[-1]


def _open(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith(":::") or line.strip().startswith(("<!--", "-->"))
