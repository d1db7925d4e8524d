"""Characters that the book's fonts cannot draw: an edition would show a box, or some other font's letter.

The faces here are those of the PDF; a test holds that the website's faces have every character of theirs, and
`validate --built` reads the delivered pages with the website's own.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from bookkit.checks.page import Page, attr_of
from bookkit.manuscript import Finding, Project, Verbatim

Role = Literal["text", "code", "math", "picture"]
FONTS = Path(__file__).parents[3] / "_extensions" / "bookkit" / "fonts"
FAMILIES: Mapping[Role, tuple[str, ...]] = {
    "text": ("SourceSerif4_", "SourceSans3_"),
    "code": ("IBMPlexMono_",),
    "math": ("STIXTwoMath_", "LibertinusMath_"),
    "picture": ("SourceSans3_",),
}
"""How the files of each role's faces begin. Text stands in the serif, headings and captions in the sans."""
UNDRAWN = ("Cc", "Cf", "Mn", "Zl", "Zp")
"""Categories without a mark of their own: line ends, joiners, soft hyphens, accents on the letter before."""
REMEDY = "Write it in words, or with a character that the font has."
Faces = Mapping[Role, frozenset[int]]


@functools.cache
def faces(folder: Path = FONTS, ending: str = "ttf") -> Faces:
    """The code points that every face of each role has, of the fonts in `folder`."""
    from fontTools.ttLib import TTFont

    has: dict[str, frozenset[int]] = {}
    for file in sorted(folder.glob(f"*.{ending}")):
        has[file.name] = frozenset(TTFont(file, lazy=True).getBestCmap())
    found: dict[Role, frozenset[int]] = {}
    for role, families in FAMILIES.items():
        own = [points for name, points in has.items() if name.startswith(families)]
        found[role] = frozenset.intersection(*own) if own else frozenset()
    return found


def missing(text: str, role: Role, known: Faces) -> list[str]:
    """The characters of `text` that some face of the role lacks, each once, in order."""
    signs = (sign for sign in dict.fromkeys(text) if ord(sign) not in known[role])
    return [sign for sign in signs if unicodedata.category(sign) not in UNDRAWN]


def fault(sign: str, role: Role) -> str:
    """What is wrong with `sign`, in words."""
    where = {"text": "text fonts", "code": "code font", "math": "math font", "picture": "sans font"}[role]
    return f"{sign} (U+{ord(sign):04X} {unicodedata.name(sign, 'no name')}) is not in the book's {where}"


def glyphs(page: Page, project: Project) -> Iterator[Finding]:
    """Characters of a chapter that the faces lack. A hidden cell's code may hold the words of a picture."""
    known = faces()
    written: dict[Role, Iterator[str]] = {
        "text": _words(page), "code": _code(page), "math": _formulas(page),
    }  # fmt: skip
    for role, texts in written.items():
        for sign in missing("".join(texts), role, known):
            places = page.locate_all(sign) or [page.locate(sign)]
            for path, line in places:
                yield Finding(path, line, "glyph", fault(sign, role), REMEDY)
    for piece in page.source.flat():
        if isinstance(piece, Verbatim):
            yield from _lines(piece.raw, "code", piece.path, piece.line, known)
    defaults = {**(project.config.get("execute") or {}), **(page.source.front.get("execute") or {})}
    for cell in page.source.cells:
        shown = cell.options.get("echo", defaults.get("echo", True)) is True
        yield from _lines(cell.code, "code" if shown else "picture", cell.path, cell.code_line, known)
    front = page.source.front_raw
    for key in ("title", "subtitle", "dek"):
        for sign in missing(str(page.source.front.get(key, "")), "text", known):
            line = 1 + front.count("\n", 0, max(0, front.find(sign)))
            yield Finding(page.path, line, "glyph", fault(sign, "text"), REMEDY)


def _lines(text: str, role: Role, path: str, first: int, known: Faces) -> Iterator[Finding]:
    if missing(text, role, known):
        for line, one in enumerate(text.split("\n"), first):
            for sign in missing(one, role, known):
                yield Finding(path, line, "glyph", fault(sign, role), REMEDY)


def _words(page: Page) -> Iterator[str]:
    for node in page.of("Str"):
        yield node["c"]
    for div in page.of("Div"):
        yield attr_of(div).pairs.get("title", "")


def _code(page: Page) -> Iterator[str]:
    return (node["c"][1] for node in page.of("Code"))


def _formulas(page: Page) -> Iterator[str]:
    return (node["c"][1] for node in page.of("Math"))


def pictures(project: Project) -> Iterator[Finding]:
    """Characters of the diagrams, whose letters are letters of the sans."""
    from lxml import etree

    known = faces()
    for file in sorted(project.root.glob("figures/**/*.svg")):
        content = file.read_bytes()
        if b"<text" not in content:
            continue
        path = file.relative_to(project.root).as_posix()
        tree: Any = etree.fromstring(content, etree.XMLParser(huge_tree=True))
        for element in tree.iter("{*}text"):
            words: Iterable[Any] = element.itertext()
            for sign in missing("".join(map(str, words)), "picture", known):
                remedy = "Mend the script that draws it, and draw it again."
                yield Finding(path, element.sourceline, "glyph", fault(sign, "picture"), remedy)
