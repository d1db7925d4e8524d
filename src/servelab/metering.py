"""Metering: from events that come at least once, in any order, to an amount that is charged once.

A worker reports each piece of usage as an event with an id. The sender repeats it until it is acknowledged,
and an acknowledgment can be lost as well: nothing is missing in the end, but some of it is there twice and
some of it late. Three things mend that. *Deduplication* drops an id that was seen before. A *watermark* says
up to which time usage counts as complete, so that a window of time can be closed and invoiced. What comes
after that is not lost: it is an *adjustment* of the next invoice.

Usage is counted in whole ms, so that sums do not depend on their order, and money in `Decimal`. Times are in
s. Arrays have the shape (events,) or (deliveries,).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import numpy.typing as npt

from servelab.arguments import count, not_negative, positive, times, vector
from servelab.distributions import Distribution, draw

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


# ---------------------------------------------------------------- events


@dataclass(frozen=True)
class Events:
    """Usage as it happened: the end of each piece (`at_s`) and its size (`usage_ms`). An event's id is its
    place."""

    at_s: Floats
    usage_ms: Ints

    def __post_init__(self) -> None:
        vector("at_s", self.at_s)
        vector("usage_ms", self.usage_ms, size=self.at_s.size)
        if not np.issubdtype(self.usage_ms.dtype, np.integer):
            raise ValueError(f"usage_ms holds {self.usage_ms.dtype}: it must hold whole numbers of ms")


@dataclass(frozen=True)
class Deliveries:
    """What came in, in order of arrival: the id of each event, copies included, and when it arrived."""

    events: Events
    event: Ints
    arrived_s: Floats

    def __post_init__(self) -> None:
        times("arrived_s", self.arrived_s)
        vector("event", self.event, size=self.arrived_s.size)
        if int(self.event.max()) >= self.events.at_s.size:
            raise ValueError(f"event names {int(self.event.max())}: there are {self.events.at_s.size} events")

    def only(self, which: Flags) -> Deliveries:
        """Those deliveries that `which` marks."""
        return Deliveries(self.events, self.event[which], self.arrived_s[which])

    @property
    def usage_ms(self) -> Ints:
        """What each delivery reports."""
        return self.events.usage_ms[self.event]

    @property
    def at_s(self) -> Floats:
        """When what each delivery reports happened."""
        return self.events.at_s[self.event]


@dataclass(frozen=True)
class Channel:
    """A sender that repeats an event every `retry_s` until it is acknowledged. Each sending is lost with the
    chance `loss`, the acknowledgment of one that came with the chance `ack_loss`; one that comes takes
    `delay_s`."""

    delay_s: Distribution
    retry_s: float
    loss: float = 0.0
    ack_loss: float = 0.0

    def __post_init__(self) -> None:
        positive("retry_s", self.retry_s)
        for name in ("loss", "ack_loss"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be at least 0 and under 1")

    @property
    def mean_sendings(self) -> float:
        """Sendings of an event until one is acknowledged, on average."""
        return 1 / ((1 - self.loss) * (1 - self.ack_loss))

    @property
    def mean_copies(self) -> float:
        """Copies of an event that arrive, on average: geometric, 1 / (1 - ack loss). The loss of sendings
        does not matter, only that of acknowledgments doubles."""
        return 1 / (1 - self.ack_loss)

    def mean_counted(self, memory_s: float) -> float:
        """How often an event is counted, on average, by a `deduplicate` that remembers an id for `memory_s`,
        when no sending is lost and the delay is constant. Copies are a retry apart: one in every j is counted
        with j the retries in the memory, 1 / (1 - ack loss^j). Raises `ValueError` otherwise."""
        if self.loss > 0 or self.delay_s.scv > 0:
            raise ValueError("the closed form needs a loss of 0 and a constant delay_s")
        retries = max(math.ceil(not_negative("memory_s", memory_s) / self.retry_s - 1e-9), 1)
        return 1 / (1 - self.ack_loss**retries)

    def deliver(self, rng: np.random.Generator, events: Events) -> Deliveries:
        """Send all `events`: every one of them arrives, once or more."""
        waiting = np.arange(events.at_s.size)
        ids, arrivals, tries = [], [], 0
        while waiting.size:
            through = waiting[rng.random(waiting.size) >= self.loss]
            ids.append(through)
            arrivals.append(
                events.at_s[through] + tries * self.retry_s + draw(rng, self.delay_s, through.size)
            )
            heard = through[rng.random(through.size) >= self.ack_loss]
            waiting = np.setdiff1d(waiting, heard, assume_unique=True)
            tries += 1
        arrived = np.concatenate(arrivals)
        order = np.argsort(arrived, kind="stable")
        return Deliveries(events, np.concatenate(ids)[order], arrived[order])


# ---------------------------------------------------------------- once, and complete


def deduplicate(deliveries: Deliveries, memory_s: float = math.inf) -> Flags:
    """Which deliveries count: those whose id is not remembered. An id is remembered for `memory_s` from the
    delivery that counted, and forever if nothing is said. A memory that is shorter than the longest retry
    charges twice. Raises `ValueError` for a negative memory."""
    if not memory_s >= 0:
        raise ValueError(f"memory_s is {memory_s}: it must not be negative")
    counts = np.zeros(deliveries.event.size, dtype=np.bool_)
    if memory_s == math.inf:
        counts[np.unique(deliveries.event, return_index=True)[1]] = True
        return counts
    seen: dict[int, float] = {}
    pairs = zip(deliveries.event.tolist(), deliveries.arrived_s.tolist(), strict=True)
    for place, (event, at) in enumerate(pairs):
        if at - seen.get(event, -math.inf) >= memory_s - 1e-9:
            counts[place] = True
            seen[event] = at
    return counts


def clock_watermark(deliveries: Deliveries, grace_s: float) -> Floats:
    """At each delivery, the time up to which usage counts as complete: the clock, less `grace_s`."""
    return deliveries.arrived_s - not_negative("grace_s", grace_s)


def event_watermark(deliveries: Deliveries, grace_s: float) -> Floats:
    """The same by the events themselves: the latest that was seen before, less `grace_s`. It stands still
    when nothing comes, so that an outage of the sender closes no window."""
    latest = np.maximum.accumulate(deliveries.at_s)
    before = np.concatenate(([-math.inf], latest[:-1]))
    found: Floats = before - not_negative("grace_s", grace_s)
    return found


@dataclass(frozen=True)
class Invoiced:
    """Usage by window of time, in ms: what was there when each was closed (`billed_ms`), and what came later
    (`adjusted_ms`)."""

    window_s: float
    billed_ms: Ints
    adjusted_ms: Ints

    @property
    def total_ms(self) -> int:
        """All usage, now or later."""
        return int(self.billed_ms.sum() + self.adjusted_ms.sum())

    @property
    def late_share(self) -> float:
        """Share of usage, 0 to 1, that missed its invoice."""
        return int(self.adjusted_ms.sum()) / self.total_ms if self.total_ms else 0.0


def invoice(deliveries: Deliveries, watermark_s: Floats, window_s: float) -> Invoiced:
    """Sum what `deliveries` report in windows of `window_s` from time 0. A window is closed when the
    watermark, one for each delivery, has reached its end. Give deliveries that are deduplicated. Raises
    `ValueError` unless there is a watermark for each delivery."""
    if watermark_s.shape != deliveries.event.shape:
        raise ValueError(
            f"watermark_s has the shape {watermark_s.shape}: it must be that of the deliveries, "
            f"{deliveries.event.shape}"
        )
    window = np.floor(deliveries.at_s / positive("window_s", window_s)).astype(np.int64)
    late = watermark_s >= (window + 1) * window_s
    billed = np.zeros(int(window.max()) + 1, dtype=np.int64)
    adjusted = billed.copy()
    np.add.at(billed, window[~late], deliveries.usage_ms[~late])
    np.add.at(adjusted, window[late], deliveries.usage_ms[late])
    return Invoiced(window_s, billed, adjusted)


def late_share(window_s: float, grace_s: float, mean_delay_s: float) -> float:
    """Share of events, 0 to 1, that miss their window under `clock_watermark`, when they are uniform in time
    and their delay is exponential: the mean of exp(-(grace + u) / d) over the time u that is left in the
    window, d / w e^(-g/d) (1 - e^(-w/d))."""
    window, mean = positive("window_s", window_s), positive("mean_delay_s", mean_delay_s)
    return mean / window * math.exp(-not_negative("grace_s", grace_s) / mean) * -math.expm1(-window / mean)


# ---------------------------------------------------------------- rating


@dataclass(frozen=True)
class Blocks:
    """Time is charged in started blocks of `block_ms`, at least `least_ms` of it for each piece of usage. A
    block of 1,000 ms is billing by the second, of 60,000 ms by the minute."""

    block_ms: int
    least_ms: int = 0

    def __post_init__(self) -> None:
        count("block_ms", self.block_ms)
        count("least_ms", self.least_ms, 0)

    def charged_ms(self, usage_ms: Ints) -> Ints:
        """What is charged for each of `usage_ms`; nothing for nothing. Never less than was used."""
        vector("usage_ms", usage_ms)
        blocks: Ints = -(-usage_ms // self.block_ms) * self.block_ms
        return np.where(usage_ms > 0, np.maximum(blocks, self.least_ms), 0)

    def mean_ms(self, mean_usage_ms: float) -> float:
        """Mean charge for exponential usage, without a least charge: b / (1 - e^(-b/m)). That is half a block
        more than the usage where blocks are short against it, and hardly more than one block where they are
        long. Raises `ValueError` with a least charge."""
        if self.least_ms:
            raise ValueError(f"least_ms is {self.least_ms}: the closed form needs 0")
        return self.block_ms / -math.expm1(-self.block_ms / positive("mean_usage_ms", mean_usage_ms))


@dataclass(frozen=True)
class Tokens:
    """A model that charges audio as tokens: each token stands for `token_ms` of sound, started ones count."""

    token_ms: int

    def __post_init__(self) -> None:
        count("token_ms", self.token_ms)

    def tokens(self, usage_ms: Ints) -> Ints:
        """Tokens of each of `usage_ms`."""
        vector("usage_ms", usage_ms)
        found: Ints = -(-usage_ms // self.token_ms)
        return found


CENT = Decimal("0.01")


def amount(quantities: Iterable[int], price: Decimal, *, unit: Decimal = CENT) -> Decimal:
    """`price` for each of the whole `quantities`, summed exactly and rounded once to `unit`, half to even:
    the line of an invoice."""
    return (sum(map(int, quantities)) * _price(price)).quantize(unit, ROUND_HALF_EVEN)


def amount_rounded_each(quantities: Iterable[int], price: Decimal, *, unit: Decimal = CENT) -> Decimal:
    """The same, each quantity rounded for itself: the mistake. A piece that costs less than half a unit is
    free, and one just above costs a whole one."""
    each = (int(quantity) * _price(price) for quantity in quantities)
    return sum((cost.quantize(unit, ROUND_HALF_EVEN) for cost in each), Decimal(0))


def _price(price: Decimal) -> Decimal:
    if not (isinstance(price, Decimal) and price.is_finite() and price >= 0):
        raise ValueError(f"price is {price!r}: it must be a Decimal that is finite and not negative")
    return price
