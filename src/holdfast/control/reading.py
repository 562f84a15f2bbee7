"""From rows to views: what the store keeps, as people and programs read it."""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.address import short
from ..domain.entry import EntryKind
from ..domain.errors import NotFound
from ..domain.labels import UNTRUSTED
from ..domain.message import Status
from ..journal.codec import decode_any, decode_arguments, decode_entry
from ..mailbox.worker import Worker
from ..ports.store import AgentRow, EntryRow, Store, Stored, Wait
from ..turn.admitting import Asked
from ..turn.definition import Registry
from ..turn.waiting import APPROVAL
from .schedules import Spec, shown
from .similar import arguments_of
from .views import AgentView, ApprovalView, DeadLetter, EntryView, Question, ScheduleView, TurnView, VersionView, WaitView

_DOING = {
    "sleep": "sleeping",
    "wait": "waiting for event",
    "ask": "waiting for person",
    "call": "waiting for agent",
    "source": "waiting for tool server",
    "run": "waiting to retry",
    "diverged": "stuck",
}


def unknown(address: str) -> NotFound:
    """The error for an address that nobody has used."""
    return NotFound(
        "agent.unknown", f"No agent has the address {short(address)}. `holdfast ps` lists them.", address=address
    )


def plain(body: bytes | None, worker: Worker) -> Any:
    """A sealed, encoded value as plain Python."""
    if not body:
        return None
    return decode_any(worker.seal.open(body) if worker.seal else body)


def wait_view(wait: Wait, worker: Worker) -> WaitView:
    """A wait."""
    return WaitView(
        address=short(wait.address),
        turn=wait.turn,
        path=wait.path,
        verb=wait.verb,
        name=wait.name,
        due=wait.due,
        since=wait.since,
        detail=plain(wait.detail, worker),
    )


def agent_view(row: AgentRow, worker: Worker) -> AgentView:
    """An agent with its open turns."""
    turns = [_turn_view(stored, row, worker) for stored in row.open]
    waits = [w for t in turns for w in t.waits if w.verb != "deadline"]
    first = next((w for w in waits if w.verb == "diverged"), None) or (waits[0] if waits else None)
    if row.mode != "active":
        doing = row.mode
    elif first is not None and all(t.status == "waiting" for t in turns):
        doing = _DOING.get(first.verb, "waiting")
    elif turns:
        doing = "waiting" if all(t.status == "waiting" for t in turns) else "working"
    else:
        doing = "queued" if row.queued else "idle"
    return AgentView(
        address=short(row.address),
        doing=doing,
        waits_for=_words(first) if first else "",
        since=first.since if first else 0,
        queued=row.queued,
        entries=row.seq,
        created=row.created,
        mode=row.mode,
        reason=row.reason,
        owner=row.owner,
        version=turns[0].version if turns else "",
        turns=turns,
    )


def _turn_view(stored: Stored, row: AgentRow, worker: Worker) -> TurnView:
    waits = [wait_view(w, worker) for w in row.waits if w.turn == stored.turn]
    status = Status(stored.status).name.lower()
    return TurnView(id=stored.id, turn=stored.turn, handler=stored.name, status=status, version=stored.version, waits=waits)


def _words(wait: WaitView) -> str:
    detail: dict[str, Any] = wait.detail or {}
    if wait.verb == "ask":
        return str(detail.get("question", wait.name))
    if wait.verb == "diverged":
        return str(detail.get("error", "diverged from its journal"))
    if wait.verb == "source":
        return f"tool server {wait.name}: {detail.get('why', '')}"
    return f"{wait.verb} {wait.name}".strip()


def entry_view(row: EntryRow, worker: Worker) -> EntryView:
    """A journal entry."""
    entry = decode_entry(worker.seal.open(row.body) if worker.seal else row.body)
    failure, begin = entry.failure, entry.begin
    return EntryView(
        seq=row.seq,
        turn=row.turn,
        kind=EntryKind(entry.kind).name.lower(),
        path=entry.path,
        verb=entry.verb,
        name=entry.name,
        at=entry.at,
        value=decode_any(entry.value),
        error=f"{failure.type + ': ' if failure.type else ''}{failure.message}" if failure else "",
        detail=decode_any(entry.detail),
        labels=entry.labels,
        decision=entry.decision,
        took=entry.took,
        attempts=entry.attempts,
        message=begin.message if begin else 0,
        handler=begin.handler if begin else "",
        sender=begin.sender if begin else "",
        chain=begin.chain if begin else (),
        version=begin.version if begin else "",
    )


