"""What a recognizer makes of many utterances, in steps of a minute or so that a session keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple
from functools import partial

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from labs.recognizers import Recognize
from labs.session import Session
from labs.speech import Utterance
from servelab import wer
from servelab.audio import Pcm16

BLOCK = 40
"""Utterances a step."""


def word_errors(
    session: Session,
    key: str,
    ear: Recognize,
    utterances: Sequence[Utterance],
    carry: Callable[[Utterance], Pcm16],
) -> list[wer.WordErrors]:
    """Word errors of what `carry` makes of every utterance, in steps `key-0`, `key-1` and so on."""
    counts: list[wer.WordErrors] = []
    for number, start in enumerate(range(0, len(utterances), BLOCK)):
        step = f"{key}-{number}"
        block = utterances[start : start + BLOCK]
        heard = session.step(step, partial(_counts, ear, block, carry, step))
        counts += [wer.WordErrors(*count) for count in heard]
    return counts


def _counts(
    ear: Recognize, utterances: Sequence[Utterance], carry: Callable[[Utterance], Pcm16], label: str
) -> list[list[int]]:
    return [
        list(astuple(wer.count(utterance.transcript, ear(carry(utterance)))))
        for utterance in tqdm(utterances, desc=label, unit="utt", leave=False, disable=None)
    ]


def interval(draws: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of bootstrap draws."""
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)
