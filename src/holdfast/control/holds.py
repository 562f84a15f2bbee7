"""Legal holds: journals of these agents are not to be forgotten, however old they are.

A hold is a resource of kind ``Hold``: it has an author, a reason and versions, and outlives restarts and restored backups.
It belongs to the tenant whose journals it keeps (those made before that was so belong to the installation).
Retention asks the store, not a memory of it, before every bite.
"""

from __future__ import annotations

import msgspec

from ..domain.address import tenant_of
from ..domain.errors import NotFound, Rejected
from ..domain.principal import Principal
from ..mailbox.worker import Worker
from ..ports.resources import Change
from ..ports.store import Store
from .registry import operation
from .views import Done, View

KIND = "Hold"


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept: an agent's address, or everything whose address begins with ``what``, which ends in a ``/`` then."""

    what: str


class HoldView(View):
    """A hold. ``at`` in milliseconds."""

    what: str
    reason: str
    by: str
    at: int


async def held_in(store: Store) -> list[str]:
    """What ``Store.compact`` must leave alone."""
    return [msgspec.json.decode(r.body, type=Hold).what for r in await store.resources(KIND)]


class HoldOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    principal: Principal

    @operation(path="GET /holds", command="hold list", changes=False)
    async def holds(self) -> list[HoldView]:
        """List the legal holds."""
        found = [r for r in await self.store.resources(KIND) if self.principal.reaches(tenant_of(r.name))]
        return [HoldView(what=r.name, reason=r.reason, by=r.author, at=r.at) for r in found]

    @operation(path="POST /holds", command="hold add", errors=("hold.malformed", "hold.no_reason"))
    async def add_hold(self, reason: str = "", agent: str = "", tenant: str = "", by: str = "person") -> Done:
        """Keep the journals of an agent or of a whole tenant, however old they are."""
        what = self._what(agent, tenant)
        if not reason:
            raise Rejected("hold.no_reason", f"Say why {what} is held: whoever wants to lift it has to know.", what=what)
        await self._change([Change(KIND, what, tenant_of(what), msgspec.json.encode(Hold(what=what)))], by, reason)
        return Done(note=f"{what} is held")

    @operation(path="POST /holds/remove", command="hold remove", errors=("hold.malformed", "hold.unknown"))
    async def remove_hold(self, reason: str = "", agent: str = "", tenant: str = "", by: str = "person") -> Done:
        """Let retention have them again."""
        what = self._what(agent, tenant)
        there = [r for r in await self.store.resources(KIND) if r.name == what]
        if not there:
            raise NotFound("hold.unknown", f"{what} is not held. `holdfast hold list` shows what is.", what=what)
        await self._change([Change(KIND, what, row.tenant, None) for row in there], by, reason)
        return Done(note=f"{what} is not held any more")

    async def _change(self, changes: list[Change], by: str, reason: str) -> None:
        await self.store.apply_resources(changes, self.principal.sender(by), reason, self.worker.clock.now_ms())

    def _what(self, agent: str, tenant: str) -> str:
        if bool(agent) is bool(tenant):
            raise Rejected("hold.malformed", "Name an agent or a tenant, and not both.")
        if agent:
            return self.principal.place(agent)
        self.principal.check_reach(tenant)
        return f"{tenant}/"
