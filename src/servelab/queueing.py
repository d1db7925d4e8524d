"""Queues in steady state: what waits how long, in closed form.

Rates are per second, times in s. A queue has Poisson or general arrivals (M or G), exponential, constant or
general service (M, D or G) and some servers: M/M/1, M/M/c, M/D/1, M/G/1. The formulas of queues without a
limit need a load under 1; those that lose requests (`erlang_b`, `mmck`, `erlang_a_lost_share`) accept any
load. Erlang's two formulas are those of [@evans2019, sec. 4.1], the others those of [@line-qsys]; the
simulators in `servelab.queuesim` are tested against every formula here.

>>> queue = mm1(arrivals_per_s=70, service_s=0.010)
>>> round(queue.load, 3), round(1000 * queue.mean_wait_s, 1)
(0.7, 23.3)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from servelab.arguments import count, inside, not_negative, positive


@dataclass(frozen=True)
class Queue:
    """A queue in steady state that loses nothing. What follows from the mean wait follows by Little's law:
    number present = arrival rate times time present [@little2011, abstract]."""

    arrivals_per_s: float
    service_s: float
    servers: int
    mean_wait_s: float

    @property
    def load(self) -> float:
        """Share of time for which a server is busy."""
        return self.arrivals_per_s * self.service_s / self.servers

    @property
    def mean_sojourn_s(self) -> float:
        """Mean time from arrival to departure."""
        return self.mean_wait_s + self.service_s

    @property
    def mean_waiting(self) -> float:
        """Mean number of requests that wait."""
        return self.arrivals_per_s * self.mean_wait_s

    @property
    def mean_in_system(self) -> float:
        """Mean number of requests that wait or are served."""
        return self.arrivals_per_s * self.mean_sojourn_s


@dataclass(frozen=True)
class LossQueue:
    """A queue in steady state that loses some of what arrives: `mean_wait_s` is over those that are
    served."""

    lost_share: float
    mean_wait_s: float
    mean_waiting: float
    mean_in_system: float


def offered_erlangs(arrivals_per_s: float, service_s: float) -> float:
    """Offered load in erlangs: the mean number of busy servers if nobody had to wait."""
    return not_negative("arrivals_per_s", arrivals_per_s) * positive("service_s", service_s)


def _stable_load(arrivals_per_s: float, service_s: float, servers: int) -> float:
    load = offered_erlangs(positive("arrivals_per_s", arrivals_per_s), service_s) / count("servers", servers)
    if load >= 1:
        raise ValueError(
            f"the load, arrivals_per_s * service_s / servers, is {load:g}: it must be under 1, or the queue"
            " grows for ever. Simulate an overload, or give the queue a limit"
        )
    return load


# ---------------------------------------------------------------- Erlang


def erlang_b(servers: int, erlangs: float) -> float:
    """Share of requests lost, 0 to 1, by M/G/c servers without a waiting room, at any load.

    By the recursion B(0) = 1, B(n) = a B(n-1) / (n + a B(n-1)), which cannot overflow. The service
    distribution does not matter, only its mean [@evans2019, sec. 4.1].

    >>> round(erlang_b(15, 8.108), 4)
    0.01
    """
    count("servers", servers, 0)
    not_negative("erlangs", erlangs)
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = erlangs * blocked / (n + erlangs * blocked)
    return blocked


def erlang_c(servers: int, erlangs: float) -> float:
    """Share of requests that must wait, 0 to 1, in M/M/c [@evans2019, sec. 4.1]. Raises `ValueError` unless
    erlangs < servers."""
    count("servers", servers)
    if not 0 <= erlangs < servers:
        raise ValueError(f"erlangs is {erlangs}: it must lie between 0 and servers, {servers}, excluded")
    blocked = erlang_b(servers, erlangs)
    return blocked / (1 - erlangs / servers * (1 - blocked))


def servers_for_loss(erlangs: float, lost_share: float) -> int:
    """The fewest servers without a waiting room that lose at most `lost_share`.

    >>> servers_for_loss(25, 0.01)
    36
    """
    not_negative("erlangs", erlangs)
    inside("lost_share", lost_share)
    blocked, n = 1.0, 0
    while blocked > lost_share:
        n += 1
        blocked = erlangs * blocked / (n + erlangs * blocked)
    return n


def servers_for_wait(arrivals_per_s: float, service_s: float, wait_s: float, q: float = 0.99) -> int:
    """The fewest servers of M/M/c with which a share `q` (0 to 1) of requests waits at most `wait_s`."""
    not_negative("wait_s", wait_s)
    servers = math.floor(offered_erlangs(arrivals_per_s, service_s)) + 1
    while mmc_wait_quantile_s(arrivals_per_s, service_s, servers, q) > wait_s:
        servers += 1
    return servers


# ---------------------------------------------------------------- queues without a limit


def mm1(arrivals_per_s: float, service_s: float) -> Queue:
    """M/M/1: mean wait = load / (1 - load) * service."""
    return mg1(arrivals_per_s, service_s, 1.0)


def md1(arrivals_per_s: float, service_s: float) -> Queue:
    """M/D/1: constant service halves the wait of M/M/1."""
    return mg1(arrivals_per_s, service_s, 0.0)


def mg1(arrivals_per_s: float, service_s: float, service_scv: float) -> Queue:
    """M/G/1 by Pollaczek and Khinchine: mean wait = load / (1 - load) * service * (1 + scv) / 2
    [@line-qsys, qsys_mg1].

    `service_scv` is the squared coefficient of variation of service: variance over squared mean.
    """
    load = _stable_load(arrivals_per_s, service_s, 1)
    wait = load / (1 - load) * service_s * (1 + not_negative("service_scv", service_scv)) / 2
    return Queue(arrivals_per_s, service_s, 1, wait)


def mmc(arrivals_per_s: float, service_s: float, servers: int) -> Queue:
    """M/M/c: mean wait = Erlang C * service / (servers * (1 - load))."""
    load = _stable_load(arrivals_per_s, service_s, servers)
    wait = erlang_c(servers, load * servers) * service_s / (servers * (1 - load))
    return Queue(arrivals_per_s, service_s, servers, wait)


def mmc_wait_quantile_s(arrivals_per_s: float, service_s: float, servers: int, q: float) -> float:
    """The wait that a share `q` (0 to 1) of M/M/c requests does not exceed. A share 1 - C waits not at all,
    and P(wait > t) = C exp(-servers (1 - load) t / service)."""
    load = _stable_load(arrivals_per_s, service_s, servers)
    must_wait = erlang_c(servers, load * servers)
    late = 1 - inside("q", q)
    return max(0.0, math.log(must_wait / late)) * service_s / (servers * (1 - load)) if must_wait > 0 else 0.0


def mm1_sojourn_quantile_s(arrivals_per_s: float, service_s: float, q: float) -> float:
    """The time from arrival to departure that a share `q` of M/M/1 requests does not exceed: it is
    exponential with mean service / (1 - load)."""
    load = _stable_load(arrivals_per_s, service_s, 1)
    return -math.log1p(-inside("q", q)) * service_s / (1 - load)


def kingman(arrivals_per_s: float, service_s: float, arrival_scv: float, service_scv: float) -> Queue:
    """G/G/1, approximately: M/M/1's wait times the mean of the two squared coefficients of variation
    [@line-qsys, qsys_gig1_ubnd_kingman].

    Exact for M/G/1, close at high load, and an approximation anywhere else.
    """
    return allen_cunneen(arrivals_per_s, service_s, 1, arrival_scv, service_scv)


def allen_cunneen(
    arrivals_per_s: float, service_s: float, servers: int, arrival_scv: float, service_scv: float
) -> Queue:
    """G/G/c, approximately: M/M/c's wait times the mean of the two squared coefficients of variation
    [@line-qsys, qsys_gigk_approx_kingman].

    Exact for M/M/c and for M/G/1; with one server it is Kingman's formula.
    """
    variability = (not_negative("arrival_scv", arrival_scv) + not_negative("service_scv", service_scv)) / 2
    exponential = mmc(arrivals_per_s, service_s, servers)
    return Queue(arrivals_per_s, service_s, servers, exponential.mean_wait_s * variability)


# ---------------------------------------------------------------- queues that lose requests


def mmck(arrivals_per_s: float, service_s: float, servers: int, capacity: int) -> LossQueue:
    """M/M/c/K: at most `capacity` requests wait or are served, and who finds the system full is lost: the
    steady state of a birth and death chain. Any load. Raises `ValueError` unless capacity >= servers."""
    erlangs = offered_erlangs(arrivals_per_s, service_s)
    if count("capacity", capacity) < count("servers", servers):
        raise ValueError(f"capacity is {capacity}: it must be at least servers, {servers}")
    states = np.arange(1, capacity + 1)
    probability = _stationary(erlangs / np.minimum(states, servers))
    present = np.arange(capacity + 1)
    waiting = float(probability @ np.maximum(present - servers, 0))
    lost = float(probability[-1])
    admitted = arrivals_per_s * (1 - lost)
    return LossQueue(
        lost_share=lost,
        mean_wait_s=waiting / admitted if admitted > 0 else 0.0,
        mean_waiting=waiting,
        mean_in_system=float(probability @ present),
    )


def erlang_a_lost_share(arrivals_per_s: float, service_s: float, servers: int, patience_s: float) -> float:
    """Share of requests, 0 to 1, that leave M/M/c before they are served, when each waits at most an
    exponential time of mean `patience_s`: a birth and death chain whose way down is that of the servers and
    of those who give up [@line-qsys, qsys_erlanga]. Any load."""
    erlangs = offered_erlangs(positive("arrivals_per_s", arrivals_per_s), service_s)
    leaving = service_s / positive("patience_s", patience_s)  # in units of the service rate
    # far enough for the last probabilities to vanish: there the way down is twice as fast as the way up
    last = count("servers", servers) + math.ceil(max(0.0, 2 * erlangs - servers) / leaving) + 60
    last += math.ceil(60 / math.sqrt(leaving))
    states = np.arange(1, last + 1)
    down = np.minimum(states, servers) + leaving * np.maximum(states - servers, 0)
    probability = _stationary(erlangs / down)
    waiting = float(probability @ np.maximum(np.arange(last + 1) - servers, 0))
    return waiting * leaving / erlangs


def _stationary(
    ratios: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Probabilities of states 0, 1, ... of a birth-death chain, given p(n) / p(n - 1) for n = 1, 2, ..."""
    with np.errstate(divide="ignore"):  # no arrivals: every state but the empty one has probability 0
        logs = np.concatenate([[0.0], np.cumsum(np.log(ratios))])
    weights = np.exp(logs - logs.max())
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = weights / weights.sum()
    return found
