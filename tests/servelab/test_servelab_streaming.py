"""Streams on an accelerator against queueing theory, and what must hold for every load and policy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servelab import framing
from servelab.queuesim import fifo
from servelab.streaming import (
    Accelerator,
    Chunks,
    periodic_chunks,
    periodic_wait_ms,
    periodic_wait_tail,
    poisson_chunks,
    serve,
    serve_by_process,
    streams_within,
)

ONE = Accelerator(0.0, 1.0)
BATCHING = Accelerator(6.0, 0.5, max_batch=64)


@pytest.mark.parametrize("streams", [3, 10, 18])
@pytest.mark.parametrize("wait_ms", [0.0, 0.7, 2.0, 5.0])
def test_periodic_streams_wait_as_the_closed_form_says(streams: int, wait_ms: float) -> None:
    """nD/D/1 with a period of 20 services, one chunk observed in each of 40,000 sets of random phases:
    99.9 % binomial interval."""
    waits = framing.queue_wait_ms(np.random.default_rng(1), streams, 20.0, 1.0, 40_000)
    expected = periodic_wait_tail(streams, 20.0, 1.0, wait_ms)
    found = float((waits > wait_ms + 1e-9).mean())
    assert abs(found - expected) <= 3.29 * math.sqrt(expected * (1 - expected) / waits.size) + 1e-12


def test_the_tail_at_known_points() -> None:
    """Two streams: the other began within a service before: s / T, and evenly over it. The longest wait is
    all services at once."""
    assert periodic_wait_tail(2, 20, 4, 0) == pytest.approx(4 / 20)
    assert periodic_wait_tail(2, 20, 4, 1) == pytest.approx(3 / 20)
    assert periodic_wait_tail(9, 20, 2, 16) == 0
    assert periodic_wait_ms(0.5, 2, 20, 4) == 0
    assert periodic_wait_ms(0.9, 2, 20, 4) == pytest.approx(2)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_poisson_chunks_wait_as_pollaczek_and_khinchine_say(load: float) -> None:
    """M/D/1: mean wait = load / (2 (1 - load)) services. 99.9 % interval over 40 independent runs, the first
    tenth of each left out."""
    means = []
    for seed in range(40):
        chunks = poisson_chunks(np.random.default_rng(seed), 10, 10 / load, seconds=10)
        wait = serve(chunks, ONE).delay_ms - 1.0
        means.append(wait[wait.size // 10 :].mean())
    expected = load / (2 * (1 - load))
    assert abs(np.mean(means) - expected) < 3.56 * np.std(means, ddof=1) / math.sqrt(40)


def test_rhythm_waits_less_than_chance_at_the_same_load() -> None:
    rng = np.random.default_rng(2)
    for streams in (10, 16, 19):
        periodic = serve(periodic_chunks(rng, streams, 20, seconds=20), ONE)
        poisson = serve(poisson_chunks(rng, streams, 20, seconds=20), ONE)
        assert periodic.delay_ms.mean() < poisson.delay_ms.mean()


@pytest.mark.parametrize("accelerator", [ONE, Accelerator(3.0, 0.5, 4), BATCHING])
def test_the_simpy_processes_agree_chunk_by_chunk(accelerator: Accelerator) -> None:
    for streams in (1, 7, 19):
        chunks = periodic_chunks(np.random.default_rng(3), streams, 20, seconds=2, jitter_mean_ms=3)
        fast = serve(chunks, accelerator).done_ms
        assert fast == pytest.approx(serve_by_process(chunks.arrival_ms.tolist(), accelerator))


@pytest.mark.parametrize("streams", [40, 150, 250])
def test_a_batching_accelerator_settles_at_the_step_that_sustains_itself(streams: int) -> None:
    """Chunks of 160 ms. The delay is between one and two steps and 1.5 steps on average: never below, and
    within 5 % over 20 runs (whole chunks and clumped phases make steps uneven, and long steps hold more)."""
    accelerator = Accelerator(6.0, 0.5, max_batch=1_000)
    cycle = accelerator.cycle_ms(streams, 160)
    delays = np.concatenate(
        [
            serve(
                periodic_chunks(np.random.default_rng(seed), streams, 160, seconds=10), accelerator
            ).delay_ms[streams * 5 :]
            for seed in range(20)
        ]
    )
    assert 1.49 * cycle < delays.mean() < 1.05 * 1.5 * cycle
    assert cycle * 0.5 < np.percentile(delays, 1) < np.percentile(delays, 99) < 2.6 * cycle


def test_the_limit_is_where_the_queue_stops_being_finite() -> None:
    limit = BATCHING.stream_limit(160)
    assert limit == pytest.approx(160 * 64 / 38)
    assert BATCHING.cycle_ms(math.ceil(limit), 160) == math.inf
    below, above = (
        serve(periodic_chunks(np.random.default_rng(4), streams, 160, seconds=60), BATCHING).delay_ms
        for streams in (math.floor(limit * 0.97), math.ceil(limit * 1.03))
    )
    assert below[-1_000:].mean() < 2 * below[:20_000].mean()
    assert above[-1_000:].mean() > 4 * above[:20_000].mean()


def test_the_most_streams_are_found_where_the_curve_crosses_the_target() -> None:
    """The closed form's answer, give or take the one stream that 400 draws of phases leave open."""
    fitting = [n for n in range(1, 20) if periodic_wait_ms(0.99, n, 20, 1) + 1 <= 5]
    most = streams_within(np.random.default_rng(5), ONE, 20.0, 5.0, seconds=0.5, runs=400)
    assert abs(most - max(fitting)) <= 1
    assert 10 < most < 19
    assert streams_within(np.random.default_rng(5), ONE, 20.0, 0.5, seconds=0.5) == 0


