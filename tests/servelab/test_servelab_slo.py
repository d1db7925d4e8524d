"""Objectives and burn-rate alerts, coordinated omission, and the percentile sketch, against closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servelab.intervals import share_interval
from servelab.omission import backfilled, closed_loop, stalled_share
from servelab.sketch import Sketch, bucket_count
from servelab.slo import (
    PAGES,
    TICKET,
    BurnAlert,
    Counts,
    Objective,
    firing,
    firing_step_by_step,
    good,
    goodput_per_s,
    judge,
    over_share,
    traffic,
)

THREE_NINES = Objective(0.999)
SHORT = BurnAlert(6, 1_200, 120)


# ---------------------------------------------------------------- objectives


def test_budgets_at_known_points() -> None:
    assert THREE_NINES.downtime_s == pytest.approx(43.2 * 60)
    assert THREE_NINES.burn_rate(0.001) == pytest.approx(1)
    assert THREE_NINES.lasts_s(0.0144) == pytest.approx(50 * 3_600)
    assert THREE_NINES.lasts_s(0) == math.inf
    assert THREE_NINES.left(500, 1_000_000) == pytest.approx(0.5)
    assert THREE_NINES.left(2_000, 1_000_000) == pytest.approx(-1)


def test_an_event_is_good_when_every_limit_holds() -> None:
    met = good(
        {"first_word_ms": [300, 900, 300, np.nan, np.inf], "real_time_factor": [0.3, 0.3, 1.2, 0.1, 0.1]},
        {"first_word_ms": 500, "real_time_factor": 1.0},
    )
    assert met.tolist() == [True, False, False, False, False]
    assert goodput_per_s(met, 0.5) == 2


# ---------------------------------------------------------------- alerts


def incident(bad_share: float, before: int, during: int, after: int, base: float = 0.0) -> Counts:
    """Steady traffic without chance: a million events a minute."""
    shares = np.array([base] * before + [bad_share] * during + [base] * after)
    total = np.full(shares.size, 1_000_000)
    return Counts(60.0, total, np.round(shares * total).astype(np.int64))


@pytest.mark.parametrize("alert", [*PAGES, TICKET, SHORT])
@pytest.mark.parametrize("factor", [1.05, 1.7, 8.0, 60.0])
def test_detection_and_reset_are_within_a_step_of_the_closed_form(alert: BurnAlert, factor: float) -> None:
    """Trouble at `factor` times the threshold, begun after a clean window and lasting a window and a half."""
    steps = round(alert.long_s / 60)
    bad_share = factor * alert.threshold(THREE_NINES)
    counts = incident(bad_share, steps, steps + steps // 2, steps)
    span = (steps * 60.0, (2 * steps + steps // 2) * 60.0)
    found = judge(firing(counts, THREE_NINES, [alert]), [span], 60.0)
    assert found.false_alarms == 0
    assert found.recall == found.precision == 1
    assert 0 <= found.detection_s[0] - alert.detection_s(THREE_NINES, bad_share) <= 61
    assert abs(found.reset_s[0] - alert.reset_s(THREE_NINES, bad_share)) <= 61


# What the SRE Workbook prints [@thurgood2018], to the digits that it prints.


@pytest.mark.parametrize(
    ("alert", "burn", "long_h", "short_h", "budget_share"),
    [(PAGES[0], 14.4, 1, 5 / 60, 0.02), (PAGES[1], 6, 6, 0.5, 0.05), (TICKET, 1, 72, 6, 0.10)],
)
def test_the_alerts_are_those_of_table_5_8(
    alert: BurnAlert, burn: float, long_h: float, short_h: float, budget_share: float
) -> None:
    assert (alert.burn, alert.long_s / 3_600, alert.short_s / 3_600) == (burn, long_h, short_h)
    assert alert.budget_share(THREE_NINES) == pytest.approx(budget_share)


@pytest.mark.parametrize(
    ("burn", "bad_share", "lasts_min"),
    [(1, 0.001, 43_200), (2, 0.002, 21_600), (10, 0.01, 4_320), (1_000, 1.0, 43)],
)
def test_budgets_last_as_long_as_table_5_4_says(burn: float, bad_share: float, lasts_min: float) -> None:
    assert THREE_NINES.burn_rate(bad_share) == pytest.approx(burn)
    assert THREE_NINES.lasts_s(bad_share) / 60 == pytest.approx(lasts_min, rel=0.005)


def test_single_windows_are_as_quick_and_as_slow_as_tables_5_1_to_5_5_say() -> None:
    """A total outage is found after 0.6 s by 10 min, after 2 min 10 s by 36 h, and 36 times in 1 h stays on
    for 58 min after it; 35 times is never seen and spends the month in 20.5 h."""
    ten_minutes, long = BurnAlert(1, 600, 600), BurnAlert(1, 36 * 3_600, 36 * 3_600)
    assert ten_minutes.detection_s(THREE_NINES, 1.0) == pytest.approx(0.6)
    assert 100 * ten_minutes.budget_share(THREE_NINES) == pytest.approx(0.02, abs=0.005)
    assert long.detection_s(THREE_NINES, 1.0) == pytest.approx(130, abs=1)
    assert long.budget_share(THREE_NINES) == pytest.approx(0.05)
    fast = BurnAlert(36, 3_600, 3_600)
    assert fast.budget_share(THREE_NINES) == pytest.approx(0.05)
    assert fast.reset_s(THREE_NINES, 1.0) / 60 == pytest.approx(58, abs=0.5)
    assert fast.detection_s(THREE_NINES, 0.035) == math.inf
    assert THREE_NINES.lasts_s(0.035) / 3_600 == pytest.approx(20.5, abs=0.1)


def test_ten_minutes_of_errors_are_met_as_in_figure_5_6() -> None:
    """15 % for ten minutes: the alert begins after five minutes and ends five after the errors; the long
    window alone would stay on for most of an hour."""
    counts = incident(0.15, 60, 10, 90)
    span = [(3_600.0, 4_200.0)]
    both = judge(firing(counts, THREE_NINES, PAGES[:1]), span, 60)
    alone = judge(firing(counts, THREE_NINES, [BurnAlert(14.4, 3_600, 3_600)]), span, 60)
    assert both.detection_s[0] / 60 == pytest.approx(5, abs=1)
    assert both.reset_s[0] / 60 == pytest.approx(5, abs=1)
    assert 50 < alone.reset_s[0] / 60 <= 60


def test_extreme_goals_leave_no_time_or_no_alert() -> None:
    assert PAGES[0].long_s / Objective(0.9).lasts_s(1.0) == pytest.approx(0.014, abs=0.0005)
    assert PAGES[0].detection_s(Objective(0.9), 1.0) == math.inf
    assert Objective(0.99999).lasts_s(1.0) == pytest.approx(26, abs=0.5)
    assert Objective(0.99999).lasts_s(0.01) / 60 == pytest.approx(43, abs=0.5)


def test_one_failed_request_of_a_quiet_service_spends_a_seventh_of_its_month() -> None:
    """Ten requests an hour: 13.9 % of the budget, seven failures in 30 days."""
    month = 10 * 24 * 30
    assert 1 - THREE_NINES.left(1, month) == pytest.approx(0.139, abs=0.0005)
    assert THREE_NINES.left(7, month) > 0 > THREE_NINES.left(8, month)
    assert THREE_NINES.burn_rate(1 / 10) * 3_600 / THREE_NINES.period_s == pytest.approx(0.139, abs=0.0005)


def test_trouble_under_the_threshold_is_never_seen() -> None:
    for alert in PAGES:
        below = 0.99 * alert.threshold(THREE_NINES)
        counts = incident(below, 400, 400, 10)
        assert not firing(counts, THREE_NINES, [alert]).any()
        assert alert.detection_s(THREE_NINES, below) == math.inf
        assert alert.reset_s(THREE_NINES, below) == 0


def test_the_short_window_is_what_ends_an_alert() -> None:
    """A total outage of ten minutes: with both windows silence follows within the short one, with the long
    window alone it takes most of an hour."""
    counts = incident(1.0, 60, 10, 90)
    span = [(3_600.0, 4_200.0)]
    both = judge(firing(counts, THREE_NINES, PAGES[:1]), span, 60)
    alone = judge(firing(counts, THREE_NINES, [BurnAlert(14.4, 3_600, 3_600)]), span, 60)
    assert both.detection_s == alone.detection_s
    assert both.reset_s[0] <= 300
    assert alone.reset_s[0] > 2_900


@pytest.mark.parametrize("per_s", [0.01, 0.2, 3.0])
@pytest.mark.parametrize("bad_share", [0.0005, 0.003])
def test_chance_alarms_of_one_window_are_as_likely_as_the_sum_says(per_s: float, bad_share: float) -> None:
    """Poisson traffic at a steady share, 20,000 windows of 10 min apart: 99.9 % Wilson interval."""
    windows = 20_000
    counts = traffic(np.random.default_rng(6), per_s, np.full(windows * 10, bad_share))
    over = counts.bad_share(600)[9::10] > 0.004
    expected = over_share(0.004, per_s * 600, bad_share)
    assert share_interval(int(over.sum()), windows, 0.999).holds(expected)


def test_a_quiet_service_is_woken_by_its_first_bad_event() -> None:
    """6 requests in the window: any bad one is over a threshold of 1.44 %."""
    assert over_share(0.0144, 6, 0.001) == pytest.approx(-math.expm1(-0.006), rel=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.0005, 0.006, 0.05]))
def test_step_by_step_is_the_same_alert(seed: int, bad_share: float) -> None:
    counts = traffic(np.random.default_rng(seed), 0.5, np.full(60, bad_share))
    assert firing(counts, THREE_NINES, [SHORT]).tolist() == firing_step_by_step(counts, THREE_NINES, SHORT)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_an_alert_that_asks_for_more_fires_less(seed: int) -> None:
    counts = traffic(np.random.default_rng(seed), 1.0, np.full(200, 0.004))
    low, high = (
        firing(counts, THREE_NINES, [BurnAlert(burn, 1_200, short)]) for burn, short in ((3, 1_200), (5, 120))
    )
    assert not (high & ~low).any()


def test_alarms_are_counted_once_and_blamed_right() -> None:
    on = np.array([0, 1, 1, 0, 0, 1, 1, 1, 0, 1, 0], dtype=np.bool_)
    found = judge(on, [(240.0, 420.0), (600.0, 660.0)], 60.0)
    assert found.detection_s == (120.0, math.inf)
    assert found.reset_s == (60.0,)
    assert found.false_alarms == 2
    assert found.recall == 0.5
    assert found.precision == pytest.approx(1 / 3)


# ---------------------------------------------------------------- coordinated omission


def test_one_stall_is_one_sample_for_the_generator_and_a_ramp_for_users() -> None:
    """1,000 requests a second for 100 s with a stall of 10 s: the generator's p99 knows nothing of it, and
    the share of users over x is (10 - x) / 100 to within one request."""
    service = np.zeros(100_000)
    service[30_000] = 10.0
    run = closed_loop(service, 0.001)
    assert (run.measured_s > 0).sum() == 1
    assert np.quantile(run.measured_s, 0.99) == 0
    for over in (0.5, 3.0, 9.5):
        share = float((run.true_s > over).mean())
        assert share == pytest.approx(stalled_share(10, 100, over), abs=1.1e-5)


def test_backfilling_one_stall_restores_what_was_left_out() -> None:
    """A server that answers at once but for one stall: all waits of the repaired record are the true
    ones. It only has more zeros, of requests that were sent late and answered at once."""
    service = np.zeros(1_000)
    service[100] = 0.5
    run = closed_loop(service, 0.01)
    repaired = backfilled(run.measured_s, 0.01)
    assert repaired[repaired > 1e-9] == pytest.approx(np.sort(run.true_s[run.true_s > 1e-9]), abs=1e-9)


def test_backfilling_stops_at_nothing_left() -> None:
    assert backfilled([0.35, 0.02], 0.1) == pytest.approx([0.02, 0.05, 0.15, 0.25, 0.35])
    assert backfilled([0.3], 0.1) == pytest.approx([0.1, 0.2, 0.3])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(0, 5), min_size=1, max_size=60), st.floats(0.01, 2))
def test_the_unrolled_recursion_is_the_loop(service: list[float], interval: float) -> None:
    run, free = closed_loop(service, interval), 0.0
    for k, took in enumerate(service):
        sent = max(k * interval, free)
        free = sent + took
        assert run.sent_s[k] == pytest.approx(sent, abs=1e-9)
        assert run.done_s[k] == pytest.approx(free, abs=1e-9)
    assert bool((run.true_s >= run.measured_s - 1e-9).all())


# ---------------------------------------------------------------- sketch

VALUES = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e6)), min_size=1, max_size=120)


@settings(max_examples=150, deadline=None)
@given(VALUES, st.sampled_from([0.001, 0.01, 0.05, 0.2]), st.floats(0, 1))
def test_every_percentile_is_within_the_bound(values: list[float], accuracy: float, q: float) -> None:
    exact = sorted(values)[max(math.ceil(q * len(values) - 1e-9), 1) - 1]
    assert abs(Sketch.of(values, accuracy).quantile(q) - exact) <= accuracy * exact * (1 + 1e-6)


@settings(max_examples=100, deadline=None)
@given(VALUES, VALUES, VALUES)
def test_sketches_add_up_in_any_order(one: list[float], two: list[float], three: list[float]) -> None:
    whole = Sketch.of(one + two + three)
    a, b, c = (Sketch.of(part) for part in (one, two, three))
    assert (a + b) + c == a + (b + c) == (c + a) + b == whole
    assert whole.size == len(one) + len(two) + len(three)


def test_its_size_depends_on_the_range_and_not_on_the_number() -> None:
    rng = np.random.default_rng(7)
    for number in (1_000, 300_000):
        values = np.exp(rng.uniform(math.log(1), math.log(60_000), number))
        found = Sketch.of(values, 0.01)
        assert len(found.buckets) <= bucket_count(1, 60_000, 0.01) < 560
        assert abs(found.quantile(0.99) / np.quantile(values, 0.99, method="inverted_cdf") - 1) <= 0.01


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Objective(1.0), "target is 1"),
        (lambda: Objective(0.9, 0), "period_s is 0"),
        (lambda: THREE_NINES.left(3, 2), "bad is 3"),
        (lambda: BurnAlert(1, 60, 120), "short_s is 120"),
        (lambda: BurnAlert(-1, 60, 10), "burn is -1"),
        (lambda: Counts(60, np.array([1]), np.array([2])), "bad exceeds total"),
        (lambda: incident(0.1, 1, 1, 1).bad_share(90), "window_s is 90"),
        (lambda: firing(incident(0.1, 1, 1, 1), THREE_NINES, []), "alerts are empty"),
        (lambda: good({}, {}), "limits are empty"),
        (lambda: good({"a": [1]}, {"b": 1}), "limits name 'b'"),
        (lambda: good({"a": [1], "b": [1, 2]}, {"a": 1, "b": 1}), "b has the shape"),
        (lambda: judge(np.array([True]), [(5.0, 4.0)], 1), "incidents hold"),
        (lambda: traffic(np.random.default_rng(0), 1, [1.5]), "the largest bad_share is 1.5"),
        (lambda: over_share(0, 1, 0.1), "threshold is 0"),
        (lambda: closed_loop([math.nan], 1), "service_s holds NaN"),
        (lambda: backfilled([1], 0), "interval_s is 0"),
        (lambda: stalled_share(2, 1, 0), "every_s is 1"),
        (lambda: Sketch.of([-1.0]), "values holds -1"),
        (lambda: Sketch.of([1.0], 1.0), "accuracy is 1"),
        (lambda: Sketch(0.01, {}).quantile(0.5), "the number of values is 0"),
        (lambda: Sketch.of([1.0]).quantile(1.1), "q is 1.1"),
        (lambda: Sketch.of([1.0], 0.1) + Sketch.of([1.0], 0.2), "accuracy is 0.2"),
        (lambda: bucket_count(0, 1, 0.1), "least is 0"),
    ],
)
def test_bad_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
