"""The request of all servers: one second of speech, 16 kHz samples of 16 bits, and nothing around them."""

from __future__ import annotations

import numpy as np

from servelab import ROOT, audio
from servelab.audio import Pcm16

RATE_HZ = 16_000
BODY_BYTES = 2 * RATE_HZ
SOUND = ROOT / "audio" / "05" / "speech-16khz.flac"


def bodies() -> list[bytes]:
    """The recording in pieces of 1 s, each as the body of a request; a shorter rest is left out."""
    signal, rate = audio.load(SOUND)
    if rate != RATE_HZ:
        raise ValueError(f"{SOUND.name} has {rate} Hz: it must have {RATE_HZ}")
    samples = audio.to_pcm16(signal)
    whole = samples[: samples.size // RATE_HZ * RATE_HZ].reshape(-1, RATE_HZ)
    return [piece.astype("<i2").tobytes() for piece in whole]


def decode(body: bytes) -> Pcm16:
    """The samples of one request. Raises `ValueError` for a body that is not 1 s long."""
    if len(body) != BODY_BYTES:
        raise ValueError(f"the body has {len(body)} bytes: it must have {BODY_BYTES}, 1 s of 16-bit samples")
    return np.frombuffer(body, dtype="<i2")