# ---------------------------------------------------------------- order


def test_with_one_patience_for_all_the_earliest_deadline_is_the_first_come() -> None:
    """Where deadline scheduling buys nothing: the same schedule, to the microsecond."""
    chunks = periodic_chunks(np.random.default_rng(6), 18, 20, seconds=10, patience_ms=4, jitter_mean_ms=5)
    fifo, edf = (serve(chunks, ONE, order=order) for order in ("fifo", "edf"))
    np.testing.assert_array_equal(fifo.done_ms, edf.done_ms)


def test_with_two_patiences_the_earliest_deadline_saves_the_impatient() -> None:
    patience = [3.0] * 6 + [200.0] * 12
    chunks = periodic_chunks(
        np.random.default_rng(7), 18, 20, seconds=30, patience_ms=patience, jitter_mean_ms=20
    )
    fifo, edf = (serve(chunks, ONE, order=order) for order in ("fifo", "edf"))
    assert edf.goodput() > fifo.goodput() + 0.02
    assert edf.delay_ms.mean() == pytest.approx(fifo.delay_ms.mean())  # order moves waiting, it removes none


def test_in_overload_the_earliest_deadline_is_the_worst_unless_it_skips() -> None:
    chunks = periodic_chunks(np.random.default_rng(8), 24, 20, seconds=20, patience_ms=30)
    assert serve(chunks, ONE, order="edf").goodput() < 0.1
    skipping = serve(chunks, ONE, order="edf", skip_late=True)
    assert skipping.goodput() == pytest.approx(20 / 24, abs=0.02)
    assert skipping.goodput() + skipping.lost_share == pytest.approx(1)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.lists(st.floats(1, 60), min_size=1, max_size=6), st.integers(0, 99))
def test_edf_meets_every_deadline_that_any_order_meets(batch: int, patience: list[float], seed: int) -> None:
    """Jackson's rule, chunks all there at the start, served one at a time: if first come meets all, so does
    the earliest deadline, and its worst lateness is never larger."""
    rng = np.random.default_rng(seed)
    deadline = rng.choice(patience, batch * 3)
    chunks = Chunks(np.zeros(deadline.size), deadline, np.zeros(deadline.size, dtype=np.int64))
    fifo, edf = (serve(chunks, ONE, order=order) for order in ("fifo", "edf"))
    assert (edf.done_ms - deadline).max() <= (fifo.done_ms - deadline).max() + 1e-9


# ---------------------------------------------------------------- too much


