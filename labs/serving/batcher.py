"""A batcher for asyncio: whoever asks waits until enough others ask too, or until the first has waited long
enough. `servelab.batching` simulates the same policy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class _Asked(Generic[Item, Answer]):
    item: Item
    at_s: float
    answer: asyncio.Future[Answer]


class Batcher(Generic[Item, Answer]):
    """Gathers items into batches of at most `size` and gives each batch to `step`, one batch at a time.

    A batch leaves when `step` is free and the batch is full or its oldest item has waited `wait_s`. Where a
    step fails, each item of the batch is tried alone, so that the error reaches whoever caused it.
    """

    def __init__(
        self, step: Callable[[list[Item]], Awaitable[Sequence[Answer]]], size: int, wait_s: float
    ) -> None:
        if size < 1 or not wait_s >= 0:
            raise ValueError(f"size is {size}, wait_s is {wait_s}: at least 1, and not negative")
        self._step, self._size, self._wait_s = step, size, wait_s
        self._queue: asyncio.Queue[_Asked[Item, Answer]] = asyncio.Queue()

    async def ask(self, item: Item) -> Answer:
        """The answer to `item`; raises what `step` raises for it."""
        loop = asyncio.get_running_loop()
        asked: _Asked[Item, Answer] = _Asked(item, loop.time(), loop.create_future())
        self._queue.put_nowait(asked)
        return await asked.answer

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._serve(await self._gather())

    async def _gather(self) -> list[_Asked[Item, Answer]]:
        batch = [await self._queue.get()]
        until_s = batch[0].at_s + self._wait_s
        while len(batch) < self._size:
            if self._queue.empty():
                try:
                    async with asyncio.timeout_at(until_s):
                        batch.append(await self._queue.get())
                except TimeoutError:
                    break
            else:
                batch.append(self._queue.get_nowait())
        return batch

    async def _serve(self, batch: list[_Asked[Item, Answer]]) -> None:
        try:
            found = await self._step([asked.item for asked in batch])
            if len(found) != len(batch):
                raise RuntimeError(f"the step gave {len(found)} answers to {len(batch)} items")
        except Exception as error:
            if len(batch) == 1:
                _settle(batch[0].answer, error)
            else:
                for asked in batch:
                    await self._serve([asked])
            return
        for asked, answer in zip(batch, found, strict=True):
            _settle(asked.answer, answer)


def _settle(future: asyncio.Future[Answer], found: Answer | Exception) -> None:
    """Whoever has given up meanwhile gets nothing."""
    if future.done():
        return
    if isinstance(found, Exception):
        future.set_exception(found)
    else:
        future.set_result(found)
