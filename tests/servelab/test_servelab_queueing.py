"""Closed forms against published values and each other, simulators against closed forms, within intervals."""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servelab import queueing, queuesim, readable
from servelab.arguments import Floats
from servelab.distributions import Constant, Distribution, Exponential, Gamma, LogNormal, draw
from servelab.intervals import batch_means_interval, mean_interval, share_interval

SURE = 0.999
"""Confidence of every interval here. With about 40 of them and fixed seeds, a right simulator passes."""


# ---------------------------------------------------------------- closed forms


@pytest.mark.parametrize(
    ("servers", "load", "wait_share"),
    [(1, 0.3, 0.3), (2, 0.5, 1 / 3), (2, 0.9, 2 * 0.81 / 1.9), (3, 0.5, 0.23684)],
)
def test_erlang_c_at_known_points(servers: int, load: float, wait_share: float) -> None:
    """One server: C is the load. Two: 2 r^2 / (1 + r). Three at half load: 9/38."""
    assert queueing.erlang_c(servers, servers * load) == pytest.approx(wait_share, rel=1e-4)


def test_erlang_b_at_a_published_value() -> None:
    """The manual of an Erlang calculator [@westbay-erlang]: 15 lines carry 8.108 erlangs at 1 % blocking."""
    assert queueing.erlang_b(15, 8.108) == pytest.approx(0.01, abs=5e-6)
    assert queueing.servers_for_loss(8.108, 0.010001) == 15


@given(st.integers(1, 60), st.floats(0.01, 100))
def test_erlang_b_is_the_ratio_of_erlangs_sum(servers: int, erlangs: float) -> None:
    logs = np.array([n * math.log(erlangs) - math.lgamma(n + 1) for n in range(servers + 1)])
    terms = np.exp(logs - logs.max())
    assert queueing.erlang_b(servers, erlangs) == pytest.approx(terms[-1] / terms.sum(), rel=1e-9)


@given(st.floats(0.1, 200), st.floats(0.0005, 0.5))
def test_servers_for_loss_are_the_fewest(erlangs: float, share: float) -> None:
    servers = queueing.servers_for_loss(erlangs, share)
    assert queueing.erlang_b(servers, erlangs) <= share
    assert servers == 0 or queueing.erlang_b(servers - 1, erlangs) > share


@given(st.floats(0.5, 40), st.floats(0.001, 2))
def test_servers_for_wait_are_the_fewest(arrivals: float, wait: float) -> None:
    servers = queueing.servers_for_wait(arrivals, 0.5, wait)
    assert queueing.mmc_wait_quantile_s(arrivals, 0.5, servers, 0.99) <= wait
    if arrivals * 0.5 < servers - 1:
        assert queueing.mmc_wait_quantile_s(arrivals, 0.5, servers - 1, 0.99) > wait


@given(st.floats(0.01, 0.99), st.floats(0.001, 10), st.floats(0, 9))
def test_the_formulas_agree_where_they_meet(load: float, service: float, scv: float) -> None:
    rate = load / service
    assert queueing.mm1(rate, service).mean_wait_s == pytest.approx(load / (1 - load) * service)
    assert queueing.mmc(rate, service, 1).mean_wait_s == pytest.approx(
        queueing.mm1(rate, service).mean_wait_s
    )
    assert queueing.md1(rate, service).mean_wait_s == pytest.approx(
        queueing.mm1(rate, service).mean_wait_s / 2
    )
    assert queueing.kingman(rate, service, 1, scv).mean_wait_s == pytest.approx(
        queueing.mg1(rate, service, scv).mean_wait_s
    )
    assert queueing.mmck(rate, service, 3, 3).lost_share == pytest.approx(queueing.erlang_b(3, load))
    queue = queueing.mm1(rate, service)
    assert queue.mean_in_system == pytest.approx(load / (1 - load))
    assert queue.mean_in_system - queue.mean_waiting == pytest.approx(load)


