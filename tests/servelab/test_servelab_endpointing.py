"""Endpointing: what a rule costs in closed form, and the same over simulated turns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servelab.distributions import Constant, Empirical, Exponential, Gamma, LogNormal
from servelab.endpointing import (
    Caller,
    Rule,
    SilenceTimeout,
    TurnDetector,
    Turns,
    cut_share,
    endpoint,
    ends_frame_by_frame,
    hit_share,
    separation_of,
)
from servelab.intervals import mean_interval, share_interval

CALLER = Caller(2.0, LogNormal(300, 0.9))
TURNS = 60_000


@pytest.mark.parametrize(
    "rule",
    [
        SilenceTimeout(300),
        SilenceTimeout(900),
        TurnDetector(200, 3_000, 0.9, 0.1),
        TurnDetector(350, 800, 0.6, 0.02),
    ],
)
@pytest.mark.parametrize("caller", [CALLER, Caller(0.7, Exponential(500)), Caller(3.0, Gamma(400, 2.0))])
def test_simulated_turns_agree_with_the_closed_form(caller: Caller, rule: Rule) -> None:
    """Share of turns cut, mean cuts a turn and mean delay, 60,000 turns each, 99.9 % intervals."""
    rng = np.random.default_rng(5)
    found = endpoint(rng, caller.turns(rng, TURNS), rule)
    expected = cut_share(caller, rule)
    assert share_interval(int((found.cuts > 0).sum()), TURNS, 0.999).holds(expected)
    assert mean_interval(found.cuts, 0.999).holds(caller.pauses_per_turn * rule.cuts_per_pause(caller))
    if isinstance(rule, SilenceTimeout):
        assert bool((found.delay_ms == rule.timeout_ms).all())
    else:
        assert mean_interval(found.delay_ms, 0.999).holds(rule.delay_ms)


def test_shares_of_long_pauses_at_known_points() -> None:
    assert Caller(1, Exponential(400)).longer(600) == pytest.approx(math.exp(-1.5))
    assert Caller(1, LogNormal(300, 0.9)).longer(300) == pytest.approx(0.5)
    assert Caller(1, Constant(300)).longer(299) == 1.0
    assert Caller(1, Constant(300)).longer(300) == pytest.approx(0, abs=1e-12)
    assert Caller(1, Exponential(1)).longer(0) == pytest.approx(1)
    assert Caller(1, Empirical([0, 100])).longer(25) == pytest.approx(0.75)


def test_a_timeout_for_so_many_cuts_is_a_quantile_of_the_pauses() -> None:
    """Exponential pauses: T = mean x ln(pauses / cuts)."""
    found = SilenceTimeout.for_cuts(Caller(2.0, Exponential(400)), 0.05)
    assert found.timeout_ms == pytest.approx(400 * math.log(40))


@pytest.mark.parametrize("cuts", [0.02, 0.1, 0.3])
def test_both_rules_keep_the_number_of_cuts_they_are_made_for(cuts: float) -> None:
    silence = SilenceTimeout.for_cuts(CALLER, cuts)
    detector = TurnDetector.for_cuts(CALLER, cuts, look_ms=200, timeout_ms=4_000, separation=2.5)
    for rule in (silence, detector):
        assert rule.cuts_per_pause(CALLER) * CALLER.pauses_per_turn == pytest.approx(cuts, rel=1e-6)
    assert detector.delay_ms < silence.delay_ms


def test_a_detector_without_knowledge_is_worse_than_silence() -> None:
    """Separation 0 says "end" at random: at the same cuts it waits longer than the plain timeout."""
    for cuts in (0.1, 0.3):
        coin = TurnDetector.for_cuts(CALLER, cuts, look_ms=200, timeout_ms=4_000, separation=0)
        assert coin.hit == pytest.approx(coin.false_alarm)
        assert coin.delay_ms > SilenceTimeout.for_cuts(CALLER, cuts).delay_ms


def test_the_area_under_the_roc_curve_gives_the_separation() -> None:
    """Trapezoids over 100,001 false-alarm shares of the curve against the area that it was made from."""
    alarms = np.linspace(0, 1, 100_001)
    for auc in (0.5, 0.8, 0.97):
        distance = separation_of(auc)
        hits = np.array([hit_share(float(alarm), distance) for alarm in alarms[::100]])
        assert np.trapezoid(hits, alarms[::100]) == pytest.approx(auc, abs=2e-3)


@settings(max_examples=60, deadline=None)
@given(
    pauses=st.lists(st.integers(1, 60), max_size=8),
    timeout=st.integers(1, 50),
    lead=st.integers(0, 80),
)
def test_frame_by_frame_is_the_same_rule(pauses: list[int], timeout: int, lead: int) -> None:
    """One turn as frames of 20 ms. A timeout half a frame short of a whole number leaves no ties: it then
    ends where as many frames are silent, and cuts pauses that hold as many."""
    frames = [False] * lead
    for pause in pauses:
        frames += [True] * 3 + [False] * pause
    frames += [True] * 3 + [False] * 60
    ends = ends_frame_by_frame(frames, 20.0, timeout * 20.0 - 10)
    turns = Turns(1, np.zeros(len(pauses), dtype=np.int64), np.array(pauses, dtype=np.float64) * 20)
    found = endpoint(np.random.default_rng(0), turns, SilenceTimeout(timeout * 20.0 - 10))
    assert len(ends) - 1 == int(found.cuts[0])
    assert ends[-1] == pytest.approx((len(frames) - 60 + timeout) * 20.0)


@settings(max_examples=40, deadline=None)
@given(st.floats(50, 2_000), st.floats(1.01, 3.0), st.integers(0, 2**31))
def test_waiting_longer_never_cuts_more(timeout: float, factor: float, seed: int) -> None:
    turns = CALLER.turns(np.random.default_rng(seed), 200)
    rng = np.random.default_rng(0)
    short, long = (endpoint(rng, turns, SilenceTimeout(t)) for t in (timeout, timeout * factor))
    assert bool((long.cuts <= short.cuts).all())
    assert int(short.cuts.sum()) == int((turns.pause_ms > timeout).sum())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SilenceTimeout(0), "timeout_ms is 0"),
        (lambda: Caller(-1, Exponential(1)), "pauses_per_turn is -1"),
        (lambda: TurnDetector(200, 100, 0.5, 0.5), "timeout_ms is 100"),
        (lambda: TurnDetector(200, 300, 1.5, 0.5), "hit is 1.5"),
        (lambda: TurnDetector(200, 300, 0.5, math.nan), "false_alarm is nan"),
        (lambda: SilenceTimeout.for_cuts(CALLER, 2.5), "cuts_per_turn is 2.5"),
        (
            lambda: TurnDetector.for_cuts(CALLER, 1.9, look_ms=400, timeout_ms=900, separation=1),
            "cuts_per_turn is 1.9: with this look",
        ),
        (lambda: separation_of(0.4), "auc is 0.4"),
        (lambda: Turns(1, np.array([1]), np.array([2.0])), "turn names one that is none"),
        (lambda: Turns(1, np.array([0]), np.array([np.nan])), "pause_ms holds NaN"),
        (lambda: CALLER.turns(np.random.default_rng(0), 0), "turns is 0"),
        (lambda: ends_frame_by_frame([True], 0, 100), "frame_ms is 0"),
    ],
)
def test_bad_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
