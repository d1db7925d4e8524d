"""Distributions against their moments and quantiles, sums and fan-out against closed forms."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servelab import latency
from servelab.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    LogNormal,
    Numbers,
    Shifted,
    draw,
)
from servelab.intervals import mean_interval, share_interval

SURE = 0.999
ALL: list[Distribution] = [
    Exponential(20),
    Gamma(20, 0.3),
    Gamma(20, 3),
    LogNormal(20, 0.5),
    LogNormal.of_mean(20, 2),
    LogNormal.of_percentiles(100, 320),
    Shifted(5, Exponential(10)),
    Empirical([10, 20, 30, 90]),
]


class Uniform:
    """A distribution that this package does not know."""

    mean = 0.5
    scv = 1 / 3

    def __str__(self) -> str:
        return "Uniform()"  # the test's name, the same in every process

    def quantile(self, q: Numbers) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.asarray(q, dtype=np.float64)


@pytest.mark.parametrize("distribution", [*ALL, Uniform()], ids=str)
def test_draws_have_the_mean_the_variance_and_the_quantiles(distribution: Distribution) -> None:
    drawn = draw(np.random.default_rng(1), distribution, 400_000)
    assert drawn.min() >= 0
    assert mean_interval(drawn, SURE).holds(distribution.mean)
    squares = (drawn - distribution.mean) ** 2
    assert mean_interval(squares, SURE).holds(distribution.scv * distribution.mean**2)
    if not isinstance(distribution, Empirical):  # between its values the quantile interpolates
        for q in (0.1, 0.5, 0.99):
            below = int((drawn <= distribution.quantile(q)).sum())
            assert share_interval(below, drawn.size, SURE).holds(q)


def test_a_constant_is_constant() -> None:
    assert draw(np.random.default_rng(1), Constant(3), 4).tolist() == [3, 3, 3, 3]
    assert (Constant(3).mean, Constant(3).scv, float(Constant(3).quantile(0.9))) == (3, 0, 3)
    assert Empirical([0, 0]).scv == 0


def test_percentiles_give_the_log_normal() -> None:
    distribution = LogNormal.of_percentiles(100, 320)
    assert float(distribution.quantile(0.5)) == pytest.approx(100)
    assert float(distribution.quantile(0.99)) == pytest.approx(320)
    assert LogNormal.of_mean(7, 2).mean == pytest.approx(7)
    assert LogNormal.of_mean(7, 2).scv == pytest.approx(2)


# ---------------------------------------------------------------- sums


@pytest.mark.parametrize("q", [50.0, 95.0, 99.0])
def test_the_sum_of_exponential_stages_is_gamma(q: float) -> None:
    """Five exponential stages of mean 20 ms add up to a gamma variable with scv 1/5."""
    stages: dict[str, Distribution] = {f"stage {n}": Exponential(20) for n in range(5)}
    turns = latency.simulate_turns(np.random.default_rng(2), stages, 200_000)
    under = int((turns.total_ms <= Gamma(100, 1 / 5).quantile(q / 100)).sum())
    assert share_interval(under, 200_000, SURE).holds(q / 100)
    low, high = latency.percentile_interval_ms(turns.total_ms, q, SURE)
    assert low <= Gamma(100, 1 / 5).quantile(q / 100) <= high
    assert turns.over(turns.percentile_ms(q)) == pytest.approx(1 - q / 100, abs=1e-4)


def test_the_sum_of_p95s_is_too_much_unless_all_are_slow_together() -> None:
    stages: dict[str, Distribution] = {"a": Exponential(20), "b": LogNormal(40, 0.5), "c": Gamma(30, 0.5)}
    apart = latency.simulate_turns(np.random.default_rng(3), stages, 100_000)
    together = latency.simulate_turns(np.random.default_rng(3), stages, 100_000, correlation=1)
    assert apart.sum_of_percentiles_ms(95) > 1.15 * apart.percentile_ms(95)
    assert together.sum_of_percentiles_ms(95) == pytest.approx(together.percentile_ms(95), rel=1e-3)
    assert apart.total_ms.mean() == pytest.approx(together.total_ms.mean(), rel=0.02)
    half = latency.simulate_turns(np.random.default_rng(3), stages, 100_000, correlation=0.5)
    assert apart.percentile_ms(99) < half.percentile_ms(99) < together.percentile_ms(99)


def test_a_correlated_stage_keeps_its_distribution_and_the_correlation_is_that_asked_for() -> None:
    stages: dict[str, Distribution] = {"a": LogNormal(40, 0.5), "b": LogNormal(10, 1)}
    turns = latency.simulate_turns(np.random.default_rng(4), stages, 100_000, correlation=0.6)
    for column, stage in enumerate(stages.values()):
        under = int((turns.stage_ms[:, column] <= stage.quantile(0.9)).sum())
        assert share_interval(under, 100_000, SURE).holds(0.9)
    logs = np.log(turns.stage_ms)
    assert np.corrcoef(logs[:, 0], logs[:, 1])[0, 1] == pytest.approx(0.6, abs=0.01)


def test_the_tail_is_blamed_on_the_stage_that_varies() -> None:
    stages: dict[str, Distribution] = {"steady": Constant(200), "wild": Exponential(50)}
    turns = latency.simulate_turns(np.random.default_rng(5), stages, 50_000)
    blamed = turns.tail_means_ms(99)
    assert blamed["steady"] == 200
    assert sum(blamed.values()) == pytest.approx(float(np.sort(turns.total_ms)[-500:].mean()), rel=1e-3)
    assert blamed["wild"] == pytest.approx(50 * (1 + math.log(100)), rel=0.03)
    assert turns.stage_percentiles_ms(50)["steady"] == 200


# ---------------------------------------------------------------- percentiles


def test_a_mean_of_percentiles_is_the_percentile_of_nothing() -> None:
    """Nine fast machines and a slow one with a tenth of the requests each."""
    groups = [np.full(100, 10.0)] * 9 + [np.full(100, 1000.0)]
    assert latency.mean_of_percentiles_ms(groups, 95) == pytest.approx(109)
    assert latency.pooled_percentile_ms(groups, 95) == 1000
    assert latency.pooled_percentile_ms(groups, 50) == 10


def test_percentile_intervals_cover_as_often_as_they_say() -> None:
    """At least 95 % of 600 intervals must hold the true p95: conservative, and not by much."""
    rng = np.random.default_rng(6)
    truth, hits = float(Exponential(1).quantile(0.95)), 0
    for _ in range(600):
        low, high = latency.percentile_interval_ms(rng.exponential(1, 400), 95)
        hits += low <= truth <= high
    covered = share_interval(hits, 600, SURE)
    assert covered.high > 0.95
    assert covered.low < 0.97


def test_fewer_samples_than_said_miss_the_tail_more_often() -> None:
    n = latency.samples_for_percentile(99)
    assert 1 - 0.99**n >= 0.95 > 1 - 0.99 ** (n - 1)


# ---------------------------------------------------------------- fan-out


@pytest.mark.parametrize(("calls", "needed"), [(1, 1), (10, 10), (10, 8), (5, 1)])
def test_fan_out_has_the_quantiles_of_the_order_statistic(calls: int, needed: int) -> None:
    slow = LogNormal(20, 0.8)
    drawn = latency.simulate_fan_out(np.random.default_rng(7), slow, calls, 100_000, needed)
    for q in (50.0, 99.0):
        under = int((drawn <= latency.fan_out_percentile_ms(slow, calls, q, needed)).sum())
        assert share_interval(under, 100_000, SURE).holds(q / 100)


@given(st.floats(0, 1), st.integers(1, 200))
def test_more_calls_never_make_a_request_faster(share: float, calls: int) -> None:
    assert (
        latency.fan_out_slow_share(share, calls + 1)
        >= latency.fan_out_slow_share(share, calls)
        >= share - 1e-12
    )
    slow = Exponential(10)
    assert latency.fan_out_percentile_ms(slow, calls + 1, 99) > latency.fan_out_percentile_ms(slow, calls, 99)


def test_a_hedge_has_the_closed_forms_tail_and_price() -> None:
    """P(slow) = P(first over t) P(second over t - d); a share P(first over d) sends twice."""
    hedged = latency.simulate_hedge(np.random.default_rng(8), Exponential(100), 150, 200_000)
    assert share_interval(round(hedged.extra_share * 200_000), 200_000, SURE).holds(math.exp(-1.5))
    over = int((hedged.delay_ms > 300).sum())
    assert share_interval(over, 200_000, SURE).holds(math.exp(-3) * math.exp(-1.5))
    without = draw(np.random.default_rng(8), Exponential(100), 200_000)
    assert (hedged.delay_ms <= without).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Exponential(0), "mean is 0: it must be finite and greater than 0"),
        (lambda: Constant(-1), "value is -1"),
        (lambda: LogNormal(math.nan, 1), "median is nan"),
        (lambda: LogNormal.of_percentiles(100, 100), "p99 is 100: it must be finite and greater than p50"),
        (lambda: Gamma(1, -1), "scv is -1"),
        (lambda: Shifted(-1, Constant(1)), "least is -1"),
        (lambda: Empirical([]), "values has the shape"),
        (lambda: Empirical([1, math.nan]), "values holds NaN"),
        (lambda: Empirical([1, -1]), "values holds -1"),
        (lambda: latency.percentile_ms([], 50), "delay_ms has the shape"),
        (lambda: latency.percentile_ms([1.0], 101), "q is 101: it must lie between 0 and 100"),
        (lambda: latency.simulate_turns(np.random.default_rng(0), {}, 5), "number of stages is 0"),
        (lambda: latency.simulate_turns(np.random.default_rng(0), {"a": Constant(1)}, 0), "runs is 0"),
        (
            lambda: latency.simulate_turns(np.random.default_rng(0), {"a": Constant(1)}, 1, correlation=2),
            "correlation is 2",
        ),
        (lambda: latency.mean_of_percentiles_ms([], 50), "number of groups"),
        (lambda: latency.pooled_percentile_ms([[1.0], []], 50), "a group"),
        (lambda: latency.percentile_interval_ms(np.arange(50.0), 99), "needs at least"),
        (lambda: latency.samples_for_percentile(100), "q / 100"),
        (lambda: latency.fan_out_slow_share(1.5, 2), "slow_share"),
        (lambda: latency.fan_out_slow_share(0.5, 0), "calls"),
        (lambda: latency.fan_out_percentile_ms(Constant(1), 3, 50, 4), "needed is 4"),
        (lambda: latency.simulate_hedge(np.random.default_rng(0), Constant(1), -1, 2), "after_ms"),
    ],
)
def test_a_bad_parameter_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