def test_a_large_room_and_great_patience_lose_nobody() -> None:
    unlimited, large = queueing.mmc(3, 1, 4), queueing.mmck(3, 1, 4, 400)
    assert large.lost_share < 1e-12
    assert large.mean_wait_s == pytest.approx(unlimited.mean_wait_s)
    assert large.mean_in_system == pytest.approx(unlimited.mean_in_system)
    assert queueing.erlang_a_lost_share(3, 1, 4, 1e6) < 1e-6
    assert queueing.erlang_a_lost_share(8, 1, 4, 1e3) == pytest.approx(0.5, abs=1e-3)
    assert queueing.erlang_a_lost_share(8, 1, 4, 1e-6) == pytest.approx(queueing.erlang_b(4, 8), rel=1e-3)
    assert queueing.mmck(0, 1, 2, 5).lost_share == 0


# ---------------------------------------------------------------- simulators


def customers(
    seed: int, load: float, servers: int, service: Distribution, size: int
) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    arrivals = queuesim.poisson_times_s(rng, load * servers / service.mean, size)
    return arrivals, draw(rng, service, size)


@pytest.mark.parametrize(
    ("service", "load"),
    [
        (Exponential(1.0), 0.5),
        (Exponential(0.02), 0.8),
        (Constant(1.0), 0.7),
        (Gamma(1.0, 4.0), 0.6),
        (LogNormal.of_mean(0.1, 2.0), 0.7),
    ],
)
def test_one_server_waits_as_pollaczek_and_khinchine_say(service: Distribution, load: float) -> None:
    run = queuesim.fifo(*customers(1, load, 1, service, 2_000_000)).after(0.05)
    expected = queueing.mg1(load / service.mean, service.mean, service.scv)
    assert batch_means_interval(run.wait_s, SURE).holds(expected.mean_wait_s)


@pytest.mark.parametrize(("servers", "load"), [(2, 0.5), (4, 0.8), (16, 0.9), (50, 0.95)])
def test_many_servers_wait_as_erlang_says(servers: int, load: float) -> None:
    run = queuesim.fifo(*customers(2, load, servers, Exponential(1.0), 2_000_000), servers).after(0.05)
    expected = queueing.mmc(load * servers, 1.0, servers)
    assert batch_means_interval(run.wait_s, SURE).holds(expected.mean_wait_s)
    assert batch_means_interval(run.wait_s > 0, SURE).holds(queueing.erlang_c(servers, load * servers))
    for q in (0.9, 0.99):
        late = run.wait_s > queueing.mmc_wait_quantile_s(load * servers, 1.0, servers, q)
        assert batch_means_interval(late, SURE).holds(min(1 - q, queueing.erlang_c(servers, load * servers)))


def test_the_sojourn_of_one_server_is_exponential() -> None:
    run = queuesim.fifo(*customers(3, 0.7, 1, Exponential(1.0), 2_000_000)).after(0.05)
    for q in (0.5, 0.95, 0.99):
        over = run.sojourn_s > queueing.mm1_sojourn_quantile_s(0.7, 1.0, q)
        assert batch_means_interval(over, SURE).holds(1 - q)


@pytest.mark.parametrize(("servers", "erlangs"), [(1, 0.5), (4, 3.0), (4, 8.0), (30, 25.0)])
@pytest.mark.parametrize("service", [Exponential(1.0), Constant(1.0), LogNormal.of_mean(1.0, 4.0)])
def test_servers_without_a_room_lose_erlang_b_whatever_the_service(
    servers: int, erlangs: float, service: Distribution
) -> None:
    run = queuesim.fifo(
        *customers(4, erlangs / servers, servers, service, 400_000), servers, capacity=servers
    )
    assert batch_means_interval(run.after(0.05).lost, SURE).holds(queueing.erlang_b(servers, erlangs))


@pytest.mark.parametrize(
    ("servers", "load", "capacity"), [(1, 0.8, 5), (4, 0.9, 12), (4, 1.5, 12), (8, 3.0, 20)]
)
def test_a_limited_room_loses_and_waits_as_the_chain_says(servers: int, load: float, capacity: int) -> None:
    trace = customers(5, load, servers, Exponential(1.0), 400_000)
    run = queuesim.fifo(*trace, servers, capacity=capacity).after(0.05)
    expected = queueing.mmck(load * servers, 1.0, servers, capacity)
    assert batch_means_interval(run.lost, SURE).holds(expected.lost_share)
    assert batch_means_interval(run.wait_s, SURE).holds(expected.mean_wait_s)
    assert run.mean_in_system() == pytest.approx(expected.mean_in_system, rel=0.01)


