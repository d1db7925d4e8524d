"""Distances on a sphere, sites on a circle, and routes that keep to the law: against closed forms."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servelab import geo
from servelab.geo import (
    EARTH_RADIUS_KM,
    Objective,
    Place,
    distances_km,
    fiber_ms,
    great_circle_km,
    greedy_placement,
    placement,
    residency,
    round_trips_ms,
    route,
)

NORTH, SOUTH = Place("north pole", 90, 0), Place("south pole", -90, 0)
PLACES = st.builds(Place, st.just(""), st.floats(-90, 90), st.floats(-180, 180))


def test_distances_at_known_points() -> None:
    half = math.pi * EARTH_RADIUS_KM
    origin = Place("", 0, 0)
    assert great_circle_km(NORTH, SOUTH) == pytest.approx(half)
    assert great_circle_km(origin, Place("", 0, 180)) == pytest.approx(half)
    assert great_circle_km(origin, Place("", 0, 90)) == pytest.approx(half / 2)
    assert great_circle_km(origin, Place("", 60, 0)) == pytest.approx(half / 3)
    assert great_circle_km(Place("", 45, 0), Place("", 45, 180)) == pytest.approx(half / 2)
    assert great_circle_km(Place("", 0, 179), Place("", 0, -179)) == pytest.approx(half / 90)


@given(PLACES, PLACES, PLACES)
def test_a_detour_is_never_shorter(one: Place, two: Place, three: Place) -> None:
    direct = great_circle_km(one, three)
    assert direct <= great_circle_km(one, two) + great_circle_km(two, three) + 1e-6
    assert direct == pytest.approx(great_circle_km(three, one), abs=1e-6)
    assert 0 <= direct <= math.pi * EARTH_RADIUS_KM + 1e-6


@given(PLACES, PLACES)
def test_the_haversine_is_the_angle_between_two_vectors(one: Place, two: Place) -> None:
    def point(place: Place) -> np.ndarray[Any, Any]:
        lat, lon = math.radians(place.latitude), math.radians(place.longitude)
        return np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])

    a, b = point(one), point(two)
    angle = math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b))
    assert great_circle_km(one, two) == pytest.approx(EARTH_RADIUS_KM * angle, abs=1e-3)


def test_light_in_glass() -> None:
    """204 km a ms, so that half the earth and back takes 196 ms and a cable twice as long twice that."""
    assert 1 / fiber_ms(1) == pytest.approx(204.2, abs=0.1)
    assert round_trips_ms([NORTH], [SOUTH])[0, 0] == pytest.approx(196, abs=0.1)
    assert fiber_ms(100, 2) == pytest.approx(2 * fiber_ms(100))


# ---------------------------------------------------------------- placement


@pytest.mark.parametrize("sites", [1, 2, 3, 4, 6])
def test_even_sites_on_a_circle(sites: int) -> None:
    """Users evenly around the equator, 12 sites to choose from: k even ones have a mean distance of L / 4k
    and a worst of L / 2k."""
    users = [Place("", 0, -180 + 0.5 * (step + 0.5)) for step in range(720)]
    candidates = [Place("", 0, -180 + 30.0 * step) for step in range(12)]
    around = 2 * math.pi * EARTH_RADIUS_KM
    objectives: tuple[Objective, ...] = ("mean", "worst")
    for objective in objectives:
        found = placement(distances_km(users, candidates), np.ones(720), sites, objective, most=1_000)
        assert found.mean_ms == pytest.approx(around / (4 * sites), rel=1e-3)
        assert found.worst_ms == pytest.approx(around / (2 * sites), rel=5e-3 * sites)
        assert set(np.diff(found.sites)) <= {12 // sites}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.sampled_from(["mean", "worst"]))
def test_more_sites_are_never_worse_and_all_choices_beat_the_greedy_one(
    seed: int, sites: int, objective: Objective
) -> None:
    rng = np.random.default_rng(seed)
    delays, weight = rng.uniform(1, 300, (15, 6)), rng.uniform(0, 5, 15)

    def cost(found: geo.Placement) -> float:
        return found.mean_ms if objective == "mean" else found.worst_ms

    best = placement(delays, weight, sites, objective)
    assert cost(best) <= cost(greedy_placement(delays, weight, sites, objective)) + 1e-9
    assert cost(placement(delays, weight, sites + 1, objective)) <= cost(best) + 1e-9
    one = greedy_placement(delays, weight, 1, objective)
    assert one.sites == placement(delays, weight, 1, objective).sites


# ---------------------------------------------------------------- routing

EUROPE = [Place("Berlin", 52.5, 13.4, "eu"), Place("Madrid", 40.4, -3.7, "eu")]
USERS = [*EUROPE, Place("Boston", 42.4, -71.1, "us")]
SITES = [Place("Frankfurt", 50.1, 8.7, "eu"), Place("Virginia", 39.0, -77.5, "us")]
RULES = {"eu": {"eu"}, "us": None}


def test_nobody_is_served_where_the_rule_forbids_it() -> None:
    """Frankfurt takes 6 of Europe's 10; the other 4 are unserved with half of Virginia idle. Without the
    rule they would be served there."""
    delays, load = round_trips_ms(USERS, SITES), [5.0, 5.0, 10.0]
    allowed = residency(USERS, SITES, RULES)
    assert allowed.tolist() == [[True, False], [True, False], [True, True]]
    lawful = route(delays, load, [6.0, 20.0], allowed)
    assert lawful.unserved.sum() == pytest.approx(4)
    assert lawful.load == pytest.approx([6, 10])
    assert lawful.flow[~allowed].sum() == 0
    anywhere = route(delays, load, [6.0, 20.0], np.ones_like(allowed))
    assert anywhere.unserved.sum() == pytest.approx(0)
    assert anywhere.mean_ms > lawful.mean_ms


def test_when_a_site_fails_its_neighbors_take_what_they_may() -> None:
    delays = round_trips_ms(USERS, SITES)
    allowed = residency(USERS, SITES, RULES)
    whole = route(delays, [1.0, 1.0, 1.0], [5.0, 5.0], allowed)
    assert whole.mean_ms == pytest.approx((delays[0, 0] + delays[1, 0] + delays[2, 1]) / 3)
    virginia_down = route(delays, [1.0, 1.0, 1.0], [5.0, 0.0], allowed)
    assert virginia_down.unserved.sum() == pytest.approx(0)
    frankfurt_down = route(delays, [1.0, 1.0, 1.0], [0.0, 5.0], allowed)
    assert frankfurt_down.unserved == pytest.approx([1, 1, 0])
    dark = route(delays, [1.0, 1.0, 1.0], [5.0, 5.0], np.zeros_like(allowed))
    assert dark.unserved == pytest.approx([1, 1, 1])
    assert math.isnan(dark.mean_ms)


def test_serving_all_comes_before_serving_fast() -> None:
    """The first user may go to either site, the second to the first alone: so the first has to go far."""
    found = route(
        np.array([[1.0, 900.0], [1.0, 1.0]]), [1.0, 1.0], [1.0, 1.0], np.array([[True, True], [True, False]])
    )
    assert found.unserved.sum() == pytest.approx(0)
    assert found.flow == pytest.approx(np.array([[0.0, 1.0], [1.0, 0.0]]))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31))
def test_all_load_is_served_or_counted_and_no_site_overfull(seed: int) -> None:
    rng = np.random.default_rng(seed)
    delays, load, capacity = rng.uniform(1, 300, (6, 4)), rng.uniform(0.1, 5, 6), rng.uniform(0, 8, 4)
    allowed = rng.random((6, 4)) < 0.6
    found = route(delays, load, capacity, allowed)
    assert found.flow.sum(axis=1) + found.unserved == pytest.approx(load)
    assert bool((found.load <= capacity + 1e-6).all())
    assert bool((found.flow >= -1e-9).all())
    assert found.flow[~allowed].sum() == 0
    free = route(delays, load, capacity, np.ones_like(allowed))
    assert free.unserved.sum() == pytest.approx(max(load.sum() - capacity.sum(), 0.0), abs=1e-6)
    assert free.unserved.sum() <= found.unserved.sum() + 1e-6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Place("", 91, 0), "latitude is 91"),
        (lambda: Place("", 0, math.nan), "longitude is nan"),
        (lambda: distances_km([], [NORTH]), "users and sites must hold"),
        (lambda: fiber_ms(-1), "distance_km is -1"),
        (lambda: fiber_ms(1, 0.5), "detour is 0.5"),
        (lambda: placement(np.ones((2, 2)), [1, 1], 3), "sites is 3"),
        (lambda: greedy_placement(np.ones((2, 2)), [1, 1], 3), "sites is 3"),
        (lambda: placement(np.ones((1, 40)), [1], 20), "sites is 20: there are more"),
        (lambda: placement(np.full((1, 1), np.nan), [1], 1), "delay_ms holds NaN"),
        (lambda: placement(np.ones((1, 1)), [0], 1), "weight holds only zeros"),
        (lambda: placement(np.ones(3), [1], 1), "delay_ms has the shape"),
        (lambda: placement(np.ones((1, 1)), [1], 1, cast(Objective, "median")), "objective is 'median'"),
        (lambda: residency(USERS, SITES, {"eu": {"eu"}}), "rules say nothing of 'us', the region of Boston"),
        (lambda: route(np.ones((1, 2)), [1], [1], np.ones((1, 2), dtype=np.bool_)), "capacity has 1 values"),
        (lambda: route(np.ones((1, 2)), [1], [1, 1], np.ones((1, 1), dtype=np.bool_)), "allowed has the"),
    ],
)
def test_bad_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
