"""The map: how long light takes, where to stand, and whom one may serve from where.

Light in glass covers about 204 km in a ms, along the cable and not along the great circle. No code makes a
round trip shorter than that, so that where the servers stand sets the floor of every latency budget.

*Placement* chooses k of many sites for the users' mean delay or for the worst. *Routing* sends each group of
users to sites, as near as capacity allows, and never to one that its *residency* rule forbids: users for whom
nothing is left are counted as unserved rather than served abroad.

>>> london, new_york = Place("London", 51.51, -0.13), Place("New York", 40.71, -74.01)
>>> round(great_circle_km(london, new_york)), round(fiber_ms(great_circle_km(london, new_york)), 1)
(5570, 27.3)

Delays are in ms. Matrices have the shape (users, sites).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from servelab.arguments import count, not_negative, vector

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

EARTH_RADIUS_KM = 6371.0
"""Mean radius of the earth, which is taken as a sphere."""

LIGHT_KM_PER_MS = 299.792458
"""In vacuum, by the definition of the meter."""

GLASS_INDEX = 1.468
"""Taken for the group index of a silica fiber: light in it is that much slower than in vacuum."""

Objective = Literal["mean", "worst"]


# ---------------------------------------------------------------- distance


@dataclass(frozen=True)
class Place:
    """A point on the earth in degrees, north and east positive, and the `region` whose law holds there."""

    name: str
    latitude: float
    longitude: float
    region: str = ""

    def __post_init__(self) -> None:
        if not -90 <= self.latitude <= 90:
            raise ValueError(f"latitude is {self.latitude}: it must lie between -90 and 90")
        if not -180 <= self.longitude <= 180:
            raise ValueError(f"longitude is {self.longitude}: it must lie between -180 and 180")


def great_circle_km(one: Place, other: Place) -> float:
    """The shortest way over the surface of a sphere, by the haversine formula."""
    return float(distances_km([one], [other])[0, 0])


def distances_km(users: Sequence[Place], sites: Sequence[Place]) -> Floats:
    """`great_circle_km` from each user to each site. Shape (users, sites). Raises `ValueError` where one of
    them is empty."""
    if not users or not sites:
        raise ValueError("users and sites must hold at least one place each")
    lat_u, lon_u = np.radians([[place.latitude, place.longitude] for place in users]).T[:, :, None]
    lat_s, lon_s = np.radians([[place.latitude, place.longitude] for place in sites]).T[:, None, :]
    half = np.sin((lat_s - lat_u) / 2) ** 2 + np.cos(lat_u) * np.cos(lat_s) * np.sin((lon_s - lon_u) / 2) ** 2
    found: Floats = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return found


def fiber_ms(distance_km: float, detour: float = 1.0) -> float:
    """One-way time of light in glass over `distance_km` on a cable that is `detour` times as long; 1 is the
    floor, what real paths take is measured. Raises `ValueError` for a detour under 1."""
    if not (math.isfinite(detour) and detour >= 1):
        raise ValueError(f"detour is {detour}: it must be finite and at least 1")
    return not_negative("distance_km", distance_km) * detour * GLASS_INDEX / LIGHT_KM_PER_MS


def round_trips_ms(users: Sequence[Place], sites: Sequence[Place], detour: float = 1.0) -> Floats:
    """Round trip of light in glass between each user and each site."""
    return 2 * fiber_ms(1.0, detour) * distances_km(users, sites)


# ---------------------------------------------------------------- placement


@dataclass(frozen=True)
class Placement:
    """Chosen sites, as columns of the matrix in ascending order, and what they cost: each user's delay to the
    nearest of them, their weighted mean and the worst."""

    sites: tuple[int, ...]
    delay_ms: Floats
    mean_ms: float
    worst_ms: float


def placement(
    delay_ms: Floats, weight: npt.ArrayLike, sites: int, objective: Objective = "mean", most: int = 200_000
) -> Placement:
    """The best `sites` columns of `delay_ms` for users of `weight`, each served by the nearest: by trying all
    choices. Infinite entries are pairs that may not be. Raises `ValueError` when the choices are more than
    `most`; `greedy_placement` is for those."""
    delays, weights = _checked(delay_ms, weight)
    if not 1 <= count("sites", sites) <= delays.shape[1]:
        raise ValueError(f"sites is {sites}: it must be at most {delays.shape[1]}, the columns of delay_ms")
    if math.comb(delays.shape[1], sites) > most:
        raise ValueError(f"sites is {sites}: there are more than {most} ways to choose so many, try fewer")
    choices = itertools.combinations(range(delays.shape[1]), sites)
    return min(
        (_placed(delays, weights, choice) for choice in choices), key=lambda found: _cost(found, objective)
    )


def greedy_placement(
    delay_ms: Floats, weight: npt.ArrayLike, sites: int, objective: Objective = "mean"
) -> Placement:
    """One site after the other, each the best addition to those before it: how a network grows. Not the best
    choice of so many, since no site is ever given up. Raises `ValueError` for more sites than columns."""
    delays, weights = _checked(delay_ms, weight)
    if not 1 <= count("sites", sites) <= delays.shape[1]:
        raise ValueError(f"sites is {sites}: it must be at most {delays.shape[1]}, the columns of delay_ms")
    found: Placement | None = None
    for _ in range(sites):
        before = found.sites if found else ()
        added = (tuple(sorted((*before, site))) for site in range(delays.shape[1]) if site not in before)
        found = min(
            (_placed(delays, weights, choice) for choice in added), key=lambda one: _cost(one, objective)
        )
    assert found is not None
    return found


def _checked(delay_ms: Floats, weight: npt.ArrayLike) -> tuple[Floats, Floats]:
    delays = np.asarray(delay_ms, dtype=np.float64)
    if delays.ndim != 2 or delays.size == 0:
        raise ValueError(f"delay_ms has the shape {delays.shape}: it must be a matrix of users by sites")
    if bool(np.isnan(delays).any()) or bool((delays < 0).any()):
        raise ValueError("delay_ms holds NaN or a negative number: delays must be 0 or more")
    weights = vector("weight", weight, size=delays.shape[0])
    if not weights.sum() > 0:
        raise ValueError("weight holds only zeros: somebody must be there")
    return delays, weights


def _placed(delays: Floats, weights: Floats, sites: tuple[int, ...]) -> Placement:
    nearest = delays[:, sites].min(axis=1)
    there = weights > 0
    mean = float(np.average(nearest[there], weights=weights[there]))
    return Placement(sites, nearest, mean, float(nearest[there].max()))


def _cost(found: Placement, objective: Objective) -> tuple[float, float]:
    if objective not in ("mean", "worst"):
        raise ValueError(f"objective is {objective!r}: it must be 'mean' or 'worst'")
    pair = (found.mean_ms, found.worst_ms)
    return pair if objective == "mean" else (pair[1], pair[0])


# ---------------------------------------------------------------- routing


def residency(
    users: Sequence[Place], sites: Sequence[Place], rules: Mapping[str, Collection[str] | None]
) -> Flags:
    """Which user may be served at which site. `rules` name, for each region of a user, the regions whose
    sites may process the data, or None for any. A region without a rule is an error: silence is no
    permission."""
    allowed = np.zeros((len(users), len(sites)), dtype=np.bool_)
    for row, user in enumerate(users):
        if user.region not in rules:
            raise ValueError(f"rules say nothing of {user.region!r}, the region of {user.name}: add a rule")
        where = rules[user.region]
        allowed[row] = [where is None or site.region in where for site in sites]
    return allowed


@dataclass(frozen=True)
class Routing:
    """Who is served where: `flow` of the shape (users, sites) in the unit of the load, and `unserved` of the
    shape (users,)."""

    flow: Floats
    unserved: Floats
    delay_ms: Floats

    @property
    def mean_ms(self) -> float:
        """Mean delay of what is served; NaN when nothing is."""
        served = float(self.flow.sum())
        if served == 0:
            return math.nan
        used = self.flow > 0
        return float((self.flow[used] * self.delay_ms[used]).sum()) / served

    @property
    def load(self) -> Floats:
        """What each site carries."""
        found: Floats = self.flow.sum(axis=0)
        return found


def route(delay_ms: Floats, load: npt.ArrayLike, capacity: npt.ArrayLike, allowed: Flags) -> Routing:
    """Serve as much of `load` (users,) as `capacity` (sites,) and `allowed` (users, sites) permit, and that
    with the least total delay: a transportation problem, solved as a linear program. A site that has failed
    has a capacity of 0. Raises `ValueError` unless the shapes fit."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, vstack

    delays, loads = _checked(delay_ms, load)
    users, sites = delays.shape
    room = vector("capacity", capacity, size=sites)
    if allowed.shape != delays.shape:
        raise ValueError(
            f"allowed has the shape {allowed.shape}: it must be that of delay_ms, {delays.shape}"
        )
    row, column = np.nonzero(allowed & np.isfinite(delays))
    cost = delays[row, column]
    # To serve one more, each site may have to hand on one load to the next: at most so much delay.
    worth = (sites + 1) * float(cost.max(initial=0.0)) + 1
    places = np.arange(row.size)
    ones = np.ones(row.size)
    by_user = csr_array((ones, (row, places)), shape=(users, row.size))
    by_site = csr_array((ones, (column, places)), shape=(sites, row.size))
    flow = np.zeros(delays.shape)
    if row.size:
        solved = linprog(
            cost - worth,
            A_ub=vstack([by_user, by_site]),
            b_ub=np.concatenate((loads, room)),
            method="highs",
        )
        flow[row, column] = solved.x
    return Routing(flow, np.maximum(loads - flow.sum(axis=1), 0.0), delays)
