"""Latency of a turn: stages as distributions, their sum, and what percentiles allow one to say about it.

Delays are in ms, percentiles `q` run from 0 to 100. A percentile of a sum is not the sum of the percentiles,
and a mean of percentiles is the percentile of nothing: both mistakes are functions here, so that a chapter
can show how wrong they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from servelab.arguments import Floats, count, inside, not_negative, share, vector
from servelab.distributions import Distribution, draw


def percentile_ms(delay_ms: npt.ArrayLike, q: float) -> float:
    """The `q`-th percentile (0 to 100) of `delay_ms`."""
    return float(np.percentile(vector("delay_ms", delay_ms, least=None), _percent(q)))


def _percent(q: float) -> float:
    if not 0 <= q <= 100:
        raise ValueError(f"q is {q}: it must lie between 0 and 100")
    return q


# ---------------------------------------------------------------- stages of a turn


@dataclass(frozen=True)
class Turns:
    """Simulated turns: `stage_ms` has the shape (runs, stages), its columns are named by `names`."""

    names: tuple[str, ...]
    stage_ms: Floats

    @property
    def total_ms(self) -> Floats:
        """The delay of each turn, shape (runs,)."""
        total: Floats = self.stage_ms.sum(axis=1)
        return total

    def percentile_ms(self, q: float) -> float:
        """The `q`-th percentile of the whole turn: what a user meets."""
        return percentile_ms(self.total_ms, q)

    def stage_percentiles_ms(self, q: float) -> dict[str, float]:
        """The `q`-th percentile of each stage by itself: what each stage's dashboard shows."""
        found = np.percentile(self.stage_ms, _percent(q), axis=0)
        return dict(zip(self.names, found.tolist(), strict=True))

    def sum_of_percentiles_ms(self, q: float) -> float:
        """The stages' `q`-th percentiles added up: not the percentile of the turn, except where all stages
        are slow together."""
        return sum(self.stage_percentiles_ms(q).values())

    def over(self, budget_ms: float) -> float:
        """Share of turns, 0 to 1, that take longer than the budget."""
        return float((self.total_ms > not_negative("budget_ms", budget_ms)).mean())

    def tail_means_ms(self, q: float) -> dict[str, float]:
        """Mean delay of each stage in the turns at or over the turn's `q`-th percentile: who made them
        slow."""
        slow = self.total_ms >= self.percentile_ms(q)
        return dict(zip(self.names, self.stage_ms[slow].mean(axis=0).tolist(), strict=True))


def simulate_turns(
    rng: np.random.Generator, stages: Mapping[str, Distribution], runs: int, *, correlation: float = 0.0
) -> Turns:
    """Draw every stage of `runs` turns (Monte Carlo).

    `correlation`, 0 to 1, is that of the normal variables behind the stages: 0 makes the stages independent,
    1 makes them slow together (one busy machine behind all of them). Every stage keeps its own distribution.
    """
    count("the number of stages", len(stages))
    count("runs", runs)
    rho = share("correlation", correlation)
    if rho == 0:
        columns = [draw(rng, stage, runs) for stage in stages.values()]
    else:
        from scipy.special import ndtr

        common = rng.standard_normal(runs)
        columns = []
        for stage in stages.values():
            normal = math.sqrt(rho) * common + math.sqrt(1 - rho) * rng.standard_normal(runs)
            columns.append(stage.quantile(ndtr(normal)))
    return Turns(tuple(stages), np.column_stack(columns))


# ---------------------------------------------------------------- percentiles of many machines


def mean_of_percentiles_ms(groups_ms: Sequence[npt.ArrayLike], q: float) -> float:
    """Each group's `q`-th percentile, averaged: what a dashboard over machines often shows. It answers no
    question about requests."""
    count("the number of groups", len(groups_ms))
    return float(np.mean([percentile_ms(group, q) for group in groups_ms]))


