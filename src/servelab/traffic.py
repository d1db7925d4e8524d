"""Arrival times that a service meets: steady, with the hour of the day, and in bursts. Times are in s, rates
per second."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from servelab.arguments import Floats, not_negative, positive

DAY_S = 86_400.0


@dataclass(frozen=True)
class Diurnal:
    """A rate that follows the day: a wave around `mean_per_s` whose highest is `peak_ratio` times its mean (1
    to 2), at `peak_s` after midnight."""

    mean_per_s: float
    peak_ratio: float = 1.8
    peak_s: float = 14 * 3600.0
    period_s: float = DAY_S

    def __post_init__(self) -> None:
        positive("mean_per_s", self.mean_per_s)
        not_negative("peak_s", self.peak_s)
        positive("period_s", self.period_s)
        if not 1 <= self.peak_ratio <= 2:
            raise ValueError(f"peak_ratio is {self.peak_ratio}: it must lie between 1 and 2")

    @property
    def peak_per_s(self) -> float:
        """The highest rate."""
        return self.mean_per_s * self.peak_ratio

    def rate_per_s(self, at_s: npt.ArrayLike) -> Floats:
        """The rate at each of the times `at_s`; any shape."""
        phase = 2 * math.pi * (np.asarray(at_s, dtype=np.float64) - self.peak_s) / self.period_s
        found: Floats = self.mean_per_s * (1 + (self.peak_ratio - 1) * np.cos(phase))
        return found

    def times_s(self, rng: np.random.Generator, duration_s: float) -> Floats:
        """Arrival times in the first `duration_s`: a Poisson process at the peak's rate, thinned."""
        candidates = steady_times_s(rng, self.peak_per_s, duration_s)
        keep = rng.random(candidates.size) * self.peak_per_s < self.rate_per_s(candidates)
        found: Floats = candidates[keep]
        return found


def steady_times_s(rng: np.random.Generator, per_s: float, duration_s: float) -> Floats:
    """Poisson arrivals in the first `duration_s`: their number is Poisson, their places uniform."""
    number = rng.poisson(not_negative("per_s", per_s) * positive("duration_s", duration_s))
    return np.sort(rng.uniform(0, duration_s, number))


@dataclass(frozen=True)
class Bursts:
    """Two states that take turns, calm and burst, each for an exponential time, with Poisson arrivals at the
    state's own rate (a Markov-modulated Poisson process)."""

    calm_per_s: float
    burst_per_s: float
    calm_s: float
    burst_s: float

    def __post_init__(self) -> None:
        not_negative("calm_per_s", self.calm_per_s)
        positive("burst_per_s", self.burst_per_s)
        positive("calm_s", self.calm_s)
        positive("burst_s", self.burst_s)

    @property
    def burst_share(self) -> float:
        """Share of time in bursts."""
        return self.burst_s / (self.calm_s + self.burst_s)

    @property
    def mean_per_s(self) -> float:
        """The rate over a long time."""
        return self.calm_per_s + self.burst_share * (self.burst_per_s - self.calm_per_s)

    @property
    def dispersion(self) -> float:
        """Variance over mean of the number of arrivals in a long time: 1 for Poisson.

        The rate is a two-state process whose correlation decays at 1 / calm + 1 / burst.
        """
        share = self.burst_share
        variance = share * (1 - share) * (self.burst_per_s - self.calm_per_s) ** 2
        return 1 + 2 * variance / ((1 / self.calm_s + 1 / self.burst_s) * self.mean_per_s)

    def times_s(self, rng: np.random.Generator, duration_s: float) -> Floats:
        """Arrival times in the first `duration_s`; the first state is drawn as in the long run."""
        begin, burst, parts = 0.0, bool(rng.random() < self.burst_share), []
        positive("duration_s", duration_s)
        while begin < duration_s:
            length = rng.exponential(self.burst_s if burst else self.calm_s)
            rate = self.burst_per_s if burst else self.calm_per_s
            parts.append(begin + np.sort(rng.uniform(0, length, rng.poisson(rate * length))))
            begin, burst = begin + length, not burst
        found = np.concatenate(parts)
        return found[found < duration_s]
