"""Memory for keys and values: what is reserved, what is used, and what lies between.

A request that reserves room for its longest possible answer wastes what the answer does not use. One that
takes blocks as it grows, like pages of virtual memory, wastes part of its last block [@kwon2023, abstract].
Requests of unequal size in one piece also leave holes between them, too small for the next.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from servelab.arguments import Floats, count, times, vector


def paged_use(tokens: npt.ArrayLike, block_tokens: int) -> float:
    """Share of the memory given that is used, 0 to 1, when each request has whole blocks for its tokens.

    >>> paged_use([17, 31], 16)
    0.75
    """
    held = vector("tokens", tokens, least=1)
    size = count("block_tokens", block_tokens)
    return float(held.sum() / (np.ceil(held / size).sum() * size))


def reserved_use(tokens: npt.ArrayLike, reserve_tokens: int) -> float:
    """Share of the memory given that is used, 0 to 1, when each request reserves `reserve_tokens`. Raises
    `ValueError` when a request needs more than that."""
    held = vector("tokens", tokens, least=1)
    if held.max() > count("reserve_tokens", reserve_tokens):
        raise ValueError(f"reserve_tokens is {reserve_tokens}: it must hold the largest, {held.max():g}")
    return float(held.mean() / reserve_tokens)


@dataclass(frozen=True)
class Placed:
    """Requests put into memory in one piece each: where (in tokens from its beginning; -1 for those refused)
    and which were refused although enough was free, in holes too small. Arrays of the shape (requests,)."""

    place: npt.NDArray[np.int64]
    fragmented: npt.NDArray[np.bool_]

    @property
    def refused(self) -> npt.NDArray[np.bool_]:
        """Which requests found no hole."""
        found: npt.NDArray[np.bool_] = self.place < 0
        return found


def first_fit(
    arrival_s: npt.ArrayLike, hold_s: npt.ArrayLike, tokens: npt.ArrayLike, capacity: int
) -> Placed:
    """Put each request into the first hole that holds it, for `hold_s`; refuse it when there is none."""
    arrivals: Floats = times("arrival_s", arrival_s)
    holds = vector("hold_s", hold_s, size=arrivals.size)
    sizes = vector("tokens", tokens, least=1, size=arrivals.size).astype(np.int64)
    holes = [(0, count("capacity", capacity))]  # (begin, end), in order of place
    leaving: list[tuple[float, int, int]] = []
    place, fragmented = np.full(arrivals.size, -1), np.zeros(arrivals.size, dtype=bool)
    for request, (arrival, hold, size) in enumerate(zip(arrivals, holds, sizes.tolist(), strict=True)):
        while leaving and leaving[0][0] <= arrival:
            _, begin, end = heappop(leaving)
            insort(holes, (begin, end))
            holes = _merged(holes)
        for number, (begin, end) in enumerate(holes):
            if end - begin >= size:
                place[request] = begin
                holes[number : number + 1] = [(begin + size, end)] if end - begin > size else []
                heappush(leaving, (float(arrival + hold), begin, begin + size))
                break
        else:
            fragmented[request] = sum(end - begin for begin, end in holes) >= size
    return Placed(place, fragmented)


def _merged(holes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The holes with neighbors that touch made one."""
    found: list[tuple[int, int]] = []
    for begin, end in holes:
        if found and found[-1][1] == begin:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found
