"""The core of each simulator as a reader would write it first: under 25 lines, to be shown on a page.

Each takes the same arrays as its fast twin, and the tests hold both to the same result, so that what a
chapter shows is what its figures are computed with.
"""

from __future__ import annotations

from collections.abc import Generator
from heapq import heapify, heapreplace
from typing import Any

import numpy as np
import simpy

from servelab.arguments import Floats
from servelab.generation import Trace
from servelab.roofline import StepTime


def simpy_fifo(arrival_s: Floats, service_s: Floats, servers: int) -> Floats:
    """Start times of a first-come, first-served queue. Twin: `queuesim.fifo`."""
    environment = simpy.Environment()
    pool = simpy.Resource(environment, servers)
    start_s = np.empty(len(arrival_s))

    def customer(number: int) -> Generator[simpy.Event]:
        with pool.request() as turn:
            yield turn
            start_s[number] = environment.now
            yield environment.timeout(service_s[number])

    def door() -> Generator[simpy.Event]:
        for number, arrival in enumerate(arrival_s):
            yield environment.timeout(arrival - environment.now)
            environment.process(customer(number))

    environment.process(door())
    environment.run()
    return start_s


def heap_fifo(arrival_s: Floats, service_s: Floats, servers: int) -> list[float]:
    """The same without an event loop: each customer takes the server that comes free first."""
    free_s = [0.0] * servers
    heapify(free_s)
    start_s = []
    for arrival, service in zip(arrival_s, service_s, strict=True):
        start_s.append(max(arrival, free_s[0]))
        heapreplace(free_s, start_s[-1] + service)
    return start_s


def lindley_wait_s(arrival_s: Floats, service_s: Floats) -> list[float]:
    """Waits with one server, by Lindley's recursion: what was left of the work, less the time that has
    passed."""
    wait_s = [0.0]
    for number in range(1, len(arrival_s)):
        gap = arrival_s[number] - arrival_s[number - 1]
        wait_s.append(max(0.0, wait_s[-1] + service_s[number - 1] - gap))
    return wait_s


def simpy_batches(arrival_s: Floats, step_s: Floats, wait_limit_s: float) -> Floats:
    """Answer times of a batcher that waits for company, but not for ever. Twin: `batching.simulate`."""
    environment, end_s = simpy.Environment(), np.empty(len(arrival_s))
    queue = simpy.Store(environment)

    def door() -> Generator[simpy.Event]:
        for number, arrival in enumerate(arrival_s):
            yield environment.timeout(arrival - environment.now)
            queue.put(number)

    def accelerator() -> Generator[simpy.Event, Any]:
        while True:
            batch = [(yield queue.get())]
            late = environment.timeout(max(0.0, arrival_s[batch[0]] + wait_limit_s - environment.now))
            while len(batch) < len(step_s):
                coming = queue.get()
                if coming not in (yield coming | late):
                    coming.cancel()
                    break
                batch.append(coming.value)
            yield environment.timeout(step_s[len(batch) - 1])
            end_s[batch] = environment.now

    environment.process(door())
    environment.process(accelerator())
    environment.run()
    return end_s


def step_by_step(trace: Trace, step_time: StepTime, slots: int) -> Floats:
    """Times of each request's last token under continuous batching with memory to spare. Twin:
    `generation.simulate_continuous`."""
    now_s, waiting, running = 0.0, list(range(trace.arrival_s.size)), dict[int, int]()
    finish_s = np.empty(trace.arrival_s.size)
    while waiting or running:
        if not running:
            now_s = max(now_s, trace.arrival_s[waiting[0]])
        new: list[int] = []
        while waiting and trace.arrival_s[waiting[0]] <= now_s and len(running) + len(new) < slots:
            new.append(waiting.pop(0))
        context = sum(int(trace.prompt_tokens[request]) + tokens for request, tokens in running.items())
        prompts = tuple(int(trace.prompt_tokens[request]) for request in new)
        now_s += step_time.step_s(prompts, len(running), context)
        running |= dict.fromkeys(new, 0)
        for request in list(running):
            running[request] += 1
            if running[request] == trace.output_tokens[request]:
                finish_s[request] = now_s
                del running[request]
    return finish_s
