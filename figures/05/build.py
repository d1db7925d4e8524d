"""The diagrams of chapter 5.

    python figures/05/build.py           draw them, light and dark, wide and narrow
    python figures/05/build.py --check   say what is stale

`path`: the way of a sample from the microphone to the recognizer, with the bytes a second at each stage. The
sound is the recording of the chapter; packets are drawn to scale.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from figures.draw import Color, Drawing, text_width  # noqa: E402
from figures.manifest import Manifest, main  # noqa: E402

from servelab import audio, framing  # noqa: E402
from servelab.audio import Signal  # noqa: E402
from servelab.book import fact, number  # noqa: E402
from servelab.plots import PALETTES, Mode  # noqa: E402

FOLDER = ROOT / "figures" / "05"
SOUND = ROOT / "audio" / "05" / "speech-16khz.flac"
INPUTS = ("figures/05/build.py", "figures/draw.py", "src/servelab/plots.py", "audio/05/speech-16khz.flac")
HEADERS = ("rtp-header", "udp-header", "ipv4-header")

FRAME_MS, CHUNK_FRAMES, OPUS_KBIT_S = 20, 8, 24
JITTER_FRAMES = (0.22, 0.18, 0.4, 5.35, 0.3, 0.2, 0.45, 0.26)
"""How long each frame is under way, in frames. Frame 4 is the late one."""
LATE = JITTER_FRAMES.index(max(JITTER_FRAMES))
STEPS = 10.9
"""Width of the time axis in frames: the chunk, the wait, and the start of the model."""
BAR = 26
SAMPLES_SHOWN = 36


@dataclass(frozen=True)
class Shape:
    """Where things are in one cut: the wide one has labels at the left and rates at the right of each row."""

    width: float
    left: float
    right: float
    gap: float

    @property
    def narrow(self) -> bool:
        return self.left == 0

    @property
    def step(self) -> float:
        """Width of a frame in px."""
        return (self.width - self.left - self.right - 2) / STEPS

    def x(self, frame: float) -> float:
        """Place of a time, given in frames."""
        return self.left + 0.5 + frame * self.step


SHAPES = {"": Shape(592, 138, 84, 26), "narrow-": Shape(350, 0, 0, 32)}


@dataclass(frozen=True)
class Rates:
    """Bytes of a frame and bytes a second, before and after the encoder."""

    sample_rate_hz: int
    header_bytes: int

    @property
    def pcm_frame(self) -> int:
        return 2 * audio.frame_samples(self.sample_rate_hz, FRAME_MS)

    @property
    def opus_frame(self) -> int:
        return round(float(framing.payload_bytes(OPUS_KBIT_S, FRAME_MS)))

    def per_second(self, frame_bytes: int) -> str:
        return number(round(frame_bytes * 1000 / FRAME_MS), unit="B/s")


def loudest_piece(signal: Signal, rate_hz: int) -> Signal:
    """The loudest stretch of `signal` as long as the chunk."""
    cut = audio.frames(signal, rate_hz, FRAME_MS)
    power = np.convolve((cut.astype(np.float64) ** 2).sum(axis=1), np.ones(CHUNK_FRAMES), "valid")
    start = int(power.argmax()) * cut.shape[1]
    return signal[start : start + CHUNK_FRAMES * cut.shape[1]]


def outline(signal: Signal, width: float, height: float, x: float, y: float) -> str:
    """The waveform as a line through its extremes, two points a px."""
    scale = height / 2 / float(np.abs(signal).max())
    points = np.interp(np.linspace(0, signal.size - 1, int(2 * width)), np.arange(signal.size), signal)
    xs = np.linspace(x, x + width, points.size)
    return "M" + "L".join(
        f"{a:.1f} {y + height / 2 - b * scale:.1f}" for a, b in zip(xs, points, strict=True)
    )


def path(mode: Mode, shape: Shape, signal: Signal, rate_hz: int, rates: Rates) -> str:
    """The diagram `path`: sound, samples, frames, packets, arrivals and chunk on one time axis."""
    drawing = Drawing(mode, shape.width)
    y = 4.0

    def row(
        title: str, subtitle: str, rate: str = "", middle: float = BAR / 2, color: Color = "ink2"
    ) -> None:
        nonlocal y
        if shape.narrow:
            y += 12
            drawing.text(0, y, title, weight=600)
            drawing.text(text_width(title, weight=600) + 6, y, subtitle, "ink2")
            drawing.text(
                shape.width - 1, y, rate, color, anchor="end", weight=600 if color == "accent" else 400
            )
            y += 12
        else:
            drawing.text(0, y + middle - 3, title, weight=600)
            drawing.text(0, y + middle + 14, subtitle, "ink2")
            drawing.text(
                shape.width - 1,
                y + middle + 5,
                rate,
                color,
                anchor="end",
                weight=600 if color == "accent" else 400,
            )

    wave_width, wave_height = CHUNK_FRAMES * shape.step, 44.0
    row("sound", "continuous", middle=wave_height / 2)
    drawing.path(outline(signal, wave_width, wave_height, shape.x(0), y), stroke="ink", width=1.2)
    y += wave_height + shape.gap

    row(
        "samples",
        f"{rate_hz // 1000} kHz, 16 bits",
        rates.per_second(rates.pcm_frame),
        middle=wave_height / 2,
    )
    stems = np.interp(
        np.linspace(0, signal.size - 1, CHUNK_FRAMES * SAMPLES_SHOWN), np.arange(signal.size), signal
    )
    scale = wave_height / 2 / float(np.abs(signal).max())
    xs = np.linspace(shape.x(0), shape.x(CHUNK_FRAMES), stems.size)
    axis = y + wave_height / 2
    drawing.path(
        "".join(f"M{a:.1f} {axis:.1f}v{-b * scale:.1f}" for a, b in zip(xs, stems, strict=True)),
        stroke="ink2",
        width=0.7,
    )
    y += wave_height + shape.gap

    row("frames", f"{FRAME_MS} ms, {rates.pcm_frame} B", rates.per_second(rates.pcm_frame))
    for k in range(CHUNK_FRAMES):
        late = k == LATE
        if not late:
            drawing.box(shape.x(k), y, shape.step, BAR)
        drawing.text(
            shape.x(k + 0.5),
            y + 18,
            str(k + 1),
            "accent" if late else "ink",
            anchor="middle",
            weight=600 if late else 400,
        )
    drawing.box(shape.x(LATE), y, shape.step, BAR, stroke="accent", line=2)
    y += BAR + shape.gap

    packet = rates.opus_frame + rates.header_bytes
    row(
        "packets",
        f"{rates.opus_frame} B + {rates.header_bytes} B headers",
        rates.per_second(packet),
        color="accent",
    )
    packet_y = y
    px_a_byte = shape.step / rates.pcm_frame
    for k in range(CHUNK_FRAMES):
        end = shape.x(k + 1)
        head, body = rates.header_bytes * px_a_byte, rates.opus_frame * px_a_byte
        drawing.box(end - head - body, y, body, BAR, stroke=None, fill="accent" if k == LATE else "ink")
        drawing.box(end - head, y, head, BAR, stroke=None, fill="rule")
        drawing.box(end - head - body, y, head + body, BAR, stroke="accent" if k == LATE else "ink", line=0.8)
    y += BAR + shape.gap

    row("arrivals", "uneven")
    arrival_y = y
    drawing.line(shape.x(0), y + BAR, shape.width - shape.right - 1, y + BAR, "ink2", 0.9)
    arrivals = [shape.x(k + 1 + delay) for k, delay in enumerate(JITTER_FRAMES)]
    for k, x in sorted(enumerate(arrivals), key=lambda pair: pair[0] == LATE):
        color: Color = "accent" if k == LATE else "ink2"
        drawing.line(
            shape.x(k + 1) - 4,
            packet_y + BAR,
            x,
            y + 8,
            color,
            1.3 if k == LATE else 0.9,
            "" if k == LATE else "2 3",
        )
        drawing.line(x, y + 8, x, y + BAR, color, 3 if k == LATE else 2.2)
    y += BAR + shape.gap

    row("chunk", "decoded again", rates.per_second(rates.pcm_frame))
    y += 8 if shape.narrow else 0
    last = max(x for k, x in enumerate(arrivals) if k != LATE)
    late_x, middle = arrivals[LATE], y + BAR / 2
    drawing.line(shape.x(0), middle, last, middle, "ink2", 0.9)
    drawing.line(shape.x(0), middle - 5, shape.x(0), middle + 5, "ink2", 0.9)
    chunk = f"{CHUNK_FRAMES} frames, {CHUNK_FRAMES * FRAME_MS} ms"
    drawing.text((shape.x(0) + last) / 2, middle - 6, chunk, anchor="middle")
    drawing.line(last, middle, late_x, middle, "accent", 1.6)
    for x in (last, late_x):
        drawing.line(x, middle - 6, x, middle + 6, "accent", 1.6)
    drawing.text((last + late_x) / 2, middle + 20, "waits", "accent", anchor="middle", weight=600)
    drawing.line(late_x, arrival_y + BAR, late_x, middle - 6, "accent", 0.9, "2 3")
    end = shape.width - shape.right - 1
    drawing.box(late_x, y, end - late_x, BAR, stroke="ink", fill="panel")
    drawing.text((late_x + end) / 2, y + 18, "model", anchor="middle", weight=600, behind="panel")
    drawing.height = y + BAR + 16
    return drawing.svg()


def texts() -> dict[str, str]:
    """The facts that the diagrams show."""
    return {key: str(fact(key)) for key in HEADERS}


def build() -> None:
    """Write every diagram."""
    signal, rate_hz = audio.load(SOUND)
    piece = loudest_piece(signal, rate_hz)
    rates = Rates(rate_hz, sum(int(float(fact(key))) for key in HEADERS))
    outputs = []
    for mode in PALETTES:
        for cut, shape in SHAPES.items():
            target = FOLDER / f"path-{cut}{mode}.svg"
            target.write_text(path(mode, shape, piece, rate_hz, rates), encoding="utf-8")
            outputs.append(target)
    Manifest(FOLDER).write([ROOT / name for name in INPUTS], outputs, texts())


if __name__ == "__main__":
    sys.exit(main(__file__, build, texts()))
