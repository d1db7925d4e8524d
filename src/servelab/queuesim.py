"""Queues simulated fast: first come, first served, one server or many, with limits and impatience.

A run takes arrays of arrival and service times, so that it needs no random generator of its own, and two
systems can be compared on the same customers (common random numbers). Times are in s.

One server is Lindley's recursion written as a running maximum. For many servers the state is the sorted
times at which the servers come free. The trace is cut into blocks which advance side by side, one step of
all blocks being a few numpy calls. Each block starts from a guess: what an empty system would have become
over the last customers of the block before. A queue forgets its past whenever servers come free, so most
guesses are exact to the last bit; the blocks whose guess was wrong are repeated from where the one before
them ended, until none is left. The result is that of a plain loop over all customers. A queue that does not
forget (an overload without a limit) costs as much as that loop.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from servelab.arguments import Floats, count, positive, times, vector
from servelab.distributions import Distribution, Exponential, draw

CELLS = 16_384
"""Numbers in one row of state: large enough to hide numpy's cost a call, small enough for the cache."""
SHORTEST_BLOCK = 512
"""Customers in a block: shorter ones would end before the queue has forgotten how they began."""
WARM_UP = 0.25
"""Share of a block that is run to guess the state at the beginning of the next one."""
FEW_BLOCKS = 16
"""So many blocks side by side cost as much time as the same blocks one after the other."""