def test_policies_at_twice_the_load_by_their_fluid_limits() -> None:
    """40 streams where 20 fit. Reject and skipping serve half in time; dropping keeps half too, and `drop
    newest` makes each wait for a full queue; blocking serves nobody in time for long."""
    chunks = periodic_chunks(np.random.default_rng(9), 40, 20, seconds=30, patience_ms=25)
    blocked = serve(chunks, ONE)
    rejected = serve(chunks, ONE, policy="reject", limit=19)
    newest = serve(chunks, ONE, policy="drop newest", limit=10)
    oldest = serve(chunks, ONE, policy="drop oldest", limit=10)
    assert blocked.goodput() < 0.01
    assert blocked.lost_share == 0
    assert rejected.goodput() == pytest.approx(19 / 40, abs=0.005)
    for dropping in (newest, oldest):
        assert dropping.lost_share == pytest.approx(0.5, abs=0.005)
        assert dropping.goodput() == pytest.approx(0.5, abs=0.005)
    assert rejected.whole(0.99) == pytest.approx(19 / 40)


def test_merging_loses_nothing_and_waits_for_every_other_stream_at_most() -> None:
    """40 streams where 20 fit: each update covers two chunks, and no chunk waits longer than a step of every
    stream and the running one."""
    chunks = periodic_chunks(np.random.default_rng(9), 40, 20, seconds=30, patience_ms=25)
    merged = serve(chunks, ONE, policy="merge")
    assert merged.lost_share == 0
    assert merged.delay_ms.max() <= 40 + 1
    instants, covered = np.unique(merged.done_ms, return_counts=True)
    assert covered.mean() == pytest.approx(2, rel=0.02)
    for done, stream in zip(merged.done_ms[:200], chunks.stream[:200], strict=True):
        assert set(chunks.stream[merged.done_ms == done]) == {stream}
    assert np.diff(instants).min() >= 1 - 1e-9


def test_below_capacity_merging_is_first_come_first_served() -> None:
    chunks = periodic_chunks(np.random.default_rng(9), 15, 20, seconds=5)
    np.testing.assert_array_equal(serve(chunks, ONE, policy="merge").done_ms, serve(chunks, ONE).done_ms)


def test_work_is_what_each_chunk_takes() -> None:
    """One at a time with uneven work against the recursion of `queuesim`; and streams on a model that takes
    half leave room for as many more."""
    rng = np.random.default_rng(12)
    chunks = periodic_chunks(rng, 15, 20, seconds=10, jitter_mean_ms=3)
    work = rng.uniform(0.2, 1.8, chunks.arrival_ms.size)
    run = fifo(chunks.arrival_ms, work)
    np.testing.assert_allclose(serve(chunks, ONE, work=work).done_ms, run.start_s + work)
    more = periodic_chunks(rng, 28, 20, seconds=30, patience_ms=25)
    assert serve(more, ONE, work=np.where(more.stream < 10, 1.0, 0.5)).whole(0.99) == 1
    assert serve(more, ONE).whole(0.99) == 0


LOADS = st.fixed_dictionaries(
    {
        "streams": st.integers(1, 40),
        "chunk_ms": st.floats(5, 100),
        "jitter_mean_ms": st.floats(0, 30),
        "patience_ms": st.floats(0, 100),
    }
)
WAYS: list[dict[str, Any]] = [
    {},
    {"order": "edf"},
    {"order": "edf", "skip_late": True},
    {"policy": "drop newest", "limit": 5},
    {"policy": "drop oldest", "limit": 5},
    {"policy": "reject", "limit": 7},
    {"policy": "merge"},
]


@settings(max_examples=60, deadline=None)
@given(LOADS, st.sampled_from(WAYS), st.sampled_from([ONE, Accelerator(2, 0.3, 8)]), st.integers(0, 99))
def test_what_holds_for_every_load_and_policy(
    load: dict[str, Any], way: dict[str, Any], accelerator: Accelerator, seed: int
) -> None:
    chunks = periodic_chunks(np.random.default_rng(seed), seconds=0.5, **load)
    served = serve(chunks, accelerator, **way)
    # conservation: each chunk has one result or is counted lost
    assert served.done_ms.size == chunks.arrival_ms.size
    assert np.isfinite(served.done_ms).mean() + served.lost_share == pytest.approx(1)
    if way in ({}, {"order": "edf"}, {"policy": "merge"}):
        assert served.lost_share == 0
    assert (served.delay_ms >= accelerator.step_ms(1) - 1e-9).all()
    assert served.whole(1.0) <= served.goodput() <= 1 - served.lost_share + 1e-12
    # the device does one thing at a time: results of one instant are one step, and steps do not overlap
    instants, sizes = np.unique(served.done_ms[np.isfinite(served.done_ms)], return_counts=True)
    if way != {"policy": "merge"}:
        assert (sizes <= accelerator.max_batch).all()
        steps = accelerator.overhead_ms + accelerator.per_chunk_ms * sizes[1:]
        assert (np.diff(instants) >= steps - 1e-6).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 200), st.integers(1, 18))
