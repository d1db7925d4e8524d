"""The servers of the lab, one process each: the model in the event loop, in a thread pool, behind a batcher.

    python -m labs.serving.servers KIND CORE SIZE WAIT_MS

listens on `PORT` of loopback. `CORE` is the processor that all of it uses; `SIZE` and `WAIT_MS` are for the
servers that batch. The fourth server is a framework: `labs.serving.framework`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from labs.serving import clips, model
from labs.serving.batcher import Batcher
from labs.serving.model import Reply, Speech
from servelab.audio import Pcm16

HOST, PORT, PATH = "127.0.0.1", 9100, "/predict"
PLAIN, THREADS, BATCHER, LITSERVE = "plain", "threads", "batcher", "litserve"
KINDS = (PLAIN, THREADS, BATCHER, LITSERVE)
KEPT_S = 120
"""How long a server keeps an idle connection: longer than a pass."""
POOL = 40
"""Threads of the pool: what Starlette gives to functions that are not asynchronous."""

Answering = Callable[[Pcm16], Awaitable[Reply]]


@contextlib.asynccontextmanager
async def answering(kind: str, speech: Speech, size: int, wait_s: float) -> AsyncIterator[Answering]:
    """How a server of `kind` answers one clip. Raises `ValueError` for a kind that is none of these three."""
    step = partial(model.answer, speech)
    if kind == PLAIN:

        async def at_once(clip: Pcm16) -> Reply:
            return step([clip])[0]

        yield at_once
    elif kind == THREADS:
        with ThreadPoolExecutor(POOL) as pool:

            async def in_pool(clip: Pcm16) -> Reply:
                return (await asyncio.get_running_loop().run_in_executor(pool, step, [clip]))[0]

            yield in_pool
    elif kind == BATCHER:

        async def beside(batch: list[Pcm16]) -> list[Reply]:
            return await asyncio.to_thread(step, batch)

        batcher = Batcher(beside, size, wait_s)
        running = asyncio.create_task(batcher.run())
        try:
            yield batcher.ask
        finally:
            running.cancel()
    else:
        raise ValueError(f"kind is {kind!r}: it must be one of {PLAIN}, {THREADS}, {BATCHER}")


def serve(kind: str, size: int, wait_s: float) -> None:
    """Serve `kind` until the process is told to end."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    speech = model.load()

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        async with answering(kind, speech, size, wait_s) as app.state.answer:
            yield

    async def predict(request: Request) -> JSONResponse:
        try:
            clip = clips.decode(await request.body())
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(await request.app.state.answer(clip))

    app = Starlette(routes=[Route(PATH, predict, methods=["POST"])], lifespan=lifespan)
    uvicorn.run(app, host=HOST, port=PORT, log_level="warning", timeout_keep_alive=KEPT_S)


def main(kind: str, core: str, size: str, wait_ms: str) -> None:
    """The command line."""
    os.sched_setaffinity(0, {int(core)})
    if kind == LITSERVE:
        from labs.serving import framework

        framework.serve(HOST, PORT, PATH, KEPT_S, int(size), float(wait_ms) / 1000)
    else:
        serve(kind, int(size), float(wait_ms) / 1000)


if __name__ == "__main__":
    main(*sys.argv[1:])
