"""Batching for models that answer in one step: an encoder, a voice activity detector, a classifier.

A batch leaves when the accelerator is free and the batch is full or its oldest request has waited as long as
it may. Static batching is the same without that limit. Times are in s. Models that answer token by token are
in `servelab.generation`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from servelab.arguments import Floats, count, not_negative, positive, times, vector

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batches:
    """One simulated batcher. `first` is the number of each batch's first request; batch arrays have the
    shape (batches,), request arrays (requests,) in order of arrival."""

    arrival_s: Floats
    first: Integers
    start_s: Floats
    end_s: Floats

    @property
    def size(self) -> Integers:
        """Requests in each batch."""
        return np.diff(self.first, append=self.arrival_s.size)

    @property
    def wait_s(self) -> Floats:
        """Time of each request from its arrival until its batch starts."""
        found: Floats = np.repeat(self.start_s, self.size) - self.arrival_s
        return found

    @property
    def delay_s(self) -> Floats:
        """Time of each request from its arrival until its answer."""
        found: Floats = np.repeat(self.end_s, self.size) - self.arrival_s
        return found

    @property
    def busy_share(self) -> float:
        """Share of time, from the first arrival to the last answer, in which the accelerator works."""
        return float((self.end_s - self.start_s).sum() / (self.end_s[-1] - self.arrival_s[0]))


def linear_step_s(base_s: float, item_s: float, size: int) -> Floats:
    """Step times of batches of 1 to `size`, shape (size,): a fixed cost and a cost for each item."""
    not_negative("base_s", base_s)
    return base_s + positive("item_s", item_s) * np.arange(1.0, count("size", size) + 1)


def capacity_per_s(step_s: npt.ArrayLike) -> float:
    """Requests a second at most: the best of full batches of any allowed size."""
    steps = vector("step_s", step_s)
    positive("the smallest of step_s", float(steps.min()))
    return float((np.arange(1, steps.size + 1) / steps).max())


def simulate(arrival_s: npt.ArrayLike, step_s: npt.ArrayLike, wait_limit_s: float) -> Batches:
    """Batch the requests in order of arrival; any load.

    `step_s` has the step time of each batch size, shape (largest size,), as from `linear_step_s`. A batch
    that is not full waits for company until its oldest request has waited `wait_limit_s`: 0 for no longer
    than the accelerator is busy, infinity for static batching, whose last batch leaves when the trace ends.
    Raises `ValueError` for times that go back and for a negative limit.
    """
    arrivals = times("arrival_s", arrival_s)
    steps = vector("step_s", step_s).tolist()
    if math.isnan(wait_limit_s) or wait_limit_s < 0:
        raise ValueError(f"wait_limit_s is {wait_limit_s}: it must not be negative")
    came, size = arrivals.tolist(), len(steps)
    never = came[-1] if math.isinf(wait_limit_s) else math.inf
    requests, free, first = len(came), -math.inf, 0
    firsts, starts, ends = [], [], []
    while first < requests:
        full = came[first + size - 1] if first + size <= requests else never
        start = max(free, min(full, came[first] + wait_limit_s))
        behind = bisect_right(came, start, first, min(first + size, requests))
        free = start + steps[behind - first - 1]
        firsts.append(first)
        starts.append(start)
        ends.append(free)
        first = behind
    return Batches(arrivals, np.array(firsts), np.array(starts), np.array(ends))


# ---------------------------------------------------------------- closed forms


def greedy_mean_wait_s(arrivals_per_s: float, step_s: float) -> float:
    """Mean wait when the accelerator always takes all who wait, in a step of one length, without a limit of
    size.

    A request waits only if it finds the accelerator busy, and then for half a step on average. A step is
    followed by another if anybody came during it, so that busy spells have the share
    s / (s + exp(-r s) / r). Never unstable: the batch grows with the load.
    """
    rate, step = positive("arrivals_per_s", arrivals_per_s), positive("step_s", step_s)
    return step / (step + math.exp(-rate * step) / rate) * step / 2


def static_mean_fill_s(arrivals_per_s: float, size: int) -> float:
    """Mean time for which a request waits until its static batch is full: (size - 1) / (2 rate), the
    accelerator's queue not counted."""
    return (count("size", size) - 1) / (2 * positive("arrivals_per_s", arrivals_per_s))
