"""Percentiles that can be added up: a sketch of many values in few buckets, with a bound on its error.

Percentiles of two servers cannot be averaged: the p99 of the whole is not the mean of the p99s. Counts in
buckets can be added. With bucket limits in geometric steps of gamma = (1 + a) / (1 - a), every value of a
bucket lies within the share a of its middle, so that every percentile has a *relative* error of at most a,
whatever the distribution, and the sketch of a union is the sum of the sketches, in any order. This is
DDSketch with a logarithmic mapping [@ddsketch-go, README and ddsketch/mapping/logarithmic_mapping.go].

>>> one, two = Sketch.of([10.0] * 99 + [900.0], 0.01), Sketch.of([50.0] * 100, 0.01)
>>> round((one + two).quantile(0.99), 1), round((one.quantile(0.99) + two.quantile(0.99)) / 2, 1)
(49.9, 30.0)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from servelab.arguments import count, inside, not_negative, vector


@dataclass(frozen=True)
class Sketch:
    """Counts of positive values by bucket: bucket i holds gamma^(i-1) < x <= gamma^i. `zeros` counts values
    of 0. `accuracy` is the bound on the relative error, 0 to 1 without the ends."""

    accuracy: float
    buckets: Mapping[int, int]
    zeros: int = 0

    def __post_init__(self) -> None:
        inside("accuracy", self.accuracy)
        count("zeros", self.zeros, 0)
        for number in self.buckets.values():
            count("the count of a bucket", number)

    @classmethod
    def of(cls, values: npt.ArrayLike, accuracy: float = 0.01) -> Sketch:
        """The sketch of `values`, none of them negative."""
        found = vector("values", values)
        inside("accuracy", accuracy)
        some = found[found > 0]
        place, number = np.unique(np.ceil(np.log(some) / _log_gamma(accuracy) - 1e-9), return_counts=True)
        pairs = zip(place.astype(np.int64).tolist(), number.tolist(), strict=True)
        return cls(accuracy, dict(pairs), int(found.size - some.size))

    @property
    def size(self) -> int:
        """How many values it stands for."""
        return self.zeros + sum(self.buckets.values())

    def __add__(self, other: Sketch) -> Sketch:
        """The sketch of both together. Raises `ValueError` for another accuracy: buckets would not match."""
        if self.accuracy != other.accuracy:
            raise ValueError(
                f"accuracy is {other.accuracy}: it must be {self.accuracy}, as in the other sketch"
            )
        return Sketch(self.accuracy, Counter(self.buckets) + Counter(other.buckets), self.zeros + other.zeros)

    def quantile(self, q: float) -> float:
        """The `q`-quantile (0 to 1) within `accuracy` of the true one, which is the smallest value that at
        least the share q of all do not exceed. Raises `ValueError` when the sketch is empty."""
        if not 0 <= q <= 1:
            raise ValueError(f"q is {q}: it must lie between 0 and 1")
        rank = max(math.ceil(q * count("the number of values", self.size) - 1e-9), 1)
        seen = self.zeros
        if rank <= seen:
            return 0.0
        for place in sorted(self.buckets):
            seen += self.buckets[place]
            if seen >= rank:
                break
        gamma = math.exp(_log_gamma(self.accuracy))
        return 2 * gamma**place / (gamma + 1)


def bucket_count(least: float, most: float, accuracy: float) -> int:
    """The most buckets that values from `least` to `most` can fill: ln(most / least) / ln gamma, and two for
    the ends. It grows with the logarithm of the range and not at all with the number of values. Raises
    `ValueError` unless 0 < least <= most."""
    if not 0 < not_negative("least", least) <= not_negative("most", most):
        raise ValueError(f"least is {least}: it must be over 0 and at most most, {most}")
    return math.floor(math.log(most / least) / _log_gamma(inside("accuracy", accuracy))) + 2


def _log_gamma(accuracy: float) -> float:
    return math.log1p(accuracy) - math.log1p(-accuracy)
