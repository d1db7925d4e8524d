"""The frames that every transport carries: 20 ms of speech, stamped so that a receiver can time them.

The first bytes of the sound are overwritten by the stamp, so that a frame stays as long as it was.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile

from servelab import ROOT

Pcm16 = npt.NDArray[np.int16]

RATE_HZ = 16_000
FRAME_MS = 20
FRAME_BYTES = 2 * RATE_HZ * FRAME_MS // 1000
SOUND = ROOT / "audio" / "05" / "speech-16khz.flac"
_STAMP = struct.Struct("<BId")
STAMP_BYTES = _STAMP.size


@dataclass(frozen=True)
class Stamp:
    """What a frame says of itself: its number, when it was sent (s, monotonic), and whether to send it
    back."""

    echo: bool
    number: int
    sent_s: float


def stamped(sound: bytes, stamp: Stamp) -> bytes:
    """`sound` with `stamp` over its first bytes."""
    return _STAMP.pack(stamp.echo, stamp.number, stamp.sent_s) + sound[_STAMP.size :]


def read_stamp(frame: bytes) -> Stamp:
    """The stamp of a frame. Raises `ValueError` when the frame is too short to hold one."""
    if len(frame) < _STAMP.size:
        raise ValueError(f"frame has {len(frame)} bytes: a stamp takes {_STAMP.size}")
    echo, number, sent_s = _STAMP.unpack_from(frame)
    return Stamp(bool(echo), number, sent_s)


def cut(samples: Pcm16, size: int = FRAME_BYTES) -> list[bytes]:
    """The whole frames of `size` bytes in `samples`."""
    data = samples.astype("<i2").tobytes()
    return [data[start : start + size] for start in range(0, len(data) - size + 1, size)]


def speech() -> Pcm16:
    """The sentence of chapter 5: text and compression must meet real sound."""
    samples, rate = soundfile.read(SOUND, dtype="int16")
    if rate != RATE_HZ:
        raise ValueError(f"{SOUND.name} has {rate} Hz: it must have {RATE_HZ}")
    found: Pcm16 = samples
    return found


def speech_frames(size: int = FRAME_BYTES) -> list[bytes]:
    """The sentence as frames of `size` bytes."""
    return cut(speech(), size)


class Joined:
    """Frames out of a stream of bytes that keeps no boundaries."""

    def __init__(self, size: int = FRAME_BYTES) -> None:
        self._size = size
        self._held = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Every frame that `data` completes."""
        self._held += data
        while len(self._held) >= self._size:
            frame, self._held = self._held[: self._size], self._held[self._size :]
            yield frame
