"""Turns that wait for a vendor come back in the order in which they began to wait, however long the line is and whatever the
other lines do."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from holdfast import Agent, Runtime
from holdfast.mailbox import usher
from holdfast.models.routes import Models, Target
from holdfast.testing import models as bad
from holdfast.testing.models import Call, Reply, Vendor


async def waiting(runtime: Runtime, count: int) -> None:
    async with asyncio.timeout(30):
        while len(await runtime.waits(verb="provider", limit=1000)) < count:
            await asyncio.sleep(0.02)


async def test_a_line_longer_than_what_is_read_of_it_keeps_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usher, "_PAGE", 7)
    up = False

    def script(call: Call) -> Any:
        return Reply("back") if up else bad.ServerError(503)

    async with Vendor(script) as vendor, Vendor(bad.always(bad.ServerError(503))) as dead:
        limits: dict[str, Any] = {"first_token_seconds": 1.0, "connect_seconds": 1.0}
        targets = [
            Target(name="alive", vendor="v", url=vendor.url, model="m", **limits),
            Target(name="dead", vendor="v", url=dead.url, model="m", **limits),
        ]
        stuck, agent = Agent("stuck", model="dead"), Agent("a", model="alive")
        async with Runtime([stuck, agent], models=Models(targets=targets)) as runtime:
            for n in range(20):
                await runtime.send(stuck[str(n)].chat, "never")
            await waiting(runtime, 20)
            for n in range(40):
                await runtime.send(agent[f"{(n * 17) % 40:02}"].chat, f"message {n}")
                await waiting(runtime, 21 + n)  # one after the other, so that their order is known
            asked = len(vendor.calls)
            up = True
            async with asyncio.timeout(30):
                while len(await runtime.waits(verb="provider", limit=1000)) > 20:
                    await asyncio.sleep(0.02)
        numbers = [int(re.findall(r"message (\d+)", json.dumps(call.messages))[-1]) for call in vendor.calls[asked:]]
        order = list(dict.fromkeys(numbers))
        assert sorted(order) == list(range(40))
        late = [abs(place - number) for place, number in enumerate(order)]
        assert max(late) <= 32, order  # within one wave they are asked side by side
        assert order[0] == 0 and sum(late) / len(late) < 4, order
