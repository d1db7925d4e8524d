"""Partial results: what a reader sees change, and what it costs in time to make that rarer.

A recognizer that is asked again and again gives a sequence of hypotheses, each a list of words, and the
last one is final. A *display policy* turns them into what is shown. Three of them are here: show all of it;
hold back the last few words, which change most; show what consecutive hypotheses agree on, as
Whisper-Streaming does [@machacek2023]. Their price is delay, their gain is less *erasure*: words that were
shown and are taken back.

>>> heard = [["I"], ["I", "less"], ["unless", "to"], ["unless", "to", "be"]]
>>> erased(heard), erased(held_back(heard, 1)), erased(agreed(heard, 2))
(2, 1, 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Words = Sequence[str]


def common_prefix(one: Words, other: Words) -> int:
    """How many words `one` and `other` begin with in common."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))


def erased(shown: Sequence[Words]) -> int:
    """Words taken back over a sequence of displays: at each change, those behind the common prefix.

    Divided by the words of the last display this is called normalized erasure [@simulstream].
    """
    pairs = pairwise(shown)
    return sum(len(before) - common_prefix(before, after) for before, after in pairs)


def held_back(hypotheses: Sequence[Words], words: int) -> list[Words]:
    """Each hypothesis without its last `words`; the final one is shown whole.

    Raises `ValueError` for a negative number of words.
    """
    if words < 0:
        raise ValueError(f"words is {words}: it must be 0 or more")
    shown = [hypothesis[: max(0, len(hypothesis) - words)] for hypothesis in hypotheses]
    return [*shown[:-1], hypotheses[-1]] if hypotheses else []


def agreed(hypotheses: Sequence[Words], updates: int) -> list[Words]:
    """What the last `updates` hypotheses begin with in common; the final one is shown whole.

    `updates` = 1 shows everything. Raises `ValueError` when it is smaller.
    """
    if updates < 1:
        raise ValueError(f"updates is {updates}: it must be 1 or more")
    shown: list[Words] = []
    for now, hypothesis in enumerate(hypotheses):
        others = hypotheses[max(0, now - updates + 1) : now]
        kept = min((common_prefix(hypothesis, other) for other in others), default=len(hypothesis))
        shown.append(hypothesis[: kept if now >= updates - 1 else 0])
    return [*shown[:-1], hypotheses[-1]] if hypotheses else []


def committed(shown: Sequence[Words]) -> list[Words]:
    """The same displays when nothing that was shown may be taken back: each keeps the words of the one
    before and adds what it has beyond their number. Errors then stay, and so does everything else."""
    kept: list[str] = []
    frozen: list[Words] = []
    for display in shown:
        kept = [*kept, *display[len(kept) :]]
        frozen.append(kept)
    return frozen


def settled(shown: Sequence[Words]) -> list[int]:
    """For each word of the last display, the index of the display from which on it stands unchanged, with
    every word before it. The indices never fall from word to word."""
    if not shown:
        return []
    since = [len(shown) - 1] * len(shown[-1])
    safe = len(shown[-1])
    for index in range(len(shown) - 1, -1, -1):
        safe = min(safe, common_prefix(shown[index], shown[-1]))
        since[:safe] = [index] * safe
    return since
