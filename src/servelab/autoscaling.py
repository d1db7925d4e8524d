"""Autoscaling: servers that come late, called for by a signal that is read now and then.

A scaler looks every `interval_s` at what has happened since, and asks for as many servers as its signal
says. A new server is ready after `start_s`. Fewer are asked for only when the signal has asked for fewer for
`shrink_after_s`; the ones too many then leave as soon as they are idle. Times are in s.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Literal

import numpy as np
import numpy.typing as npt

from servelab.arguments import Floats, count, not_negative, positive, times, vector

Signal = Literal["utilization", "concurrency", "queue"]
SIGNALS: tuple[Signal, ...] = ("utilization", "concurrency", "queue")


@dataclass(frozen=True)
class Scaler:
    """Which signal is read, and what it is held at.

    `utilization`: ready servers, times the share of them that was busy, over `target` (0 to 1). It cannot
    exceed 1, so that a scaler sees an overload of two times and of ten as the same.
    `concurrency`: requests present, waiting or served, over `target` a server.
    `queue`: busy servers, and one more for each `target` requests that wait.
    All are means over the interval.
    """

    signal: Signal
    target: float
    least: int = 1
    most: int = 1_000
    interval_s: float = 15.0
    start_s: float = 60.0
    shrink_after_s: float = 300.0

    def __post_init__(self) -> None:
        if self.signal not in SIGNALS:
            raise ValueError(f"signal is {self.signal!r}: it must be one of {', '.join(SIGNALS)}")
        positive("target", self.target)
        if self.signal == "utilization" and self.target > 1:
            raise ValueError(f"target is {self.target}: for utilization it must be at most 1")
        count("least", self.least, 0)
        if count("most", self.most) < self.least:
            raise ValueError(f"most is {self.most}: it must be at least least, {self.least}")
        positive("interval_s", self.interval_s)
        not_negative("start_s", self.start_s)
        not_negative("shrink_after_s", self.shrink_after_s)

    def wanted(self, ready: float, busy: float, waiting: float) -> int:
        """The servers that the signal asks for, from the interval's means, within the limits."""
        needed = {
            "utilization": busy / self.target,
            "concurrency": (busy + waiting) / self.target,
            "queue": busy + waiting / self.target,
        }[self.signal]
        if self.signal == "utilization":
            needed = min(needed, ready / self.target)
        return min(self.most, max(self.least, math.ceil(needed - 1e-9)))


@dataclass(frozen=True)
class Scaled:
    """One simulated day of a scaled service. Request arrays have the shape (requests,), the others (looks,):
    one value each time the scaler looks."""

    arrival_s: Floats
    service_s: Floats
    start_s: Floats
    look_s: Floats
    ready: npt.NDArray[np.int64]
    starting: npt.NDArray[np.int64]
    waiting: npt.NDArray[np.int64]
    server_s: float

    @property
    def wait_s(self) -> Floats:
        """Time of each request from its arrival until a server takes it, shape (requests,)."""
        return self.start_s - self.arrival_s

    @property
    def mean_utilization(self) -> float:
        """Share of paid server time that served requests."""
        return float(self.service_s.sum()) / self.server_s


def simulate(arrival_s: npt.ArrayLike, service_s: npt.ArrayLike, scaler: Scaler, initial: int) -> Scaled:
    """Serve the requests in order of arrival with as many servers as the scaler asks for; any load.

    `initial` servers are ready at the first arrival. A request that finds no server ready or starting calls
    for one at once. A server is paid for from the moment it is asked for. Raises `ValueError` unless
    `initial` lies within the scaler's limits.
    """
    arrivals = times("arrival_s", arrival_s)
    services = vector("service_s", service_s, size=arrivals.size)
    if not scaler.least <= count("initial", initial, 0) <= scaler.most:
        raise ValueError(f"initial is {initial}: it must lie between least and most")
    return _Service(arrivals, services, scaler, initial).run()


class _Service:
    LOOK, READY, DONE = 0, 1, 2  # at the same moment in this order

    def __init__(self, arrivals: Floats, services: Floats, scaler: Scaler, initial: int) -> None:
        self.arrivals, self.services, self.scaler = arrivals, services, scaler
        self.service_of: list[float] = services.tolist()
        self.starts = np.full(arrivals.size, np.nan)
        self.waiting: deque[int] = deque()
        self.ready, self.busy, self.starting = initial, 0, 0
        self.target = initial
        self.now = float(arrivals[0])
        self.events: list[tuple[float, int]] = [(self.now + scaler.interval_s, self.LOOK)]
        self.ready_s = self.busy_s = self.waiting_s = self.server_s = 0.0
        self.asked: deque[tuple[float, int]] = deque()  # (when, servers) since shrink_after_s
        self.looks: list[tuple[float, int, int, int]] = []

    def run(self) -> Scaled:
        for request, arrival in enumerate(self.arrivals.tolist()):
            self._until(arrival)
            self._pass_time(arrival)
            self.waiting.append(request)
            if self.ready + self.starting == 0:
                self._ask(1)
            self._serve()
        while self.busy or self.waiting:
            self._until(self.events[0][0])
        looks = np.array(self.looks, dtype=np.float64).reshape(-1, 4)
        ready, starting, waiting = looks[:, 1:].astype(np.int64).T
        return Scaled(
            self.arrivals, self.services, self.starts, looks[:, 0], ready, starting, waiting, self.server_s
        )

    def _until(self, moment: float) -> None:
        while self.events and self.events[0][0] <= moment:
            at, kind = heappop(self.events)
            self._pass_time(at)
            if kind == self.LOOK:
                self._look()
            elif kind == self.READY:
                self.starting -= 1
                self.ready += 1
            else:
                self.busy -= 1
            self._serve()
            self._leave()

    def _pass_time(self, moment: float) -> None:
        passed = moment - self.now
        self.ready_s += passed * self.ready
        self.busy_s += passed * self.busy
        self.waiting_s += passed * len(self.waiting)
        self.server_s += passed * (self.ready + self.starting)
        self.now = moment

    def _serve(self) -> None:
        while self.waiting and self.busy < self.ready:
            request = self.waiting.popleft()
            self.starts[request] = self.now
            self.busy += 1
            heappush(self.events, (self.now + self.service_of[request], self.DONE))

    def _look(self) -> None:
        scaler, span = self.scaler, self.scaler.interval_s
        wanted = scaler.wanted(self.ready_s / span, self.busy_s / span, self.waiting_s / span)
        self.ready_s = self.busy_s = self.waiting_s = 0.0
        while self.asked and self.asked[0][0] < self.now - scaler.shrink_after_s:
            self.asked.popleft()
        self.asked.append((self.now, max(wanted, 1) if self.waiting else wanted))
        self._ask(max(servers for _, servers in self.asked))
        self.looks.append((self.now, self.ready, self.starting, len(self.waiting)))
        heappush(self.events, (self.now + span, self.LOOK))

    def _ask(self, servers: int) -> None:
        """Start what is missing; what is too much leaves when it is ready and idle."""
        self.target = servers
        for _ in range(servers - self.ready - self.starting):
            self.starting += 1
            heappush(self.events, (self.now + self.scaler.start_s, self.READY))

    def _leave(self) -> None:
        idle = self.ready - self.busy
        self.ready -= max(0, min(idle, self.ready + self.starting - self.target))
