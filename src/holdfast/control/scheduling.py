"""Operations on schedules; the agents that they are, are in ``schedules``."""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.address import Address, key_of, tenant_of
from ..domain.message import Message
from ..domain.principal import Principal
from ..journal.codec import Raw, decode_any
from ..mailbox.worker import Worker
from ..ports.store import Store
from . import occurrences, reading, schedules
from .occurrences import Rule
from .registry import Arguments, operation
from .views import Done, ScheduleView


class ScheduleOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    principal: Principal

    @operation(
        path="PUT /schedules/{name}",
        command="schedule add",
        errors=("schedule.malformed", "agent.unknown", "handler.unknown"),
    )
    async def schedule(
        self,
        name: str,
        to: str,
        handler: str,
        payload: Arguments,
        cron: str = "",
        every_seconds: float = 0,
        zone: str = "UTC",
        missed: str = "once",
        key: str = "",
    ) -> ScheduleView:
        """Send a message again and again, by a cron expression or an interval. The same name again changes it."""
        rule = Rule(cron, int(every_seconds * 1000), zone, self.worker.clock.now_ms())
        occurrences.check(rule, missed)
        await self._check(self._request(to, handler, payload, "", 0, "schedule", ""))
        args, kwargs = decode_any(payload)
        spec = schedules.Spec(self.principal.place(to), handler, args, kwargs, rule, missed)
        done = await self._ask(schedules.target(name, tenant_of(spec.to)), "set", [spec], key)
        return reading.schedule(name, msgspec.msgpack.decode(done, type=schedules.Spec))

    @operation(path="GET /schedules", command="schedule list", changes=False)
    async def schedules(self) -> list[ScheduleView]:
        """List the schedules."""
        found: list[ScheduleView] = []
        after = ""
        while rows := await self.store.agents(like=f"{self.principal.home}/{schedules.NAME}/", after=after, limit=500):
            for row in rows:
                after = row.address
                kept = (await self.store.state(row.address)).get("spec")
                if kept is not None and kept.value:
                    body = self.worker.seal.open(kept.value) if self.worker.seal else kept.value
                    found.append(reading.schedule(key_of(row.address), msgspec.msgpack.decode(body, type=schedules.Spec)))
        return found

    @operation(path="DELETE /schedules/{name}", command="schedule remove", destroys=True, errors=("schedule.unknown",))
    async def unschedule(self, name: str, key: str = "") -> Done:
        """Remove a schedule."""
        await self._ask(schedules.target(name, self.principal.home), "remove", [], key)
        return Done(note=f"removed the schedule {name}")

    def _request(self, to: str, handler: str, payload: bytes, key: str, priority: int, sender: str, trace: str) -> Message:
        raise NotImplementedError

    async def _check(self, message: Message) -> None:
        raise NotImplementedError

    async def _ask(self, to: Address, handler: str, args: list[Any], key: str) -> Raw:
        raise NotImplementedError
