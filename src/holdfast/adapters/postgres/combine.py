"""Small questions asked at the same moment by many turns become one question to the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from ...domain.errors import HoldfastError

K = TypeVar("K")
R = TypeVar("R")


class Combine(Generic[K, R]):
    """Calls ``ask`` with up to ``most`` keys; ``width`` calls may be under way at once, the rest waits and is combined.

    ``ask`` returns one answer per key, in order.
    """

    def __init__(self, ask: Callable[[list[K]], Awaitable[list[R]]], *, width: int, most: int) -> None:
        self._ask = ask
        self._width, self._most = width, most
        self._waiting: list[tuple[K, asyncio.Future[R]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._working = 0
        """Tasks that will look at what waits again; one that is done but not yet discarded will not."""

    async def one(self, key: K) -> R:
        """The answer for one key."""
        return await self._put(key)

    async def many(self, keys: Sequence[K]) -> list[R]:
        """Answers for several keys; the first error counts."""
        return list(await asyncio.gather(*(self._put(key) for key in keys)))

    def _put(self, key: K) -> asyncio.Future[R]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting.append((key, future))
        if self._working < self._width:
            self._working += 1
            task = loop.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return future

    async def _work(self) -> None:
        try:
            while self._waiting:
                taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._answer(taken)
        finally:
            self._working -= 1

    async def _answer(self, taken: list[tuple[K, asyncio.Future[R]]]) -> None:
        try:
            answers = await self._ask([key for key, _ in taken])
        except BaseException as error:
            for _, future in taken:
                if not future.done():
                    future.set_exception(error)
                    future.exception()
            if not isinstance(error, HoldfastError):
                raise
        else:
            for (_, future), answer in zip(taken, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
