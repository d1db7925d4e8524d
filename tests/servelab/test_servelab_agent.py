"""A voice agent's turn against what its stages add up to, and what a barge-in wastes."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servelab.agent import MODES, Mode, Pipeline, barge_in, turn
from servelab.replies import Voice, Writer, reply

WRITER, VOICE = Writer(300, 50), Voice(40, 20, 350)
PIPELINE = Pipeline(700, 300, WRITER, VOICE, interim_ms=200)
WORDS = st.lists(st.integers(1, 15), min_size=1, max_size=8)
TIMES = st.floats(0, 3_000)


@pytest.mark.parametrize("words", [[3], [4, 10], [6, 8, 12]])
def test_the_first_word_is_the_sum_of_its_stages(words: list[int]) -> None:
    """Sequential: everything. Segments: the first segment alone, and the recognizer hidden by the silence.
    Eager: the silence hides the model as well."""
    total, first = sum(words), words[0]
    assert turn(PIPELINE, words, "sequential").first_word_ms == pytest.approx(
        700 + 300 + (300 + 50 * total) + (40 * len(words) + 20 * total)
    )
    stages = 300 + 50 * first + 40 + 20 * first
    assert turn(PIPELINE, words, "segments").first_word_ms == pytest.approx(700 + stages)
    assert turn(PIPELINE, words, "eager").first_word_ms == pytest.approx(max(700, 200 + stages))


@given(WORDS)
def test_without_a_silence_and_a_bound_a_turn_is_its_reply(words: list[int]) -> None:
    bare = Pipeline(0, 0, WRITER, VOICE)
    modes: dict[Mode, bool] = {"segments": True, "sequential": False}
    for mode, overlap in modes.items():
        ours, theirs = turn(bare, words, mode), reply(words, WRITER, VOICE, overlap=overlap)
        assert [part.start_ms for part in ours.segments] == pytest.approx(theirs.start_ms)
        assert [part.ready_ms for part in ours.segments] == pytest.approx(theirs.ready_ms)
        for at in (0.0, 777.0, 2_345.0, 9_999.0):
            cut = theirs.interrupted(at)
            assert (ours.heard(at), ours.spoken(at), ours.written(at)) == (cut.heard, cut.spoken, cut.written)


def test_a_wrong_guess_costs_words_and_saves_nothing() -> None:
    """From 200 ms to 700 ms the model thinks 300 ms and writes 4 words for nothing."""
    wrong = turn(PIPELINE, [6, 8], "eager", right=False)
    assert wrong.guessed_words == 4
    assert wrong.segments == turn(PIPELINE, [6, 8], "segments").segments
    assert turn(PIPELINE, [6, 8], "eager").guessed_words == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_mean_waste_of_a_uniform_barge_in_is_the_area_between_two_lines(seed: int) -> None:
    """One word a segment and a voice that computes nothing: the model is a staircase of w, the ear one of s,
    each of n words. Over a barge-in uniform in the reply the mean height between them is
    (n + 1) / 2 - w (n - 1) / 2 s. 99.9 % interval over 4,000 draws."""
    n, w, s = 40, 60.0, 300.0
    pipeline = Pipeline(0, 0, Writer(0, w), Voice(0, 0, s))
    whole = turn(pipeline, [1] * n, "segments")
    rng = np.random.default_rng(seed)
    at = whole.first_word_ms + rng.uniform(0, n * s, 4_000)
    wasted = np.array([barge_in(whole, t, detect_ms=0).wasted_words for t in at])
    expected = (n + 1) / 2 - w * (n - 1) / (2 * s)
    assert abs(wasted.mean() - expected) < 3.3 * wasted.std() / math.sqrt(at.size)


@settings(max_examples=150, deadline=None)
@given(WORDS, st.sampled_from(MODES), st.floats(0, 20_000), TIMES, TIMES, TIMES)
def test_what_is_heard_was_spoken_and_what_is_spoken_was_written(
    words: list[int], mode: Mode, at: float, detect: float, stop: float, cancel: float
) -> None:
    cut = barge_in(turn(PIPELINE, words, mode), at, detect_ms=detect, stop_ms=stop, cancel_ms=cancel)
    assert 0 <= cut.heard <= cut.spoken <= cut.written <= sum(words)
    assert cut.wasted_words >= cut.wasted_sound_words >= 0


@settings(max_examples=150, deadline=None)
@given(WORDS, st.integers(1, 4), st.floats(0, 20_000))
def test_a_bound_on_what_is_ahead_bounds_the_waste(words: list[int], ahead: int, at: float) -> None:
    """At any time the model has begun at most the segment that plays and `ahead` more."""
    bounded = turn(PIPELINE, words, "segments", ahead=ahead)
    assert barge_in(bounded, at, detect_ms=0).wasted_words <= (ahead + 1) * max(words)
    assert bounded.first_word_ms == turn(PIPELINE, words, "segments").first_word_ms
    free = turn(PIPELINE, words, "segments")
    assert bounded.gap_ms >= free.gap_ms - 1e-6
    assert barge_in(bounded, at, detect_ms=0).written <= barge_in(free, at, detect_ms=0).written


@settings(max_examples=80, deadline=None)
@given(WORDS, TIMES, TIMES, st.floats(0, 3_000))
def test_more_overlap_is_never_later(words: list[int], endpoint: float, final: float, interim: float) -> None:
    pipeline = Pipeline(endpoint, final, WRITER, VOICE, interim)
    first = [turn(pipeline, words, mode).first_word_ms for mode in MODES]
    assert first[0] >= first[1] - 1e-6
    assert first[1] >= first[2] - 1e-6
    assert first[2] >= endpoint


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: turn(PIPELINE, []), "words are empty"),
        (lambda: turn(PIPELINE, [0]), "words is 0"),
        (lambda: turn(PIPELINE, [1], cast(Mode, "all")), "mode is 'all'"),
        (lambda: turn(PIPELINE, [1], ahead=0), "ahead is 0"),
        (lambda: turn(PIPELINE, [1], "sequential", ahead=1), "ahead is 1: a sequential reply"),
        (lambda: Pipeline(-1, 0, WRITER, VOICE), "endpoint_ms is -1"),
        (lambda: barge_in(turn(PIPELINE, [1]), math.nan, detect_ms=0), "at_ms is nan"),
        (lambda: barge_in(turn(PIPELINE, [1]), 0, detect_ms=-1), "detect_ms is -1"),
    ],
)
def test_bad_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
