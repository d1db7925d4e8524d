"""Spoken replies against their closed forms, and what an interruption leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servelab.replies import Interrupted, Voice, Writer, reply, speculation

WRITER, VOICE = Writer(300, 50), Voice(40, 20, 350)
WORDS = st.lists(st.integers(1, 20), min_size=1, max_size=6)


def test_the_first_word_follows_the_closed_forms() -> None:
    words = [4, 10, 6]
    assert reply(words, WRITER, VOICE).first_word_ms == 300 + 50 * 4 + 40 + 20 * 4
    apart = reply(words, WRITER, VOICE, overlap=False)
    assert apart.first_word_ms == 300 + 50 * 20 + 3 * 40 + 20 * 20


def test_a_slow_model_leaves_a_gap_of_known_length() -> None:
    made = reply([1, 10], Writer(300, 200), VOICE)
    start = 300 + 200 + 60
    second = 300 + 200 * 11 + 240
    assert made.gaps_ms == (second - (start + 350),)
    assert reply([4, 10], WRITER, VOICE).gaps_ms == (0,)


@given(WORDS)
def test_overlap_is_never_later_and_everything_is_spoken_once(words: list[int]) -> None:
    together, apart = reply(words, WRITER, VOICE), reply(words, WRITER, VOICE, overlap=False)
    assert together.first_word_ms <= apart.first_word_ms
    assert together.end_ms[-1] <= apart.end_ms[-1]
    spoken_ms = sum(end - start for start, end in zip(together.start_ms, together.end_ms, strict=True))
    assert spoken_ms == pytest.approx(350 * sum(words))


@given(WORDS, st.floats(0, 60_000))
def test_heard_lies_within_spoken_within_written(words: list[int], at_ms: float) -> None:
    cut = reply(words, WRITER, VOICE).interrupted(at_ms)
    assert 0 <= cut.heard <= cut.spoken <= cut.written <= sum(words)


def test_an_interruption_counts_whole_words() -> None:
    made = reply([4, 10], WRITER, VOICE)
    assert made.interrupted(0) == Interrupted(0, 0, 0)
    assert made.interrupted(made.first_word_ms + 350) == Interrupted(1, 4, 13)
    assert made.interrupted(made.end_ms[-1]) == Interrupted(14, 14, 14)


def test_a_guess_saves_when_it_is_right_and_wastes_when_it_is_wrong() -> None:
    saved_ms, wasted = speculation(500, 0.3, 20)
    assert saved_ms == pytest.approx(350)
    assert wasted == pytest.approx(6)
    with pytest.raises(ValueError, match="wrong_share is 1"):
        speculation(500, 1, 20)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="words are empty"):
        reply([], WRITER, VOICE)
    with pytest.raises(ValueError, match="per_word_ms"):
        Writer(300, 0)
    with pytest.raises(ValueError, match="at_ms"):
        reply([4], WRITER, VOICE).interrupted(-1)
