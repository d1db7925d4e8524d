"""Many live streams on one accelerator: queue, batch, deadline, and what to do when there is too much.

Every stream hands in one chunk each period, at its own phase. The accelerator works in steps: it takes up to
`max_batch` waiting chunks, and a step takes a fixed time and a little more for each chunk. A live source
cannot be slowed down, so that a full queue leaves four honest answers: let the delay grow, drop chunks,
merge a chunk with the one of its stream that waits already, or refuse streams. A fifth, a cheaper model for
some streams, is a matter of how much work each chunk is.

Times are in ms. Arrays have the shape (chunks,), sorted by arrival.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import simpy
from scipy.special import gammaln

from servelab.arguments import count, not_negative, positive, share, times, vector

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

Order = Literal["fifo", "edf"]
Policy = Literal["block", "drop newest", "drop oldest", "merge", "reject"]
LIMITED = ("drop newest", "drop oldest", "reject")


# ---------------------------------------------------------------- load


@dataclass(frozen=True)
class Chunks:
    """Work that arrives: when, from which stream, and by when its result is worth something."""

    arrival_ms: Floats
    deadline_ms: Floats
    stream: Ints

    def __post_init__(self) -> None:
        times("arrival_ms", self.arrival_ms)
        vector("deadline_ms", self.deadline_ms, least=None, size=self.arrival_ms.size)
        if bool((self.deadline_ms < self.arrival_ms).any()):
            raise ValueError("deadline_ms lies before arrival_ms: a deadline must not be over at arrival")
        vector("stream", self.stream, size=self.arrival_ms.size)


def periodic_chunks(
    rng: np.random.Generator,
    streams: int,
    chunk_ms: float,
    *,
    seconds: float = 60.0,
    patience_ms: float | Sequence[float] = 200.0,
    jitter_mean_ms: float = 0.0,
) -> Chunks:
    """Chunks of `streams` live streams with random phases, for `seconds` of time.

    Each chunk is due `patience_ms` after it arrives, one number for all or one a stream. The network delays
    each chunk by exponential jitter; a stream's own chunks keep their order.
    """
    count("streams", streams)
    positive("chunk_ms", chunk_ms)
    patience = np.broadcast_to(np.asarray(patience_ms, dtype=np.float64), (streams,))
    vector("patience_ms", patience)
    periods = count("seconds", math.ceil(1000 * positive("seconds", seconds) / chunk_ms))
    at = rng.uniform(0, chunk_ms, (streams, 1)) + chunk_ms * np.arange(periods)
    at = np.maximum.accumulate(
        at + rng.exponential(1.0, at.shape) * not_negative("jitter_mean_ms", jitter_mean_ms), axis=1
    )
    order = np.argsort(at, axis=None, kind="stable")
    stream = np.repeat(np.arange(streams, dtype=np.int64), periods)[order]
    arrival = at.ravel()[order]
    return Chunks(arrival, arrival + patience[stream], stream)


def poisson_chunks(
    rng: np.random.Generator,
    streams: int,
    chunk_ms: float,
    *,
    seconds: float = 60.0,
    patience_ms: float = 200.0,
) -> Chunks:
    """As many chunks an hour as `periodic_chunks`, but without rhythm: a Poisson process. What the capacity
    formulas of a web server assume, and more than what live streams do to a queue."""
    count("streams", streams)
    number = rng.poisson(1000 * positive("seconds", seconds) * streams / positive("chunk_ms", chunk_ms))
    arrival = np.sort(rng.uniform(0, 1000 * seconds, max(number, 1)))
    stream = rng.integers(0, streams, arrival.size)
    return Chunks(arrival, arrival + not_negative("patience_ms", patience_ms), stream)


# ---------------------------------------------------------------- accelerator


@dataclass(frozen=True)
class Accelerator:
    """A device that works in steps: `overhead_ms` for a step, however small, and `per_chunk_ms` for each of
    its chunks, of which it takes at most `max_batch`."""

    overhead_ms: float
    per_chunk_ms: float
    max_batch: int = 1

    def __post_init__(self) -> None:
        not_negative("overhead_ms", self.overhead_ms)
        positive("per_chunk_ms", self.per_chunk_ms)
        count("max_batch", self.max_batch)

    def step_ms(self, chunks: int) -> float:
        """Duration in ms of a step over `chunks` chunks, 1 to `max_batch`. Raises `ValueError` outside that
        range."""
        if not 1 <= chunks <= self.max_batch:
            raise ValueError(f"chunks is {chunks}: it must lie between 1 and {self.max_batch}")
        return self.overhead_ms + self.per_chunk_ms * chunks

    def stream_limit(self, chunk_ms: float) -> float:
        """Streams at which full steps, one after another, exactly keep up with chunks of `chunk_ms`. Below
        it every queue is finite, above it none is."""
        return positive("chunk_ms", chunk_ms) * self.max_batch / self.step_ms(self.max_batch)

    def cycle_ms(self, streams: int, chunk_ms: float) -> float:
        """The step that sustains itself in ms: what arrives while it runs fills the next one.

        With N streams a step of length s collects N s / c chunks and takes o + p N s / c, so that
        s = o / (1 - N p / c), and at least a step of one chunk. On this hyperbola a chunk waits
        for the rest of a running step and then for its own, so that its delay lies between s and 2 s, on
        average 1.5 s; clumped phases add a few percent. Infinite at or over the limit; holds while a step's
        chunks fit into `max_batch`.
        """
        spare = 1 - count("streams", streams) * self.per_chunk_ms / positive("chunk_ms", chunk_ms)
        if streams >= self.stream_limit(chunk_ms) or spare <= 0:
            return math.inf
        return max(self.overhead_ms / spare, self.step_ms(1))


@dataclass(frozen=True)
class Served:
    """What became of each chunk: when a result that covers it was there, infinite where there never was
    one."""

    chunks: Chunks
    done_ms: Floats

    @property
    def delay_ms(self) -> Floats:
        """From arrival to result; infinite for a chunk without one."""
        return self.done_ms - self.chunks.arrival_ms

    @property
    def lost_share(self) -> float:
        """Share of chunks, 0 to 1, that never had a result."""
        return float(np.isinf(self.done_ms).mean())

    @property
    def on_time(self) -> Flags:
        """Which chunks had their result by the deadline."""
        in_time: Flags = self.done_ms <= self.chunks.deadline_ms + 1e-9
        return in_time

    def goodput(self) -> float:
        """Share of the offered chunks, 0 to 1, whose result came in time."""
        return float(self.on_time.mean())

    def whole(self, least: float) -> float:
        """Share of the offered streams, 0 to 1, at least `least` (0 to 1) of whose chunks were in time."""
        share("least", least)
        stream = self.chunks.stream
        number, good = np.bincount(stream), np.bincount(stream, self.on_time)
        offered = number > 0
        return float((good[offered] >= least * number[offered] - 1e-9).mean())

    def percentile_ms(self, q: float) -> float:
        """The `q`-th percentile (0 to 100) of the delay over all offered chunks; one without a result counts
        as infinitely late."""
        if not 0 <= q <= 100:
            raise ValueError(f"q is {q}: it must lie between 0 and 100")
        rank = max(math.ceil(q / 100 * self.done_ms.size - 1e-9), 1) - 1
        return float(np.partition(self.delay_ms, rank)[rank])


def serve(
    chunks: Chunks,
    accelerator: Accelerator,
    *,
    order: Order = "fifo",
    policy: Policy = "block",
    limit: int | None = None,
    work: npt.ArrayLike = 1.0,
    skip_late: bool = False,
) -> Served:
    """Run `chunks` through `accelerator`, which starts a step whenever it is free and something waits.

    `order` takes the longest waiting first (fifo) or the earliest deadline (edf); a running step is never
    interrupted. `skip_late` leaves out a chunk whose deadline cannot be met any more. `work` is what each
    chunk takes, 1 being the accelerator's `per_chunk_ms`: one number, or one a chunk.

    `policy` says what happens to a new chunk. `block`: it waits, however long the queue is. `drop newest`
    and `drop oldest`: where `limit` wait already, it is refused, or the one at the head is discarded.
    `merge`: it joins the chunk of its stream that waits already, and one update with the work of the newest
    covers both; the update keeps its place in the queue. `reject`: never more than `limit` streams are let
    in. Raises `ValueError` naming what is missing.
    """
    if order not in ("fifo", "edf"):
        raise ValueError(f"order is {order!r}: it must be 'fifo' or 'edf'")
    if policy not in ("block", "merge", *LIMITED):
        raise ValueError(
            f"policy is {policy!r}: it must be 'block', 'drop newest', 'drop oldest', 'merge' or 'reject'"
        )
    if policy in LIMITED and limit is None:
        raise ValueError(f"limit is None: the policy {policy!r} needs one of at least 1")
    if policy not in LIMITED and limit is not None:
        raise ValueError(f"limit is {limit}: the policy {policy!r} takes none")
    if policy == "merge" and skip_late:
        raise ValueError("skip_late is set: the policy 'merge' leaves nothing out")
    bound = math.inf if limit is None else count("limit", limit)

    arrivals = chunks.arrival_ms.tolist()
    deadlines = chunks.deadline_ms.tolist()
    keys = deadlines if order == "edf" else arrivals
    streams = chunks.stream.tolist()
    takes = vector("work", np.broadcast_to(np.asarray(work, dtype=np.float64), (len(arrivals),))).tolist()
    done = [math.inf] * len(arrivals)
    queue: list[tuple[float, int]] = []
    waiting: dict[int, list[int]] = {}  # for merging: the chunks of a stream that its next update covers
    now, coming = 0.0, 0
    while coming < len(arrivals) or queue:
        if not queue:
            now = max(now, arrivals[coming])
        while coming < len(arrivals) and arrivals[coming] <= now:
            welcome = streams[coming] < bound if policy == "reject" else True
            if policy.startswith("drop") and len(queue) >= bound:
                welcome = policy == "drop oldest"
                if welcome:
                    heapq.heappop(queue)
            if policy == "merge":
                covered = waiting.setdefault(streams[coming], [])
                covered.append(coming)
                welcome = len(covered) == 1
            if welcome:
                heapq.heappush(queue, (keys[coming], coming))
            coming += 1
        batch: list[list[int]] = []
        step = accelerator.overhead_ms
        while queue and len(batch) < accelerator.max_batch:
            first = heapq.heappop(queue)[1]
            covers = waiting.pop(streams[first]) if policy == "merge" else [first]
            longer = step + accelerator.per_chunk_ms * takes[covers[-1]]
            if not (skip_late and now + longer > deadlines[first] + 1e-9):
                batch.append(covers)
                step = longer
        if batch:
            now += step
            for covers in batch:
                for chunk in covers:
                    done[chunk] = now
    return Served(chunks, np.array(done))


def serve_by_process(arrival_ms: Sequence[float], accelerator: Accelerator) -> list[float]:
    """`serve` first come, first served, as two SimPy processes: when each chunk's result is there, in ms."""
    env = simpy.Environment()
    waiting = simpy.Store(env)
    done = [math.inf] * len(arrival_ms)

    def source() -> simpy.events.ProcessGenerator:
        for chunk, at_ms in enumerate(arrival_ms):
            yield env.timeout(at_ms - env.now)
            yield waiting.put(chunk)

    def worker() -> simpy.events.ProcessGenerator:
        while True:
            batch = [(yield waiting.get())]
            while waiting.items and len(batch) < accelerator.max_batch:
                batch.append((yield waiting.get()))
            yield env.timeout(accelerator.step_ms(len(batch)))
            for chunk in batch:
                done[chunk] = env.now

    env.process(source())
    env.process(worker())
    env.run()
    return done


