"""Make the cover: twelve frames of recorded speech between ruled lines, one of them marked.

    python figures/cover/build.py           write cover-art.svg, cover.svg and cover.png
    python figures/cover/build.py --check   say what is stale, without making anything

The speech is the book's first clip, the words are those of `_quarto.yml`, the typesetting is Typst's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import typst
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from figures.manifest import Manifest, main  # noqa: E402

FOLDER = ROOT / "figures" / "cover"
FONTS = ROOT / "_extensions" / "bookkit" / "fonts"
CLIP = ROOT / "audio" / "05" / "pcm-16khz.mp3"
FRAME_S = 0.02
FIRST_FRAME, FRAMES, MARKED = 66, 12, 8  # the pause before "cold", its hiss, and the frame of its first vowel
WIDTH, HEIGHT, FLOOR, AXIS, SWING = 600.0, 262.0, 214.0, 105.0, 92.0
INK, RULE, RED, PAPER = "#24282b", "#8d8a7e", "#b23a1c", "#e8e3d6"
PNG_WIDTH_PX, PAGE_WIDTH_PT = 1600, 520

Points = npt.NDArray[np.float64]


def speech() -> npt.NDArray[np.float64]:
    """The drawn stretch of the clip, scaled so that its loudest sample is 1."""
    sound, rate = soundfile.read(CLIP, dtype="float64")
    frame = round(FRAME_S * rate)
    stretch = sound[FIRST_FRAME * frame : (FIRST_FRAME + FRAMES) * frame]
    return np.asarray(stretch / np.abs(stretch).max(), dtype=np.float64)


def trace(samples: npt.NDArray[np.float64]) -> Points:
    """One (x, y) a sample: x over the width, y about the axis."""
    x = np.linspace(0, WIDTH, samples.size)
    return np.stack([x, AXIS - samples * SWING], axis=1)


def line(points: Points) -> str:
    """The points as an SVG path."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def art() -> str:
    """The drawing without words, transparent but for the marked frame, which has the paper's color.

    It is a little wider at the right: Typst's rasterizer loses a thin line in the very middle of a picture.
    """
    points = trace(speech())
    step = WIDTH / FRAMES
    left, right = MARKED * step, (MARKED + 1) * step
    inside = points[(points[:, 0] >= left) & (points[:, 0] <= right)]
    marks = [(i * step / 5, 5.0 if i % 5 else FLOOR) for i in range(5 * FRAMES + 1)]
    rules = "".join(f"M{x:.0f} {FLOOR - high:g}V{FLOOR:g}" for x, high in marks)
    y = FLOOR + 14
    arrows = f"M{left - 32:.1f} {y}H{left:.1f}m-7-3l7 3l-7 3M{right + 32:.1f} {y}H{right:.1f}m7-3l-7 3l7 3"
    edges = f"M{left:.1f} 0V{y + 5}M{right:.1f} 0V{y + 5}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 {WIDTH + 3:g} {HEIGHT:g}"'
        f' width="{WIDTH + 3:g}" height="{HEIGHT:g}">\n'
        f'<path fill="none" stroke="{RULE}" stroke-width=".6" d="{rules}"/>\n'
        f'<path fill="none" stroke="{INK}" stroke-width="1.2" stroke-linejoin="round" d="{line(points)}"/>\n'
        f'<path fill="{PAPER}" d="M{left:.1f} 0H{right:.1f}V{FLOOR:g}H{left:.1f}Z"/>\n'
        f'<path fill="none" stroke="{RED}" stroke-width="2" stroke-linejoin="round" d="{line(inside)}"/>\n'
        f'<path fill="none" stroke="{INK}" stroke-width=".8" d="M0 {FLOOR:g}H{WIDTH:g}"/>\n'
        f'<path fill="none" stroke="{RED}" stroke-width="1.1" d="{edges}{arrows}"/>\n'
        "</svg>\n"
    )


def words() -> dict[str, str]:
    """What stands on the cover."""
    book = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["book"]
    author = book["author"]
    authors = author if isinstance(author, list) else [author]
    return {
        "at": f"{(1 + (MARKED + 0.5) * WIDTH / FRAMES) / (WIDTH + 3):.4f}",
        "frame": f"{FRAME_S * 1000:g}\u00a0ms",
        "title": book["title"],
        "subtitle": book["subtitle"],
        "authors": ", ".join(one["name"] if isinstance(one, dict) else one for one in authors),
        "edition": "Preview edition",
    }


def build() -> None:
    """Write the three pictures and the manifest."""
    drawing = FOLDER / "cover-art.svg"
    drawing.write_text(art(), encoding="utf-8")
    page = FOLDER / "cover.typ"
    ppi = 72 * PNG_WIDTH_PX / PAGE_WIDTH_PT
    compiler = typst.Compiler(root=FOLDER, font_paths=[FONTS], ignore_system_fonts=True, sys_inputs=words())
    vector, raster = FOLDER / "cover.svg", FOLDER / "cover.png"
    compiler.compile(page, output=vector, format="svg")
    compiler.compile(page, output=raster, format="png", ppi=ppi)
    Manifest(FOLDER).write([Path(__file__).resolve(), page, CLIP], [drawing, vector, raster])


if __name__ == "__main__":
    sys.exit(main(__file__, build))
