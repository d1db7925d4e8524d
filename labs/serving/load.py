"""The client: it sends each request when it is due, whatever became of those before.

    python -m labs.serving.load < TASK

does the task, one JSON object (see `main`), in a process of its own on a core of its own, and prints one line
of JSON. Latency counts from the moment when a request was due: a client that is late does not hide it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from labs.serving import clips
from labs.serving.servers import HOST, KEPT_S, PATH, PORT
from servelab import queuesim

URL = f"http://{HOST}:{PORT}{PATH}"
EARLY_S = 0.0015
"""A timer of the event loop is up to 1 ms late; for the last stretch the client turns in circles."""
READY_S, ANSWER_S = 30.0, 120.0
"""Longest wait for a server to listen and for an answer."""
WARM_UP = ((1, 64), (4, 16), (1_000, 1), (16, 150))
"""Requests at once and how often, before anything is measured. The thousand open as many connections as a run
needs, because an event loop that is busy with old connections lets a new one wait for seconds. Those after
them are as many as it takes until Python has once collected all that a server has imported: in LitServe that
is hundreds of thousands of objects, and a pause that would fall into whichever load is being offered."""
OTHERS_SHARE, TRIES = 0.1, 5
"""A load is offered again while the rest of the machine uses more than this share of a core."""
SPEECH_TOLERANCE = 1e-4
"""How far a probability may be from that of the same clip alone: sums in another order differ a little."""
GOOD, BAD_BODY = 8, b"\0" * 1_000
"""Requests beside one whose body is wrong."""


@dataclass(frozen=True)
class Sent:
    """One request in s from the start of the run: when it was due, left, and was answered; with its reply,
    None for one that failed."""

    due_s: float
    sent_s: float
    done_s: float
    reply: Mapping[str, Any] | None


async def offer(
    due_s: Sequence[float], ask: Callable[[int], Awaitable[Mapping[str, Any] | None]]
) -> list[Sent]:
    """Call `ask` with the number of each request when it is due, and wait until all are answered."""
    begun = time.perf_counter() + 0.05

    async def one(number: int, due: float) -> Sent:
        sent = time.perf_counter() - begun
        reply = await ask(number)
        return Sent(due, sent, time.perf_counter() - begun, reply)

    running = []
    for number, due in enumerate(due_s):
        left = begun + due - time.perf_counter()
        if left > EARLY_S:
            await asyncio.sleep(left - EARLY_S)
        while time.perf_counter() < begun + due:
            await asyncio.sleep(0)
        running.append(asyncio.create_task(one(number, due)))
    return list(await asyncio.gather(*running))


def group_cpu_s(group: int, proc: Path = Path("/proc")) -> float:
    """Processor time of all processes of a group until now, in s."""
    ticks = 0
    for stat in proc.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def machine_cpu_s(stat: Path = Path("/proc/stat")) -> float:
    """Processor time of the whole machine until now in s: of all processes, of interrupts, and what the host
    kept for itself."""
    user, nice, system, _idle, _waiting, *others = stat.read_text().split()[1:9]
    return sum(map(int, (user, nice, system, *others))) / os.sysconf("SC_CLK_TCK")


async def undisturbed(once: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """What `once` gives while nobody else uses more than `OTHERS_SHARE` of a core, called up to `TRIES`
    times; else what it gave when others used least. What it says of the server does not decide."""
    tries: list[dict[str, Any]] = []
    while not tries or (len(tries) < TRIES and tries[-1]["others_share"] > OTHERS_SHARE):
        tries.append(await once())
    return min(tries, key=lambda one: one["others_share"])


async def work(task: Mapping[str, Any]) -> dict[str, Any]:
    """All that `task` asks for, in order, after a warm-up."""
    import aiohttp

    bodies, expected = clips.bodies(), task["expected"]
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S / 2)
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def post(body: bytes) -> dict[str, Any] | None:
            try:
                async with session.post(
                    URL, data=body, headers={"content-type": "application/octet-stream"}
                ) as response:
                    found: dict[str, Any] = await response.json()
                    return found if response.status == 200 else None
            except (aiohttp.ClientError, TimeoutError):
                return None

        async def ask(number: int) -> dict[str, Any] | None:
            return await post(bodies[number % len(bodies)])

        until = time.monotonic() + READY_S
        while await ask(0) is None:
            if time.monotonic() > until:
                raise RuntimeError(f"nothing answers at {URL} after {READY_S:.0f} s")
            await asyncio.sleep(0.1)
        for together, times in WARM_UP:
            for _ in range(times):
                await asyncio.gather(*(ask(number) for number in range(together)))

        async def once(phase: Mapping[str, Any]) -> dict[str, Any]:
            gc.collect()
            due = queuesim.poisson_times_s(
                np.random.default_rng(phase["seed"]), phase["per_s"], phase["requests"]
            )
            begun, machine = time.perf_counter(), machine_cpu_s()
            server, client = group_cpu_s(task["group"]), time.process_time()
            sent = await offer(due.tolist(), ask)
            cpu_s = group_cpu_s(task["group"]) - server
            others_s = machine_cpu_s() - machine - cpu_s - (time.process_time() - client)
            return {
                "cpu_s": cpu_s,
                "others_share": max(others_s, 0.0) / (time.perf_counter() - begun),
                "wrong": wrong_answers(sent, expected),
                "sent": [
                    [one.due_s, one.sent_s, one.done_s]
                    + ([one.reply["batch"], one.reply["model_ms"]] if one.reply else [])
                    for one in sent
                ],
            }

        phases = [await undisturbed(partial(once, phase)) for phase in task["phases"]]
        failed = 0
        for _ in range(task["bad_rounds"]):
            found = await asyncio.gather(*(ask(number) for number in range(GOOD)), post(BAD_BODY))
            if found[-1] is not None:
                raise RuntimeError("the server has answered a request whose body is wrong")
            failed += found[:-1].count(None)
    return {"phases": phases, "neighbors_failed": failed}


def wrong_answers(sent: Sequence[Sent], expected: Sequence[float]) -> int:
    """How many replies are not those of their own clip."""
    return sum(
        one.reply is not None
        and abs(one.reply["speech"] - expected[number % len(expected)]) > SPEECH_TOLERANCE
        for number, one in enumerate(sent)
    )


def main() -> None:
    """Do the task on the standard input: `core`, the server's process `group`, `expected` probability of
    each clip, `phases` of `per_s`, `requests` and `seed`, and `bad_rounds` with a wrong request each."""
    task = json.loads(sys.stdin.read())
    os.sched_setaffinity(0, {task["core"]})
    gc.disable()
    print(json.dumps(asyncio.run(work(task))))


if __name__ == "__main__":
    main()