def question(wait: Wait, worker: Worker) -> Question:
    """An open question."""
    id = f"{short(wait.address)}#{wait.turn}.{wait.path}"
    if wait.name == APPROVAL:
        return _approval(id, wait, asked(wait, worker))
    detail: dict[str, Any] = plain(wait.detail, worker) or {}
    return Question(
        id=id,
        address=short(wait.address),
        question=str(detail.get("question", wait.name)),
        choices=list(detail.get("choices", [])),
        to=str(detail.get("to", "")),
        due=wait.due,
        since=wait.since,
    )


def asked(wait: Wait, worker: Worker) -> Asked:
    """What an action's approval is asked for."""
    found = msgspec.convert(plain(wait.detail, worker), Asked)
    found.turn = wait.turn
    return found


def _approval(id: str, wait: Wait, asked: Asked) -> Question:
    terms = asked.approval
    until = asked.at + int(terms.seconds * 1000) if terms.seconds else 0
    return Question(
        id=id,
        address=short(wait.address),
        question=asked.question,
        choices=["approve", "deny"],
        to=", ".join(terms.to),
        due=until,
        since=wait.since,
        approval=ApprovalView(
            agent=short(asked.agent),
            turn=wait.turn,
            path=asked.path,
            verb=asked.verb,
            name=asked.name,
            to=asked.to,
            args=asked.args,
            before=asked.before,
            named=dict(arguments_of(asked)),
            named_before=None if asked.before is None else dict(arguments_of(asked, asked.before)),
            roles=asked.roles,
            digest=asked.digest,
            rules=asked.rules,
            reasons=asked.reasons,
            labels=asked.labels,
            untrusted=UNTRUSTED in asked.labels,
            requested_by=short(asked.sender),
            who=list(terms.to),
            needed=terms.needed,
            default=terms.default,
            until=until,
        ),
    )


async def dead_letter(row: Stored, store: Store, worker: Worker) -> DeadLetter:
    """A dead letter with the error that killed it."""
    message = worker.loader.item(row).message
    args, kwargs = decode_arguments(message.payload)
    error = code = ""
    if row.turn:
        for entry in reversed(await store.entries(row.address, 0, 100_000, row.turn)):
            view = entry_view(entry, worker)
            if view.kind == "end":
                failure = decode_entry(worker.seal.open(entry.body) if worker.seal else entry.body).failure
                error, code = view.error, failure.code if failure else ""
                break
    return DeadLetter(
        id=row.id,
        address=short(row.address),
        handler=row.name,
        args=[decode_any(a) for a in args],
        kwargs={k: decode_any(v) for k, v in kwargs.items()},
        sender=short(message.sender),
        error=error,
        code=code,
        ended=row.ended,
    )


async def versions(store: Store, registry: Registry) -> list[VersionView]:
    """Every version, newest first within a name."""
    in_use = {(name, version): n for name, version, n in await store.versions_in_use()}
    seen: list[VersionView] = []
    for d in await store.definitions():
        latest = registry.latest.get(d.name)
        seen.append(
            VersionView(
                name=d.name,
                version=d.version,
                published=d.published,
                open_turns=in_use.pop((d.name, d.version), 0),
                loaded=(d.name, d.version) in registry.versions,
                latest=latest is not None and latest.version == d.version,
                archived=bool(d.source),
            )
        )
    for (name, version), n in in_use.items():
        loaded = (name, version) in registry.versions
        seen.append(
            VersionView(name=name, version=version, published=0, open_turns=n, loaded=loaded, latest=False, archived=False)
        )
    return sorted(seen, key=lambda v: (v.name, -v.published))


def schedule(name: str, spec: Spec) -> ScheduleView:
    """A schedule."""
    return ScheduleView(
        name=name,
        when=shown(spec),
        to=short(spec.to),
        handler=spec.handler,
        args=spec.args,
        kwargs=spec.kwargs,
        missed=spec.missed,
        next=spec.next,
        last=spec.last,
        ran=spec.ran,
        missed_runs=spec.missed_runs,
    )
