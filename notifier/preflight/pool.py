"""Where chunks of notices are made: a thread beside the event loop, or processes for many people."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from notifier.errors import NotifierError
from notifier.preflight.making import Aside, Made, Maker, Recipe, start_worker, work
from notifier.preflight.readers import Member

FOR_MANY = 10_000
"""People from which processes of their own are worth their start."""


async def make_all(
    recipe: Recipe, maker: Maker, chunks: AsyncIterator[list[Member]], *, processes: int
) -> AsyncIterator[tuple[list[Made], list[Aside]]]:
    """Yield the results of the chunks in their order. Few chunks are under way, so memory stays flat."""
    executor: Executor
    if processes:
        # Spawned, not forked: the event loop's threads may hold locks at any moment.
        context = multiprocessing.get_context("spawn")
        executor = ProcessPoolExecutor(
            processes, mp_context=context, initializer=start_worker, initargs=(recipe,)
        )
    else:
        executor = ThreadPoolExecutor(1)
    act = work if processes else maker.chunk
    under_way: deque[asyncio.Future[tuple[list[Made], list[Aside]]]] = deque()
    loop = asyncio.get_running_loop()
    try:
        async for chunk in chunks:
            under_way.append(loop.run_in_executor(executor, act, chunk))
            if len(under_way) > processes + 1:
                yield await under_way.popleft()
        while under_way:
            yield await under_way.popleft()
    except BrokenProcessPool:
        raise NotifierError(
            "a process that makes notices ended",
            advice="Run the preflight again: it goes on where it stopped.",
        ) from None
    finally:
        for future in under_way:
            if not future.cancel() and not future.cancelled():
                future.exception()  # Looked at, so that nobody is told of it a second time.
        executor.shutdown(wait=True, cancel_futures=True)
