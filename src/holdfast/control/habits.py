"""What agents usually do, kept for all workers: one of the system's own agents per kind of agent adds up what workers learn.

Its mailbox puts them in order, so that nothing is lost or counted twice. It is a reading of the journal: what is here can be
made anew from there at any time (``holdfast behaviour rebuild``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ..domain.address import Address, make, name_of, tenant_of
from ..domain.entry import EntryKind
from ..domain.errors import HoldfastError, LimitExceeded
from ..domain.intent import Done as Act
from ..domain.principal import Principal
from ..gate.behaviour import Baselines, Behaviour
from ..gate.behaviour.learned import Kind
from ..gate.past import VERBS, done_of
from ..journal.codec import Shape, decode_entry
from ..mailbox.worker import Worker
from ..ports.resources import Change
from ..ports.store import Store
from ..sdk.agent import Agent
from ..turn.context import Context
from .registry import operation
from .views import Done, View

log = logging.getLogger("holdfast")

HABITS = "holdfast.habits"
SETTINGS = "Behaviour"
"""The kind of resource that switches judging on; there is one, named ``default``."""
_KEPT = "kind"
Tell = Callable[[str, str, bytes], Awaitable[None]]
"""Says something (a handler, and what was learned) to the agent that keeps a kind's habits."""
_BYTES = Shape(bytes)
_ROWS = 1_000
_LOOK_SECONDS = 1.0

habits = Agent(HABITS, description="What a kind of agent usually does.")


@habits.handler
async def merge(ctx: Context, learned: bytes) -> None:
    """Add what a worker learned."""
    kind = Kind.decode(await ctx.state.get(_KEPT, b""))
    kind.merge(Kind.decode(learned))
    await ctx.state.set(_KEPT, kind.encode())


@habits.handler
async def replace(ctx: Context, learned: bytes) -> None:
    """Begin anew with this."""
    await ctx.state.set(_KEPT, learned)


def address_of(key: str) -> Address:
    """The agent that keeps the habits of a kind (``tenant/name``)."""
    tenant, _, name = key.partition("/")
    return make(HABITS, name, tenant)


class HabitView(View):
    """What is known of an action of a kind of agent. ``p99``: of each volume; ``novelty``: the chance that its next
    destination is a new one; times in milliseconds."""

    kind: str
    action: str
    times: int
    since: int
    until: int
    minute_most: int
    hour_most: int
    destinations: int
    novelty: float
    p99: dict[str, float]


class HabitOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    principal: Principal

    @operation(path="GET /behaviour", command="behaviour show", changes=False)
    async def behaviour(self, kind: str = "") -> list[HabitView]:
        """Show what agents usually do, as all workers together know it."""
        found: list[HabitView] = []
        for key, known in (await self._habits()).items():
            for name, action in sorted(known.actions.items()) if kind in ("", key, key.partition("/")[2]) else ():
                windows = {span: w.largest + 1 for span, w in action.windows.items()}
                found.append(
                    HabitView(
                        kind=key,
                        action=name,
                        times=action.n,
                        since=known.since,
                        until=known.until,
                        minute_most=windows.get("minute", 0),
                        hour_most=windows.get("hour", 0),
                        destinations=len(action.destinations.counts),
                        novelty=round(action.destinations.novelty, 6),
                        p99={arg: v.quantile(0.99) for arg, v in action.volumes.items() if v.n},
                    )
                )
        return found

    @operation(path="PUT /behaviour", command="behaviour on")
    async def set_behaviour(self, settings: Behaviour | None = None, by: str = "person", reason: str = "") -> Done:
        """Judge what agents do by what they usually do, from now on and on every worker; without settings, stop that."""
        body = msgspec.json.encode(settings) if settings is not None else None
        change = Change(SETTINGS, "default", "", body)
        revision = await self.store.apply_resources([change], self.principal.sender(by), reason, self.worker.clock.now_ms())
        self.worker.resources.heard(revision)
        await self.worker.resources.load()
        return Done(note="behaviour is judged" if body is not None else "behaviour is not judged any more")

    @operation(path="POST /behaviour/rebuild", command="behaviour rebuild")
    async def rebuild_behaviour(self) -> Done:
        """Learn everything anew from the journals, as far back as they reach."""
        fresh = await relearned(self.store, self.worker, await self._habits())
        for key, body in fresh.items():
            await self._tell_habits(key, "replace", body)
        return Done(note=f"learned {len(fresh)} kinds of agents anew", count=len(fresh))

    async def _tell_habits(self, key: str, handler: str, body: bytes) -> None:
        """Tell the agent that keeps a kind's habits."""
        await self._ask(address_of(key), handler, [body], "")

    async def _habits(self) -> dict[str, Kind]:
        found: dict[str, Kind] = {}
        for definition in await self.store.definitions():
            for tenant in filter(self.principal.reaches, await self._tenants()):
                body = await kept(self.store, self.worker, f"{tenant}/{definition.name}")
                if body:
                    found[f"{tenant}/{definition.name}"] = Kind.decode(body)
        return found

    async def _tenants(self) -> list[str]:
        """The tenants that there are: each is looked for behind the one before."""
        found: list[str] = []
        after = ""
        while rows := await self.store.agents(after=after, limit=1):
            found.append(tenant_of(rows[0].address))
            after = f"{found[-1]}/\U0010ffff"
        return found

    async def _ask(self, to: Address, handler: str, args: list[Any], key: str) -> Any:
        raise NotImplementedError


