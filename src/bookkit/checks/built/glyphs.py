"""Letters of the delivered pages that the website's own faces lack, computed text among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bookkit.checks.glyphs import REMEDY, Role, faces, fault, missing
from bookkit.manuscript import Finding

FONTS = "assets/fonts"
ROLES: Mapping[str, Role] = {
    "pre": "code", "code": "code", "kbd": "code", "samp": "code", "math": "math", "svg": "picture",
}  # fmt: skip
UNSEEN = frozenset({"head", "script", "style", "template", "annotation"})
BESIDE = 24
"""Characters of context on each side of a sign."""

Signs = Mapping[tuple[Role, str], str]
"""What a page draws beside ASCII: by role and character, the words where it first stands."""


def signs(tree: Any) -> Signs:
    """The characters of a parsed page, by the fonts that they are set in."""
    found: dict[tuple[Role, str], str] = {}

    def gather(element: Any, role: Role) -> None:
        name = re.split(r"[}:]", element.tag)[-1] if isinstance(element.tag, str) else "script"
        inside = ROLES.get(name, role)
        if name not in UNSEEN:
            keep(element.text, inside)
            for child in element:
                gather(child, inside)
        keep(element.tail, role)

    def keep(text: str | None, role: Role) -> None:
        if text and not text.isascii():
            for at, sign in enumerate(text):
                if sign > "~" and (role, sign) not in found:
                    found[role, sign] = text[max(0, at - BESIDE) : at + BESIDE].strip()

    gather(tree, "text")
    return found


def glyph_findings(folder: Path, pages: Iterable[tuple[str, str, Signs]]) -> Iterator[Finding]:
    """What the fonts delivered in `folder` cannot draw on `pages`: (path, text of the file, its signs)."""
    known = faces(folder / FONTS, "woff2")
    for path, text, used in pages:
        for (role, sign), words in used.items():
            if missing(sign, role, known):
                at = max(0, text.find(words) if words in text else text.find(sign))
                message = f"{fault(sign, role)}, and stands in “{' '.join(words.split())}”"
                yield Finding(path, 1 + text.count("\n", 0, at), "glyph", message, REMEDY)
