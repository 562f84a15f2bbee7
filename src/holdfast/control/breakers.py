"""Operations around breakers: what is switched off, switching off, switching on again.

Breakers are resources of kind ``Breaker``: every worker has them within a moment, each change is a version with an author
and a reason, and is published on ``holdfast.breaker`` for whoever wants to be told.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.address import name_of, tenant_of
from ..domain.errors import NotFound, Rejected
from ..domain.notice import RESET, TRIPPED, Notice
from ..domain.principal import EVERY_TENANT, Principal, crossed
from ..gate.breakers import ACTIONS, HELD, SCOPES, Breaker
from ..journal.codec import encode
from ..mailbox.worker import Worker
from ..ports.resources import Change, Resource
from ..ports.store import Store
from .registry import operation
from .views import Done, View

KIND = "Breaker"
TOPIC = "holdfast.breaker"
_PAGE = 500


class BreakerView(View):
    """A breaker that is not closed. ``state``: open or half-open; ``at``, ``probe_at`` in milliseconds."""

    name: str
    scope: str
    what: str
    tenant: str
    state: str
    action: str
    reason: str
    by: str
    at: int
    probe_at: int


class BreakerOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    principal: Principal

    @operation(path="GET /breakers", command="breaker list", changes=False)
    async def breakers(self) -> list[BreakerView]:
        """List what is switched off, why and by whom."""
        now = self.worker.clock.now_ms()
        found = [b for b in map(breaker_of, await self.store.resources(KIND)) if self._concerns(b)]
        return [
            BreakerView(
                name=b.name,
                scope=b.scope,
                what=b.what,
                tenant=b.tenant,
                state=b.state(now),
                action=b.action,
                reason=b.reason,
                by=b.by,
                at=b.at,
                probe_at=b.probe_at,
            )
            for b in found
        ]

    @operation(
        path="POST /breakers",
        command="breaker trip",
        errors=("breaker.malformed",),
        next=(("reset_breaker", "switch it on again"),),
    )
    async def trip_breaker(
        self,
        scope: str,
        what: str = "",
        reason: str = "",
        action: str = "",
        tenant: str = "",
        probe_seconds: float = 0.0,
        by: str = "person",
    ) -> Done:
        """Switch something off, on every worker before its next effect: the system, a tenant, a definition, an agent, a tool
        or a destination.

        Args:
            action: deny, hold or kill; agents are held and tools denied if nobody says.
            tenant: of a tool or destination, whose actions it is for; everybody's by default.
            probe_seconds: after that one action may pass, and if it goes well the breaker closes; 0 for never.
        """
        breaker = self._checked(scope, what, action, tenant)
        now = self.worker.clock.now_ms()
        probe_at = now + int(probe_seconds * 1000) if probe_seconds else 0
        breaker = msgspec.structs.replace(breaker, reason=reason, by=self.principal.sender(by), at=now, probe_at=probe_at)
        await self._switch(breaker, msgspec.json.encode(breaker), by, reason)
        killed = await self._kill(breaker) if breaker.action == "kill" else 0
        ended = f"; {killed} turns ended" if killed else ""
        return Done(note=f"{breaker.name} is switched off{ended}", count=killed)

    @operation(path="DELETE /breakers/{name}", command="breaker reset", errors=("breaker.unknown",))
    async def reset_breaker(self, name: str, reason: str = "", by: str = "person") -> Done:
        """Switch something on again: what was held goes on where it was."""
        there = map(breaker_of, await self.store.resources(KIND))
        found = [b for b in there if b.name == name and self._concerns(b)]
        if not found:
            raise NotFound(
                "breaker.unknown", f"{name!r} is not switched off. `holdfast breaker list` shows what is.", name=name
            )
        for breaker in found:
            self._check_reach(breaker)
            await self._switch(breaker, None, by, reason)
        return Done(note=f"{name} is switched on again", count=len(found))

    @operation(
        path="POST /stop", command="stop-all", errors=("breaker.malformed",), next=(("reset_breaker", "let it go on"),)
    )
    async def stop_all(
        self, reason: str = "", agent: str = "", tenant: str = "", kill: bool = False, by: str = "person"
    ) -> Done:
        """Stop everything, or one agent or tenant, before the next effect of every turn. Nothing is lost unless it is
        killed; resetting the breaker lets it go on."""
        scope, what = ("agent", agent) if agent else ("tenant", tenant) if tenant else ("system", "")
        return await self.trip_breaker(scope, what, reason, "kill" if kill else "hold", by=by)

    # -- parts --------------------------------------------------------------------------------------------------

    def _checked(self, scope: str, what: str, action: str, tenant: str) -> Breaker:
        action = action or ("hold" if scope in HELD else "deny")
        if scope not in SCOPES or action not in ACTIONS or bool(what) is (scope == "system"):
            raise Rejected(
                "breaker.malformed",
                f"{scope} {what} ({action}) cannot be switched off. Name one of {', '.join(SCOPES)}, what it is called "
                f"(nothing for the system), and one of {', '.join(ACTIONS)}.",
                scope=scope,
            )
        who = self.principal
        if scope == "agent":
            what = who.place(what)
        elif scope == "definition" and "/" not in what:
            what = f"{who.home}/{what}"
        if scope not in HELD:
            action = "deny"
            tenant = tenant or ("" if who.tenant == EVERY_TENANT else who.home)
        breaker = Breaker(scope=scope, what=what, tenant="" if scope in HELD else tenant, action=action)
        self._check_reach(breaker)
        return breaker

    def _tenant(self, breaker: Breaker) -> str:
        """Whose breaker it is; ``*`` for one that concerns everybody."""
        if breaker.scope == "tenant":
            return breaker.what
        if breaker.scope in ("agent", "definition"):
            return tenant_of(breaker.what)
        return breaker.tenant or EVERY_TENANT

    def _concerns(self, breaker: Breaker) -> bool:
        tenant = self._tenant(breaker)
        return tenant == EVERY_TENANT or self.principal.reaches(tenant)

    def _check_reach(self, breaker: Breaker) -> None:
        tenant = self._tenant(breaker)
        if self.principal.tenant not in (tenant, EVERY_TENANT):
            raise crossed(self.principal.subject, tenant)

    async def _switch(self, breaker: Breaker, body: bytes | None, by: str, reason: str) -> None:
        now, by = self.worker.clock.now_ms(), self.principal.sender(by)
        change = Change(KIND, breaker.name, breaker.tenant, body)
        revision = await self.store.apply_resources([change], by, reason, now)
        self.worker.resources.heard(revision)
        await self.worker.resources.load()
        news = {"breaker": breaker, "state": "open" if body is not None else "closed", "by": by, "reason": reason, "at": now}
        await self.publish(f"{TOPIC}.{'tripped' if body is not None else 'reset'}", encode(([news], {})))

    async def _kill(self, breaker: Breaker) -> int:
        prefix = {"system": "", "tenant": f"{breaker.what}/", "definition": f"{breaker.what}/"}.get(breaker.scope)
        if prefix is None:
            row = await self.store.agent(breaker.what)
            rows = [row] if row is not None else []
            return sum([await self._end(row.address, breaker) for row in rows if row.open])
        ended, after = 0, ""
        while rows := await self.store.agents(like=prefix, after=after, limit=_PAGE):
            after = rows[-1].address
            for row in rows:
                if row.open and not name_of(row.address).startswith("holdfast."):
                    ended += await self._end(row.address, breaker)
        return ended

    async def _end(self, address: str, breaker: Breaker) -> int:
        await self._control(address, "kill", 0, f"{breaker.name} was switched off: {breaker.reason}")
        return 1

    async def _control(self, address: str, verb: str, turn: int, why: str) -> Done:
        raise NotImplementedError

    async def publish(self, topic: str, payload: bytes) -> Any:
        """See ``Operations``."""
        raise NotImplementedError


def notice_of(resource: Resource) -> Notice:
    """What people are told of a breaker that was tripped or reset: the same, whichever worker heard of it."""
    kind = RESET if resource.deleted else TRIPPED
    found = None if resource.deleted else breaker_of(resource)
    scope, _, what = resource.name.partition(":")
    tenant = resource.tenant
    if scope in ("agent", "definition", "tenant"):
        tenant = tenant_of(what)
    did = "is switched on again by" if found is None else f"is switched off ({found.action}) by"
    by, reason = (found.by, found.reason) if found is not None else (resource.author, resource.reason)
    text = f"{resource.name} {did} {by}" + (f": {reason}" if reason else "")
    data: dict[str, Any] = {"by": by, "reason": reason, "scope": scope, "what": what}
    if found is not None:
        data |= {"action": found.action, "probe_at": found.probe_at}
    id = f"breaker:{resource.tenant}/{resource.name}:{resource.version}"
    return Notice(id, kind, tenant, resource.name, text, resource.at, data)


def breaker_of(resource: Resource) -> Breaker:
    """A breaker as its resource has it."""
    return msgspec.json.decode(resource.body, type=Breaker)