@pytest.mark.parametrize(("load", "patience"), [(0.9, 2.0), (1.5, 0.5), (2.0, 5.0)])
def test_the_impatient_leave_as_erlang_a_says(load: float, patience: float) -> None:
    arrivals, services = customers(6, load, 4, Exponential(1.0), 400_000)
    patience_s = np.random.default_rng(7).exponential(patience, arrivals.size)
    run = queuesim.fifo(arrivals, services, 4, patience_s=patience_s).after(0.05)
    expected = queueing.erlang_a_lost_share(load * 4, 1.0, 4, patience)
    assert batch_means_interval(run.lost, SURE).holds(expected)


@pytest.mark.parametrize(
    ("gap", "service"), [(Gamma(1.0, 0.5), Gamma(0.9, 0.5)), (Gamma(1.0, 3.0), Exponential(0.9))]
)
def test_kingman_is_near_at_high_load(gap: Distribution, service: Distribution) -> None:
    """An approximation: within a tenth of the simulated wait at load 0.9."""
    rng = np.random.default_rng(8)
    arrivals = queuesim.arrival_times_s(rng, gap, 2_000_000)
    run = queuesim.fifo(arrivals, draw(rng, service, arrivals.size)).after(0.05)
    assert queueing.kingman(1.0, 0.9, gap.scv, service.scv).mean_wait_s == pytest.approx(
        float(run.wait_s.mean()), rel=0.1
    )


def test_allen_and_cunneen_are_near_for_many_servers() -> None:
    rng = np.random.default_rng(9)
    gap, service = Gamma(1 / 3.4, 0.5), Gamma(1.0, 2.0)
    arrivals = queuesim.arrival_times_s(rng, gap, 400_000)
    run = queuesim.fifo(arrivals, draw(rng, service, arrivals.size), 4).after(0.05)
    assert queueing.allen_cunneen(3.4, 1.0, 4, 0.5, 2.0).mean_wait_s == pytest.approx(
        float(run.wait_s.mean()), rel=0.1
    )


def test_littles_law_holds_for_any_service_and_any_limit() -> None:
    arrivals, services = customers(10, 1.2, 3, LogNormal.of_mean(1.0, 3.0), 500_000)
    run = queuesim.fifo(arrivals, services, 3, capacity=9)
    assert run.lost_share > 0.1
    rate = (~run.lost).sum() / (arrivals[-1] - arrivals[0])
    assert run.mean_in_system() == pytest.approx(rate * run.sojourn_s.mean(), rel=1e-3)
    looks = np.random.default_rng(0).uniform(arrivals[0], arrivals[-1], 200_000)
    counted = run.in_system(looks)
    assert counted.max() == 9
    assert counted.mean() == pytest.approx(run.mean_in_system(), rel=0.01)


# ---------------------------------------------------------------- the fast way and the plain way


class Case(NamedTuple):
    """Customers before servers, all of whom are served, or some are turned away, or some give up."""

    arrivals: Floats
    services: Floats
    servers: int
    limit: str
    capacity: int | None
    patience: Floats | None


@st.composite
def cases(draw: st.DrawFn, servers: int, most: int, services: Sequence[Distribution]) -> Case:
    """Up to `servers` servers and `most` customers."""
    seed, pool = draw(st.integers(0, 1000)), draw(st.integers(1, servers))
    load, limit = draw(st.floats(0.2, 2.0)), draw(st.sampled_from(["none", "capacity", "patience"]))
    count = draw(st.integers(2, most))
    arrivals, times = customers(seed, load, pool, draw(st.sampled_from(services)), count)
    capacity = pool + seed % 5 if limit == "capacity" else None
    patience = np.random.default_rng(seed).exponential(1.0, count) if limit == "patience" else None
    return Case(arrivals, times, pool, limit, capacity, patience)


