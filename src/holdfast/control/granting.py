"""Operations around grants: what was said yes to beforehand, what one would cover, and taking one back.

A grant comes about with an approval (``approve`` with ``similar``), by whoever may answer it and within its bounds; there is
no other way to make one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from ..domain.address import tenant_of
from ..domain.errors import NotFound, Rejected
from ..domain.principal import Principal
from ..gate.grants import GRANTED, Grant
from ..gate.rules.record import Act, Row, acts
from ..mailbox.worker import Worker
from ..ports.resources import Change, Resource
from ..ports.store import Store
from . import reading
from .approvals import GRANT
from .groups import agents_in
from .registry import operation
from .similar import Similar, grant_of, shown, was_lifted, would_lift
from .views import Done, Question, View

_LOOKED_BACK_MS = 30 * 86_400_000
_MOST_AGENTS = 1_000
_SHOWN = 100


class GrantView(View):
    """Similar actions that need no more asking; ``Grant`` tells what its bounds mean. Times in milliseconds."""

    name: str
    tenant: str
    agent: str
    verb: str
    action: str
    rules: list[str]
    to: str
    equal: dict[str, Any]
    at_most: dict[str, float]
    any: list[str]
    total: dict[str, float]
    uses: int
    until: int
    over: bool
    untrusted: bool
    by: list[str]
    approval: str
    at: int
    reason: str


class CoveredView(View):
    """A recorded action. ``then``: what became of it: ``asked`` (and people let it through), ``refused`` by people, or
    ``granted``; ``by`` are the people."""

    address: str
    turn: int
    path: str
    at: int
    args: dict[str, Any]
    then: str
    by: list[str]


class PreviewView(View):
    """What a grant would have meant. Of the actions that these rules asked about since then (``asked``), it would have let
    ``covered`` through without a question, ``refused`` of them although people said no. ``found`` are the newest of those;
    ``left_out`` says how many agents were too many to look at."""

    grant: GrantView
    since: int
    asked: int
    covered: int
    refused: int
    found: list[CoveredView]
    left_out: int


class UsesView(View):
    """A grant, and the newest actions that happened under it. ``amounts`` sums the arguments that it has a total for."""

    grant: GrantView
    used: int
    amounts: dict[str, float]
    found: list[CoveredView]


class GrantOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    principal: Principal

    @operation(path="GET /grants", command="grant list", changes=False, next=(("drop_grant", "take one back"),))
    async def grants(self) -> list[GrantView]:
        """List what people have said yes to beforehand: which actions, within which bounds, and who said so."""
        now = self.worker.clock.now_ms()
        return [_view(row, now) for row in await self._grants()]

    @operation(
        path="GET /grants/{name}",
        command="grant show",
        changes=False,
        errors=("grant.unknown",),
        next=(("drop_grant", "take it back"),),
    )
    async def grant(self, name: str) -> UsesView:
        """Tell what a grant is for, and what happened under it: read from the journals, newest first."""
        row = await self._grant(name)
        grant, found = msgspec.json.decode(row.body, type=Grant), list[CoveredView]()
        amounts = dict.fromkeys(grant.total, 0.0)
        async for act in self._acts(grant, row.tenant, []):
            if was_lifted(grant, act):
                found.append(_covered(act))
                for argument in amounts:
                    amounts[argument] += float(found[-1].args.get(argument, 0))
        found.sort(key=lambda c: -c.at)
        return UsesView(grant=_view(row, self.worker.clock.now_ms()), used=len(found), amounts=amounts, found=found[:_SHOWN])

    @operation(
        path="POST /approvals/{question}/preview",
        command="grant preview",
        changes=False,
        errors=("ask.unknown", "ask.ambiguous", "approval.none", "approval.similar"),
        next=(("approve", "with the same bounds, to grant it"),),
    )
    async def preview_grant(self, question: str, similar: Similar | None = None) -> PreviewView:
        """Tell what approving similar actions, too, would have covered in the last 30 days, before anybody says so."""
        asked = await self._question(question)
        row = await self.store.agent(self.principal.place(asked.address))
        place = asked.id.partition("#")[2]
        wait = next((w for w in row.waits if f"{w.turn}.{w.path}" == place), None) if row is not None else None
        if asked.approval is None or wait is None:
            raise Rejected("approval.none", f"{asked.id} is a question, no action that waits to be let through.")
        now = self.worker.clock.now_ms()
        by = self.principal.sender("person")
        grant = grant_of(reading.asked(wait, self.worker), similar or Similar(), [by], now)
        tenant, left_out = tenant_of(grant.approval), list[int]()
        before, found = 0, list[CoveredView]()
        async for act in self._acts(grant, tenant, left_out):
            if act.intent.at < now - _LOOKED_BACK_MS or not _was_asked(grant, act):
                continue
            before += 1
            if would_lift(grant, act):
                found.append(_covered(act))
        found.sort(key=lambda c: -c.at)
        body = msgspec.json.encode(grant)
        return PreviewView(
            grant=_view(Resource(GRANT, grant.name, tenant, body=body, author=by), now),
            since=now - _LOOKED_BACK_MS,
            asked=before,
            covered=len(found),
            refused=sum(c.then == "refused" for c in found),
            found=found[:_SHOWN],
            left_out=sum(left_out),
        )

    @operation(
        path="DELETE /grants/{name}",
        command="grant drop",
        errors=("grant.unknown",),
        next=(("grants", "what else is granted"),),
    )
    async def drop_grant(self, name: str, reason: str = "", by: str = "person") -> Done:
        """Take a grant back: from now on such actions are asked about again, on every worker."""
        row = await self._grant(name)
        change = Change(GRANT, name, row.tenant, None)
        now = self.worker.clock.now_ms()
        revision = await self.store.apply_resources([change], self.principal.sender(by), reason, now)
        self.worker.resources.heard(revision)
        await self.worker.resources.load()
        return Done(note=f"{name} is taken back", count=1)

    async def _grants(self) -> list[Resource]:
        rows = await self.store.resources(GRANT)
        found = [r for r in rows if self.principal.reaches(r.tenant) and _is_readable(r)]
        return sorted(found, key=lambda r: (-r.at, r.name))

    async def _grant(self, name: str) -> Resource:
        found = [r for r in await self._grants() if r.name == name]
        if not found:
            raise NotFound(
                "grant.unknown", f"There is no grant {name!r}. `holdfast grant list` shows what there is.", name=name
            )
        return found[0]

    async def _acts(self, grant: Grant, tenant: str, left_out: list[int]) -> AsyncIterator[Act]:
        """The recorded actions of all agents that a grant is for."""
        members = agents_in(self.worker.resources, grant.group, tenant) if grant.group else [grant.agent]
        looked = 0
        for member in members:
            like = member.removesuffix("*") if member.endswith("/*") else member
            async for address in self._addresses(like):
                if not grant.is_for(address, members):
                    continue
                looked += 1
                if looked > _MOST_AGENTS:
                    left_out.append(1)
                    continue
                for act in acts(address, await self._rows(address)):
                    if (act.intent.verb, act.intent.name) == (grant.verb, grant.action):
                        yield act

    async def _question(self, question: str) -> Question:
        raise NotImplementedError

    def _addresses(self, like: str) -> AsyncIterator[str]:
        raise NotImplementedError

    async def _rows(self, address: str) -> list[Row]:
        raise NotImplementedError


def _is_readable(row: Resource) -> bool:
    """What cannot be read lifts nothing: `holdfast get Grant` shows it as it is."""
    try:
        msgspec.json.decode(row.body, type=Grant)
    except msgspec.DecodeError:
        return False
    return True


def _was_asked(grant: Grant, act: Act) -> bool:
    decided = act.decided or {}
    rules = [str(r) for r in decided.get("rules", ())]
    if decided.get("verdict") not in ("ask", "deny") and not any(r.startswith(GRANTED) for r in rules):
        return False
    return bool({*rules} & {*grant.rules})


def _covered(act: Act) -> CoveredView:
    intent, decided = act.intent, act.decided or {}
    granted = any(str(r).startswith(GRANTED) for r in decided.get("rules", ()))
    then = "refused" if decided.get("verdict") == "deny" else "granted" if granted else "asked"
    by = [str(who) for who in decided.get("by", ())]
    return CoveredView(
        address=intent.agent, turn=intent.turn, path=intent.path, at=intent.at, args=shown(act), then=then, by=by
    )


def _view(row: Resource, now: int) -> GrantView:
    grant = msgspec.json.decode(row.body, type=Grant)
    return GrantView(
        name=grant.name,
        tenant=row.tenant,
        agent=grant.agent,
        verb=grant.verb,
        action=grant.action,
        rules=list(grant.rules),
        to=grant.to,
        equal=grant.equal,
        at_most=grant.at_most,
        any=list(grant.any),
        total=grant.total,
        uses=grant.uses,
        until=grant.until,
        over=bool(grant.until) and now > grant.until,
        untrusted=grant.untrusted,
        by=list(grant.by),
        approval=grant.approval,
        at=grant.at,
        reason=row.reason,
    )


__all__ = ["CoveredView", "GrantOperations", "GrantView", "PreviewView", "UsesView"]
