"""The model behind every server: Silero's voice activity detector over clips of 1 s, many at once.

The model goes through a clip in frames of 32 ms and keeps a state for each clip, so that a batch of any size
takes the same number of calls. It computes in the thread that calls it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from labs import detectors
from labs.serving.clips import RATE_HZ
from servelab.audio import Pcm16, from_pcm16

CONTEXT_SAMPLES = 64
STATE = 128

Signals = npt.NDArray[np.float32]
Speech = Callable[[Signals], npt.NDArray[np.float32]]
"""From clips of the shape (clips, samples) the probability of speech of each, shape (clips,)."""


class Reply(TypedDict):
    """What a request gets: its clip's probability of speech, how many clips shared the step, and the
    processor time of the whole step."""

    speech: float
    batch: int
    model_ms: float


def load() -> Speech:
    """The model, on one thread. Raises `MissingPartError` where the package is missing."""
    session: Any = detectors.silero().session

    def speech(signals: Signals) -> npt.NDArray[np.float32]:
        clips = signals.shape[0]
        state = np.zeros((2, clips, STATE), np.float32)
        heard = np.pad(signals, ((0, 0), (CONTEXT_SAMPLES, 0)))
        rate = np.array(RATE_HZ, np.int64)
        found = []
        for start in range(0, signals.shape[1] - detectors.SILERO_SAMPLES + 1, detectors.SILERO_SAMPLES):
            frame = heard[:, start : start + CONTEXT_SAMPLES + detectors.SILERO_SAMPLES]
            probability, state = session.run(None, {"input": frame, "state": state, "sr": rate})
            found.append(probability[:, 0])
        mean: npt.NDArray[np.float32] = np.mean(found, axis=0)
        return mean

    return speech


def answer(speech: Speech, clips: Sequence[Pcm16]) -> list[Reply]:
    """One step of the model: a reply for each clip, in order."""
    begun = time.thread_time()
    found = speech(np.stack([from_pcm16(clip) for clip in clips]))
    spent_ms = 1000 * (time.thread_time() - begun)
    return [{"speech": float(one), "batch": len(clips), "model_ms": spent_ms} for one in found]