@settings(max_examples=40, deadline=None)
@given(case=cases(9, 6_000, (Exponential(1.0), Constant(1.0), LogNormal.of_mean(1.0, 4.0))))
def test_blocks_side_by_side_are_the_plain_loop_to_the_last_bit(case: Case) -> None:
    arrivals, services, servers, limit, capacity, patience = case
    run = queuesim.fifo(arrivals, services, servers, capacity=capacity, patience_s=patience)
    plain = queuesim._one_by_one(
        arrivals, services, servers, [float(arrivals[0])] * (capacity or servers), capacity, patience
    )
    np.testing.assert_allclose(
        run.start_s, plain, rtol=0, atol=1e-9 if servers == 1 and limit == "none" else 0
    )


@settings(max_examples=60, deadline=None)
@given(case=cases(6, 3_000, (Exponential(1.0),)))
def test_all_who_enter_leave_or_are_counted_lost(case: Case) -> None:
    arrivals, services, servers, limit, capacity, patience = case
    run = queuesim.fifo(arrivals, services, servers, capacity=capacity, patience_s=patience)
    assert run.start_s.size == arrivals.size
    assert int(run.lost.sum()) + run.sojourn_s.size == arrivals.size
    assert (run.wait_s >= 0).all()
    assert run.in_system(1e12) == 0
    begins, ends = np.sort(run.start_s[~run.lost]), np.sort((run.start_s + run.service_s)[~run.lost])
    busy = np.arange(1, begins.size + 1) - np.searchsorted(ends - 1e-9, begins, side="right")
    assert busy.max(initial=0) <= servers
    if limit == "none":
        assert run.lost_share == 0
        assert (np.diff(run.start_s) >= -1e-9).all()
    if capacity is not None:
        assert run.in_system(arrivals).max() <= capacity


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000), servers=st.integers(1, 6), load=st.floats(0.2, 1.5), more=st.floats(1.01, 2.0)
)
def test_more_load_never_shortens_anybodys_wait(seed: int, servers: int, load: float, more: float) -> None:
    """Common random numbers: the same customers, arriving faster, served longer, or served by one fewer."""
    arrivals, services = customers(seed, load, servers, Exponential(1.0), 2_000)
    wait = queuesim.fifo(arrivals, services, servers).wait_s
    assert (queuesim.fifo(arrivals / more, services, servers).wait_s >= wait - 1e-9).all()
    assert (queuesim.fifo(arrivals, services * more, servers).wait_s >= wait - 1e-9).all()
    assert (queuesim.fifo(arrivals, services, servers + 1).wait_s <= wait + 1e-9).all()


def test_overload_without_a_limit_grows_as_a_fluid() -> None:
    arrivals, services = customers(11, 1.5, 3, Exponential(1.0), 100_000)
    run = queuesim.fifo(arrivals, services, 3)
    assert run.wait_s[-1] == pytest.approx(arrivals[-1] * 0.5, rel=0.05)


@pytest.mark.parametrize("servers", [1, 3, 10])
def test_the_versions_for_the_page_give_the_same_starts(servers: int) -> None:
    arrivals, services = customers(12, 0.9, servers, Exponential(1.0), 20_000)
    fast = queuesim.fifo(arrivals, services, servers).start_s
    np.testing.assert_allclose(fast, readable.simpy_fifo(arrivals, services, servers), atol=1e-7)
    np.testing.assert_allclose(fast, readable.heap_fifo(arrivals, services, servers), atol=1e-7)
    if servers == 1:
        np.testing.assert_allclose(fast - arrivals, readable.lindley_wait_s(arrivals, services), atol=1e-7)


@pytest.mark.parametrize(
    "function",
    [f for _, f in inspect.getmembers(readable, inspect.isfunction) if f.__module__ == readable.__name__],
)
def test_the_versions_for_the_page_fit_on_it(function: Callable[..., object]) -> None:
    lines = [line for line in inspect.getsource(function).splitlines() if line.strip()]
    assert len(lines) < 25


# ---------------------------------------------------------------- intervals


