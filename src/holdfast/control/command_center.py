"""Operations of the command center: the fleet at a glance, live, and what supervisors keep about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from ..domain.address import Address, name_of, short, tenant_of
from ..domain.errors import NotFound, Rejected
from ..domain.message import Message, Status
from ..domain.principal import Principal
from ..insight.fleet import Asked, Fleet, Member
from ..insight.pulse import Beat, Pulse
from ..insight.states import STATES
from ..insight.turns import turns_of
from ..journal.codec import decode_any, decode_arguments
from ..mailbox.worker import Worker
from ..ports.store import Store
from ..turn.definition import Registry
from . import desk, reading
from .command_center_views import (
    CauseView,
    FleetRow,
    FleetView,
    Glance,
    ReaderView,
    SavedViewView,
    StepCost,
    Story,
    TurnLine,
)
from .registry import operation
from .views import AgentView, Done, EntryView, Question

_MOST_ROWS = 500
_TURN_ENTRIES = 5_000
_DAY_MS = 86_400_000
_DEAD_LETTERS = 1_000
ORDERS = ("need", "name", "recent", "cost", "entries")
GROUPS = ("", "state", "kind", "owner", "team")


class CommandCenterOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    registry: Registry
    principal: Principal
    center: Pulse
    """This process's reading of the whole store."""

    # -- the fleet ----------------------------------------------------------------------------------------------

    @operation(path="GET /fleet", command="fleet list", changes=False, errors=("fleet.query",))
    async def fleet(
        self,
        text: str = "",
        states: list[str] | None = None,
        name: str = "",
        version: str = "",
        quiet: bool = True,
        order: str = "need",
        offset: int = 0,
        limit: int = 100,
        owner: str = "",
        team: str = "",
        group: str = "",
    ) -> FleetView:
        """List agents by how much they need a person, with counts by state. ``text``: words of the address or the handler;
        ``quiet``: idle and retired ones, too, if no ``states`` are named; ``order``: need, name, recent, cost, entries;
        ``owner``, ``team``: labels of the definition, ``-`` for none; ``group``: state, kind, owner or team, together."""
        for given, known, what in ((states or [], STATES, "state"), ([order], ORDERS, "order"), ([group], GROUPS, "group")):
            if unknown := sorted(set(given) - set(known)):
                raise Rejected("fleet.query", f"{unknown[0]!r} is no {what}: {', '.join(filter(None, known))}.")
        fleet = await self._fleet()
        asked = Asked(text.strip(), tuple(sorted(states or ())), name, version, quiet, order, owner, team, group)
        now = self.worker.clock.now_ms()
        who = self.principal.actor
        page = fleet.page(asked, max(0, offset), min(max(0, limit), _MOST_ROWS), now, who)
        errors = await self._errors([m for m in page.members if fleet.state_for(m, who) == "failed"])
        return FleetView(
            rows=[self._row(member, fleet, now, errors.get(member.at.address, "")) for member in page.members],
            matched=page.matched,
            total=len(fleet),
            counts=page.counts,
            names=page.names,
            owners=_summed(page.names, lambda name: fleet.whose(name)[0]),
            teams=_summed(page.names, lambda name: fleet.whose(name)[1]),
            groups=page.groups,
            at=now,
        )

    @operation(path="GET /events", command="fleet watch", changes=False, page="id")
    async def pulse(self, after: int = 0) -> AsyncIterator[Beat]:
        """Follow the whole store: new journal entries of all agents in their lightest form, and the fleet's counts."""
        await self._fleet()
        async for beat in self.center.beats(after, self.principal.within, self.principal.actor):
            yield beat

    @operation(path="GET /agents/{address}/glance", command="fleet show", changes=False, errors=("agent.unknown",))
    async def glance(self, address: str) -> Glance:
        """Tell what an agent's page shows first: its state, its newest turns, what it can be sent."""
        target = self.principal.place(address)
        agent = await self.describe(address)
        fleet = await self._fleet()
        fleet.learn(await self.store.standings([target]), self.worker.clock.now_ms())
        member = fleet.member(target)
        if member is None:  # one of the runtime's own
            raise NotFound("agent.unknown", f"{address} belongs to Holdfast itself. `holdfast journal {address}` shows it.")
        rows = await self.store.entries(target, max(0, member.at.entries - _TURN_ENTRIES), _TURN_ENTRIES)
        now = self.worker.clock.now_ms()
        published = [d for d in await self.store.definitions() if d.name == name_of(target)]
        definition = self.registry.find(name_of(target))
        return Glance(
            row=self._row(member, fleet, now, (await self._errors([member])).get(target, "")),
            agent=agent,
            turns=[TurnLine(**msgspec.structs.asdict(t)) for t in turns_of(rows, self.worker)],
            handlers=published[0].handlers if published else {},
            description=getattr(definition, "description", "") or "",
            at=now,
        )

    @operation(path="GET /agents/{address}/turns/{turn}", command="turns show", changes=False, errors=("turn.unknown",))
    async def story(self, address: str, turn: int, after: int = 0, limit: int = 2000) -> Story:
        """Tell one turn, whole: what it was asked and by whom, its entries, what its steps cost."""
        target = self.principal.place(address)
        limit = max(1, min(limit, _TURN_ENTRIES))
        rows = await self.store.entries(target, after, limit + 1, turn)
        if not rows:
            raise NotFound("turn.unknown", f"{address} has no turn {turn} (any more).", turn=turn)
        entries = [reading.entry_view(row, self.worker) for row in rows[:limit]]
        message = await self._message_of(entries)
        args, kwargs = decode_arguments(message.payload) if message is not None else ([], {})
        cause = message.cause or message.reply if message is not None else None
        paid = await self.store.usage(since=entries[0].at - 60_000, agent=target, limit=5_000)
        return Story(
            line=TurnLine(**msgspec.structs.asdict(turns_of(rows, self.worker)[0])),
            entries=entries,
            more=len(rows) > limit,
            args=[decode_any(a) for a in args],
            kwargs={k: decode_any(v) for k, v in kwargs.items()},
            cause=CauseView(agent=short(cause.agent), turn=cause.turn, path=cause.path) if cause is not None else None,
            trace=message.trace if message is not None else "",
            labels=list(message.labels) if message is not None else [],
            costs=[
                StepCost(path=u.path, usd=u.nanos / 1e9, input=u.input, output=u.output, model=u.model, target=u.target)
                for u in paid
                if u.turn == turn
            ],
        )

    async def _message_of(self, entries: list[EntryView]) -> Message | None:
        stored = await self.store.message(entries[0].message) if entries[0].message else None
        return self.worker.loader.item(stored).message if stored is not None else None

    @operation(path="GET /agents/{address}/questions", command="asks --of", changes=False, errors=("agent.unknown",))
    async def asks_of(self, address: str) -> list[Question]:
        """List the questions of one agent that wait for a person."""
        row = await self.store.agent(self.principal.place(address))
        if row is None:
            raise reading.unknown(address)
        return [reading.question(w, self.worker) for w in row.waits if w.verb == "ask"]

    @operation(path="POST /seen", command="fleet seen")
    async def saw(self, address: str = "", until: int = 0) -> Done:
        """Mark what an agent (all of them, if none is named) finished as seen by you, up to a time in milliseconds or
        now."""
        until = until or self.worker.clock.now_ms()
        who = self.principal.actor
        target = self.principal.place(address) if address else ""
        fleet = await self._fleet()
        mine = desk.address_of(who, self.principal.home)
        await self._ask(mine, "saw", [{short(target): until} if address else {}, 0 if address else until, who], "")
        fleet.saw(target, until, who)
        return Done(note=f"seen: {address or 'everything'}")

    @operation(path="GET /agents/{address}/readers", command="fleet readers", changes=False, errors=("agent.unknown",))
    async def readers(self, address: str) -> list[ReaderView]:
        """Tell who has read what an agent finished last, who read most recently first."""
        target = self.principal.place(address)
        [standing] = await self.store.standings([target]) or [None]
        if standing is None:
            raise reading.unknown(address)
        found: list[ReaderView] = []
        after = ""
        while rows := await self.store.agents(like=f"{tenant_of(target)}/{desk.NAME}/", after=after, limit=500):
            for row in rows:
                after = row.address
                seen = await self._seen(Address(row.address))
                until = max(seen.until, seen.agents.get(short(target), 0)) if seen is not None and seen.who else 0
                if seen is not None and until:
                    read = bool(standing.ended) and until >= standing.ended
                    found.append(ReaderView(who=short(seen.who), until=until, read=read))
        return sorted(found, key=lambda r: -r.until)

    # -- what supervisors keep ----------------------------------------------------------------------------------

    @operation(path="GET /views", command="view list", changes=False)
    async def views(self) -> list[SavedViewView]:
        """List the saved views of the fleet."""
        kept = (await self.store.state(self._desk)).get("views")
        found: Any = reading.plain(kept.value, self.worker) if kept is not None else None
        saved: list[desk.SavedView] = msgspec.convert(found or [], list[desk.SavedView])
        return [SavedViewView(name=v.name, page=v.page, query=v.query, by=v.by, at=v.at) for v in saved]

    @operation(path="PUT /views/{name}", command="view save", errors=("view.malformed",))
    async def save_view(self, name: str, page: str, query: str, by: str = "person", key: str = "") -> SavedViewView:
        """Give a way to look a name. The same name on the same page again replaces it."""
        if not name.strip() or len(name) > 80 or page != "fleet" or len(query) > 2_000:
            raise Rejected(
                "view.malformed",
                "A view has a name of up to 80 characters, and belongs to fleet; searches are saved with save_search.",
            )
        view = desk.SavedView(name.strip(), page, query, by, self.worker.clock.now_ms())
        await self._ask(self._desk, "keep", [view], key)
        return SavedViewView(name=view.name, page=page, query=query, by=by, at=view.at)

    @operation(path="DELETE /views/{name}", command="view remove", destroys=True, errors=("view.unknown",))
    async def drop_view(self, name: str, page: str = "fleet") -> Done:
        """Forget a saved view."""
        if not msgspec.msgpack.decode(await self._ask(self._desk, "drop", [page, name], "")):
            raise NotFound("view.unknown", f"There is no view {name!r} of {page}. `views` lists them.", view=name)
        return Done(note=f"forgot {name}")

    async def _fleet(self) -> Fleet:
        """The agents that the principal reaches."""
        within, who = self.principal.within, self.principal.actor
        if not self.center.knows(within, who):
            seen = await self._seen(desk.address_of(who, self.principal.home)) or await self._seen(self._desk) or desk.Seen()
            self.center.read(within, who, seen.until or self.worker.clock.now_ms() - _DAY_MS, seen.agents)
        fleet = await self.center.ready(within)
        fleet.belong({name: self._belongs(name) for name in fleet.names})
        return fleet

    def _belongs(self, name: str) -> tuple[str, str]:
        """The owner and team of a kind of agent: labels of its code, or of the resource that declares it elsewhere."""
        definition = self.registry.find(name)
        resource = None if definition is not None else self.worker.resources.get("Agent", name)
        labels = definition.labels if definition is not None else resource.labels if resource is not None else {}
        return labels.get("owner", ""), labels.get("team", "")

    async def _seen(self, at: Address) -> desk.Seen | None:
        """What a desk says that was read; that of everybody is what stores of older versions have."""
        kept = (await self.store.state(at)).get("seen")
        return msgspec.convert(reading.plain(kept.value, self.worker), desk.Seen) if kept is not None else None

    async def _errors(self, members: Sequence[Member]) -> dict[str, str]:
        """Why the newest dead letter of each died; looked up again when there is another one."""
        found: dict[str, str] = {}
        for member in members:
            at = member.at
            known = self.center.errors.get(at.address)
            if at.dead and (known is None or known[0] != at.dead):
                dead = await self.store.messages(statuses=(Status.DEAD,), address=at.address, limit=_DEAD_LETTERS)
                error = (await reading.dead_letter(dead[-1], self.store, self.worker)).error if dead else ""
                known = self.center.errors[at.address] = (at.dead, error)
            if at.dead and known is not None:
                found[at.address] = known[1]
        return found

    @property
    def _desk(self) -> Address:
        return desk.address_in(self.principal.home)

    def _row(self, member: Member, fleet: Fleet, now: int, error: str) -> FleetRow:
        at = member.at
        state = fleet.state_for(member, self.principal.actor)
        owner, team = fleet.whose(member.name)
        return FleetRow(
            address=member.address,
            name=member.name,
            state=state,
            doing=_doing(member, decode_any(self._open(at.detail)) if at.detail else None, error),
            since=member.since,
            handler=at.handler,
            version=at.version or self._next_version(member.name),
            queued=at.queued,
            entries=at.entries,
            dead=at.dead,
            usd=member.nanos / 1e9,
            tokens=member.tokens,
            calls=member.calls,
            ended=at.ended,
            due=at.due,
            reason=at.reason,
            owner=owner,
            team=team,
            spark=self.center.spark(at.address, now),
        )

    def _next_version(self, name: str) -> str:
        """What an agent without an open turn begins its next one on, as far as this process knows."""
        definition = self.registry.find(name)
        return definition.version if definition is not None else ""

    def _open(self, body: bytes) -> bytes:
        return self.worker.seal.open(body) if self.worker.seal is not None else body

    async def describe(self, address: str) -> AgentView:
        raise NotImplementedError

    async def _ask(self, to: Address, handler: str, args: list[Any], key: str) -> Any:
        raise NotImplementedError


def _summed(names: dict[str, int], of: Callable[[str], str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, count in names.items():
        found[of(name)] = found.get(of(name), 0) + count
    return found


def _doing(member: Member, detail: dict[str, Any] | None, error: str) -> str:
    """What a state is about: the question, the name of what it waits for, the handler that runs, what went wrong."""
    at = member.at
    told: dict[str, Any] = detail or {}
    if at.verb == "ask":
        return str(told.get("question") or at.name)
    if at.verb == "diverged":
        return str(told.get("error") or "diverged from its journal")
    if at.verb and member.state not in ("working", "paused", "retired"):
        return at.name
    if member.state == "failed":
        letters = f"{at.dead} dead letter{'s' if at.dead > 1 else ''}"
        return f"{letters}: {error}" if error else letters
    return at.handler


__all__ = ["CommandCenterOperations"]