@dataclass(frozen=True)
class Run:
    """One simulated queue. Arrays have the shape (customers,), in order of arrival; a lost customer has the
    start NaN."""

    arrival_s: Floats
    service_s: Floats
    start_s: Floats

    @property
    def lost(self) -> npt.NDArray[np.bool_]:
        """Who was turned away or gave up."""
        return np.isnan(self.start_s)

    @property
    def lost_share(self) -> float:
        """Share of customers, 0 to 1, who were turned away or gave up."""
        return float(self.lost.mean())

    @property
    def wait_s(self) -> Floats:
        """Waiting times of those who were served."""
        found: Floats = (self.start_s - self.arrival_s)[~self.lost]
        return found

    @property
    def sojourn_s(self) -> Floats:
        """Times from arrival to departure of those who were served."""
        return self.wait_s + self.service_s[~self.lost]

    def after(self, share: float) -> Run:
        """The run without its first `share` (0 to 1) of customers, for whom the queue was still filling.
        Raises `ValueError` for a share of 1 or more."""
        if not 0 <= share < 1:
            raise ValueError(f"share is {share}: it must lie between 0 and 1, the upper end excluded")
        first = int(share * self.arrival_s.size)
        return Run(self.arrival_s[first:], self.service_s[first:], self.start_s[first:])

    def in_system(self, at_s: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """How many wait or are served at each of the times `at_s`; any shape. Those who give up while they
        wait are not counted."""
        served = ~self.lost
        ends = np.sort((self.start_s + self.service_s)[served])
        at = np.asarray(at_s, dtype=np.float64)
        came = np.searchsorted(self.arrival_s[served], at, side="right")
        found: npt.NDArray[np.int64] = came - np.searchsorted(ends, at, side="right")
        return found

    def mean_in_system(self) -> float:
        """Mean number present, over the time from the first to the last arrival. Raises `ValueError` when all
        come at once."""
        begin, end = float(self.arrival_s[0]), float(self.arrival_s[-1])
        if end <= begin:
            raise ValueError("arrival_s spans no time: there must be two different arrival times")
        served = ~self.lost
        left = np.minimum((self.start_s + self.service_s)[served], end)
        return float((left - self.arrival_s[served]).sum()) / (end - begin)


def arrival_times_s(rng: np.random.Generator, gap_s: Distribution, customers: int) -> Floats:
    """Arrival times with independent gaps, shape (customers,)."""
    return np.cumsum(draw(rng, gap_s, count("customers", customers)))


def poisson_times_s(rng: np.random.Generator, arrivals_per_s: float, customers: int) -> Floats:
    """Arrival times of a Poisson process, shape (customers,)."""
    return arrival_times_s(rng, Exponential(1 / positive("arrivals_per_s", arrivals_per_s)), customers)


def fifo(
    arrival_s: npt.ArrayLike,
    service_s: npt.ArrayLike,
    servers: int = 1,
    *,
    capacity: int | None = None,
    patience_s: npt.ArrayLike | None = None,
) -> Run:
    """Serve customers in order of arrival; the system starts empty. Any load.

    `capacity` limits how many wait or are served: who finds the system full is lost. `patience_s`, one a
    customer, is how long each waits before it gives up and is lost. The two cannot be combined, because a
    customer who gives up makes room. Raises `ValueError` naming the argument that is out of range.
    """
    arrivals = times("arrival_s", arrival_s)
    services = vector("service_s", service_s, size=arrivals.size)
    count("servers", servers)
    if capacity is not None and count("capacity", capacity) < servers:
        raise ValueError(f"capacity is {capacity}: it must be at least servers, {servers}")
    if capacity is not None and patience_s is not None:
        raise ValueError("capacity and patience_s are both given: only one of them may limit the queue")
    patience = None if patience_s is None else vector("patience_s", patience_s, size=arrivals.size)
    if servers == 1 and capacity is None and patience is None:
        return Run(arrivals, services, _one_server(arrivals, services))
    state = servers if capacity is None else capacity
    return Run(arrivals, services, _many_servers(arrivals, services, servers, state, capacity, patience))


def _one_server(arrivals: Floats, services: Floats) -> Floats:
    """Starts with one server: the work that was there before customer k is a sum, and idle time moves it to
    the latest arrival that found nobody."""
    work = np.cumsum(services)
    work -= services
    start: Floats = np.maximum.accumulate(arrivals - work)
    start += work
    return np.maximum(start, arrivals, out=start)  # rounding must not start anybody early


def _many_servers(
    arrivals: Floats,
    services: Floats,
    servers: int,
    state: int,
    capacity: int | None,
    patience: Floats | None,
) -> Floats:
    """Starts of all customers, NaN for the lost. `state` is how many latest departures decide: as many as
    there are servers, or as the system holds."""
    customers = arrivals.size
    blocks = min(max(1, CELLS // state), customers // SHORTEST_BLOCK)
    if blocks < 2:
        empty = [float(arrivals[0])] * state
        return np.array(_one_by_one(arrivals, services, servers, empty, capacity, patience))
    steps = -(-customers // blocks)

    def columns(values: Floats, fill: float) -> Floats:
        """Block b as column b; what is missing in the last one is filled."""
        padded = np.full(blocks * steps, fill)
        padded[:customers] = values
        return np.ascontiguousarray(padded.reshape(blocks, steps).T)

    arrive, serve = columns(arrivals, float(arrivals[-1])), columns(services, 0.0)
    stay = None if patience is None else columns(patience, 0.0)
    starts, ended = np.empty((steps, blocks)), np.empty((state, blocks))
    began = np.tile(arrive[0], (state, 1))  # every server is free

    def advance(rows: slice, part: slice | npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        patient = None if stay is None else stay[rows, part]
        limited = capacity is not None
        return _side_by_side(arrive[rows, part], serve[rows, part], servers, began[:, part], limited, patient)

    def correct() -> npt.NDArray[np.int64]:
        """Let each block begin where the one before it has ended; gives the blocks for which that is new."""
        # a server that came free before the block began is as free as one that comes free when it begins
        right = np.maximum(ended[:, :-1], arrive[0, 1:])
        wrong: npt.NDArray[np.int64] = 1 + np.flatnonzero((right != began[:, 1:]).any(axis=0))
        began[:, 1:] = right
        return wrong

    warm_up = max(1, int(WARM_UP * steps))
    _, ended[:] = advance(slice(steps - warm_up, steps), slice(None))
    correct()
    starts[:], ended[:] = advance(slice(None), slice(None))
    wrong = correct()
    before = blocks
    while wrong.size > FEW_BLOCKS and 2 * wrong.size < before:  # else this queue does not forget
        before = wrong.size
        starts[:, wrong], ended[:, wrong] = advance(slice(None), wrong)
        wrong = correct()
    again = set(wrong.tolist())
    for block in range(min(again, default=blocks), blocks):
        if block not in again:
            continue
        free = began[:, block].tolist()
        patient = None if stay is None else stay[:, block]
        starts[:, block] = _one_by_one(arrive[:, block], serve[:, block], servers, free, capacity, patient)
        if block + 1 < blocks:
            right = np.maximum(free, arrive[0, block + 1])
            if (right != began[:, block + 1]).any():
                began[:, block + 1] = right
                again.add(block + 1)
    return starts.T.reshape(-1)[:customers]


def _side_by_side(
    arrive: Floats, serve: Floats, servers: int, began: Floats, limited: bool, stay: Floats | None
) -> tuple[Floats, Floats]:
    """Advance all blocks (columns) step by step. Gives the starts, and the state at the end.

    The state is the latest departures in rising order. A customer starts when the earliest of `servers` of
    them has come; its own departure replaces the smallest and is moved to its place:
    new[i] = min(max(old[i], x), old[i + 1]).
    """
    steps = arrive.shape[0]
    starts = np.empty_like(arrive)
    state, spare = began.copy(), np.empty_like(began)
    for k in range(steps):
        start = np.maximum(arrive[k], state[-servers], out=starts[k])
        leave = start + serve[k]
        if limited or stay is not None:
            lost = state[0] > arrive[k] if stay is None else start - arrive[k] > stay[k]
            np.copyto(leave, state[0], where=lost)  # replaces itself: nothing changes
            np.copyto(start, np.nan, where=lost)
        np.maximum(state, leave, out=spare)
        np.minimum(spare[:-1], state[1:], out=spare[:-1])
        state, spare = spare, state
    return starts, state


def _one_by_one(
    arrivals: Floats,
    services: Floats,
    servers: int,
    state: list[float],
    capacity: int | None,
    patience: Floats | None,
) -> list[float]:
    """The same for one customer after the other, from the state given (which is changed)."""
    starts = []
    stays = [float("inf")] * arrivals.size if patience is None else patience.tolist()
    for arrival, service, stay in zip(arrivals.tolist(), services.tolist(), stays, strict=True):
        free = state[-servers]
        start = arrival if arrival > free else free
        if start - arrival > stay or (capacity is not None and state[0] > arrival):
            starts.append(float("nan"))
            continue
        starts.append(start)
        del state[0]
        insort(state, start + service)
    return starts
