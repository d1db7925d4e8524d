"""The diagram of chapter 7.

    python figures/07/build.py           draw it, light and dark, wide and narrow
    python figures/07/build.py --check   say what is stale

`chain`: the places where a stream waits between a socket and the caller's ear, and who may empty each.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from figures.draw import Drawing  # noqa: E402
from figures.manifest import Manifest, main  # noqa: E402

from servelab.plots import PALETTES, Mode  # noqa: E402

FOLDER = ROOT / "figures" / "07"
INPUTS = ("figures/07/build.py", "figures/draw.py", "src/servelab/plots.py")

STAGES = (
    ("socket", "one a stream", 5, "bytes that nobody has read yet"),
    ("frames", "one a stream", 3, "sound that is not yet a chunk"),
    ("ready chunks", "one a worker", 6, "the queue that this chapter is about"),
    ("batch", "one a worker", 2, "chunks that share the running step"),
    ("interim results", "one a stream", 2, "words that may still be taken back"),
    ("reply", "one a stream", 4, "words written, not yet spoken"),
    ("playout", "one a stream", 3, "sound spoken, not yet heard"),
)
"""Each place where something waits: its name, how many there are, how full it is drawn, what lies there."""
SHARED = ("ready chunks", "batch")
CELL, CELLS = 13, 8
WIDTHS = {"": 592, "narrow-": 350}


def chain(mode: Mode, width: int) -> str:
    """The chain from top to bottom: name, queue, and what it holds."""
    narrow = width < 500
    drawing = Drawing(mode, width)
    step = 62 if narrow else 46
    left = 0 if narrow else 122
    y = 6.0
    for place, (name, many, full, holds) in enumerate(STAGES):
        color = "accent" if name in SHARED else "ink"
        top = y + (18 if narrow else 0)
        if narrow:
            drawing.text(0, y + 12, name, color, weight=600)
            drawing.text(width - 1, y + 12, many, "ink2", anchor="end")
            drawing.text(CELL * CELLS + 14, top + 15, holds, "ink2")
        else:
            drawing.text(0, top + 9, name, color, weight=600)
            drawing.text(0, top + 25, many, "ink2")
            drawing.text(left + CELL * CELLS + 20, top + 15, holds, "ink2")
        for cell in range(CELLS):
            filled = cell >= CELLS - full
            drawing.box(
                left + 0.5 + cell * CELL,
                top,
                CELL,
                20,
                stroke=color if name in SHARED else "ink2",
                fill=("accent" if name in SHARED else "rule") if filled else None,
            )
        if place + 1 < len(STAGES):
            middle = left + CELL * CELLS - CELL / 2
            drawing.arrow(middle, top + 20, middle, y + step + (18 if narrow else 0))
        y += step
    drawing.height = y - (8 if narrow else 14)
    return drawing.svg()


def build() -> None:
    """Write the pictures and the manifest."""
    outputs = []
    for mode in PALETTES:
        for cut, width in WIDTHS.items():
            target = FOLDER / f"chain-{cut}{mode}.svg"
            target.write_text(chain(mode, width), encoding="utf-8")
            outputs.append(target)
    Manifest(FOLDER).write([ROOT / name for name in INPUTS], outputs)


if __name__ == "__main__":
    sys.exit(main(__file__, build))
