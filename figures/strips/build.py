"""The strip over each chapter's title: the title itself, spoken, one bar a frame of 20 ms.

    python figures/strips/build.py           speak every title and draw it, light and dark
    python figures/strips/build.py --check   say which strips no longer fit their titles

All strips share one scale, so that a long title is long. The loudest frame carries the needle.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from figures.draw import Drawing  # noqa: E402
from figures.manifest import Manifest, main  # noqa: E402

from servelab import audio  # noqa: E402
from servelab.audio import Signal  # noqa: E402
from servelab.plots import PALETTES  # noqa: E402

FOLDER = ROOT / "figures" / "strips"
INPUTS = ("figures/strips/build.py", "figures/strips/speak.py", "src/servelab/plots.py")
WIDTH, HEIGHT, MIDDLE, REACH = 864, 66, 25, 23
FRAME_MS = 20
LEAD_FRAMES = 3
QUIET = 0.02


def titles() -> dict[str, str]:
    """The spoken title of each chapter by its number in the file name: "05", "a"."""
    found = {}
    for path in sorted((ROOT / "chapters").glob("*.qmd")):
        match = re.search(r"^# (.+?)(?: \{.*\})?$", path.read_text(encoding="utf-8"), re.MULTILINE)
        if match and not path.name.startswith("_"):
            found[path.name.split("-")[0]] = match[1]
    return found


def levels(title: str) -> Signal:
    """The peak of each frame of `title` spoken, 0 to 1, silence at both ends removed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "title.wav"
        script = [sys.executable, str(FOLDER / "speak.py"), str(path), title.replace("&", "and")]
        subprocess.run(script, check=True)
        signal, rate = audio.load(path)
    peaks: Signal = np.abs(audio.frames(signal, rate, FRAME_MS)).max(axis=1)
    peaks = peaks / peaks.max()
    loud = np.flatnonzero(peaks > QUIET)
    return peaks[loud[0] : loud[-1] + 1]


def draw(peaks: Signal, frames: int, mode: str) -> str:
    """One strip: bars over a ruler with a tick a frame, longer every 200 ms and every second."""
    drawing = Drawing("dark" if mode == "dark" else "light", WIDTH, HEIGHT)
    step = WIDTH / frames
    needle = LEAD_FRAMES + int(peaks.argmax())
    line = np.zeros(frames)
    line[LEAD_FRAMES : LEAD_FRAMES + peaks.size] = peaks
    bars = "".join(
        f"M{(k + 0.5) * step:.1f} {MIDDLE - max(REACH * peak, 0.6):.1f}V{MIDDLE + max(REACH * peak, 0.6):.1f}"
        for k, peak in enumerate(line)
        if k != needle
    )
    drawing.path(bars, stroke="ink2", width=1.5)
    x = (needle + 0.5) * step
    drawing.line(x, MIDDLE - REACH, x, MIDDLE + REACH, "accent", 2.6)
    drawing.path(f"M{x - 3.5:.1f} {HEIGHT - 16}h7l-3.5 6z", fill="accent")
    ticks = "".join(
        f"M{k * step:.1f} {HEIGHT}v-{10 if k % 50 == 0 else 6 if k % 10 == 0 else 3}"
        for k in range(frames + 1)
    )
    drawing.path(f"M0 {HEIGHT - 0.4}H{WIDTH}{ticks}", stroke="ink2", width=0.7)
    return drawing.svg()


def build() -> None:
    """Write every strip."""
    spoken = {number: levels(title) for number, title in titles().items()}
    frames = max(peaks.size for peaks in spoken.values()) + 2 * LEAD_FRAMES
    outputs = []
    for number, peaks in spoken.items():
        for mode in PALETTES:
            path = FOLDER / f"{number}-{mode}.svg"
            path.write_text(draw(peaks, frames, mode), encoding="utf-8")
            outputs.append(path)
    Manifest(FOLDER).write([ROOT / name for name in INPUTS], outputs, titles())


if __name__ == "__main__":
    sys.exit(main(__file__, build, titles()))
