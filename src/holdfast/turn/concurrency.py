"""``gather`` and ``race``: several steps at once inside a turn.

They are asyncio tasks; what makes them safe to replay is that tasks of a turn are numbered by creation and that a race
journals its winner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from ..domain.entry import EntryKind
from ..domain.errors import Rejected
from ..journal.codec import ANY
from .turn import Turn

T = TypeVar("T")


async def gather(awaitables: tuple[Awaitable[Any], ...], limit: int) -> list[Any]:
    """All results in the order given. The first error cancels the rest and is raised."""
    gate = asyncio.Semaphore(limit) if limit else None

    async def one(work: Awaitable[Any]) -> Any:
        if gate is None:
            return await work
        async with gate:
            return await work

    tasks = [asyncio.ensure_future(one(a)) for a in awaitables]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        await drop(tasks)
        raise


async def race(turn: Turn, awaitables: tuple[Awaitable[Any], ...]) -> tuple[int, Any]:
    """The place and the result of the first that ends; the others are cancelled. An error of the first is raised."""
    if not awaitables:
        raise Rejected("race.empty", "ctx.race needs at least one awaitable.")
    tasks = [asyncio.ensure_future(_own(a)) for a in awaitables]
    path, recorded = turn.open("race", "")
    try:
        if recorded is not None and recorded.result is not None:
            await turn.in_order(recorded)
            winner = int(ANY.decode(recorded.result.value, "winner"))
            return winner, await tasks[winner]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        winner = next(i for i, t in enumerate(tasks) if t in done)
        if not tasks[winner].cancelled() and not turn.dead:
            if turn.item.id == 0:
                await turn.accept()
            turn.journal(EntryKind.STEP, path, "race", "", winner)
        return winner, await tasks[winner]
    finally:
        await drop(tasks)


async def _own(work: Awaitable[T]) -> T:
    return await work


async def drop(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel what still runs and wait for it to be gone."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def as_task(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A branch of the turn."""
    return asyncio.ensure_future(work)
