"""Traffic against its moments, cold starts against closed forms, a scaler against queues of fixed size."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servelab import autoscaling, coldstart, queueing, queuesim
from servelab.autoscaling import SIGNALS, Scaler, Signal
from servelab.coldstart import StartUp, scale_to_zero
from servelab.intervals import batch_means_interval, mean_interval
from servelab.traffic import Bursts, Diurnal, steady_times_s

SURE = 0.999


# ---------------------------------------------------------------- traffic


def test_a_day_has_the_rate_of_each_of_its_hours() -> None:
    """Counts in an hour are Poisson with the integral of the rate: chi-square with 24 degrees of freedom."""
    day = Diurnal(mean_per_s=2.0, peak_ratio=1.9)
    arrivals = day.times_s(np.random.default_rng(1), 86_400)
    counts = np.histogram(arrivals, bins=24, range=(0, 86_400))[0]
    middles = np.arange(0.5, 24) * 3600
    wave = 1 + 0.9 * np.cos(2 * np.pi * (middles - day.peak_s) / 86_400) * math.sin(np.pi / 24) / (np.pi / 24)
    expected = 2.0 * wave * 3600
    assert ((counts - expected) ** 2 / expected).sum() < 51.2  # the 99.9th percentile
    assert float(day.rate_per_s(day.peak_s)) == pytest.approx(day.peak_per_s)
    assert (np.diff(arrivals) >= 0).all()


@pytest.mark.parametrize(
    "bursts", [Bursts(1, 10, calm_s=50, burst_s=10), Bursts(0, 5, calm_s=5, burst_s=5), Bursts(3, 3, 9, 1)]
)
def test_bursts_have_the_mean_and_the_dispersion_of_the_closed_form(bursts: Bursts) -> None:
    rng, window_s = np.random.default_rng(2), 3_000.0
    counts = np.array([bursts.times_s(rng, window_s).size for _ in range(200)], dtype=float)
    assert mean_interval(counts, SURE).holds(bursts.mean_per_s * window_s)
    squares = (counts - bursts.mean_per_s * window_s) ** 2 / (bursts.mean_per_s * window_s)
    assert mean_interval(squares, SURE).holds(bursts.dispersion)


def test_bursts_make_a_queue_longer_than_their_mean_rate_would() -> None:
    bursts = Bursts(2, 12, calm_s=20, burst_s=5)
    rng = np.random.default_rng(3)
    arrivals = bursts.times_s(rng, 20_000)
    wait = queuesim.fifo(arrivals, rng.exponential(0.15, arrivals.size)).wait_s.mean()
    assert wait > 2 * queueing.mm1(bursts.mean_per_s, 0.15).mean_wait_s


# ---------------------------------------------------------------- cold starts


def test_a_start_up_is_its_stages_one_after_the_other() -> None:
    start = StartUp(
        {"schedule": 2, "pull image": 40, "load weights": coldstart.load_s(14e9, 2e9), "warm up": 3}
    )
    assert start.total_s == 52
    assert start.timeline()[2] == ("load weights", 42, 49)
    assert start.without("pull image").total_s == 12
    assert start.without(*start.stages_s).total_s == 0


@pytest.mark.parametrize("keep", [1.0, 10.0, 30.0])
def test_rare_requests_are_cold_as_often_as_a_gap_is_long(keep: float) -> None:
    arrivals = queuesim.poisson_times_s(np.random.default_rng(4), 0.1, 100_000)
    run = scale_to_zero(arrivals, np.zeros(arrivals.size), 0.0, keep)
    expected = coldstart.cold_share_of_rare_requests(0.1, keep)
    assert batch_means_interval(run.cold, SURE).holds(expected)


@pytest.mark.parametrize(("pool", "erlangs"), [(1, 0.3), (5, 3.0), (10, 14.0)])
def test_a_warm_pool_misses_as_erlang_b_says(pool: int, erlangs: float) -> None:
    """Cold instances that end at once are calls lost by the pool, whatever they cost."""
    rng = np.random.default_rng(5)
    arrivals = queuesim.poisson_times_s(rng, erlangs, 200_000)
    run = scale_to_zero(arrivals, rng.gamma(0.5, 2.0, arrivals.size), 7.0, 0.0, pool)
    assert batch_means_interval(run.cold[2_000:], SURE).holds(queueing.erlang_b(pool, erlangs))
    assert set(np.unique(run.wait_s)) == {0.0, 7.0}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 999), load=st.floats(0.1, 6), keep=st.floats(0, 20), pool=st.integers(0, 4))
def test_keeping_longer_or_more_never_makes_more_requests_cold(
    seed: int, load: float, keep: float, pool: int
) -> None:
    rng = np.random.default_rng(seed)
    arrivals = queuesim.poisson_times_s(rng, load, 200)
    services = rng.exponential(1.0, 200)
    cold = scale_to_zero(arrivals, services, 0.0, keep, pool).cold.sum()
    assert scale_to_zero(arrivals, services, 0.0, keep + 3, pool).cold.sum() <= cold
    assert scale_to_zero(arrivals, services, 0.0, keep, pool + 1).cold.sum() <= cold


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), keep=st.floats(0, 20), pool=st.integers(0, 3), start=st.floats(0, 5))
def test_what_is_paid_covers_the_work_and_no_more_than_everything(
    seed: int, keep: float, pool: int, start: float
) -> None:
    rng = np.random.default_rng(seed)
    arrivals, services = queuesim.poisson_times_s(rng, 2.0, 100), rng.exponential(1.0, 100)
    run = scale_to_zero(arrivals, services, start, keep, pool)
    last = float((arrivals + run.delay_s).max())
    work = services.sum() + start * run.cold.sum()
    assert run.instance_s >= work - 1e-6
    assert run.instance_s <= run.peak_instances * (last - arrivals[0]) + 1e-6
    assert run.instance_s <= work + pool * (last - arrivals[0]) + keep * 100 + 1e-6


def test_three_requests_by_hand() -> None:
    """Cold at 0, warm at 12 (idle since 11), cold at 30 after 5 s of idleness ended the instance at 18."""
    run = scale_to_zero([0.0, 12.0, 30.0], [1.0, 1.0, 1.0], start_s=10.0, keep_s=5.0)
    assert run.cold.tolist() == [True, False, True]
    assert run.delay_s.tolist() == [11.0, 1.0, 11.0]
    assert run.instance_s == pytest.approx((13 + 5) + 11)
    assert run.peak_instances == 1


# ---------------------------------------------------------------- autoscaling


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("servers", [1, 6])
def test_a_scaler_without_a_choice_is_a_queue_of_fixed_size(signal: Signal, servers: int) -> None:
    rng = np.random.default_rng(6)
    arrivals = queuesim.poisson_times_s(rng, 0.9 * servers, 5_000)
    services = rng.exponential(1.0, arrivals.size)
    run = autoscaling.simulate(arrivals, services, Scaler(signal, 0.7, servers, servers), servers)
    np.testing.assert_allclose(run.start_s, queuesim.fifo(arrivals, services, servers).start_s, atol=1e-7)
    assert (run.ready == servers).all()


@pytest.mark.parametrize(("signal", "target"), [("utilization", 0.6), ("concurrency", 0.6)])
def test_a_steady_load_settles_where_the_target_says(signal: Signal, target: float) -> None:
    """With almost no waiting, both hold erlangs / target servers, and the rounding up and the noise of the
    look add less than a tenth."""
    rng = np.random.default_rng(7)
    arrivals = steady_times_s(rng, 120.0, 4_000)
    scaler = Scaler(signal, target, interval_s=60, start_s=10, shrink_after_s=0)
    run = autoscaling.simulate(arrivals, rng.exponential(1.0, arrivals.size), scaler, 200)
    assert run.ready[5:].mean() == pytest.approx(120 / target, rel=0.1)
    assert run.mean_utilization == pytest.approx(target, rel=0.1)


def test_utilization_cannot_see_how_large_an_overload_is() -> None:
    """Ten servers meet forty erlangs: concurrency asks for what is needed, utilization for 10 / 0.5."""
    arrivals = steady_times_s(np.random.default_rng(8), 40.0, 600)
    services = np.ones(arrivals.size)
    targets: dict[Signal, float] = {"utilization": 0.5, "concurrency": 1.0}
    by = {
        signal: autoscaling.simulate(arrivals, services, Scaler(signal, target, start_s=60), 10)
        for signal, target in targets.items()
    }
    first = {signal: int(run.starting[0] + run.ready[0]) for signal, run in by.items()}
    assert first["utilization"] == 20
    assert first["concurrency"] > 40
    assert by["concurrency"].wait_s.max() < by["utilization"].wait_s.max()


def test_idle_servers_leave_after_the_patience_of_the_scaler_and_not_before() -> None:
    arrivals = np.concatenate([np.arange(0, 300, 0.1), np.arange(300, 2_000, 10.0)])
    scaler = Scaler("concurrency", 1.0, interval_s=10, start_s=0, shrink_after_s=200)
    run = autoscaling.simulate(arrivals, np.full(arrivals.size, 1.0), scaler, 12)
    before, after = run.look_s < 480, run.look_s > 540
    assert run.ready[before].min() >= 10
    assert run.ready[after].max() <= 2


def test_a_service_at_zero_starts_one_for_the_first_request() -> None:
    scaler = Scaler("concurrency", 1.0, least=0, interval_s=10, start_s=30, shrink_after_s=50)
    run = autoscaling.simulate([100.0, 1_000.0], [2.0, 2.0], scaler, 0)
    assert run.wait_s.tolist() == [30.0, 30.0]
    assert run.ready.min() == 0
    assert run.server_s < 2 * (30 + 2 + 60 + 10)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    signal=st.sampled_from(SIGNALS),
    least=st.integers(0, 3),
    start=st.floats(0, 40),
    shrink=st.floats(0, 60),
    per_s=st.floats(0.05, 8),
)
def test_everybody_is_served_in_order_by_servers_that_are_paid_for(
    seed: int, signal: Signal, least: int, start: float, shrink: float, per_s: float
) -> None:
    rng = np.random.default_rng(seed)
    arrivals, services = queuesim.poisson_times_s(rng, per_s, 150), rng.exponential(1.0, 150)
    scaler = Scaler(signal, 0.7, least, 12, interval_s=5, start_s=start, shrink_after_s=shrink)
    run = autoscaling.simulate(arrivals, services, scaler, max(least, 1))
    assert np.isfinite(run.start_s).all()
    assert (run.wait_s >= 0).all()
    assert (np.diff(run.start_s) >= 0).all()
    assert run.server_s >= services.sum() - 1e-6
    assert (run.ready + run.starting <= 12).all()
    ends = np.sort(run.start_s + services)
    busy = np.arange(1, 151) - np.searchsorted(ends, run.start_s, side="right")
    assert busy.max() <= 12


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Diurnal(0), "mean_per_s"),
        (lambda: Diurnal(1, 2.5), "peak_ratio is 2.5: it must lie between 1 and 2"),
        (lambda: Diurnal(1).times_s(np.random.default_rng(0), 0), "duration_s"),
        (lambda: steady_times_s(np.random.default_rng(0), -1, 5), "per_s is -1"),
        (lambda: Bursts(-1, 1, 1, 1), "calm_per_s"),
        (lambda: Bursts(1, 1, 0, 1), "calm_s"),
        (lambda: Bursts(1, 2, 1, 1).times_s(np.random.default_rng(0), math.nan), "duration_s is nan"),
        (lambda: StartUp({}), "number of stages"),
        (lambda: StartUp({"pull": -1}), "pull is -1"),
        (lambda: StartUp({"pull": 1}).without("push"), "'push': it must be one of pull"),
        (lambda: coldstart.load_s(0, 1), "weights_bytes"),
        (lambda: scale_to_zero([], [], 1, 1), "arrival_s has the shape"),
        (lambda: scale_to_zero([0.0], [math.nan], 1, 1), "service_s holds NaN"),
        (lambda: scale_to_zero([0.0], [1.0], -1, 1), "start_s"),
        (lambda: scale_to_zero([0.0], [1.0], 1, -1), "keep_s is -1"),
        (lambda: scale_to_zero([0.0], [1.0], 1, 1, -1), "pool"),
        (lambda: coldstart.cold_share_of_rare_requests(-1, 1), "arrivals_per_s"),
        (lambda: Scaler("luck", 1), "signal is 'luck': it must be one of utilization"),  # type: ignore[arg-type]
        (lambda: Scaler("utilization", 1.2), "target is 1.2: for utilization it must be at most 1"),
        (lambda: Scaler("queue", 0), "target is 0"),
        (lambda: Scaler("queue", 1, 5, 4), "most is 4: it must be at least least, 5"),
        (lambda: Scaler("queue", 1, interval_s=0), "interval_s"),
        (lambda: autoscaling.simulate([0.0], [1.0], Scaler("queue", 1), 0), "initial is 0"),
        (lambda: autoscaling.simulate([0.0], [-1.0], Scaler("queue", 1), 1), "service_s"),
    ],
)
def test_a_bad_parameter_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
