"""Invariants, each by itself, read from the store alone after everything has come to rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from hashlib import sha256

from ...domain.entry import EntryKind, StoredEntry
from ...domain.message import Kind, Status
from ...journal.codec import decode_any, decode_entry
from ...ports.store import EntryRow, Stored
from .workloads import Clients

Journal = list[tuple[EntryRow, StoredEntry]]


class Broken(AssertionError):
    """An invariant does not hold."""


class Facts:
    """Everything that the store says at rest."""

    def __init__(self, clients: Clients) -> None:
        self.clients = clients
        self.journals: dict[str, Journal] = {}
        self.messages: list[Stored] = []
        self.state: dict[str, dict[str, object]] = {}
        self.waits = 0

    async def read(self) -> None:
        """Read it."""
        store = self.clients.world.store
        self.messages = await store.messages(statuses=list(map(int, Status)), limit=1_000_000)
        self.waits = len(await store.waits(limit=1_000_000))
        for row in await store.agents(limit=1_000_000):
            rows = await store.entries(row.address, 0, 1_000_000)
            self.journals[row.address] = [(r, decode_entry(r.body)) for r in rows]
            values = await store.state(row.address)
            self.state[row.address] = {k: decode_any(v.value) for k, v in values.items() if v.value is not None}


def at_rest(facts: Facts) -> None:
    """Nothing is queued, running or waiting."""
    left = [m for m in facts.messages if m.status <= Status.WAITING]
    if left:
        raise Broken(f"{len(left)} messages have no end: {[(m.address, m.name, m.status) for m in left[:5]]}")
    if facts.waits:
        raise Broken(f"{facts.waits} waits are left although nobody waits")


def journals_are_whole(facts: Facts) -> None:
    """Sequence numbers have no gap, and the chain of hashes verifies."""
    for address, journal in facts.journals.items():
        head = b""
        for place, (row, _) in enumerate(journal, 1):
            if row.seq != place:
                raise Broken(f"the journal of {address} has {row.seq} at place {place}")
            head = sha256(head + row.body).digest()
            if head != row.hash:
                raise Broken(f"the journal of {address} does not verify at {row.seq}")


def turns_are_whole(facts: Facts) -> None:
    """A turn has one beginning, one end, and at most one result for every step."""
    for address, journal in facts.journals.items():
        turns: dict[int, list[StoredEntry]] = defaultdict(list)
        for row, entry in journal:
            turns[row.turn].append(entry)
        for number, entries in turns.items():
            where = f"turn {number} of {address}"
            if sum(e.begin is not None for e in entries) != 1 or entries[0].begin is None:
                raise Broken(f"{where} does not begin once")
            if [e.kind for e in entries].count(EntryKind.END) != 1 or entries[-1].kind != EntryKind.END:
                raise Broken(f"{where} does not end once")
            _one_result_each(entries, where)


def _one_result_each(entries: list[StoredEntry], where: str) -> None:
    results: set[str] = set()
    for entry in entries:
        if entry.kind == EntryKind.RETRY:
            results.clear()
        elif entry.kind in (EntryKind.STEP, EntryKind.RESULT):
            if entry.path in results:
                raise Broken(f"{where} has two results for step {entry.path}")
            results.add(entry.path)


def messages_end_once(facts: Facts) -> None:
    """Every request has one turn, and no turn has two requests; what was accepted under a key is there, once."""
    turns: Counter[tuple[str, int]] = Counter()
    for m in facts.messages:
        if m.kind == Kind.REQUEST and m.turn:
            turns[m.address, m.turn] += 1
    for (address, turn), n in turns.items():
        if n != 1:
            raise Broken(f"turn {turn} of {address} belongs to {n} messages")
    begun = {(a, row.turn) for a, journal in facts.journals.items() for row, _ in journal}
    if begun != set(turns):
        raise Broken(f"turns and messages differ: {sorted(begun ^ set(turns))[:5]}")


async def keys_are_known(facts: Facts) -> None:
    """Whatever a client has seen acknowledged is still there."""
    store = facts.clients.world.store
    for address, key in facts.clients.keys:
        if await store.find_message(address, key) is None:
            raise Broken(f"the message {key!r} to {address} was lost")


def sums_are_right(facts: Facts) -> None:
    """State is the sum of what was acknowledged: nothing lost, nothing twice."""
    for key, amount in facts.clients.promised.items():
        if key == "news":
            continue
        have = facts.state.get(f"default/counter/{key}", {}).get("total", 0)
        if have != amount:
            raise Broken(f"counter/{key} is {have}, but {amount} was promised")


def _in_order(facts: Facts, numbers: object) -> object:
    """Where news come late, a sender that moves to the receiver's worker may overtake what it sent from another one."""
    late = facts.clients.world.faults.quiet > 0
    return sorted(numbers) if late and isinstance(numbers, list) else numbers  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def senders_keep_order(facts: Facts) -> None:
    """What one sender sent to one receiver arrived once each, in that order."""
    seen = facts.state.get("default/log/all", {})
    for writer, many in facts.clients.writers.items():
        if _in_order(facts, seen.get(writer, [])) != list(range(many)):
            raise Broken(f"{writer} wrote 0..{many - 1}, the log has {seen.get(writer)}")


def news_reaches_all(facts: Facts) -> None:
    """What was published reached every subscriber and every member once, in order."""
    for n in range(3):
        state = facts.state.get(f"default/feed/feed-{n}", {})
        for kind in ("news", "club"):
            if _in_order(facts, state.get(kind)) != list(range(facts.clients.promised["news"])):
                raise Broken(f"subscriber {n} has the {kind} {state.get(kind)}")


def effects_are_bounded(facts: Facts) -> None:
    """An effect happens at least once where its result is known, and again only when it failed or a worker was upset. One
    declared not idempotent happens exactly once."""
    outside, world = facts.clients.outside, facts.clients.world
    steps: set[str] = set()
    messages = {(m.address, m.turn): m.id for m in facts.messages if m.kind == Kind.REQUEST}
    for address, journal in facts.journals.items():
        for row, entry in journal:
            if entry.verb == "run" and entry.kind == EntryKind.STEP:
                steps.add(f"{messages[address, row.turn]}:{entry.path}")
    for key in steps:
        if not outside.done[key] and not outside.bank[key]:
            raise Broken(f"step {key} has a result, but its effect never happened")
    for key, n in outside.done.items():
        if n > 1 + outside.failed[key] + world.upsets:
            raise Broken(f"the effect of step {key} happened {n} times with {world.upsets} upsets")
    for key, n in outside.bank.items():
        if n != 1:
            raise Broken(f"step {key}, which must not be repeated, happened {n} times")


def cancelled_turns_cleaned_up(facts: Facts) -> None:
    """``finally`` blocks and compensations of a cancelled turn ran to their end."""
    for name in facts.clients.doomed:
        journal = facts.journals[f"default/desk/{name}"]
        begun = any(e.verb == "run" for _, e in journal)
        for what in ("finally", "undo"):
            if begun and not facts.clients.outside.cleaned[f"{name}/{what}"]:
                raise Broken(f"{name} was cancelled, but its {what} never ran")


async def check(clients: Clients) -> Facts:
    """All of them. Raises ``Broken``."""
    facts = Facts(clients)
    await facts.read()
    for one in (
        at_rest,
        journals_are_whole,
        turns_are_whole,
        messages_end_once,
        sums_are_right,
        senders_keep_order,
        news_reaches_all,
        effects_are_bounded,
        cancelled_turns_cleaned_up,
    ):
        one(facts)
    await keys_are_known(facts)
    return facts


__all__ = ["Broken", "Facts", "check"]