def test_intervals_cover_as_often_as_they_say() -> None:
    """95 % intervals from 400 runs each: the share that covers lies in its own 99.9 % interval."""
    rng = np.random.default_rng(13)
    means = sum(mean_interval(rng.exponential(2.0, 200)).holds(2.0) for _ in range(400))
    assert share_interval(means, 400, SURE).holds(0.95)
    shares = sum(share_interval(int(rng.binomial(300, 0.1)), 300).holds(0.1) for _ in range(400))
    assert share_interval(shares, 400, SURE).holds(0.95)
    batches = 0
    for seed in range(400):
        run = queuesim.fifo(*customers(seed, 0.5, 1, Exponential(1.0), 12_000))
        batches += batch_means_interval(run.after(0.05).wait_s).holds(1.0)
    assert share_interval(batches, 400, SURE).holds(0.95) or batches > 0.92 * 400


# ---------------------------------------------------------------- bad parameters

ARRIVALS = np.array([0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: queueing.mm1(-1, 1), "arrivals_per_s is -1: it must be finite and greater than 0"),
        (lambda: queueing.mm1(1, 1), "load.*is 1: it must be under 1"),
        (lambda: queueing.md1(2, 1), "load.*under 1"),
        (lambda: queueing.mg1(0.5, 1, -0.1), "service_scv"),
        (lambda: queueing.mg1(math.nan, 1, 1), "arrivals_per_s is nan"),
        (lambda: queueing.mmc(1, 0, 2), "service_s is 0"),
        (lambda: queueing.mmc(1, 1, 0), "servers is 0: it must be a whole number of at least 1"),
        (lambda: queueing.kingman(0.5, 1, -1, 1), "arrival_scv"),
        (lambda: queueing.erlang_b(-1, 1), "servers"),
        (lambda: queueing.erlang_b(2, -1), "erlangs"),
        (lambda: queueing.erlang_c(2, 2), "erlangs is 2: it must lie between 0 and servers, 2"),
        (lambda: queueing.servers_for_loss(1, 0), "lost_share"),
        (lambda: queueing.servers_for_wait(1, 1, -1), "wait_s"),
        (lambda: queueing.mmc_wait_quantile_s(1, 0.5, 1, 1), "q is 1"),
        (lambda: queueing.mmck(1, 1, 3, 2), "capacity is 2: it must be at least servers, 3"),
        (lambda: queueing.erlang_a_lost_share(1, 1, 1, 0), "patience_s"),
        (lambda: queuesim.fifo([], []), "arrival_s has the shape"),
        (lambda: queuesim.fifo([1.0, 0.0], [1.0, 1.0]), "arrival_s goes back in time"),
        (lambda: queuesim.fifo([0.0, math.nan], [1.0, 1.0]), "arrival_s holds NaN"),
        (lambda: queuesim.fifo(ARRIVALS, [1.0]), "service_s has 1 values: it must have 3"),
        (lambda: queuesim.fifo(ARRIVALS, [1, -1, 1]), "service_s holds -1: every value must be at least 0"),
        (lambda: queuesim.fifo(ARRIVALS, ARRIVALS, 0), "servers"),
        (lambda: queuesim.fifo(ARRIVALS, ARRIVALS, 2, capacity=1), "capacity"),
        (lambda: queuesim.fifo(ARRIVALS, ARRIVALS, 2, patience_s=[1, 1, math.inf]), "patience_s"),
        (lambda: queuesim.fifo(ARRIVALS, ARRIVALS, 1, capacity=2, patience_s=ARRIVALS), "only one"),
        (lambda: queuesim.fifo(ARRIVALS, ARRIVALS).after(1), "share is 1"),
        (lambda: queuesim.fifo([1.0], [1.0]).mean_in_system(), "arrival_s spans no time"),
        (lambda: queuesim.poisson_times_s(np.random.default_rng(0), 0, 5), "arrivals_per_s"),
        (lambda: queuesim.poisson_times_s(np.random.default_rng(0), 1, 0), "customers"),
        (lambda: mean_interval([1.0]), "number of values"),
        (lambda: batch_means_interval([1.0] * 9, batches=10), "values in a batch"),
        (lambda: share_interval(3, 2), "hits"),
        (lambda: mean_interval([1.0, 2.0], 1.0), "confidence"),
    ],
)
def test_a_bad_parameter_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
