"""Calling the handler: arguments in, the turn's deadline around it, compensations behind it, threads for sync ones."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Coroutine
from functools import partial
from typing import Any

from ..domain.errors import Nondeterminism
from .context import Context, SyncContext
from .retry import wants_retry
from .turn import Suspended, Turn


async def call_handler(turn: Turn) -> Any:
    """Run the handler of a turn; on failure or cancellation run what it registered with ``compensate``."""
    args, kwargs = turn.spec.bind(turn.item.message.payload, turn.active.address)
    context = Context(turn)
    deadline = turn.arm_deadline() if turn.spec.timeout_seconds else None
    try:
        if turn.spec.is_async:
            return await turn.spec.fn(context, *args, **kwargs)
        return await _in_thread(turn, context, args, kwargs)
    except (asyncio.CancelledError, Exception) as error:
        again = isinstance(error, Exception) and wants_retry(turn, error)
        if turn.undo and not turn.dead and not again and not isinstance(error, Nondeterminism):
            await _compensate(turn)
        raise
    finally:
        if deadline is not None:
            deadline.cancel()


async def _compensate(turn: Turn) -> None:
    while turn.undo:
        await turn.undo.pop()()


async def _in_thread(turn: Turn, context: Context, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """The handler runs in a thread; its steps run here, in the turn's own task, one after another as it asks."""
    loop = asyncio.get_running_loop()
    asked: asyncio.Queue[tuple[Coroutine[Any, Any, Any], concurrent.futures.Future[Any]] | None] = asyncio.Queue()

    def submit(step: Coroutine[Any, Any, Any]) -> Any:
        answer: concurrent.futures.Future[Any] = concurrent.futures.Future()
        loop.call_soon_threadsafe(asked.put_nowait, (step, answer))
        return answer.result()

    thread = turn.worker.in_thread(partial(turn.spec.fn, SyncContext(context, submit), *args, **kwargs))
    thread.add_done_callback(lambda done: _over(done, asked))
    current: concurrent.futures.Future[Any] | None = None
    try:
        while (request := await asked.get()) is not None:
            step, current = request
            try:
                current.set_result(await step)
            except Suspended as gone:
                current.set_exception(gone)
                raise
            except Exception as error:
                current.set_exception(error)
            current = None
        return await thread
    except asyncio.CancelledError:
        # cancellation is raised in the thread where it waits; its `finally` blocks may make more steps
        if turn.dead:
            _release(current)
            raise
        if current is not None and not current.done():
            current.set_exception(concurrent.futures.CancelledError())
        while (request := await asked.get()) is not None:
            step, answer = request
            try:
                answer.set_result(await step)
            except BaseException as error:
                answer.set_exception(error)
        raise
    except Suspended:
        _release(current)
        raise


def _over(thread: asyncio.Future[Any], asked: asyncio.Queue[Any]) -> None:
    if not thread.cancelled():
        thread.exception()  # seen: a turn that left memory has nobody to tell
    asked.put_nowait(None)


def _release(current: concurrent.futures.Future[Any] | None) -> None:
    if current is not None and not current.done():
        current.set_exception(Suspended())