# ---------------------------------------------------------------- theory of periodic streams


def periodic_wait_tail(streams: int, chunk_ms: float, service_ms: float, wait_ms: float) -> float:
    """P(wait > `wait_ms`), 0 to 1, of a chunk among `streams` periodic streams that are served one at a time:
    the queue nD/D/1.

    A chunk meets the other n - 1 streams at random phases. With x the wait and T the period, both in service
    times, it waits longer than x when for some k > x of them the last k came within k - x:

        sum over k of C(n-1, k) ((k-x)/T)^k (1-(k-x)/T)^(n-1-k) (T-n+1+x)/(T-k+x)

    Needs n service times under one period; `ValueError` otherwise.
    """
    others = count("streams", streams) - 1
    service = positive("service_ms", service_ms)
    period = positive("chunk_ms", chunk_ms) / service
    if streams >= period:
        raise ValueError(f"streams is {streams}: it must be under {period:g}, the chunks served in a period")
    x = not_negative("wait_ms", wait_ms) / service
    k = np.arange(math.floor(x + 1e-12) + 1, others + 1, dtype=np.float64)
    if k.size == 0:
        return 0.0
    near = (k - x) / period
    chosen = gammaln(others + 1) - gammaln(k + 1) - gammaln(others - k + 1)
    terms = np.exp(chosen + k * np.log(near) + (others - k) * np.log1p(-near))
    return float(min((terms * (period - others + x) / (period - k + x)).sum(), 1.0))