async def kept(store: Store, worker: Worker, key: str) -> bytes:
    """What all workers together know of a kind of agent."""
    row = (await store.state(address_of(key))).get(_KEPT)
    if row is None or not row.value:
        return b""
    return _BYTES.decode(worker.seal.open(row.value) if worker.seal else row.value, "habits")


async def relearned(store: Store, worker: Worker, known: dict[str, Kind]) -> dict[str, bytes]:
    """Habits as the journals tell them. Roles of arguments are in no journal: they are taken from what is known."""
    baselines = Baselines()
    for key, kind in known.items():
        baselines.kinds[key] = made = Kind()
        made.roles = kind.roles
    begun: dict[tuple[str, int, str], Act] = {}
    after = 0
    while rows := await store.history(after, _ROWS):
        for row in rows:
            entry = decode_entry(worker.seal.open(row.body) if worker.seal else row.body)
            if entry.verb not in VERBS or name_of(row.address).startswith("holdfast."):
                continue
            place = (row.address, row.turn, entry.path)
            if entry.kind == EntryKind.INTENT:
                begun[place] = done_of(row.turn, entry)
            elif entry.kind == EntryKind.STEP and not _refused(entry.decision):
                baselines.learn(row.address, done_of(row.turn, entry))
            elif entry.kind == EntryKind.RESULT and (done := begun.pop(place, None)) is not None:
                baselines.learn(row.address, done)
        after = rows[-1].id
        await asyncio.sleep(0)  # noqa: TID251 - no wait: others get their turn
    return baselines.take_fresh()


def _refused(decision: Any) -> bool:
    found: dict[str, Any] = decision or {}
    return found.get("verdict") in ("deny", "hold")


class Keeper:
    """Lets this worker's baselines and those of all others become one, every now and then."""

    def __init__(self, baselines: Baselines, store: Store, worker: Worker, tell: Tell, seconds: float = 300.0) -> None:
        self.baselines = baselines
        self._store = store
        self._worker = worker
        self._tell = tell
        self._seconds = seconds
        self._read: set[str] = set()

    async def run(self, wanted: Callable[[], bool]) -> None:
        """As long as it is wanted."""
        clock = self._worker.clock
        due = clock.monotonic() + self._seconds
        while wanted():
            await clock.sleep(min(self._seconds, _LOOK_SECONDS))
            try:
                await self.read(self.baselines.kinds.keys() - self._read)
                if clock.monotonic() >= due:
                    due = clock.monotonic() + self._seconds
                    await self.save()
            except HoldfastError as error:
                log.warning("habits were not kept: %s", error)

    async def read(self, keys: set[str]) -> None:
        """Take in what all workers know of these kinds."""
        for key in sorted(keys):
            body = await kept(self._store, self._worker, key)
            self._read.add(key)
            if body:
                self.baselines.know(key, body)

    async def save(self) -> None:
        """Give away what is new, and take in what others gave."""
        taken = self.baselines.take_fresh()
        for key in list(taken):
            try:
                await self._tell(key, "merge", taken[key])
            except LimitExceeded as error:
                log.warning("what was learned of %s is lost: %s", key, error)  # it would not fit the next time either
            except HoldfastError:
                self.baselines.put_back(taken)
                raise
            del taken[key]
        await self.read(set(self.baselines.kinds))
