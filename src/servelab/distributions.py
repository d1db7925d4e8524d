"""Distributions of times: how long a stage, a service or a gap between arrivals takes.

Each has a `mean`, a `scv` (squared coefficient of variation: variance over squared mean, the measure of
irregularity that queueing formulas take), a `quantile` and a `draw`. They carry no unit: what goes in in ms
comes out in ms.

>>> round(LogNormal.of_percentiles(p50=100, p99=320).quantile(0.99))
320
>>> Exponential(5).scv, Constant(5).scv
(1.0, 0.0)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np

from servelab.arguments import Floats, not_negative, positive, vector

Numbers = float | Floats
STANDARD_NORMAL = NormalDist()


class Distribution(Protocol):
    """Anything that draws times that are not negative."""

    @property
    def mean(self) -> float:
        """In the unit of the values."""

    @property
    def scv(self) -> float:
        """Variance divided by the squared mean."""

    def quantile(self, q: Numbers) -> Floats:
        """The value that a share `q` (0 to 1, without the ends) does not exceed; any shape."""


def draw(rng: np.random.Generator, distribution: Distribution, size: int) -> Floats:
    """`size` independent draws, by the fastest generator that numpy has for the distribution."""
    match distribution:
        case Exponential(mean):
            return rng.exponential(mean, size)
        case Constant(value):
            return np.full(size, float(value))
        case LogNormal(median, sigma):
            return rng.lognormal(math.log(median), sigma, size)
        case Gamma(mean, scv):
            return rng.gamma(1 / scv, mean * scv, size)
        case Empirical(values):
            return rng.choice(np.asarray(values, dtype=np.float64), size)
        case Shifted(least, rest):
            return least + draw(rng, rest, size)
    return distribution.quantile(rng.random(size))


@dataclass(frozen=True)
class Constant:
    """Always `value`."""

    value: float

    def __post_init__(self) -> None:
        not_negative("value", self.value)

    @property
    def mean(self) -> float:
        return self.value

    @property
    def scv(self) -> float:
        return 0.0

    def quantile(self, q: Numbers) -> Floats:
        return np.full(np.shape(q), float(self.value))


@dataclass(frozen=True)
class Exponential:
    """Without memory: the gaps of Poisson arrivals, the service of M/M/c."""

    mean: float

    def __post_init__(self) -> None:
        positive("mean", self.mean)

    @property
    def scv(self) -> float:
        return 1.0

    def quantile(self, q: Numbers) -> Floats:
        return -self.mean * np.log1p(-np.asarray(q, dtype=np.float64))


@dataclass(frozen=True)
class LogNormal:
    """A product of many small factors: right for most stages of a request. `sigma` is the standard
    deviation of the logarithm."""

    median: float
    sigma: float

    def __post_init__(self) -> None:
        positive("median", self.median)
        positive("sigma", self.sigma)

    @classmethod
    def of_percentiles(cls, p50: float, p99: float) -> LogNormal:
        """The log-normal with this median and this p99. Raises `ValueError` unless p99 exceeds p50."""
        positive("p50", p50)
        if not (math.isfinite(p99) and p99 > p50):
            raise ValueError(f"p99 is {p99}: it must be finite and greater than p50, {p50}")
        return cls(p50, math.log(p99 / p50) / STANDARD_NORMAL.inv_cdf(0.99))

    @classmethod
    def of_mean(cls, mean: float, scv: float) -> LogNormal:
        """The log-normal with this mean and squared coefficient of variation."""
        sigma = math.sqrt(math.log1p(positive("scv", scv)))
        return cls(positive("mean", mean) * math.exp(-(sigma**2) / 2), sigma)

    @property
    def mean(self) -> float:
        return self.median * math.exp(self.sigma**2 / 2)

    @property
    def scv(self) -> float:
        return math.expm1(self.sigma**2)

    def quantile(self, q: Numbers) -> Floats:
        return self.median * np.exp(self.sigma * _normal_quantile(q))


@dataclass(frozen=True)
class Gamma:
    """Any mean and squared coefficient of variation: steadier than exponential under 1, burstier over 1."""

    mean: float
    scv: float

    def __post_init__(self) -> None:
        positive("mean", self.mean)
        positive("scv", self.scv)

    def quantile(self, q: Numbers) -> Floats:
        from scipy.special import gammaincinv  # only here: scipy takes longer to load than numpy

        found: Floats = self.mean * self.scv * gammaincinv(1 / self.scv, np.asarray(q, dtype=np.float64))
        return found


@dataclass(frozen=True)
class Shifted:
    """At least `least`, and then `rest`: a floor that no request undercuts, such as a round trip."""

    least: float
    rest: Distribution

    def __post_init__(self) -> None:
        not_negative("least", self.least)

    @property
    def mean(self) -> float:
        return self.least + self.rest.mean

    @property
    def scv(self) -> float:
        return self.rest.scv * (self.rest.mean / self.mean) ** 2

    def quantile(self, q: Numbers) -> Floats:
        return self.least + self.rest.quantile(q)


@dataclass(frozen=True)
class Empirical:
    """What was measured: each of `values` is as likely as any other. Quantiles interpolate between them."""

    values: tuple[float, ...]

    def __init__(self, values: Sequence[float] | Floats) -> None:
        object.__setattr__(self, "values", tuple(vector("values", values).tolist()))

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def scv(self) -> float:
        return float(np.var(self.values)) / self.mean**2 if self.mean > 0 else 0.0

    def quantile(self, q: Numbers) -> Floats:
        return np.asarray(np.quantile(self.values, q))


def _normal_quantile(q: Numbers) -> Floats:
    from scipy.special import ndtri

    found: Floats = ndtri(np.asarray(q, dtype=np.float64))
    return found
