"""Interim results of a recognizer with closed forms, through the display policies of `servelab.partials`."""

from __future__ import annotations

import numpy as np
import pytest

from servelab.intervals import mean_interval
from servelab.partials import agreed, erased, held_back, settled
from servelab.transcripts import RevisingRecognizer

WORDS, RUNS = 12, 250


@pytest.mark.parametrize("settle", [0.3, 0.6])
@pytest.mark.parametrize("words", [0, 1, 2])
def test_words_taken_back_are_as_many_as_the_closed_form_says(settle: float, words: int) -> None:
    """250 utterances of 12 words, 99.9 % interval."""
    recognizer, rng = RevisingRecognizer(settle), np.random.default_rng(8)
    found = [erased(held_back(recognizer.hypotheses(rng, WORDS), words)) for _ in range(RUNS)]
    assert mean_interval(found, 0.999).holds(recognizer.erased_words(WORDS, words))


@pytest.mark.parametrize("settle", [0.3, 0.6])
@pytest.mark.parametrize("updates", [1, 2, 3])
def test_a_word_stands_when_the_closed_form_says(settle: float, updates: int) -> None:
    """Mean over the words of each of 250 utterances, 99.9 % interval. Agreement takes nothing back."""
    recognizer, rng = RevisingRecognizer(settle), np.random.default_rng(9)
    waits = []
    for _ in range(RUNS):
        shown = agreed(recognizer.hypotheses(rng, WORDS), updates)
        waits.append(float(np.mean(np.array(settled(shown)) - np.arange(WORDS))))
        assert updates == 1 or erased(shown) == 0
    assert mean_interval(waits, 0.999).holds(recognizer.settling_updates(WORDS, updates))


def test_revisions_of_one_word_are_geometric() -> None:
    """The first word of a long utterance changes as often as its age at settling: 99.9 % interval."""
    recognizer, rng = RevisingRecognizer(0.4), np.random.default_rng(10)
    changes = []
    for _ in range(RUNS):
        first = [hypothesis[0] for hypothesis in recognizer.hypotheses(rng, 40)]
        changes.append(len(set(first)) - 1)
    assert mean_interval(changes, 0.999).holds(recognizer.revisions_a_word)


def test_a_recognizer_that_is_always_right_takes_nothing_back() -> None:
    recognizer = RevisingRecognizer(1.0)
    assert recognizer.erased_words(10) == recognizer.settling_updates(10) == 0
    assert recognizer.settling_updates(10, 2) == pytest.approx(1)
    assert erased(recognizer.hypotheses(np.random.default_rng(0), 10)) == 0


def test_holding_back_trades_erasure_for_delay() -> None:
    recognizer = RevisingRecognizer(0.5)
    taken = [recognizer.erased_words(30, words) for words in range(31)]
    assert taken == sorted(taken, reverse=True)
    assert taken[30] == 0
    waits = [recognizer.settling_updates(30, updates) for updates in range(1, 20)]
    assert waits == sorted(waits)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="settle is 0"):
        RevisingRecognizer(0)
    with pytest.raises(ValueError, match="settle is nan"):
        RevisingRecognizer(float("nan"))
    recognizer = RevisingRecognizer(0.5)
    with pytest.raises(ValueError, match="words is 0"):
        recognizer.hypotheses(np.random.default_rng(0), 0)
    with pytest.raises(ValueError, match="held_back is -1"):
        recognizer.erased_words(3, -1)
    with pytest.raises(ValueError, match="agreement is 0"):
        recognizer.settling_updates(3, 0)
