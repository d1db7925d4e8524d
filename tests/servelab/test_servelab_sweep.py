"""Sweeps give the same numbers one after the other, on several processes, and on a Dask cluster."""

import math

import joblib
import numpy as np
import pytest
from distributed import Client, LocalCluster

from servelab import queueing, queuesim
from servelab.arguments import Floats
from servelab.intervals import mean_interval
from servelab.sweep import sweep

POINTS = [{"load": load, "servers": servers} for load in (0.5, 0.8) for servers in (1, 2, 4)]


def mean_wait_s(rng: np.random.Generator, load: float, servers: int) -> float:
    arrivals = queuesim.poisson_times_s(rng, load * servers, 4_000)
    run = queuesim.fifo(arrivals, rng.exponential(1.0, arrivals.size), servers)
    return float(run.after(0.1).wait_s.mean())


def test_a_sweep_finds_the_closed_form_at_every_point() -> None:
    found = sweep(mean_wait_s, POINTS, seed=1, runs=40)
    assert [len(runs) for runs in found] == [40] * len(POINTS)
    for point, runs in zip(POINTS, found, strict=True):
        expected = queueing.mmc(point["load"] * point["servers"], 1.0, int(point["servers"]))
        assert mean_interval(runs, 0.999).holds(expected.mean_wait_s)


def test_who_computes_changes_no_number() -> None:
    alone = sweep(mean_wait_s, POINTS, seed=2, runs=3)
    assert alone == sweep(mean_wait_s, POINTS, seed=2, runs=3)
    assert alone != sweep(mean_wait_s, POINTS, seed=3, runs=3)
    assert len({value for runs in alone for value in runs}) == 3 * len(POINTS)
    with joblib.parallel_config(n_jobs=2):
        assert sweep(mean_wait_s, POINTS, seed=2, runs=3) == alone


def test_a_dask_cluster_gets_the_same_numbers() -> None:
    alone = sweep(mean_wait_s, POINTS, seed=2, runs=3)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,  # type: ignore[no-untyped-call]
        Client(cluster) as client,  # type: ignore[no-untyped-call]
        joblib.parallel_config(backend="dask"),
    ):
        assert sweep(mean_wait_s, POINTS, seed=2, runs=3) == alone
        ran = client.run(lambda dask_worker: len(dask_worker.state.log))
    assert sum(ran.values()) > 0, "the workers have done nothing"


def test_common_random_numbers_are_common_and_narrow_the_difference() -> None:
    pair = [{"load": 0.7, "servers": 1}, {"load": 0.75, "servers": 1}]
    apart: Floats = np.array(sweep(mean_wait_s, pair, seed=4, runs=60))
    common: Floats = np.array(sweep(mean_wait_s, pair, seed=4, runs=60, common=True))
    assert (common[1] > common[0]).all()
    assert np.std(common[1] - common[0]) < 0.5 * np.std(apart[1] - apart[0])


def test_progress_is_ten_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    sweep(mean_wait_s, POINTS[:2], seed=5, runs=20)
    assert capsys.readouterr().err == ""
    sweep(mean_wait_s, POINTS[:2], seed=5, runs=20, progress="waits")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "waits: 4 of 40"
    assert lines[-1] == "waits: 40 of 40"
    assert len(lines) == 10


def test_a_bad_parameter_is_named() -> None:
    with pytest.raises(ValueError, match="number of points is 0"):
        sweep(mean_wait_s, [], seed=1)
    with pytest.raises(ValueError, match="runs is 0"):
        sweep(mean_wait_s, POINTS, seed=1, runs=0)
    with pytest.raises(ValueError, match="seed is -1"):
        sweep(mean_wait_s, POINTS, seed=-1)
    with pytest.raises(ValueError, match="arrivals_per_s"):
        sweep(mean_wait_s, [{"load": math.nan, "servers": 1}], seed=1)