def test_one_more_stream_never_shortens_the_wait(seed: int, streams: int) -> None:
    """The same chunks with and without one stream, first come first served, one at a time."""
    more = periodic_chunks(np.random.default_rng(seed), streams + 1, 20, seconds=1, jitter_mean_ms=4)
    kept = more.stream < streams
    less = Chunks(more.arrival_ms[kept], more.deadline_ms[kept], more.stream[kept])
    assert (serve(more, ONE).done_ms[kept] >= serve(less, ONE).done_ms - 1e-9).all()


RNG = np.random.default_rng(0)
NO_STREAM = np.zeros(2, dtype=np.int64)
FEW = periodic_chunks(np.random.default_rng(0), 2, 20, seconds=0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: periodic_chunks(RNG, 0, 20), "streams"),
        (lambda: periodic_chunks(RNG, 1, -20), "chunk_ms"),
        (lambda: periodic_chunks(RNG, 1, 20, seconds=0), "seconds"),
        (lambda: periodic_chunks(RNG, 2, 20, patience_ms=[1, -1]), "patience_ms"),
        (lambda: periodic_chunks(RNG, 1, 20, jitter_mean_ms=math.nan), "jitter_mean_ms"),
        (lambda: poisson_chunks(RNG, 1, 20, patience_ms=-1), "patience_ms"),
        (
            lambda: Chunks(np.array([2.0, 1.0]), np.array([3.0, 3.0]), np.zeros(2, dtype=np.int64)),
            "arrival_ms",
        ),
        (lambda: Chunks(np.array([2.0]), np.array([1.0]), np.zeros(1, dtype=np.int64)), "deadline_ms"),
        (lambda: Accelerator(-1, 1), "overhead_ms"),
        (lambda: Accelerator(1, 0), "per_chunk_ms"),
        (lambda: Accelerator(1, 1, 0), "max_batch"),
        (lambda: ONE.step_ms(2), "chunks is 2: it must lie between 1 and 1"),
        (lambda: ONE.stream_limit(0), "chunk_ms"),
        (lambda: ONE.cycle_ms(0, 20), "streams"),
        (lambda: serve(FEW, ONE, order="lifo"), "order is 'lifo'"),  # type: ignore[arg-type]
        (lambda: serve(FEW, ONE, policy="hope"), "policy is 'hope'"),  # type: ignore[arg-type]
        (lambda: serve(FEW, ONE, policy="reject"), "limit is None"),
        (lambda: serve(FEW, ONE, policy="drop newest", limit=0), "limit is 0"),
        (lambda: serve(FEW, ONE, policy="merge", limit=1), "limit is 1: the policy 'merge' takes none"),
        (lambda: serve(FEW, ONE, policy="merge", skip_late=True), "skip_late"),
        (lambda: serve(FEW, ONE, work=[1.0, -1.0] * (FEW.stream.size // 2)), "work"),
        (lambda: serve(FEW, ONE).whole(2), "least"),
        (lambda: serve(FEW, ONE).percentile_ms(-1), "q is -1"),
        (lambda: periodic_wait_tail(20, 20, 1, 0), "streams is 20: it must be under 20"),
        (lambda: periodic_wait_tail(2, 20, 1, -1), "wait_ms"),
        (lambda: periodic_wait_ms(1, 2, 20, 1), "q is 1"),
        (lambda: streams_within(RNG, ONE, 20, 0), "target_ms"),
    ],
)
def test_a_bad_parameter_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
