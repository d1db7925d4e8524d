"""Objectives: what counts as good, how much bad is allowed, and when somebody has to be woken.

An *indicator* says of each event whether it was good. An *objective* promises a share of good events over a
period; what it leaves is the *error budget*. The *burn rate* is how many times faster than evenly the budget
is being spent: at 1 it lasts exactly the period.

An alert on the burn rate over a *long* window is sure, and stays on long after the trouble; a *short* window
has to agree, so that it ends soon. Several pairs together catch fast trouble fast and slow trouble at all
[@thurgood2018, secs. 4 to 6]. The formulas are those of that chapter, and the tests hold them against its
tables.

>>> objective = Objective(0.999)
>>> [round(alert.budget_share(objective), 3) for alert in (*PAGES, TICKET)]
[0.02, 0.05, 0.1]
>>> round(PAGES[0].detection_s(objective, bad_share=1.0), 2)
51.84

Times are in s. Counts are arrays of the shape (steps,), one number for each step of `step_s`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from servelab.arguments import count, inside, not_negative, positive, share, vector

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

DAY_S = 86_400.0


# ---------------------------------------------------------------- indicators


def good(measures: Mapping[str, npt.ArrayLike], limits: Mapping[str, float]) -> Flags:
    """Which events met every one of `limits`, each the most that the measure of its name may be.

    Measures are arrays of one shape. NaN and infinity stand for what never came, which is not good. Raises
    `ValueError` for a limit without a measure, and for measures of different shapes.
    """
    if not limits:
        raise ValueError("limits are empty: an indicator needs at least one")
    met: Flags | None = None
    for name, limit in limits.items():
        if name not in measures:
            raise ValueError(f"limits name {name!r}: measures have {', '.join(measures) or 'nothing'}")
        within: Flags = np.asarray(measures[name], dtype=np.float64) <= limit
        if met is not None and within.shape != met.shape:
            raise ValueError(f"{name} has the shape {within.shape}: it must have {met.shape} as the others")
        met = within if met is None else met & within
    assert met is not None
    return met


def goodput_per_s(met: Flags, duration_s: float) -> float:
    """Good events a second: throughput that does not count what came too late to be of use."""
    return int(np.count_nonzero(met)) / positive("duration_s", duration_s)


# ---------------------------------------------------------------- objectives


@dataclass(frozen=True)
class Objective:
    """A share of good events, `target`, promised over `period_s`."""

    target: float
    period_s: float = 30 * DAY_S

    def __post_init__(self) -> None:
        inside("target", self.target)
        positive("period_s", self.period_s)

    @property
    def budget(self) -> float:
        """Share of events that may be bad."""
        return 1 - self.target

    @property
    def downtime_s(self) -> float:
        """The budget as time: a total outage this long spends all of it, at steady traffic."""
        return self.budget * self.period_s

    def burn_rate(self, bad_share: float) -> float:
        """How many times faster than evenly `bad_share` of bad events spends the budget."""
        return share("bad_share", bad_share) / self.budget

    def left(self, bad: int, total: int) -> float:
        """Share of the budget that is left after `bad` of `total` events, where `total` is what the whole
        period will hold. Negative when overspent. Raises `ValueError` unless bad lies between 0 and total."""
        count("total", total)
        if not 0 <= bad <= total:
            raise ValueError(f"bad is {bad}: it must lie between 0 and total, {total}")
        return 1 - bad / (total * self.budget)

    def lasts_s(self, bad_share: float) -> float:
        """How long a whole budget lasts at `bad_share`; infinite without bad events."""
        burn = self.burn_rate(bad_share)
        return self.period_s / burn if burn > 0 else math.inf


# ---------------------------------------------------------------- alerts


@dataclass(frozen=True)
class BurnAlert:
    """Fires while the burn rate is over `burn` in the last `long_s` and in the last `short_s`."""

    burn: float
    long_s: float
    short_s: float

    def __post_init__(self) -> None:
        positive("burn", self.burn)
        positive("long_s", self.long_s)
        if not 0 < self.short_s <= self.long_s:
            raise ValueError(
                f"short_s is {self.short_s}: it must be over 0 and at most long_s, {self.long_s}"
            )

    def threshold(self, objective: Objective) -> float:
        """Share of bad events that each window has to exceed."""
        return self.burn * objective.budget

    def budget_share(self, objective: Objective) -> float:
        """Share of the budget that is spent when trouble at exactly `burn` has filled the long window."""
        return self.burn * self.long_s / objective.period_s

    def detection_s(self, objective: Objective, bad_share: float) -> float:
        """From the begin of trouble with a steady `bad_share`, clean before, until the alert fires: the long
        window has to fill as far as threshold / bad share. Infinite when it never does."""
        limit = self.threshold(objective)
        return self.long_s * limit / bad_share if share("bad_share", bad_share) > limit else math.inf

    def reset_s(self, objective: Objective, bad_share: float) -> float:
        """From the end of trouble that had filled both windows with `bad_share` until the alert is silent:
        the short window empties first. 0 for trouble that never fired."""
        limit = self.threshold(objective)
        return self.short_s * (1 - limit / bad_share) if share("bad_share", bad_share) > limit else 0.0


PAGES = (BurnAlert(14.4, 3_600, 300), BurnAlert(6, 6 * 3_600, 1_800))
"""Wakes somebody: the two pairs of [@thurgood2018, tbl. 5-8]."""

TICKET = BurnAlert(1, 3 * DAY_S, 6 * 3_600)
"""Can wait for the morning: the third row of the same table."""


@dataclass(frozen=True)
class Counts:
    """Events of a service, step by step."""

    step_s: float
    total: Ints
    bad: Ints

    def __post_init__(self) -> None:
        positive("step_s", self.step_s)
        vector("total", self.total)
        vector("bad", self.bad, size=self.total.size)
        if bool((self.bad > self.total).any()):
            raise ValueError("bad exceeds total in some step: it must be a part of it")

    def bad_share(self, window_s: float) -> Floats:
        """Share of bad events in the `window_s` that end with each step; where less time has passed, in what
        there is; 0 without events. The window must be a whole number of steps."""
        steps = positive("window_s", window_s) / self.step_s
        if abs(steps - round(steps)) > 1e-6 or round(steps) < 1:
            raise ValueError(f"window_s is {window_s}: it must be a multiple of step_s, {self.step_s}")
        return _trailing(self.bad, round(steps)) / np.maximum(_trailing(self.total, round(steps)), 1)


def traffic(rng: np.random.Generator, per_s: float, bad_share: npt.ArrayLike, step_s: float = 60.0) -> Counts:
    """Poisson traffic of `per_s` events a second, each bad with the chance `bad_share` of its step."""
    chance = vector("bad_share", bad_share)
    share("the largest bad_share", float(chance.max()))
    total = rng.poisson(not_negative("per_s", per_s) * positive("step_s", step_s), chance.size)
    return Counts(step_s, total, rng.binomial(total, chance))


def firing(counts: Counts, objective: Objective, alerts: Sequence[BurnAlert]) -> Flags:
    """At the end of which steps at least one of `alerts` fires. Shape (steps,). Raises `ValueError` without
    alerts."""
    if not alerts:
        raise ValueError("alerts are empty: at least one must watch")
    on = np.zeros(counts.total.size, dtype=np.bool_)
    for alert in alerts:
        limit = alert.threshold(objective)
        on |= (counts.bad_share(alert.long_s) > limit) & (counts.bad_share(alert.short_s) > limit)
    return on


def firing_step_by_step(counts: Counts, objective: Objective, alert: BurnAlert) -> list[bool]:
    """`firing` for one alert, written to be read."""
    fires = []
    for now in range(1, len(counts.total) + 1):
        burns = []
        for window_s in (alert.long_s, alert.short_s):
            first = max(0, now - round(window_s / counts.step_s))
            bad, total = counts.bad[first:now].sum(), counts.total[first:now].sum()
            burns.append(bad / max(total, 1) / objective.budget)
        fires.append(bool(min(burns) > alert.burn))
    return fires


@dataclass(frozen=True)
class Judged:
    """An alert against the truth: `detection_s` from the begin of an incident to the first firing within it,
    infinite where there was none, one for each incident; `false_alarms`, times that it began to fire outside
    every incident and its aftermath; `reset_s` from the end of each detected incident to silence."""

    detection_s: tuple[float, ...]
    reset_s: tuple[float, ...]
    false_alarms: int

    @property
    def recall(self) -> float:
        """Share of incidents, 0 to 1, that were detected; 1 when there were none."""
        found = [math.isfinite(delay) for delay in self.detection_s]
        return sum(found) / len(found) if found else 1.0

    @property
    def precision(self) -> float:
        """Share of alarms, 0 to 1, that stood for an incident; 1 when there were none."""
        found = sum(math.isfinite(delay) for delay in self.detection_s)
        return found / (found + self.false_alarms) if found + self.false_alarms else 1.0


def judge(on: Flags, incidents: Sequence[tuple[float, float]], step_s: float) -> Judged:
    """Hold `on`, an alert at the end of each step, against `incidents`, pairs of begin and end in s on whole
    steps, in order and apart. What still fires after an incident belongs to it until it falls silent."""
    positive("step_s", step_s)
    edges = np.diff(np.concatenate(([0], on.astype(np.int64), [0])))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    blamed = np.zeros(begins.size, dtype=np.bool_)
    detection, reset, last = [], [], 0.0
    for begin_s, end_s in incidents:
        if not last <= begin_s < end_s:
            raise ValueError(f"incidents hold ({begin_s}, {end_s}): they must be in order, begin before end")
        last = end_s
        first, after = round(begin_s / step_s), round(end_s / step_s)
        touching = (begins < after) & (ends > first)
        blamed |= touching
        if not touching.any():
            detection.append(math.inf)
            continue
        which = np.flatnonzero(touching)
        detection.append((max(int(begins[which[0]]), first) - first + 1) * step_s)
        reset.append(max(int(ends[which[-1]]) - after, 0) * step_s)
    return Judged(tuple(detection), tuple(reset), int((~blamed).sum()))


def over_share(threshold: float, expected_events: float, bad_share: float) -> float:
    """P(a window's share of bad events exceeds `threshold`), 0 to 1, at a steady `bad_share` and Poisson
    traffic with `expected_events` in the window: how often a single window is over by chance.

    Bad and good events are independent Poisson numbers B and G, and B / (B + G) > t means G < B (1 - t) / t;
    summed over B. A quiet service is over its threshold with its first bad event.
    """
    from scipy.special import gammaln, pdtr, xlogy  # only here: scipy takes longer to load than numpy

    inside("threshold", threshold)
    mean = positive("expected_events", expected_events) * share("bad_share", bad_share)
    bad = np.arange(1, math.ceil(mean + 12 * math.sqrt(mean) + 40))
    most = np.ceil(bad * (1 - threshold) / threshold - 1e-9) - 1
    chance = np.exp(xlogy(bad, mean) - mean - gammaln(bad + 1)) * pdtr(most, expected_events - mean)
    return float(min(chance.sum(), 1.0))


def _trailing(values: Ints, steps: int) -> Ints:
    """Sum over the last `steps` values at each place, over fewer at the beginning."""
    sums = np.concatenate(([0], np.cumsum(values)))
    ends = np.arange(1, sums.size)
    found: Ints = sums[ends] - sums[np.maximum(ends - steps, 0)]
    return found
