"""Times the simulators against SimPy and Ciw on the same models: `./just bench servelab`.

SimPy gets the same arrival and service times as we do, and has to come to the same result. Ciw draws its own;
so it is compared with us drawing ours, and both with the closed form. Rates are medians of REPEATS runs.
Ciw has no batch service, hence no column there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ciw
import numpy as np

from servelab import batching, generation, queueing, queuesim, readable
from servelab.distributions import Constant, Distribution, Exponential, draw
from servelab.intervals import Interval, batch_means_interval
from servelab.roofline import Accelerator, StepTime, Transformer

REPEATS = 3
OURS, SIMPY, CIW = 1_000_000, 50_000, 40_000
"""Requests simulated by each: enough for a second of work or so."""
GROWTH = (10_000, 100_000, 1_000_000, 10_000_000)
SEED = 1


@dataclass(frozen=True)
class QueueModel:
    """A queue with Poisson arrivals and mean service of 1 s."""

    name: str
    servers: int
    load: float
    service: Distribution

    @property
    def expected_wait_s(self) -> float:
        """Mean wait in closed form."""
        if self.servers == 1:
            return queueing.mg1(self.load, 1.0, self.service.scv).mean_wait_s
        return queueing.mmc(self.load * self.servers, 1.0, self.servers).mean_wait_s

    def trace(self, requests: int) -> tuple[Any, Any]:
        """Arrival and service times in s of so many requests, shape (requests,) each."""
        rng = np.random.default_rng(SEED)
        arrivals = queuesim.poisson_times_s(rng, self.load * self.servers, requests)
        return arrivals, draw(rng, self.service, requests)


QUEUES = (
    QueueModel("M/M/1, load 0.8", 1, 0.8, Exponential(1.0)),
    QueueModel("M/D/1, load 0.8", 1, 0.8, Constant(1.0)),
    QueueModel("M/M/4, load 0.8", 4, 0.8, Exponential(1.0)),
    QueueModel("M/M/16, load 0.9", 16, 0.9, Exponential(1.0)),
)
BATCH_STEPS = batching.linear_step_s(0.005, 0.001, 16)
BATCH_LOADS = (0.3, 0.8, 1.2)
STEP = StepTime(Accelerator(300e12, 2e12, 80e9), Transformer(7e9, 32, 32, 8, 128), 0.001)
SLOTS = (8, 32)


@dataclass(frozen=True)
class Row:
    """Requests a second of each simulator on one model, and how well they agree."""

    model: str
    ours_per_s: float
    simpy_per_s: float
    simpy_ratio: float
    largest_difference_s: float
    ciw_per_s: float | None = None
    ciw_ratio: float | None = None
    expected_wait_s: float | None = None
    ours_wait_s: Interval | None = None
    ciw_wait_s: Interval | None = None


def seconds(work: Callable[[], object]) -> float:
    """Median time of REPEATS runs."""
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def queue_row(model: QueueModel, scale: float) -> Row:
    """One queue: us, SimPy on our numbers, Ciw on its own."""
    arrivals, services = model.trace(int(OURS * scale))
    ours_s = seconds(lambda: queuesim.fifo(arrivals, services, model.servers))
    drawing_s = seconds(lambda: queuesim.fifo(*model.trace(int(OURS * scale)), model.servers))
    few = int(SIMPY * scale)
    simpy_s = seconds(lambda: readable.simpy_fifo(arrivals[:few], services[:few], model.servers))
    simpy_start = readable.simpy_fifo(arrivals[:few], services[:few], model.servers)
    run = queuesim.fifo(arrivals, services, model.servers)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(model.load * model.servers)],
        service_distributions=[
            ciw.dists.Deterministic(1.0) if model.service.scv == 0 else ciw.dists.Exponential(1.0)
        ],
        number_of_servers=[model.servers],
    )

    def ciw_waits() -> list[float]:
        ciw.seed(SEED)
        simulation = ciw.Simulation(network)
        simulation.simulate_until_max_customers(int(CIW * scale))
        records = sorted(simulation.get_all_records(), key=lambda record: record.arrival_date)
        return [record.waiting_time for record in records]

    ciw_s = seconds(ciw_waits)
    ours_per_s, ciw_per_s = arrivals.size / ours_s, CIW * scale / ciw_s
    return Row(
        model.name,
        ours_per_s,
        few / simpy_s,
        ours_per_s * simpy_s / few,
        float(np.abs(run.start_s[:few] - simpy_start).max()),
        ciw_per_s,
        arrivals.size / drawing_s / ciw_per_s,
        model.expected_wait_s,
        batch_means_interval(run.after(0.05).wait_s, 0.99),
        batch_means_interval(ciw_waits()[int(0.05 * CIW * scale) :], 0.99),
    )


def batch_row(load: float, scale: float) -> Row:
    """A batcher of at most 16 that waits 10 ms for company."""
    per_s = load * batching.capacity_per_s(BATCH_STEPS)
    arrivals = queuesim.poisson_times_s(np.random.default_rng(SEED), per_s, int(OURS * scale))
    few = int(SIMPY * scale)
    ours_s = seconds(lambda: batching.simulate(arrivals, BATCH_STEPS, 0.01))
    simpy_s = seconds(lambda: readable.simpy_batches(arrivals[:few], BATCH_STEPS, 0.01))
    same = batching.simulate(arrivals[:few], BATCH_STEPS, 0.01)
    difference = arrivals[:few] + same.delay_s - readable.simpy_batches(arrivals[:few], BATCH_STEPS, 0.01)
    return _row(
        f"batches, load {load}", arrivals.size / ours_s, few / simpy_s, float(np.abs(difference).max())
    )


def generation_row(slots: int, scale: float) -> Row:
    """Continuous batching: we jump from event to event, the loop beside it takes every step."""
    requests, few = int(20_000 * scale), int(2_000 * scale)
    rng = np.random.default_rng(SEED)
    prompts, outputs = rng.integers(50, 500, requests), rng.geometric(1 / 150, requests)
    trace = generation.Trace(queuesim.poisson_times_s(rng, 0.6 * slots, requests), prompts, outputs)
    part = generation.Trace(trace.arrival_s[:few], prompts[:few], outputs[:few])
    cache = generation.Cache(10**8)
    ours_s = seconds(lambda: generation.simulate_continuous(trace, STEP, cache, slots))
    plain_s = seconds(lambda: readable.step_by_step(part, STEP, slots))
    same = generation.simulate_continuous(part, STEP, cache, slots).finish_s
    difference = float(np.abs(same - readable.step_by_step(part, STEP, slots)).max())
    return _row(f"continuous, {slots} slots", requests / ours_s, few / plain_s, difference)


def _row(model: str, ours_per_s: float, other_per_s: float, difference_s: float) -> Row:
    return Row(model, ours_per_s, other_per_s, ours_per_s / other_per_s, difference_s)


def growth(size: int) -> dict[str, float]:
    """M/M/4 at load 0.8 with this many requests: seconds to draw and to simulate, and the most memory that
    both held at once (arrays and lists, as the interpreter counts them)."""
    model = QUEUES[2]
    begun = time.perf_counter()
    arrivals, services = model.trace(size)
    drawn = time.perf_counter()
    queuesim.fifo(arrivals, services, model.servers)
    ended = time.perf_counter()
    del arrivals, services
    tracemalloc.start()
    queuesim.fifo(*model.trace(size), model.servers)
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"requests": size, "draw_s": drawn - begun, "simulate_s": ended - drawn, "memory_bytes": memory}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table as it fills; `--json` writes the numbers to a file too."""
    parser = argparse.ArgumentParser(prog="just bench servelab", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual number of requests (1)")
    given = parser.parse_args(arguments)
    if not 0.01 <= given.scale <= 1:
        parser.error(f"--scale is {given.scale}: it must lie between 0.01 and 1")
    rows = []
    print(f"{'requests a second':24}{'servelab':>12}{'SimPy':>10}{'ratio':>8}{'differ, s':>11}", end="")
    print(f"{'Ciw':>9}{'ratio':>8}   mean wait in s: closed form, servelab, Ciw (99 %)")
    for model in QUEUES:
        rows.append(queue_row(model, given.scale))
        print(_line(rows[-1]), flush=True)
    for load in BATCH_LOADS:
        rows.append(batch_row(load, given.scale))
        print(_line(rows[-1]), flush=True)
    print(f"\n{'requests a second':24}{'servelab':>12}{'steps':>10}{'ratio':>8}{'differ, s':>11}")
    for slots in SLOTS:
        rows.append(generation_row(slots, given.scale))
        print(_line(rows[-1]), flush=True)
    print(
        f"\n{'M/M/4, load 0.8':24}{'draw, s':>12}{'run, s':>10}{'per s':>12}{'memory, MB':>12}{'B each':>8}"
    )
    sizes = []
    for requests in GROWTH:
        sizes.append(growth(int(requests * given.scale)))
        one = sizes[-1]
        print(
            f"{one['requests']:<24,.0f}{one['draw_s']:12.3f}{one['simulate_s']:10.3f}"
            f"{one['requests'] / one['simulate_s']:12,.0f}{one['memory_bytes'] / 1e6:12,.1f}"
            f"{one['memory_bytes'] / one['requests']:8.0f}",
            flush=True,
        )
    if given.json:
        text = json.dumps({"rows": [asdict(row) for row in rows], "growth": sizes}, indent=1)
        given.json.write_text(text + "\n", "utf-8")
    return 0


def _line(row: Row) -> str:
    line = f"{row.model:24}{row.ours_per_s:12,.0f}{row.simpy_per_s:10,.0f}{row.simpy_ratio:8.1f}"
    line += f"{row.largest_difference_s:11.1e}"
    if row.ciw_per_s is None or row.ours_wait_s is None or row.ciw_wait_s is None:
        return line
    waits = "  ".join(
        f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
        for found in (row.ours_wait_s, row.ciw_wait_s)
    )
    return f"{line}{row.ciw_per_s:9,.0f}{row.ciw_ratio:8.1f}   {row.expected_wait_s:.3f}  {waits}"


if __name__ == "__main__":
    sys.exit(main())
