"""One style for every plot of the book, in light and in dark.

A chapter's cell passes a drawing function to `draw_both`, which runs it once for each palette and shows two
SVGs in the order that `renderings: [light, dark]` expects. The SVGs are the same on every machine: text as
paths from the book's own font, a fixed salt for identifiers, no date.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import matplotlib
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from servelab import ROOT

Mode = Literal["light", "dark"]
FONTS = ROOT / "_extensions" / "bookkit" / "fonts"
SANS = "Source Sans 3"
TEXT_WIDTH_IN = 8.2
"""Width of a figure in the text column: one inch here is 72 px on a screen, so that 13 points are 13 px."""
WIDE_WIDTH_IN = 12.3
"""Width of a figure that also takes the margin."""


@dataclass(frozen=True)
class Palette:
    """The colors of one mode. `computed`, `measured` and `reported` are the marks of origin, `accent` the
    needle."""

    mode: Mode
    paper: str
    panel: str
    rule: str
    ink: str
    ink2: str
    accent: str
    computed: str
    measured: str
    reported: str

    @property
    def series(self) -> tuple[str, ...]:
        """Colors for lines, in order of importance. They differ in lightness too, so that grey print keeps
        them."""
        return (self.accent, self.ink, self.computed, self.measured, self.ink2, self.reported)


SVG = "image/svg+xml"
NARROW = "application/vnd.bookkit.narrow+svg"
"""The same drawing for a phone; what does not know this kind shows the other."""

PHONE_WIDTH_IN = 4.8
"""The text column of a phone, 346 px: lettering keeps the size that it has on the wide page."""
STACKED = 0.8
"""Height of a panel below another, as a share of its height beside it."""

PALETTES: dict[Mode, Palette] = {
    "light": Palette(
        mode="light",
        paper="#fcfbf7",
        panel="#f4f1e9",
        rule="#d8d3c5",
        ink="#1e2124",
        ink2="#565a5d",
        accent="#a8361b",
        computed="#1d5a92",
        measured="#0b6a52",
        reported="#74448a",
    ),
    "dark": Palette(
        mode="dark",
        paper="#15181b",
        panel="#1d2125",
        rule="#363b40",
        ink="#dcdad3",
        ink2="#a5a8a8",
        accent="#f0876a",
        computed="#82b6e6",
        measured="#63c2a2",
        reported="#c9a1dc",
    ),
}


@cache
def _family() -> str:
    """The book's sans when its font files are here, else matplotlib's own."""
    files = sorted(FONTS.glob("SourceSans3*.ttf"))
    for file in files:
        font_manager.fontManager.addfont(file)
    return SANS if files else "DejaVu Sans"


@contextmanager
def style(mode: Mode) -> Iterator[Palette]:
    """Draw in the book's style while the context is open; gives the palette of `mode`."""
    palette = PALETTES[mode]
    settings: Any = {
        "svg.fonttype": "path",
        "svg.hashsalt": "servelab",
        "font.family": _family(),
        "font.size": 13.0,
        "axes.unicode_minus": True,
        "text.color": palette.ink,
        "axes.labelcolor": palette.ink2,
        "axes.titlecolor": palette.ink,
        "axes.titlesize": 13.5,
        "axes.titleweight": 600,
        "axes.titlelocation": "left",
        "axes.titlepad": 12.0,
        "xtick.color": palette.ink2,
        "ytick.color": palette.ink2,
        "axes.edgecolor": palette.ink2,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.minor.size": 0.0,
        "ytick.minor.size": 0.0,
        "xtick.major.size": 4.0,
        "ytick.major.size": 4.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.xmargin": 0.02,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "figure.constrained_layout.use": True,
        "lines.linewidth": 1.9,
        "lines.solid_capstyle": "round",
        "lines.markersize": 5.0,
        "lines.markeredgecolor": palette.paper,
        "patch.linewidth": 0.0,
        "legend.frameon": False,
        "axes.prop_cycle": cycler(color=list(palette.series)),
    }
    with matplotlib.rc_context(settings):
        yield palette


def to_svg(figure: Figure) -> str:
    """`figure` as one SVG element, without XML prolog and date, sized in px; closes the figure."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>|\s*<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' d="[^"]*"', _shorter, svg)
    return re.sub(r'(<svg [^>]*?)width="([\d.]+)pt" height="([\d.]+)pt"', _in_px, svg, count=1).strip() + "\n"


def _shorter(match: re.Match[str]) -> str:
    """A path with two decimals: a hundredth of a pixel is enough."""
    path = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", match[0])
    return re.sub(r"\s+(?=[A-Zz\"])", "", path.replace(" d=", "\0")).replace("\0", " d=")


def _in_px(match: re.Match[str]) -> str:
    return f'{match[1]}width="{float(match[2]):g}" height="{float(match[3]):g}"'


def render(draw: Callable[[Palette], Figure], mode: Mode) -> str:
    """Run `draw` in the style of `mode` and return the SVG."""
    with style(mode) as palette:
        return to_svg(draw(palette))


def renderings(draw: Callable[[Palette], Figure]) -> list[tuple[str, str]]:
    """The SVG of `draw` in each mode, light first: as it is drawn, and as a phone has room for."""
    return [(render(draw, mode), render(lambda palette: _narrowed(draw(palette)), mode)) for mode in PALETTES]


def _narrowed(figure: Figure) -> Figure:
    """`figure` at PHONE_WIDTH_IN, with panels that stood side by side one below another."""
    height = figure.get_figheight()
    specs = [(axes, axes.get_subplotspec()) for axes in figure.axes]
    panels = [axes for axes, spec in specs if spec and spec.get_gridspec().nrows == 1]
    if len(panels) > 1:
        grid = figure.add_gridspec(len(panels), 1)
        for row, axes in enumerate(panels):
            axes.set_subplotspec(grid[row])
            axes.tick_params(labelleft=True)
        height *= STACKED * len(panels)
    figure.set_size_inches(PHONE_WIDTH_IN, height)
    return figure


def draw_both(draw: Callable[[Palette], Figure]) -> None:
    """Show `draw`'s figure twice in a notebook cell: light, then dark, for `renderings: [light, dark]`.

    `draw` gets the palette and returns a matplotlib figure. It runs several times: random numbers belong
    outside it. The web edition takes the form for phones from beside each.
    """
    from IPython.display import display

    for wide, narrow in renderings(draw):
        display({SVG: wide, NARROW: narrow}, raw=True)  # type: ignore[no-untyped-call]


def label(axes: Axes, x: float, y: float, text: str, color: str, *, dx: float = 6.0, dy: float = 4.0) -> None:
    """Write `text` beside the point (x, y) of the data, shifted by `dx`, `dy` points: a label instead of a
    legend."""
    axes.annotate(
        text,
        (x, y),
        xytext=(dx, dy),
        textcoords="offset points",
        color=color,
        fontweight=600,
        annotation_clip=False,
    )


def log_ticks(axes: Axes, values: Sequence[float], *, pad: float = 1.06) -> None:
    """A logarithmic x axis with a tick at each of `values` and nowhere else, named as they are."""
    axes.set_xscale("log")
    axes.set_xticks(list(values), [f"{value:g}" for value in values])
    axes.minorticks_off()
    axes.set_xlim(min(values) / pad, max(values) * pad)
