"""A turn detector's scores: rates at any threshold, and the last resort that goes with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servelab.distributions import Exponential
from servelab.endpointing import Caller, SilenceTimeout, TurnDetector, hit_share, separation_of
from servelab.turnscores import Scores

CALLER = Caller(2, Exponential(400))
PERFECT = Scores(ends=np.array([0.8, 0.9]), others=np.array([0.1, 0.2]))
scored = st.lists(st.floats(0, 1), min_size=2, max_size=30).map(np.array)


@settings(max_examples=50, deadline=None)
@given(ends=scored, others=scored)
def test_the_curve_is_the_rates_at_every_threshold(ends: np.ndarray, others: np.ndarray) -> None:
    scores = Scores(ends, others)
    hits, alarms = scores.curve()
    for threshold, hit, alarm in zip(scores.thresholds, hits, alarms, strict=True):
        assert scores.rates(threshold) == pytest.approx((hit, alarm))
    assert (hits[0], alarms[0], hits[-1], alarms[-1]) == (1, 1, 0, 0)
    by_pairs = np.mean([(end > other) + 0.5 * (end == other) for end in ends for other in others])
    assert scores.area == pytest.approx(by_pairs)
    if 0 < scores.area < 1:  # the area under the curve, by trapezoids
        assert scores.area == pytest.approx(float(np.trapezoid(hits[::-1], alarms[::-1])))


@settings(max_examples=50, deadline=None)
@given(ends=scored, others=scored, cuts=st.floats(0.05, 1.0))
def test_the_best_cuts_as_often_as_it_may_and_never_waits_longer_than_silence(
    ends: np.ndarray, others: np.ndarray, cuts: float
) -> None:
    best = Scores(ends, others).best(CALLER, cuts, look_ms=200)
    assert CALLER.pauses_per_turn * best.cuts_per_pause(CALLER) == pytest.approx(cuts, rel=1e-6)
    assert best.delay_ms <= SilenceTimeout.for_cuts(CALLER, cuts).delay_ms + 1e-6
    within = Scores(ends, others).within(CALLER, cuts, look_ms=200, timeout_ms=best.timeout_ms)
    assert within.delay_ms <= best.delay_ms + 1e-6


def test_a_perfect_detector_answers_at_its_look() -> None:
    assert PERFECT.area == 1
    assert PERFECT.best(CALLER, 0.1, look_ms=227).delay_ms == 227
    assert PERFECT.detector(0.5, look_ms=227, timeout_ms=3_000) == TurnDetector(227, 3_000, 1.0, 0.0)


def test_normal_scores_meet_the_closed_form() -> None:
    rng = np.random.default_rng(1)
    apart = separation_of(0.8)
    scores = Scores(rng.normal(apart, 1, 40_000), rng.normal(0, 1, 40_000))
    assert scores.area == pytest.approx(0.8, abs=0.01)
    hit, alarm = scores.rates(0.5)
    assert hit == pytest.approx(hit_share(alarm, apart), abs=0.01)
    closed = TurnDetector.for_cuts(CALLER, 0.2, look_ms=200, timeout_ms=1_500, separation=apart)
    assert scores.within(CALLER, 0.2, look_ms=200, timeout_ms=1_500).delay_ms == pytest.approx(
        closed.delay_ms, rel=0.02
    )


def test_a_resample_and_what_it_left_out_share_nothing() -> None:
    scores = Scores(np.arange(50.0), np.arange(100.0, 160.0))
    drawn, left = scores.resampled(np.random.default_rng(2))
    assert (drawn.ends.size, drawn.others.size) == (50, 60)
    assert set(drawn.ends) | set(left.ends) == set(scores.ends)
    assert not set(drawn.ends) & set(left.ends)
    assert not set(drawn.others) & set(left.others)


def test_what_cannot_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="ends has the shape"):
        Scores(np.array([]), np.array([0.1]))
    with pytest.raises(ValueError, match=r"at most 0\.01"):
        PERFECT.within(CALLER, 0.01, look_ms=200, timeout_ms=1_000)
    with pytest.raises(ValueError, match="between look_ms, 227, and longest_ms"):
        PERFECT.best(CALLER, 1.9, look_ms=227)
    with pytest.raises(ValueError, match="between look_ms, 227, and longest_ms"):
        PERFECT.best(CALLER, 0.001, look_ms=227)
