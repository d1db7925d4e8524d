"""Checks of arguments: a bad one gives a `ValueError` that names it and the range it must lie in.

Each function returns what it was given, as a float or an array of floats, so that a check can stand where
the value is first used. NaN and infinity are never in range.

>>> positive("service_s", 0)
Traceback (most recent call last):
...
ValueError: service_s is 0: it must be finite and greater than 0
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def positive(name: str, value: float) -> float:
    """`value`, finite and greater than 0."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value}: it must be finite and greater than 0")
    return float(value)


def not_negative(name: str, value: float) -> float:
    """`value`, finite and 0 or greater."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value}: it must be finite and not negative")
    return float(value)


def share(name: str, value: float) -> float:
    """`value`, from 0 to 1 with both ends."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}: it must lie between 0 and 1")
    return float(value)


def inside(name: str, value: float) -> float:
    """`value`, between 0 and 1 without the ends: what a quantile or a confidence needs."""
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value}: it must lie between 0 and 1, both excluded")
    return float(value)


def count(name: str, value: int, least: int = 1) -> int:
    """`value`, a whole number of at least `least`."""
    if isinstance(value, bool) or value != value or int(value) != value or value < least:
        raise ValueError(f"{name} is {value}: it must be a whole number of at least {least}")
    return int(value)


def vector(name: str, values: npt.ArrayLike, *, least: float | None = 0.0, size: int | None = None) -> Floats:
    """`values` as a one-dimensional array of finite floats, not empty, each at least `least` where one is
    given, and `size` of them where one is given."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} has the shape {array.shape}: it must be one row of at least one number")
    if size is not None and array.size != size:
        raise ValueError(f"{name} has {array.size} values: it must have {size}")
    low = float(array.min())  # NaN goes through minimum and maximum
    if not (math.isfinite(low) and math.isfinite(float(array.max()))):
        raise ValueError(f"{name} holds NaN or infinity: every value must be finite")
    if least is not None and low < least:
        raise ValueError(f"{name} holds {low:g}: every value must be at least {least:g}")
    return array


def times(name: str, values: npt.ArrayLike) -> Floats:
    """`values` as a vector of finite times that never go back."""
    array = vector(name, values, least=None)
    if array.size > 1 and bool((array[1:] < array[:-1]).any()):
        raise ValueError(f"{name} goes back in time: it must be sorted")
    return array
