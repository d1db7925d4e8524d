"""Batchers, generation, memory and speculation against closed forms, plain loops and published values."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from servelab import batching, paging, queueing, queuesim, readable, speculative
from servelab.arguments import Floats
from servelab.generation import Cache, Trace, simulate_continuous, simulate_static
from servelab.intervals import batch_means_interval, mean_interval, share_interval
from servelab.roofline import Accelerator, StepTime, Transformer

SURE = 0.999


def arrivals(seed: int, per_s: float, size: int) -> Floats:
    return queuesim.poisson_times_s(np.random.default_rng(seed), per_s, size)


# ---------------------------------------------------------------- one step an answer


@pytest.mark.parametrize("load", [0.3, 0.7, 0.9])
def test_batches_of_one_are_m_d_1(load: float) -> None:
    run = batching.simulate(arrivals(1, load, 400_000), [1.0], 0.0)
    assert batch_means_interval(run.wait_s[20_000:], SURE).holds(queueing.md1(load, 1.0).mean_wait_s)
    assert run.busy_share == pytest.approx(load, rel=0.01)


@pytest.mark.parametrize("load", [0.2, 1.0, 4.0])
def test_taking_all_who_wait_has_the_closed_forms_wait(load: float) -> None:
    """Steps of one length and no limit: stable at every load."""
    run = batching.simulate(arrivals(2, load, 400_000), np.ones(64), 0.0)
    assert run.size.max() < 64
    assert batch_means_interval(run.wait_s, SURE).holds(batching.greedy_mean_wait_s(load, 1.0))


@pytest.mark.parametrize("size", [2, 8, 32])
def test_a_static_batch_waits_until_it_is_full(size: int) -> None:
    run = batching.simulate(arrivals(3, 1.0, 320_000), np.zeros(size), math.inf)
    assert (run.size == size).all()
    assert batch_means_interval(run.wait_s, SURE).holds(batching.static_mean_fill_s(1.0, size))


@pytest.mark.parametrize("limit", [0.5, 3.0])
def test_a_wait_limit_without_a_queue_has_the_closed_forms_size_and_wait(limit: float) -> None:
    """Steps of no length: the first waits for the limit, and on average `limit` others for half of it."""
    run = batching.simulate(arrivals(4, 1.0, 200_000), np.zeros(64), limit)
    assert batch_means_interval(run.size, SURE).holds(1 + limit)
    assert batch_means_interval(run.wait_s, SURE).holds((limit + limit * limit / 2) / (1 + limit))
    assert run.wait_s.max() <= limit * (1 + 1e-9)


def test_an_overloaded_batcher_gives_its_capacity() -> None:
    steps = batching.linear_step_s(0.005, 0.001, 16)
    run = batching.simulate(arrivals(5, 5_000, 100_000), steps, 0.01)
    assert 100_000 / run.end_s[-1] == pytest.approx(batching.capacity_per_s(steps), rel=0.01)
    assert batching.capacity_per_s(steps) == pytest.approx(16 / 0.021)


def plain_batches(came: Floats, steps: Floats, limit: float) -> Floats:
    """Answer times, by asking at each moment at which anything can happen whether a batch leaves."""
    end, free, left = np.empty(came.size), -math.inf, list(range(came.size))
    while left:
        moments = sorted({came[n] for n in left} | {came[left[0]] + limit, free, came[-1]})
        for now in moments:
            here = [n for n in left if came[n] <= now][: len(steps)]
            done = now >= came[-1] and math.isinf(limit)
            if now >= free and here and (len(here) == len(steps) or now >= came[here[0]] + limit or done):
                break
        free = end[here] = now + steps[len(here) - 1]
        left = left[len(here) :]
    return end


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 999),
    size=st.integers(1, 6),
    load=st.floats(0.1, 3),
    limit=st.sampled_from([0.0, 0.3, 2.0, math.inf]),
)
def test_a_batch_leaves_when_it_should_and_everybody_leaves(
    seed: int, size: int, load: float, limit: float
) -> None:
    came = arrivals(seed, load * size, 40)
    steps = batching.linear_step_s(0.5, 0.5 / size, size)
    run = batching.simulate(came, steps, limit)
    assert run.size.sum() == came.size
    assert (run.size >= 1).all()
    assert (run.size <= size).all()
    assert (run.wait_s >= 0).all()
    assert (run.start_s[1:] >= run.end_s[:-1]).all()
    np.testing.assert_allclose(came + run.delay_s, plain_batches(came, steps, limit), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), load=st.floats(0.1, 2), more=st.floats(1.01, 3))
def test_longer_steps_never_bring_an_answer_forward(seed: int, load: float, more: float) -> None:
    """Common random numbers, one a batch. With larger batches it does not hold for every request: a longer
    step lets a late one catch the next batch."""
    came = arrivals(seed, load, 300)
    short = batching.simulate(came, [1.0], 0.0).delay_s
    assert (batching.simulate(came, [more], 0.0).delay_s >= short - 1e-9).all()


@pytest.mark.parametrize("load", [0.3, 0.9, 1.2])
def test_the_simpy_batcher_gives_the_same_answers(load: float) -> None:
    steps = batching.linear_step_s(0.005, 0.001, 16)
    came = arrivals(6, load * batching.capacity_per_s(steps), 5_000)
    run = batching.simulate(came, steps, 0.01)
    simpy_end = readable.simpy_batches(came, steps, 0.01)
    np.testing.assert_allclose(came + run.delay_s, simpy_end, atol=1e-7)
    others = arrivals(7, load * batching.capacity_per_s(steps), 5_000)
    if load < 1:
        other = readable.simpy_batches(others, steps, 0.01) - others
        assert ks_2samp(run.delay_s[::50], other[::50]).pvalue > 0.001


# ---------------------------------------------------------------- token by token

MACHINE = Accelerator(flop_s=300e12, bytes_s=2e12, memory_bytes=80e9)
SEVEN = Transformer(7e9, layers=32, heads=32, kv_heads=8, head_size=128)
STEP = StepTime(MACHINE, SEVEN, overhead_s=0.001)


def trace(seed: int, per_s: float, size: int, mean_output: float = 60) -> Trace:
    rng = np.random.default_rng(seed)
    came = queuesim.poisson_times_s(rng, per_s, size)
    return Trace(came, rng.integers(20, 400, size), rng.geometric(1 / mean_output, size))


def test_the_roofline_at_known_points() -> None:
    assert MACHINE.ridge == 150
    assert MACHINE.attainable_flop_s(15) == 30e12
    assert MACHINE.attainable_flop_s(1e6) == 300e12
    assert SEVEN.cache_token_bytes == 131_072  # 2 * 32 layers * 8 heads * 128 numbers * 2 bytes
    assert STEP.decode_s(1, 0) == pytest.approx(14e9 / 2e12 + 0.001)
    assert STEP.prefill_s(1_000) == pytest.approx((14e9 * 1000 + 524_288 * 500_500) / 300e12 + 0.001)
    assert STEP.cache_tokens(0.9) == int((72e9 - 14e9) / 131_072)
    assert StepTime(MACHINE, Transformer(39e9, 10, 8, 8, 64)).cache_tokens(0.5) == 0


@given(
    st.integers(1, 600),
    st.integers(0, 10_000_000),
    st.integers(0, 300),
    st.sampled_from([1e12, 40e12, 300e12]),
)
def test_many_steps_at_once_are_the_sum_of_single_ones(
    sequences: int, context: int, steps: int, flop_s: float
) -> None:
    step = StepTime(Accelerator(flop_s, 2e12, 80e9), SEVEN, 0.0005)
    single = sum(step.decode_s(sequences, context + sequences * i) for i in range(steps))
    assert step.decodes_s(sequences, context, steps) == pytest.approx(single, rel=1e-9)


@pytest.mark.parametrize("slots", [1, 4, 32])
@pytest.mark.parametrize("per_s", [1.0, 20.0])
def test_jumping_from_event_to_event_gives_the_times_of_single_steps(slots: int, per_s: float) -> None:
    requests = trace(8, per_s, 300)
    fast = simulate_continuous(requests, STEP, Cache(10**7), slots)
    np.testing.assert_allclose(fast.finish_s, readable.step_by_step(requests, STEP, slots), atol=1e-8)
    reserved = simulate_continuous(requests, STEP, Cache(10**7, reserve_tokens=2_000), slots)
    np.testing.assert_array_equal(fast.finish_s, reserved.finish_s)


def stepping_with_pages(requests: Trace, cache: Cache, slots: int) -> tuple[Floats, int]:
    """Continuous batching with blocks, one step at a time, counting blocks anew in each."""
    now, preempted, waiting = 0.0, 0, list(range(requests.arrival_s.size))
    prompt, left = requests.prompt_tokens.tolist(), requests.output_tokens.tolist()
    running: dict[int, int] = {}  # request: tokens in the cache
    finish = np.empty(requests.arrival_s.size)

    def blocks(tokens: int) -> int:
        return math.ceil(tokens / cache.block_tokens)

    while waiting or running:
        if not running:
            now = max(now, requests.arrival_s[waiting[0]])
        while sum(blocks(held + 1) for held in running.values()) > cache.tokens // cache.block_tokens:
            request = list(running)[-1]
            prompt[request] = running.pop(request) + 1
            waiting.insert(0, request)
            preempted += 1
        new: list[int] = []
        taken = sum(blocks(held + 1) for held in running.values())
        while waiting and requests.arrival_s[waiting[0]] <= now and len(running) + len(new) < slots:
            if taken + blocks(prompt[waiting[0]]) > cache.tokens // cache.block_tokens:
                break
            taken += blocks(prompt[waiting[0]])
            new.append(waiting.pop(0))
        context = sum(running.values()) + len(running)
        now += STEP.step_s(tuple(prompt[request] for request in new), len(running), context)
        running = {request: held + 1 for request, held in running.items()} | {n: prompt[n] for n in new}
        for request in list(running):
            left[request] -= 1
            if left[request] == 0:
                finish[request] = now
                del running[request]
    return finish, preempted


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 999),
    block=st.sampled_from([1, 5, 16]),
    room=st.integers(900, 3_000),
    slots=st.integers(1, 12),
)
def test_paging_stops_and_resumes_as_a_plain_count_of_blocks_says(
    seed: int, block: int, room: int, slots: int
) -> None:
    rng = np.random.default_rng(seed)
    requests = Trace(
        queuesim.poisson_times_s(rng, 20, 40), rng.integers(20, 400, 40), rng.integers(1, 400, 40)
    )
    cache = Cache(room, block)
    fast = simulate_continuous(requests, STEP, cache, slots)
    finish, preempted = stepping_with_pages(requests, cache, slots)
    np.testing.assert_allclose(fast.finish_s, finish, atol=1e-8)
    assert fast.preemptions == preempted


def test_memory_that_runs_out_stops_requests_and_loses_none() -> None:
    requests = trace(9, 50.0, 2_000, mean_output=200)
    tight = simulate_continuous(requests, STEP, Cache(6_000), 64)
    ample = simulate_continuous(requests, STEP, Cache(10**6), 64)
    assert tight.preemptions > 100
    assert ample.preemptions == 0
    for run in (tight, ample):
        assert np.isfinite(run.finish_s).all()
        assert (run.ttft_s > 0).all()
        assert (run.finish_s >= run.first_token_s).all()
        assert (run.token_gap_s > 0).all()
    assert ample.tokens_per_s > tight.tokens_per_s
    whole = simulate_continuous(requests, STEP, Cache(6_000, reserve_tokens=2_500), 64)
    assert whole.tokens_per_s < tight.tokens_per_s


def test_one_slot_is_a_queue_with_one_server() -> None:
    """A service time is a prefill and its decodes."""
    requests = trace(10, 0.6, 3_000)
    service = np.array(
        [
            STEP.prefill_s(int(p)) + STEP.decodes_s(1, int(p) + 1, int(o) - 1)
            for p, o in zip(requests.prompt_tokens, requests.output_tokens, strict=True)
        ]
    )
    served = queuesim.fifo(requests.arrival_s, service)
    expected = served.start_s + service
    for run in (
        simulate_continuous(requests, STEP, Cache(10**6), 1),
        simulate_static(requests, STEP, 1),
    ):
        np.testing.assert_allclose(run.finish_s, expected, atol=1e-6)


def test_static_batching_answers_all_when_the_longest_is_done() -> None:
    requests = Trace(np.array([0.0, 0.0, 0.0]), np.array([10, 30, 20]), np.array([5, 2, 9]))
    run = simulate_static(requests, STEP, 2)
    first = STEP.step_s((30, 30), 0, 0) + sum(STEP.decode_s(2, 2 * (31 + i)) for i in range(4))
    assert run.finish_s[:2].tolist() == pytest.approx([first, first])
    second = STEP.prefill_s(20) + sum(STEP.decode_s(1, 21 + i) for i in range(8))
    assert run.finish_s[2] == pytest.approx(first + second)
    assert run.steps == 14
    busy = trace(11, 30.0, 2_000)
    continuous = simulate_continuous(busy, STEP, Cache(10**6), 32)
    static = simulate_static(busy, STEP, 32)
    assert continuous.tokens_per_s > static.tokens_per_s
    assert continuous.delay_s.mean() < static.delay_s.mean()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), more=st.floats(1.05, 4))
def test_more_load_never_shortens_the_mean_delay(seed: int, more: float) -> None:
    """Common random numbers: the same requests, arriving faster, one at a time."""
    requests = trace(seed, 1.0, 150)
    faster = Trace(requests.arrival_s / more, requests.prompt_tokens, requests.output_tokens)
    delays = [simulate_continuous(t, STEP, Cache(10**6), 1).delay_s for t in (requests, faster)]
    assert (delays[1] >= delays[0] - 1e-9).all()


# ---------------------------------------------------------------- memory


def test_half_a_block_is_lost_and_a_reservation_loses_the_rest() -> None:
    """Lengths spread evenly over blocks waste (block - 1) / 2 tokens a request on average."""
    lengths = np.random.default_rng(12).integers(1, 1_601, 200_000)
    expected = lengths.mean() / (lengths.mean() + 7.5)
    assert paging.paged_use(lengths, 16) == pytest.approx(expected, rel=1e-3)
    assert paging.reserved_use(lengths, 2_048) == pytest.approx(lengths.mean() / 2_048)
    assert paging.paged_use(lengths, 1) == 1


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 999), capacity=st.integers(100, 2_000))
def test_pieces_never_overlap_and_are_refused_only_without_a_hole(seed: int, capacity: int) -> None:
    rng = np.random.default_rng(seed)
    came = queuesim.poisson_times_s(rng, 1.0, 150)
    hold, sizes = rng.exponential(10, 150), rng.integers(1, 200, 150)
    placed = paging.first_fit(came, hold, sizes, capacity)
    for request in range(150):
        there = np.flatnonzero(
            (placed.place[:request] >= 0) & (came[:request] + hold[:request] > came[request])
        )
        taken = np.zeros(capacity, dtype=bool)
        for other in there:
            piece = slice(placed.place[other], placed.place[other] + sizes[other])
            assert not taken[piece].any()
            taken[piece] = True
        size, place = int(sizes[request]), int(placed.place[request])
        free = np.concatenate([[0], np.cumsum(~taken)])
        fits = np.flatnonzero(free[size:] - free[: max(0, free.size - size)] == size)
        assert place == (fits[0] if fits.size else -1)
        assert placed.fragmented[request] == (place < 0 and free[-1] >= size)


def test_unequal_pieces_leave_holes_and_equal_ones_do_not() -> None:
    rng = np.random.default_rng(13)
    came, hold = queuesim.poisson_times_s(rng, 1.0, 5_000), rng.exponential(20, 5_000)
    mixed = paging.first_fit(came, hold, rng.choice([64, 2_048], 5_000), 20_000)
    assert 0 < mixed.fragmented.sum() < mixed.refused.sum()
    equal = paging.first_fit(came, hold, np.full(5_000, 1_000), 20_000)
    assert equal.fragmented.sum() == 0
    assert mean_interval(equal.refused[1_000:].reshape(-1, 100).mean(axis=1), SURE).holds(
        queueing.erlang_b(20, 20)
    )


# ---------------------------------------------------------------- speculation


@pytest.mark.parametrize("accept", [0.0, 0.2, 0.6, 0.9, 1.0])
@pytest.mark.parametrize("draft", [0, 1, 4, 10])
def test_rounds_give_the_tokens_of_the_paper(accept: float, draft: int) -> None:
    rounds = speculative.simulate_rounds(np.random.default_rng(14), accept, draft, 100_000)
    expected = speculative.tokens_a_round(accept, draft)
    assert rounds.min() >= 1
    assert rounds.max() <= draft + 1
    if rounds.std() == 0:
        assert rounds[0] == pytest.approx(expected)
    else:
        assert mean_interval(rounds, SURE).holds(expected)
        full = int((rounds == draft + 1).sum())
        assert share_interval(full, rounds.size, SURE).holds(accept**draft)


def test_the_papers_bigram_example() -> None:
    """Section 3.6: a bigram draft with acceptance about 0.2, three tokens and no cost gives about 1.25."""
    assert speculative.speedup(0.2, 3, 0.0) == pytest.approx(1.25, abs=0.005)


@given(st.floats(0, 0.99), st.floats(0, 1))
def test_speculation_pays_when_acceptance_exceeds_the_cost(accept: float, cost: float) -> None:
    """Corollary 3.9: if accept > cost some length pays, by (1 + a) / (1 + c) at least."""
    best = speculative.speedup(accept, speculative.best_draft_tokens(accept, cost), cost)
    if accept > cost:
        assert best >= (1 + accept) / (1 + cost) - 1e-12
    else:
        assert best == pytest.approx(1)


def test_speculative_sampling_draws_from_the_target() -> None:
    draft, target = np.array([0.6, 0.3, 0.1, 0.0]), np.array([0.2, 0.3, 0.4, 0.1])
    drawn, accepted = speculative.simulate_sampling(np.random.default_rng(15), draft, target, 200_000)
    for token, probability in enumerate(target):
        assert share_interval(int((drawn == token).sum()), drawn.size, SURE).holds(probability)
    assert share_interval(round(accepted * drawn.size), drawn.size, SURE).holds(
        np.minimum(draft, target).sum()
    )
    same, always = speculative.simulate_sampling(np.random.default_rng(16), target, target, 100)
    assert always == 1
    assert same.size == 100


# ---------------------------------------------------------------- bad parameters

ONE = Trace(np.array([0.0]), np.array([10]), np.array([5]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: batching.simulate([], [1.0], 0), "arrival_s has the shape"),
        (lambda: batching.simulate([1.0, 0.0], [1.0], 0), "arrival_s goes back"),
        (lambda: batching.simulate([0.0], [], 0), "step_s has the shape"),
        (lambda: batching.simulate([0.0], [-1.0], 0), "step_s holds -1"),
        (lambda: batching.simulate([0.0], [1.0], -1), "wait_limit_s is -1: it must not be negative"),
        (lambda: batching.simulate([0.0], [1.0], math.nan), "wait_limit_s is nan"),
        (lambda: batching.linear_step_s(-1, 1, 4), "base_s"),
        (lambda: batching.linear_step_s(1, 0, 4), "item_s"),
        (lambda: batching.linear_step_s(1, 1, 0), "size"),
        (lambda: batching.capacity_per_s([0.0]), "step_s"),
        (lambda: batching.greedy_mean_wait_s(0, 1), "arrivals_per_s"),
        (lambda: batching.static_mean_fill_s(1, 0), "size"),
        (lambda: Accelerator(0, 1, 1), "flop_s"),
        (lambda: MACHINE.attainable_flop_s(-1), "intensity"),
        (lambda: Transformer(1e9, 0, 8, 8, 64), "layers"),
        (lambda: Transformer(1e9, 8, 8, 16, 64), "kv_heads is 16: it must be at most heads, 8"),
        (lambda: StepTime(MACHINE, Transformer(70e9, 80, 64, 8, 128)), "memory_bytes"),
        (lambda: StepTime(MACHINE, SEVEN, -1), "overhead_s"),
        (lambda: STEP.cache_tokens(2), "memory_share"),
        (lambda: STEP.decode_s(0, 0), "sequences"),
        (lambda: Trace(np.array([0.0]), np.array([0]), np.array([5])), "prompt_tokens must hold 1 whole"),
        (lambda: Trace(np.array([0.0]), np.array([1]), np.array([0.5])), "output_tokens must hold 1 whole"),
        (lambda: Cache(0), "tokens is 0"),
        (lambda: Cache(100, reserve_tokens=200), "reserve_tokens is 200: it must be at most tokens, 100"),
        (lambda: simulate_continuous(ONE, STEP, Cache(14), 4), "cache gives a request 0 tokens"),
        (lambda: simulate_continuous(ONE, STEP, Cache(99, reserve_tokens=14), 4), "it must give 15"),
        (lambda: simulate_continuous(ONE, STEP, Cache(99), 0), "slots"),
        (lambda: simulate_static(ONE, STEP, 0), "size"),
        (lambda: paging.paged_use([], 16), "tokens has the shape"),
        (lambda: paging.paged_use([1], 0), "block_tokens"),
        (lambda: paging.reserved_use([20], 10), "reserve_tokens is 10: it must hold the largest, 20"),
        (lambda: paging.first_fit([0.0], [1.0], [0], 10), "tokens holds 0"),
        (lambda: paging.first_fit([0.0], [1.0], [1], 0), "capacity"),
        (lambda: speculative.tokens_a_round(1.1, 4), "accept is 1.1: it must lie between 0 and 1"),
        (lambda: speculative.tokens_a_round(0.5, -1), "draft_tokens"),
        (lambda: speculative.speedup(0.5, 4, -1), "draft_cost"),
        (lambda: speculative.simulate_rounds(np.random.default_rng(0), 0.5, 4, 0), "rounds"),
        (
            lambda: speculative.simulate_sampling(np.random.default_rng(0), [0.5, 0.4], [1, 0], 5),
            "draft is no distribution",
        ),
        (lambda: speculative.simulate_sampling(np.random.default_rng(0), [1], [1, 0], 5), "target has 2"),
    ],
)
def test_a_bad_parameter_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