def periodic_wait_ms(q: float, streams: int, chunk_ms: float, service_ms: float) -> float:
    """The `q`-quantile (0 to under 1) in ms of a chunk's wait among periodic streams: the tail, inverted by
    bisection. Never more than n - 1 services, which is the wait when all come at once."""
    if not 0 <= q < 1:
        raise ValueError(f"q is {q}: it must be at least 0 and under 1")
    if periodic_wait_tail(streams, chunk_ms, service_ms, 0.0) <= 1 - q:
        return 0.0
    low, high = 0.0, (streams - 1) * service_ms
    for _ in range(60):
        middle = (low + high) / 2
        if periodic_wait_tail(streams, chunk_ms, service_ms, middle) > 1 - q:
            low = middle
        else:
            high = middle
    return high


def streams_within(
    rng: np.random.Generator,
    accelerator: Accelerator,
    chunk_ms: float,
    target_ms: float,
    *,
    q: float = 99.0,
    seconds: float = 5.0,
    runs: int = 20,
    jitter_mean_ms: float = 0.0,
) -> int:
    """The most streams, 0 upwards, whose `q`-th percentile of delay stays within `target_ms`: bisection
    between 0 and the accelerator's limit. Each step pools `runs` simulations of `seconds`, less a warm-up of
    a tenth: the phases of one run repeat for as long as its streams live, so that one long run sees one
    draw of luck, and many short ones see the spread.
    """
    positive("target_ms", target_ms)
    count("runs", runs)

    def fits(streams: int) -> bool:
        delays = []
        for _ in range(runs):
            chunks = periodic_chunks(rng, streams, chunk_ms, seconds=seconds, jitter_mean_ms=jitter_mean_ms)
            delay = serve(chunks, accelerator).delay_ms
            delays.append(delay[delay.size // 10 :])
        return float(np.percentile(np.concatenate(delays), q)) <= target_ms

    low, high = 0, math.floor(accelerator.stream_limit(chunk_ms)) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
