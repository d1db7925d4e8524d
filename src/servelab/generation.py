"""Batching for models that answer token by token: static, and continuous as serving engines do it.

A request has a prompt and a number of output tokens. The first step reads the prompt and gives the first
token; each further step gives one more. Static batching keeps a batch together until its longest answer is
done. Continuous batching lets a request in or out after any step [@yu2022, abstract]. A request's cache grows
by a token a step. It is reserved whole, or given in blocks as it grows; then the youngest request is stopped
when the blocks run out, and computed again later.

Between two such events every step differs from the last by one token a sequence, so that the simulator jumps
from event to event (`StepTime.decodes_s`) and costs the same for long answers as for short ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from servelab.arguments import Floats, count, times
from servelab.roofline import StepTime

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trace:
    """Requests in order of arrival; arrays of the shape (requests,)."""

    arrival_s: Floats
    prompt_tokens: Integers
    output_tokens: Integers

    def __post_init__(self) -> None:
        size = times("arrival_s", self.arrival_s).size
        for name in ("prompt_tokens", "output_tokens"):
            tokens = np.asarray(getattr(self, name))
            if tokens.shape != (size,) or not np.issubdtype(tokens.dtype, np.integer) or tokens.min() < 1:
                raise ValueError(f"{name} must hold {size} whole numbers of at least 1, one a request")


@dataclass(frozen=True)
class Generated:
    """When each request got its first token and its last, shape (requests,); and how often a request was
    stopped for want of memory."""

    trace: Trace
    first_token_s: Floats
    finish_s: Floats
    preemptions: int
    steps: int

    @property
    def ttft_s(self) -> Floats:
        """Time to first token."""
        return self.first_token_s - self.trace.arrival_s

    @property
    def delay_s(self) -> Floats:
        """Time from arrival to the last token."""
        return self.finish_s - self.trace.arrival_s

    @property
    def token_gap_s(self) -> Floats:
        """Mean time between the tokens of each request that has more than one."""
        more = self.trace.output_tokens > 1
        found: Floats = (self.finish_s - self.first_token_s)[more] / (self.trace.output_tokens[more] - 1)
        return found

    @property
    def tokens_per_s(self) -> float:
        """Output tokens a second, from the first arrival to the last token."""
        return float(self.trace.output_tokens.sum() / (self.finish_s.max() - self.trace.arrival_s[0]))


@dataclass(frozen=True)
class Cache:
    """Memory for keys and values: `tokens` in all, given in blocks of `block_tokens`, or, where
    `reserve_tokens` says so, in one piece of that many tokens a request, used or not."""

    tokens: int
    block_tokens: int = 16
    reserve_tokens: int | None = None

    def __post_init__(self) -> None:
        count("tokens", self.tokens)
        count("block_tokens", self.block_tokens)
        if self.reserve_tokens is not None and count("reserve_tokens", self.reserve_tokens) > self.tokens:
            raise ValueError(
                f"reserve_tokens is {self.reserve_tokens}: it must be at most tokens, {self.tokens}"
            )


def simulate_static(trace: Trace, step_time: StepTime, size: int) -> Generated:
    """Static batching: when the accelerator is free it takes all who wait, `size` at most, pads their prompts
    to the longest, and answers all of them when the longest answer is done."""
    count("size", size)
    came = trace.arrival_s
    first_s, finish_s = np.empty(came.size), np.empty(came.size)
    free, first, steps = 0.0, 0, 0
    while first < came.size:
        start = max(free, float(came[first]))
        behind = min(int(np.searchsorted(came, start, side="right")), first + size)
        rows, prompt = behind - first, int(trace.prompt_tokens[first:behind].max())
        more = int(trace.output_tokens[first:behind].max()) - 1
        first_s[first:behind] = start + step_time.step_s((prompt,) * rows, 0, 0)
        free = float(first_s[first]) + step_time.decodes_s(rows, rows * (prompt + 1), more)
        finish_s[first:behind] = free
        steps += 1 + more
        first = behind
    return Generated(trace, first_s, finish_s, 0, steps)


def simulate_continuous(trace: Trace, step_time: StepTime, cache: Cache, slots: int) -> Generated:
    """Continuous batching of at most `slots` requests, first come, first served.

    Before each step, waiting requests are let in while there is a slot and memory for their prompt; a step
    with new requests reads their prompts beside giving a token to the others. Raises `ValueError` for a
    request that the cache could never hold.
    """
    return _Engine(trace, step_time, cache, count("slots", slots)).run()


class _Engine:
    """Continuous batching. `step` counts the steps done; a running request has `offset + step` tokens in the
    cache, so that a step without arrivals and departures changes none of the books."""

    def __init__(self, trace: Trace, step_time: StepTime, cache: Cache, slots: int) -> None:
        self.paged = cache.reserve_tokens is None
        self.block = cache.block_tokens
        self.free_blocks = cache.tokens // cache.block_tokens
        largest = int((trace.prompt_tokens + trace.output_tokens).max())
        most = self.free_blocks * self.block if cache.reserve_tokens is None else cache.reserve_tokens
        if largest > most:
            raise ValueError(
                f"cache gives a request {most} tokens: it must give {largest}, the largest request"
            )
        self.slots = (
            slots if cache.reserve_tokens is None else min(slots, cache.tokens // cache.reserve_tokens)
        )
        self.trace, self.step_time = trace, step_time
        self.came: list[float] = trace.arrival_s.tolist()
        self.prompt: list[int] = trace.prompt_tokens.tolist()  # with what was generated, once stopped
        self.left: list[int] = trace.output_tokens.tolist()
        self.next, self.waiting = 0, deque[int]()
        self.offset: dict[int, int] = {}  # of the running requests, the youngest last
        self.residues = [0] * 2 * self.block  # how many of them have each offset modulo block, twice over
        self.offsets = 0  # their sum
        self.due: dict[int, int] = {}  # the step after which each is done
        self.finishes: list[tuple[int, int]] = []  # the same as a heap; those stopped since stay in it
        self.now, self.step, self.preemptions = 0.0, 0, 0
        self.first_s = np.full(len(self.came), np.nan)
        self.finish_s = np.full(len(self.came), np.nan)

    def run(self) -> Generated:
        while self.next < len(self.came) or self.waiting or self.offset:
            if not self.offset and not self.waiting:
                self.now = max(self.now, self.came[self.next])
            while self.next < len(self.came) and self.came[self.next] <= self.now:
                self.waiting.append(self.next)
                self.next += 1
            while self.paged and (needed := self._new_blocks(1)) > self.free_blocks:
                self._stop_youngest()
            running, context = len(self.offset), self.offsets + len(self.offset) * (self.step + 1)
            new = self._admissible(self.free_blocks - needed if self.paged else 0)
            if new:
                prompts = tuple(self.prompt[request] for request in new)
                steps, takes_s = 1, self.step_time.step_s(prompts, running, context)
            else:
                steps, takes_s = self._steps_alike(running, context)
            if self.paged:
                self.free_blocks -= self._new_blocks(steps)
            self.now += takes_s
            self.step += steps
            for request in new:
                self._begin(request)
            while self.finishes and self.finishes[0][0] <= self.step:
                due, request = heappop(self.finishes)
                if self.due.get(request) == due:
                    self._release(request)
                    self.finish_s[request] = self.now
        return Generated(self.trace, self.first_s, self.finish_s, self.preemptions, self.step)

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self.block)

    def _count(self, offset: int, change: int) -> None:
        self.residues[offset % self.block] += change
        self.residues[offset % self.block + self.block] += change

    def _new_blocks(self, steps: int) -> int:
        """Blocks that the running requests need for their next `steps` tokens: one whenever the last is
        full."""
        whole, rest = divmod(steps, self.block)
        last = -self.step % self.block + self.block + 1  # offsets that need one next, then the one below
        return whole * len(self.offset) + sum(self.residues[last - rest : last])

    def _admissible(self, room: int) -> list[int]:
        """Take from the waiting those who can join the next step, in order, with `room` in blocks."""
        new: list[int] = []
        while self.waiting and len(self.offset) + len(new) < self.slots:
            blocks = self._blocks(self.prompt[self.waiting[0]]) if self.paged else 0
            if blocks > room:
                break
            room -= blocks
            new.append(self.waiting.popleft())
        return new

    def _begin(self, request: int) -> None:
        """The step that has just ended read the prompt and gave the first token."""
        self.offset[request] = offset = self.prompt[request] - self.step
        self.offsets += offset
        self._count(offset, 1)
        self.free_blocks -= self._blocks(self.prompt[request])
        self.due[request] = self.step - 1 + self.left[request]
        heappush(self.finishes, (self.due[request], request))
        if np.isnan(self.first_s[request]):
            self.first_s[request] = self.now

    def _release(self, request: int) -> int:
        """Let a running request go; gives the tokens that its cache held."""
        offset = self.offset.pop(request)
        self.offsets -= offset
        self._count(offset, -1)
        self.free_blocks += self._blocks(offset + self.step)
        del self.due[request]
        return offset + self.step

    def _stop_youngest(self) -> None:
        """Free the memory of the request let in last. It waits in front, and its prompt will be read again
        with all that it has generated."""
        request = next(reversed(self.offset))
        self.left[request] = self.due[request] - self.step
        self.prompt[request] = self._release(request) + 1
        self.waiting.appendleft(request)
        self.preemptions += 1

    def _steps_alike(self, running: int, context: int) -> tuple[int, float]:
        """How many steps pass until somebody is done, can be let in or must be stopped, and their time."""
        while self.due.get(self.finishes[0][1]) != self.finishes[0][0]:
            heappop(self.finishes)
        steps = self.finishes[0][0] - self.step
        if self.paged and self._new_blocks(steps) > self.free_blocks:
            steps = self.free_blocks // running * self.block
            while self._new_blocks(steps + 1) <= self.free_blocks:
                steps += 1
        takes_s = self.step_time.decodes_s(running, context, steps)
        if self.waiting or running == self.slots or self.next == len(self.came):
            return steps, takes_s
        until = self.came[self.next] - self.now
        if takes_s > until:  # the fewest steps that reach the next arrival
            steps = 1 + bisect_left(
                range(1, steps), until, key=lambda n: self.step_time.decodes_s(running, context, n)
            )
            takes_s = self.step_time.decodes_s(running, context, steps)
        return steps, takes_s
