"""Confidence intervals for what a simulation estimates.

The values of one queue follow each other and are not independent, so that their standard deviation says
nothing about the error of their mean. Independent replications do (`mean_interval`), and so do the means of
long batches of one run (`batch_means_interval`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy.typing as npt

from servelab.arguments import count, inside, vector


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its confidence interval, in the unit of the values."""

    value: float
    low: float
    high: float

    def holds(self, expected: float) -> bool:
        """Whether the interval contains `expected`."""
        return self.low <= expected <= self.high


def mean_interval(values: npt.ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's interval for the mean of independent `values`, at least two of them."""
    from scipy.special import stdtrit

    found = vector("values", values, least=None)
    count("the number of values", found.size, 2)
    mean = float(found.mean())
    quantile = float(stdtrit(found.size - 1, (1 + inside("confidence", confidence)) / 2))
    half = quantile * float(found.std(ddof=1)) / math.sqrt(found.size)
    return Interval(mean, mean - half, mean + half)


def batch_means_interval(values: npt.ArrayLike, confidence: float = 0.95, batches: int = 30) -> Interval:
    """Interval for the mean of one long run: its values in order, cut into `batches` of equal length.

    Each batch must be long against the time over which the queue remembers. Values that do not fill the last
    batch are left out at the beginning, where the queue was still empty.
    """
    found = vector("values", values, least=None)
    length = found.size // count("batches", batches, 2)
    count("values in a batch", length)
    return mean_interval(
        found[found.size - length * batches :].reshape(batches, length).mean(axis=1), confidence
    )


def share_interval(hits: int, tries: int, confidence: float = 0.95) -> Interval:
    """Wilson's interval for a share of which `hits` of `tries` independent events were seen: scipy's method
    "wilson" [@scipy-wilson]. Raises `ValueError` unless hits lies between 0 and tries."""
    count("tries", tries)
    if not 0 <= hits <= tries:
        raise ValueError(f"hits is {hits}: it must lie between 0 and tries, {tries}")
    from scipy.special import ndtri

    z2 = float(ndtri((1 + inside("confidence", confidence)) / 2)) ** 2
    found = hits / tries
    middle = (found + z2 / (2 * tries)) / (1 + z2 / tries)
    half = math.sqrt(z2 * (found * (1 - found) / tries + z2 / (4 * tries**2))) / (1 + z2 / tries)
    return Interval(found, middle - half, middle + half)
