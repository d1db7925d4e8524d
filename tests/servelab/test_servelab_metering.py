"""Metering: nothing lost, nothing doubled, and how far from that each shortcut is, in closed form."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servelab.distributions import Constant, Exponential
from servelab.intervals import mean_interval, share_interval
from servelab.metering import (
    Blocks,
    Channel,
    Deliveries,
    Events,
    Tokens,
    amount,
    amount_rounded_each,
    clock_watermark,
    deduplicate,
    event_watermark,
    invoice,
    late_share,
)

NUMBER = 40_000


def usage(seed: int, number: int = NUMBER, duration_s: float = 86_400.0) -> Events:
    rng = np.random.default_rng(seed)
    at = np.sort(rng.uniform(0, duration_s, number))
    return Events(at, rng.integers(100, 60_000, number))


@pytest.mark.parametrize(("loss", "ack_loss"), [(0.0, 0.0), (0.1, 0.02), (0.02, 0.3)])
def test_copies_are_geometric_in_the_lost_acknowledgments(loss: float, ack_loss: float) -> None:
    """Mean copies and the share of events with more than one, 40,000 events, 99.9 % intervals."""
    channel = Channel(Exponential(2), 5, loss, ack_loss)
    deliveries = channel.deliver(np.random.default_rng(3), usage(1))
    copies = np.bincount(deliveries.event, minlength=NUMBER)
    assert copies.min() >= 1
    assert share_interval(int((copies > 1).sum()), NUMBER, 0.999).holds(ack_loss)
    if ack_loss:
        assert mean_interval(copies, 0.999).holds(channel.mean_copies)
    assert channel.mean_sendings >= channel.mean_copies


@pytest.mark.parametrize("memory_s", [0.0, 5.0, 9.0, 10.0, 23.0])
def test_a_short_memory_charges_twice_as_often_as_the_closed_form_says(memory_s: float) -> None:
    """Acknowledgments lost with 0.4, copies 5 s apart; counts per event, 99.9 % interval."""
    channel = Channel(Constant(1), 5, 0.0, 0.4)
    deliveries = channel.deliver(np.random.default_rng(4), usage(2))
    counted = np.bincount(deliveries.event[deduplicate(deliveries, memory_s)], minlength=NUMBER)
    assert mean_interval(counted, 0.999).holds(channel.mean_counted(memory_s))


@pytest.mark.parametrize("grace_s", [0.0, 60.0, 400.0])
def test_what_misses_its_invoice(grace_s: float) -> None:
    """40,000 events over 24 windows of an hour, exponential delay with mean 120 s, 99.9 % interval. The
    watermark of the events runs behind the clock by the delay of the fastest, so that it finds fewer late."""
    deliveries = Channel(Exponential(120), 1).deliver(np.random.default_rng(5), usage(3))
    window = np.floor(deliveries.at_s / 3_600)
    by_clock = clock_watermark(deliveries, grace_s)
    late = by_clock >= (window + 1) * 3_600
    assert share_interval(int(late.sum()), NUMBER, 0.999).holds(late_share(3_600, grace_s, 120))
    found = invoice(deliveries, by_clock, 3_600)
    assert int(found.adjusted_ms.sum()) == int(deliveries.usage_ms[late].sum())
    by_events = invoice(deliveries, event_watermark(deliveries, grace_s), 3_600)
    assert 0.75 * found.late_share <= by_events.late_share <= found.late_share


def test_an_outage_of_the_sender_closes_no_window_by_events() -> None:
    """Everything of the second hour comes two hours late: by the clock all of it misses, by events none."""
    events = Events(np.array([100.0, 3_700.0, 5_000.0]), np.array([1, 2, 4]))
    deliveries = Deliveries(events, np.arange(3), np.array([101.0, 12_000.0, 12_001.0]))
    clock = invoice(deliveries, clock_watermark(deliveries, 60), 3_600)
    by_events = invoice(deliveries, event_watermark(deliveries, 60), 3_600)
    assert clock.billed_ms.tolist() == [1, 0]
    assert clock.adjusted_ms.tolist() == [0, 6]
    assert by_events.billed_ms.tolist() == [1, 6]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31),
    st.floats(0, 0.6),
    st.floats(0, 0.6),
    st.floats(0, 500),
    st.floats(10, 4_000),
    st.booleans(),
)
def test_nothing_is_lost_and_nothing_doubled(
    seed: int, loss: float, ack_loss: float, grace_s: float, window_s: float, clock: bool
) -> None:
    events = usage(seed, 60, 10_000)
    deliveries = Channel(Exponential(50), 7, loss, ack_loss).deliver(np.random.default_rng(seed), events)
    once = deliveries.only(deduplicate(deliveries))
    watermark = (clock_watermark if clock else event_watermark)(once, grace_s)
    found = invoice(once, watermark, window_s)
    assert found.total_ms == int(events.usage_ms.sum())
    assert sorted(once.event.tolist()) == list(range(60))
    assert np.array_equal(deduplicate(deliveries), deduplicate(deliveries, 1e9))


# ---------------------------------------------------------------- rating


@pytest.mark.parametrize("block_ms", [1_000, 6_000, 15_000])
def test_blocks_charge_what_the_closed_form_says(block_ms: int) -> None:
    """40,000 exponential utterances with mean 4 s, 99.9 % interval. Rounding them up to a ms first moves
    none into another block."""
    drawn = np.random.default_rng(6).exponential(4_000, NUMBER)
    charged = Blocks(block_ms).charged_ms(np.ceil(drawn).astype(np.int64))
    assert mean_interval(charged, 0.999).holds(Blocks(block_ms).mean_ms(4_000))


def test_charges_at_known_points() -> None:
    used = np.array([0, 1, 1_000, 1_001, 61_000])
    assert Blocks(1_000).charged_ms(used).tolist() == [0, 1_000, 1_000, 2_000, 61_000]
    assert Blocks(60_000).charged_ms(used).tolist() == [0, 60_000, 60_000, 60_000, 120_000]
    assert Blocks(1_000, 15_000).charged_ms(used).tolist() == [0, 15_000, 15_000, 15_000, 61_000]
    assert Tokens(80).tokens(used).tolist() == [0, 1, 13, 13, 763]


@given(
    st.lists(st.integers(0, 10**7), min_size=1, max_size=40), st.integers(1, 90_000), st.integers(0, 60_000)
)
def test_nobody_is_charged_for_less_than_was_used(used: list[int], block_ms: int, least_ms: int) -> None:
    usage_ms = np.array(used)
    charged = Blocks(block_ms, least_ms).charged_ms(usage_ms)
    assert bool((charged >= usage_ms).all())
    assert bool((charged[usage_ms >= least_ms] - usage_ms[usage_ms >= least_ms] < block_ms).all())


def test_rounding_each_piece_gives_it_away_or_doubles_it() -> None:
    """10,000 pieces at 0.4 cent cost 40.00 and at 0.6 cent 60.00, rounded once."""
    assert amount([4] * 10_000, Decimal("0.001")) == Decimal("40.00")
    assert amount_rounded_each([4] * 10_000, Decimal("0.001")) == 0
    assert amount([6] * 10_000, Decimal("0.001")) == Decimal("60.00")
    assert amount_rounded_each([6] * 10_000, Decimal("0.001")) == Decimal("100.00")


@given(st.lists(st.integers(0, 10**9), max_size=30), st.randoms())
def test_an_amount_does_not_depend_on_the_order(quantities: list[int], shuffle: Any) -> None:
    mixed = list(quantities)
    shuffle.shuffle(mixed)
    price = Decimal("0.0000617")
    assert amount(quantities, price) == amount(mixed, price)
    assert abs(amount(quantities, price) - sum(quantities) * price) <= Decimal("0.005")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Events(np.array([1.0]), np.array([1.5])), "usage_ms holds float64"),
        (lambda: Events(np.array([np.nan]), np.array([1])), "at_s holds NaN"),
        (lambda: Channel(Constant(1), 0), "retry_s is 0"),
        (lambda: Channel(Constant(1), 1, 0.0, 1.0), "ack_loss is 1"),
        (lambda: Channel(Exponential(1), 1).mean_counted(1), "the closed form needs"),
        (lambda: Deliveries(usage(1, 2), np.array([2]), np.array([1.0])), "event names 2"),
        (lambda: deduplicate(Deliveries(usage(1, 1), np.array([0]), np.array([1.0])), -1), "memory_s is -1"),
        (
            lambda: invoice(Deliveries(usage(1, 1), np.array([0]), np.array([1.0])), np.zeros(2), 1),
            "watermark_s has the shape",
        ),
        (lambda: late_share(0, 1, 1), "window_s is 0"),
        (lambda: Blocks(0), "block_ms is 0"),
        (lambda: Blocks(1, 5).mean_ms(3), "least_ms is 5"),
        (lambda: Blocks(1).charged_ms(np.array([-1])), "usage_ms holds -1"),
        (lambda: Tokens(0), "token_ms is 0"),
        (lambda: amount([1], Decimal(-1)), "price is Decimal"),
        (lambda: amount([1], cast(Decimal, 0.1)), "price is 0.1"),
    ],
)
def test_bad_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_the_closed_form_of_lateness_at_its_ends() -> None:
    assert late_share(1, 0, 1e6) == pytest.approx(1, abs=1e-5)
    assert late_share(3_600, 1e6, 10) == pytest.approx(0)
    assert late_share(100, 0, 1) == pytest.approx(0.01, rel=1e-9)
    assert math.isclose(late_share(100, 5, 1), 0.01 * math.exp(-5))
