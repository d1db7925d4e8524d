"""Cold starts: what a new instance does before it answers, and how often a request has to wait for one.

Times are in s. An instance serves one request at a time; a stream is a long request.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from servelab.arguments import Floats, count, not_negative, positive, times, vector


@dataclass(frozen=True)
class StartUp:
    """What an instance does one after the other before its first answer: names and seconds."""

    stages_s: Mapping[str, float]

    def __post_init__(self) -> None:
        count("the number of stages", len(self.stages_s))
        for name, seconds in self.stages_s.items():
            not_negative(name, seconds)

    @property
    def total_s(self) -> float:
        """From the call for an instance to its first answer."""
        return sum(self.stages_s.values())

    def timeline(self) -> list[tuple[str, float, float]]:
        """Name, begin and end of each stage."""
        ends = np.cumsum(list(self.stages_s.values())).tolist()
        begins = [0.0, *ends[:-1]]
        return list(zip(self.stages_s, begins, ends, strict=True))

    def without(self, *names: str) -> StartUp:
        """The start-up that is left when a snapshot, a cache or a warm pool has done these stages before.
        Raises `ValueError` for a name that is no stage."""
        for name in names:
            if name not in self.stages_s:
                raise ValueError(f"names holds {name!r}: it must be one of {', '.join(self.stages_s)}")
        left = {name: seconds for name, seconds in self.stages_s.items() if name not in names}
        return StartUp(left or {"ready": 0.0})


def load_s(weights_bytes: float, bytes_s: float) -> float:
    """Time to read weights at a bandwidth, in s: the stage that grows with the model."""
    return positive("weights_bytes", weights_bytes) / positive("bytes_s", bytes_s)


@dataclass(frozen=True)
class Serverless:
    """Requests served by instances that come and go. Arrays have the shape (requests,)."""

    arrival_s: Floats
    wait_s: Floats
    service_s: Floats
    cold: npt.NDArray[np.bool_]
    instance_s: float
    peak_instances: int

    @property
    def delay_s(self) -> Floats:
        """Time from arrival to answer."""
        return self.wait_s + self.service_s

    @property
    def cold_share(self) -> float:
        """Share of requests, 0 to 1, that waited for a start."""
        return float(self.cold.mean())


def scale_to_zero(
    arrival_s: npt.ArrayLike, service_s: npt.ArrayLike, start_s: float, keep_s: float, pool: int = 0
) -> Serverless:
    """An instance for each request that finds none idle: it waits `start_s` for it.

    An idle instance is kept for `keep_s` and then ends; `pool` of them are always kept. The one that was used
    last is used first, so that the others can end. `instance_s` counts from the beginning of each start-up to
    the end of each instance, and the pool from the first arrival to the last answer. Raises `ValueError` for
    a negative `keep_s`; infinity keeps for ever.
    """
    arrivals = times("arrival_s", arrival_s)
    services = vector("service_s", service_s, size=arrivals.size)
    not_negative("start_s", start_s)
    if math.isnan(keep_s) or keep_s < 0:
        raise ValueError(f"keep_s is {keep_s}: it must not be negative")
    count("pool", pool, 0)
    warm = pool  # idle instances of the pool
    idle: list[float] = []  # since when each other idle instance has been idle, the latest last
    busy: list[tuple[float, bool]] = []  # (end of its request, of the pool), a heap
    cold, paid_s, others, peak = np.zeros(arrivals.size, dtype=bool), 0.0, 0, pool
    for request, (arrival, service) in enumerate(zip(arrivals.tolist(), services.tolist(), strict=True)):
        while busy and busy[0][0] <= arrival:
            end, pooled = heappop(busy)
            if pooled:
                warm += 1
            else:
                idle.append(end)
        ended = 0
        while ended < len(idle) and idle[ended] + keep_s <= arrival:
            ended += 1
        paid_s += ended * keep_s if ended else 0.0
        others -= ended
        del idle[:ended]
        begin, pooled = arrival, warm > 0
        if pooled:
            warm -= 1
        elif idle:
            paid_s += arrival - idle.pop()
        else:
            cold[request] = True
            begin += start_s
            others += 1
            peak = max(peak, pool + others)
            paid_s += start_s
        heappush(busy, (begin + service, pooled))
        paid_s += 0.0 if pooled else service
    last = max([end for end, _ in busy] + [float(arrivals[-1])])
    waiting_s = np.where(cold, start_s, 0.0)
    left_s = sum(min(keep_s, last - since) for since in idle)
    left_s += sum(min(keep_s, last - end) for end, pooled in busy if not pooled)
    pool_s = pool * (last - float(arrivals[0]))
    return Serverless(arrivals, waiting_s, services, cold, paid_s + left_s + pool_s, peak)


def cold_share_of_rare_requests(arrivals_per_s: float, keep_s: float) -> float:
    """Share of cold requests when each is over before the next: exp(-rate * keep), the chance that Poisson
    arrivals leave a gap longer than an idle instance is kept."""
    return math.exp(-not_negative("arrivals_per_s", arrivals_per_s) * not_negative("keep_s", keep_s))
