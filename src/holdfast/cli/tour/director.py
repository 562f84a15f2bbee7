"""The tour's director: sends customers in, answers for a person who is away too long, and takes the model away sometimes.

Everything it does, it does with operations that everybody has.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ...domain.errors import HoldfastError
from ...sdk.client import Client
from .agents import bookkeeper, clerk, order

BOOKS = ("atlas", "bestiary", "cookbook", "dictionary", "encyclopedia", "fables", "grammar", "herbal")
COURIERS = ("anna", "boris", "chen", "dara", "emil", "fatou")
NAMES = ("ada", "bela", "carol", "dmitri", "ewa", "farid", "grace", "hana", "ivo", "june", "karim", "lena")
_PATIENCE_SECONDS = 75.0
_WAITING = 7


class Director:
    """See the module. ``pace`` multiplies how fast everything happens; the same seed directs the same."""

    def __init__(
        self, client: Client, conversations: list[list[str]], away: Callable[[bool], Any], pace: float = 1.0
    ) -> None:
        self._client = client
        self._conversations = conversations
        self._away = away
        self._pace = pace
        self._rng = random.Random(7)
        self._orders = 0
        self._talks = 0

    async def direct(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again(1.6, self._order))
            group.create_task(self._again(5.0, self._talk))
            group.create_task(self._again(7.0, self._clerk))
            group.create_task(self._again(19.0, self._report))
            group.create_task(self._again(4.0, self._answer))
            group.create_task(self._again(31.0, self._mend))
            group.create_task(self._outages())

    async def opening(self) -> None:
        """A busy shop from the first moment on."""
        await self._report()
        for _ in range(24):
            await self._order()
        for _ in range(10):
            await self._talk()
        for _ in range(5):
            await self._clerk()

    async def _again(self, seconds: float, what: Callable[[], Any]) -> None:
        while True:
            await asyncio.sleep(self._rng.uniform(0.5, 1.5) * seconds / self._pace)
            with suppress(HoldfastError):
                await what()

    async def _order(self) -> None:
        self._orders += 1
        rng = self._rng
        price = rng.choice((12, 18, 25, 34, 48, 60, 95, 140, 220, 480))
        card = f"{'declined' if rng.random() < 0.09 else 'visa'}-{rng.randrange(1000, 9999)}"
        place = order[f"{2000 + self._orders}"].place
        await self._client.send(place, rng.choice(BOOKS), price, card, rng.choice(COURIERS))

    async def _talk(self) -> None:
        """The next recorded customer of the airline."""
        if self._talks < len(self._conversations):
            from examples.airline.agents import customer

            number = self._talks
            self._talks += 1
            await self._client.send(customer[str(number)].play, self._conversations[number])

    async def _clerk(self) -> None:
        said = self._rng.choice(("My book came damaged, it was order 7.", "Order 7 arrived wet. What now?"))
        name = f"{self._rng.choice(NAMES)}-{self._rng.randrange(100, 999)}"
        await self._client.send(clerk[name].chat, said)

    async def _report(self) -> None:
        await self._client.send(bookkeeper["daily"].report, list(BOOKS))

    async def _answer(self) -> None:
        """Somebody answers in the end, so that the inbox does not only grow."""
        asked = sorted(await self._client.asks(limit=200), key=lambda q: q.since)
        now = await self._client.now()
        for question in asked[: max(0, len(asked) - _WAITING)]:
            if now - question.since > _PATIENCE_SECONDS * 1000:
                value = self._rng.choice(question.choices) if question.choices else "Thank you for reading with us."
                await self._client.answer(question=question.id, value=value, by="shift lead")
                return

    async def _mend(self) -> None:
        """What failed is sent again, one at a time, once there are a few."""
        dead = await self._client.dead(limit=100)
        if len(dead) > 4:
            await self._client.discard(id=dead[0].id)

    async def _outages(self) -> None:
        while True:
            await asyncio.sleep(70 / self._pace)
            self._away(True)
            await asyncio.sleep(16 / self._pace)
            self._away(False)


__all__ = ["Director"]
