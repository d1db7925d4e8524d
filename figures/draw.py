"""A small drawing board for diagrams: SVG with the book's palette, text as text, the used letters embedded.

Text stays text. So that it also measures the same everywhere, the letters that a drawing uses are embedded
as a subset of the book's sans under a name of its own (`figure-sans`): a browser shows an `<img>` without
the page's fonts. Typst and e-readers fall back to the installed Source Sans 3.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from typing import Literal

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from servelab.plots import FONTS, PALETTES, Mode, Palette

Anchor = Literal["start", "middle", "end"]
Color = Literal["ink", "ink2", "accent", "rule", "panel", "paper", "computed", "measured", "reported"]

FACES = {400: "SourceSans3_400Regular.ttf", 600: "SourceSans3_600SemiBold.ttf"}
SIZE = 14
FAMILY = "figure-sans"


@cache
def _metrics(weight: int) -> tuple[dict[int, str], dict[str, int], int]:
    font = TTFont(FONTS / FACES[weight])
    widths = {name: advance for name, (advance, _) in font["hmtx"].metrics.items()}
    return font.getBestCmap(), widths, font["head"].unitsPerEm


def text_width(text: str, size: float = SIZE, weight: int = 400) -> float:
    """Width of `text` in px, without kerning."""
    names, widths, em = _metrics(weight)
    return sum(widths[names.get(ord(letter), ".notdef")] for letter in text) * size / em


def _face(letters: str, weight: int) -> str:
    """A CSS rule with the subset of one face, as WOFF in a data address, under the family of figures."""
    font = TTFont(FONTS / FACES[weight], recalcTimestamp=False)
    options = Options(layout_features=["kern"], name_IDs=[], notdef_outline=False, hinting=False)
    subsetter = Subsetter(options)
    subsetter.populate(text=letters)
    subsetter.subset(font)
    font.flavor = "woff"
    buffer = io.BytesIO()
    font.save(buffer)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"@font-face{{font-family:{FAMILY};font-weight:{weight};src:url(data:font/woff;base64,{data})}}"


@dataclass
class Drawing:
    """One SVG in one mode. Coordinates are px; y grows downwards. `height` may be set when all is drawn.
    Text comes last, over everything else."""

    mode: Mode
    width: float
    height: float = 0.0
    parts: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    _letters: dict[int, set[str]] = field(default_factory=lambda: {400: set(), 600: set()})

    @property
    def palette(self) -> Palette:
        return PALETTES[self.mode]

    def color(self, name: Color) -> str:
        """The hex color of a palette name."""
        value: str = getattr(self.palette, name)
        return value

    def text(
        self,
        x: float,
        y: float,
        text: str,
        color: Color = "ink",
        *,
        anchor: Anchor = "start",
        weight: Literal[400, 600] = 400,
        size: float = SIZE,
        behind: Color = "paper",
    ) -> None:
        """`text` with its baseline at y, cut out of whatever lies behind it."""
        self._letters[weight].update(text)
        more = "" if anchor == "start" else f' text-anchor="{anchor}"'
        more += "" if weight == 400 else ' font-weight="600"'
        more += "" if size == SIZE else f' font-size="{size:g}"'
        more += (
            f' stroke="{self.color(behind)}" stroke-width="3" stroke-linejoin="round" paint-order="stroke"'
        )
        self.words.append(
            f'<text x="{_n(x)}" y="{_n(y)}" fill="{self.color(color)}"{more}>{escape(text)}</text>'
        )

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        color: Color = "ink2",
        width: float = 1.0,
        dash: str = "",
    ) -> None:
        """A straight line; `dash` as in SVG, for instance "2 3"."""
        more = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<path d="M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}" fill="none" stroke="{self.color(color)}"'
            f' stroke-width="{width:g}"{more}/>'
        )

    def arrow(
        self, x1: float, y1: float, x2: float, y2: float, color: Color = "ink2", width: float = 1.2
    ) -> None:
        """A horizontal or vertical line with a small head at its end."""
        self.line(x1, y1, x2, y2, color, width)
        size = 4.0
        if y1 == y2:
            back = x2 - size if x2 > x1 else x2 + size
            head = f"M{_n(back)} {_n(y2 - size)}L{_n(x2)} {_n(y2)}L{_n(back)} {_n(y2 + size)}"
        else:
            back = y2 - size if y2 > y1 else y2 + size
            head = f"M{_n(x2 - size)} {_n(back)}L{_n(x2)} {_n(y2)}L{_n(x2 + size)} {_n(back)}"
        self.parts.append(
            f'<path d="{head}" fill="none" stroke="{self.color(color)}" stroke-width="{width:g}"/>'
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        stroke: Color | None = "ink2",
        fill: Color | None = None,
        line: float = 1.0,
    ) -> None:
        """A rectangle."""
        edge = f' stroke="{self.color(stroke)}" stroke-width="{line:g}"' if stroke else ""
        inside = self.color(fill) if fill else "none"
        self.parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" fill="{inside}"{edge}/>'
        )

    def path(
        self, d: str, *, fill: Color | None = None, stroke: Color | None = None, width: float = 1.0
    ) -> None:
        """Any path."""
        edge = (
            f' stroke="{self.color(stroke)}" stroke-width="{width:g}" stroke-linejoin="round"'
            if stroke
            else ""
        )
        inside = self.color(fill) if fill else "none"
        self.parts.append(f'<path d="{d}" fill="{inside}"{edge}/>')

    def image(self, x: float, y: float, width: float, height: float, png: bytes) -> None:
        """A PNG, stretched to the box."""
        data = base64.b64encode(png).decode()
        place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
        self.parts.append(f'<image {place} preserveAspectRatio="none" href="data:image/png;base64,{data}"/>')

    def svg(self) -> str:
        """The whole picture, without prolog; a drawing without text embeds no font."""
        faces = "".join(
            _face("".join(sorted(used)), weight) for weight, used in self._letters.items() if used
        )
        style = f"<style>{faces}</style>\n" if faces else ""
        family = f' font-family="{FAMILY}, \'Source Sans 3\', sans-serif" font-size="{SIZE}"' if faces else ""
        width, height = _n(self.width), _n(self.height)
        size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        body = "\n".join([*self.parts, *self.words])
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size}{family}>\n{style}{body}\n</svg>\n'


def polyline(xs: Sequence[float], ys: Sequence[float]) -> str:
    """A path through points."""
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in zip(xs, ys, strict=True))


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
