"""The same simulation at many points: seeds that are stated, results in order, cores as many as there are.

`sweep` runs one after the other unless joblib is told otherwise, and gives the same numbers whoever computes
them:

    with joblib.parallel_config(n_jobs=-1):              # all cores of this machine
        found = sweep(wait_ms, points, seed=1)

    client = distributed.Client("scheduler:8786")        # a Dask cluster
    with joblib.parallel_config(backend="dask"):
        found = sweep(wait_ms, points, seed=1)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import joblib
import numpy as np
from tqdm import tqdm

from servelab.arguments import count

Result = TypeVar("Result")


def sweep(
    function: Callable[..., Result],
    points: Sequence[Mapping[str, Any]],
    *,
    seed: int,
    runs: int = 1,
    common: bool = False,
    progress: str = "",
) -> list[list[Result]]:
    """Call `function(rng, **point)` `runs` times at each point; gives a list of results for each point.

    Every call has a generator of its own, spawned from `seed` [numpy.random.SeedSequence], so that neither
    the order nor the place of the calls changes a number. With `common` the n-th run has the same random
    numbers at all points: differences between points are then less noisy than the points are.

    `progress` names the sweep in a bar on a terminal, or in ten lines elsewhere; without it nothing is
    written.
    """
    count("the number of points", len(points))
    count("runs", runs)
    root = np.random.SeedSequence(count("seed", seed, 0))
    seeds = root.spawn(runs) * len(points) if common else root.spawn(runs * len(points))
    calls = (
        joblib.delayed(_call)(function, seeds[runs * number + run], dict(point))
        for number, point in enumerate(points)
        for run in range(runs)
    )
    results = _watched(joblib.Parallel(return_as="generator")(calls), len(seeds), progress)
    found = list(results)
    return [found[first : first + runs] for first in range(0, len(found), runs)]


def _call(function: Callable[..., Result], seed: np.random.SeedSequence, point: dict[str, Any]) -> Result:
    return function(np.random.default_rng(seed), **point)


def _watched(results: Iterable[Result], total: int, name: str) -> Iterator[Result]:
    if not name or sys.stderr.isatty():
        yield from tqdm(results, desc=name, total=total, disable=not name)
        return
    for done, result in enumerate(results, start=1):
        if done * 10 // total > (done - 1) * 10 // total:
            print(f"{name}: {done} of {total}", file=sys.stderr, flush=True)
        yield result