def pooled_percentile_ms(groups_ms: Sequence[npt.ArrayLike], q: float) -> float:
    """The `q`-th percentile of all requests of all groups."""
    count("the number of groups", len(groups_ms))
    return percentile_ms(np.concatenate([vector("a group", group, least=None) for group in groups_ms]), q)


def percentile_interval_ms(
    delay_ms: npt.ArrayLike, q: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Confidence interval for the `q`-th percentile of the distribution behind independent `delay_ms`.

    The number of values under the percentile is binomial, whatever the distribution, so that two order
    statistics enclose it. Raises `ValueError` when there are too few values for the upper end.
    """
    from scipy.special import bdtr

    values = np.sort(vector("delay_ms", delay_ms, least=None))
    p, n = inside("q / 100", q / 100), values.size
    tail = (1 - inside("confidence", confidence)) / 2
    below = bdtr(np.arange(n), n, p)  # P(at most k values lie under the percentile)
    high = int(np.searchsorted(below, 1 - tail)) + 1
    low = int(np.searchsorted(below, tail, side="right")) - 1
    if high >= n or low < 0:
        need = samples_for_percentile(max(q, 100 - q), 1 - tail)
        raise ValueError(f"delay_ms has {n} values: the interval for q {q} needs at least {need}")
    return float(values[low]), float(values[high])


def samples_for_percentile(q: float, confidence: float = 0.95) -> int:
    """How many independent requests it takes until at least one lies over the `q`-th percentile, with this
    probability: with fewer, the slowest one seen says little about it.

    >>> samples_for_percentile(99), samples_for_percentile(99.9)
    (299, 2995)
    """
    p = inside("q / 100", q / 100)
    return math.ceil(math.log1p(-inside("confidence", confidence)) / math.log(p))


# ---------------------------------------------------------------- fan-out


def fan_out_slow_share(slow_share: float, calls: int) -> float:
    """Share of requests that meet at least one slow call when each makes `calls` independent ones:
    1 - (1 - p)^n.

    >>> round(fan_out_slow_share(0.01, 100), 2)
    0.63
    """
    return 1 - (1 - share("slow_share", slow_share)) ** count("calls", calls)


def fan_out_percentile_ms(delay_ms: Distribution, calls: int, q: float, needed: int | None = None) -> float:
    """The `q`-th percentile of a request that makes `calls` independent calls at once and waits for the first
    `needed` of them (all, unless given).

    The k-th of n uniform variables in order has the beta distribution with parameters k and n - k + 1.
    """
    from scipy.special import betaincinv

    needed = _needed(calls, needed)
    rank = betaincinv(needed, calls - needed + 1, inside("q / 100", q / 100))
    return float(delay_ms.quantile(rank))


def simulate_fan_out(
    rng: np.random.Generator, delay_ms: Distribution, calls: int, runs: int, needed: int | None = None
) -> Floats:
    """Delay in ms of `runs` requests that wait for the first `needed` of `calls` calls, shape (runs,)."""
    needed = _needed(calls, needed)
    drawn = draw(rng, delay_ms, calls * count("runs", runs)).reshape(runs, calls)
    found: Floats = np.partition(drawn, needed - 1, axis=1)[:, needed - 1]
    return found


def _needed(calls: int, needed: int | None) -> int:
    count("calls", calls)
    if needed is None:
        return calls
    if not 1 <= needed <= calls:
        raise ValueError(f"needed is {needed}: it must lie between 1 and calls, {calls}")
    return needed


@dataclass(frozen=True)
class Hedged:
    """Requests of which a second copy is sent when the first is late: delays, and the share that sent it."""

    delay_ms: Floats
    extra_share: float


def simulate_hedge(rng: np.random.Generator, delay_ms: Distribution, after_ms: float, runs: int) -> Hedged:
    """Send a second copy after `after_ms` and take the first answer; the copies are independent."""
    not_negative("after_ms", after_ms)
    first = draw(rng, delay_ms, count("runs", runs))
    second = after_ms + draw(rng, delay_ms, runs)
    return Hedged(np.minimum(first, second), float((first > after_ms).mean()))
