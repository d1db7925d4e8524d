"""Coordinated omission: a load generator that waits for a stalled server does not measure the stall.

A generator means to send every `interval_s` over one connection. While a request is out it cannot send the
next: the server's stall stops the generator as well, and hundreds of requests that users would have sent are
missing from the record [@wrk2, README]. Time has to run from the moment at which a request was *meant* to be
sent.

>>> run = closed_loop([0.001, 1.0, 0.001, 0.001], interval_s=0.25)
>>> run.measured_s.round(3).tolist()
[0.001, 1.0, 0.001, 0.001]
>>> run.true_s.round(3).tolist()
[0.001, 1.0, 0.751, 0.502]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from servelab.arguments import positive, vector

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """Requests of one connection: when each was meant to be sent, when it was, and when its answer came."""

    meant_s: Floats
    sent_s: Floats
    done_s: Floats

    @property
    def measured_s(self) -> Floats:
        """What a generator records that starts its watch when it sends."""
        return self.done_s - self.sent_s

    @property
    def true_s(self) -> Floats:
        """What a user would have waited who came when the schedule says."""
        return self.done_s - self.meant_s


def closed_loop(service_s: npt.ArrayLike, interval_s: float) -> Run:
    """Send one request every `interval_s`, or as soon as the one before is answered if that is later.

    The answer of request k ends at max over j <= k of meant[j] + service[j] + ... + service[k]: Lindley's
    recursion, unrolled into one running maximum.
    """
    service = vector("service_s", service_s)
    meant: Floats = np.arange(service.size, dtype=np.float64) * positive("interval_s", interval_s)
    worked: Floats = np.cumsum(service)
    done: Floats = worked + np.maximum.accumulate(meant - worked + service)
    return Run(meant, np.maximum(meant, np.concatenate(([0.0], done[:-1]))), done)


def backfilled(measured_s: npt.ArrayLike, interval_s: float) -> Floats:
    """`measured_s`, and for each latency over `interval_s` those that the generator left out: one interval
    less, two less, as long as more than nothing is left. A repair for records whose schedule is lost: it
    assumes that what followed a stall would have waited for its end and no longer. Sorted.
    """
    measured = vector("measured_s", measured_s)
    missing = np.maximum(np.ceil(measured / positive("interval_s", interval_s) - 1e-9) - 1, 0).astype(
        np.int64
    )
    owner = np.repeat(np.arange(measured.size), missing)
    place = np.arange(owner.size) - np.repeat(np.cumsum(missing) - missing, missing) + 1
    return np.sort(np.concatenate((measured, measured[owner] - place * interval_s)))


def stalled_share(stall_s: float, every_s: float, over_s: float) -> float:
    """Share of users, 0 to 1, who wait longer than `over_s` at a server that answers at once but stands still
    for `stall_s` in every `every_s`: those who come in the first stall - over of each: (S - x) / T. The
    generator above records one latency a stall, however long it is. Raises `ValueError` unless a stall fits
    into its period."""
    stall = positive("stall_s", stall_s)
    if not every_s >= stall:
        raise ValueError(f"every_s is {every_s}: it must be at least stall_s, {stall_s}")
    return max(stall - over_s, 0.0) / every_s
