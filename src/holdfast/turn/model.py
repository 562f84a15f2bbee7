"""``model``: ask a language model. One step, whatever the gateway has to do to get an answer.

The journal gets the answer and the facts of the call, in the commit of its ledger row; the pieces of an answer go to
listeners only. If no vendor answers, the turn leaves memory as a wait named ``provider`` and comes back when one does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from ..domain import labels as provenance
from ..domain.address import tenant_of
from ..domain.conversation import Answer, Event
from ..domain.entry import EntryKind, StoredEntry
from ..domain.errors import HoldfastError, LimitExceeded, Rejected
from ..domain.intent import NOTHING
from ..domain.words import Word
from ..gate.prompts import ASKED
from ..journal.codec import Raw, encode, error_of, failure_of
from ..journal.replay import Recorded
from ..mailbox.budgets import MUST_ASK, Reservation
from ..mailbox.feed import RESTART, Asked
from ..models.gateway import Gateway, NoTarget, Watcher
from ..models.job import Facts, Job, Reply
from .admitting import How
from .branches import away
from .paying import enter, pause, reserve, reserve_at_once
from .prompting import before_the_crash, let_through, seen
from .steer import heard
from .turn import Turn

T = TypeVar("T")

PROVIDER = "provider"
"""The verb of the wait for a vendor that answers."""
_PATIENCE_SECONDS = 1.0
_BODY = msgspec.msgpack.Decoder(dict[str, Any])
_ANSWER = msgspec.msgpack.Decoder(Answer)
_FACTS = msgspec.msgpack.Decoder(Facts)
_WORDS = msgspec.msgpack.Decoder(list[Word])
Hearing = Callable[[list[Word]], Job]
"""Makes the request anew with what people have said meanwhile."""


class _Pieces:
    """Tells the agent's listeners of an answer as it comes; the gateway's ``Watcher``."""

    def __init__(self, turn: Turn, path: str, may_restart: bool) -> None:
        self._feed = turn.worker.feed
        self._place = turn.active.address, turn.item.message.trace, path
        self._may_restart = may_restart
        self._after = turn.active.seq
        self._payload = turn.item.message.payload
        self._begun = False

    def _begin(self) -> None:
        """Before the first of them, and not before: whoever has begun to listen by then hears all of it."""
        if not self._begun:
            self._begun = True
            if self._feed.heard(self._place[0]):
                self._feed.tell(*self._place, Asked(self._after, sha256(self._payload).digest()[:16]))

    def answering(self, facts: Facts) -> None:
        """See ``Watcher``. Told where nothing is taken back: to a program outside, which is answered once."""
        self._begin()
        if not self._may_restart:
            self._feed.tell(*self._place, facts)

    def event(self, event: Event) -> None:
        """See ``Watcher``."""
        self._begin()
        self._feed.tell(*self._place, event)

    def restart(self) -> bool:
        """See ``Watcher``."""
        if self._may_restart:
            self._feed.tell(*self._place, RESTART)
        return self._may_restart


async def ask_model(
    turn: Turn,
    job: Job,
    *,
    outside: bool = False,
    whole: bool = False,
    seals: frozenset[str] = provenance.NONE,
    hearing: Hearing | None = None,
) -> Reply:
    """Get an answer, once for ever.

    Args:
        outside: for a program that waits at the other end of a connection: the turn does not wait for a vendor to come
            back, what was given on is not taken back, and the message becomes durable together with the answer, since
            before it there is nothing to lose that the program would not ask for again.
        whole: do not stream it from the vendor, and keep the vendor's own format.
        seals: labels of what the model reads and the turn does not (``quarantine``); the answer is journaled with them.
        hearing: puts what people said to the turn meanwhile into the request; the reply's ``words`` say what that was.
    """
    gateway = _gateway(turn)
    route = job.route
    path, recorded = await turn.step("model", route)
    if recorded is not None and recorded.result is not None:
        return _recorded(turn, recorded.result)
    job, words = _listening(turn, job, hearing)
    carries = {"prompt": seals - {provenance.SEALED}} if seals else NOTHING
    job, new = await _admitted(turn, gateway, job, path, recorded, carries)
    await _durable(turn, path, route, job.described if new else None, outside)
    started = turn.clock.monotonic()
    begun = new or recorded is not None
    if begun and path in turn.rows:
        await turn.wait_for(path, PROVIDER, job.route, silent=True)
    await turn.harmless()
    turn.effects.add(path)
    turn.busy += 1
    try:
        if job.body is None:  # a body has its images in it
            inlined = partial(turn.worker.artifacts.inlined, tenant_of(turn.active.address))
            job = await _aside(turn, job.whole(inlined))
        while True:
            try:
                watch = None if whole else _Pieces(turn, path, not outside)
                patience = -1.0 if outside else _PATIENCE_SECONDS
                reply, reservation = await paid(turn, gateway, job, watch, patience)
                break
            except NoTarget as nobody:
                if outside:
                    raise
                if not begun:
                    turn.journal(EntryKind.INTENT, path, "model", route, detail={"waits": nobody.details})
                    begun = True
                await _until_one_is_back(turn, path, job.route, nobody)
            except HoldfastError as error:
                if error.code == "budget.spent" and isinstance(error, LimitExceeded) and not outside:
                    await _aside(turn, pause(turn, error))
                    turn.give_up()  # when it is resumed, it comes back to this very step
                took = int((turn.clock.monotonic() - started) * 1000)
                turn.journal(EntryKind.STEP, path, "model", route, None, failure_of(error), (), job.described, took)
                if not outside:
                    await turn.active.flush()
                raise
        reply.words = words
        _keep(turn, path, route, job, reply, reservation, seals)
        if not outside:
            await turn.active.flush()
        return reply
    finally:
        turn.effects.discard(path)
        turn.busy -= 1


async def _admitted(
    turn: Turn,
    gateway: Gateway,
    job: Job,
    path: str,
    recorded: Recorded | None,
    carries: Mapping[str, frozenset[str]],
) -> tuple[Job, bool]:
    """Pass the gate: the request to go on with, and whether a rule has changed it just now."""
    route, cost = job.route, _cost(gateway, job)
    if turn.builtin or not turn.gate.looks_into("model", route):
        await turn.admit("model", route, path, job.described, cost=cost, carries=carries)
        return job, False
    shown = seen(gateway, job)
    settled = before_the_crash(gateway, job, shown, recorded) if recorded is not None else None
    given = await turn.admit(
        "model",
        route,
        path,
        shown,
        declared=ASKED,
        cost=cost,
        carries=carries,
        how=How(lambda found: let_through(gateway, job, shown, found), settled),
    )
    return (job, False) if given is shown else (let_through(gateway, job, shown, given), settled is None)


async def _durable(turn: Turn, path: str, route: str, changed: Any, outside: bool) -> None:
    """Nothing is asked for on behalf of what could still be lost. What a rule has ``changed`` is durable before it is sent:
    the same is sent if it has to be sent again. Else nobody waits; but a model takes its time, and meanwhile the turn can be
    seen at work."""
    if not outside and turn.item.id == 0:
        await turn.accept()
    elif not outside and turn.active.unsettled:
        await turn.flush()
    if changed is not None:
        turn.journal(EntryKind.INTENT, path, "model", route, detail={"asked": changed})
        if not outside:
            await turn.flush()
    elif not outside and not turn.begun:
        turn.journal(EntryKind.NOTE, "", "begin", "")


def _listening(turn: Turn, job: Job, hearing: Hearing | None) -> tuple[Job, list[Word]]:
    """The request with what was said since the last one, and that."""
    if hearing is None or not turn.words:
        return job, []
    return hearing(turn.words), list(turn.words)


def _cost(gateway: Gateway, job: Job) -> float:
    """US dollars that the answer may cost at most. What is wrong with the route, whoever asks is told."""
    try:
        return gateway.dearest(job)[0] / 1e9
    except HoldfastError:
        return 0.0


async def paid(
    turn: Turn, gateway: Gateway, job: Job, watch: Watcher | None, patience: float
) -> tuple[Reply, Reservation | None]:
    """Reserve what it may cost, and ask."""
    budgets = turn.worker.budgets
    reservation = None
    if budgets.may_bind:
        reservation = reserve_at_once(turn, job)
        if reservation is MUST_ASK:
            reservation = await _aside(turn, reserve(turn, job))
    try:
        with away():
            return await gateway.ask(job, watch, patience_seconds=patience), reservation
    except BaseException:
        if reservation is not None:
            budgets.release(reservation)
        raise


def _keep(
    turn: Turn,
    path: str,
    route: str,
    job: Job,
    reply: Reply,
    reservation: Reservation | None,
    seals: frozenset[str],
) -> None:
    """The answer, its facts, its ledger row and its charges, in one commit. ``route`` was asked for, wherever a rule sent
    the request."""
    facts = reply.facts
    heard(turn, reply.words)
    its = (f"model:{facts.vendor}/{facts.model}",)
    if seals:
        labels = tuple(sorted(seals.union(its)))
    else:
        turn.labels = provenance.join(turn.labels, its)
        labels = tuple(sorted(turn.labels))  # what a model says is made of all that it has read
    detail: dict[str, Any] = {"facts": facts, "asked": job.described, "dialect": reply.dialect}
    if reply.words:
        detail["heard"] = reply.words
    value, failure = b"", None
    try:
        answer = reply.body if reply.body is not None else reply.answer
        value = encode(answer, f"answer of {route}", turn.limits.payload_bytes)
    except HoldfastError as error:  # too large: it was paid for all the same
        failure = error
    body, failed = (None, failure_of(failure)) if failure is not None else (Raw(value), None)
    took, attempts = facts.took_ms, len(facts.attempts)
    turn.journal(EntryKind.STEP, path, "model", route, body, failed, labels, detail, took, attempts)
    enter(turn, path, facts, reservation)
    if failure is not None:
        raise failure


async def _until_one_is_back(turn: Turn, path: str, route: str, nobody: NoTarget) -> None:
    turn.busy -= 1
    turn.effects.discard(path)
    try:
        turn.worker.usher.needed(route, nobody.retry_seconds)
        await turn.wait_for(path, PROVIDER, route, detail=encode({"why": nobody.details["why"]}), silent=True)
    finally:
        turn.effects.add(path)
        turn.busy += 1


async def _aside(turn: Turn, work: Coroutine[Any, Any, T]) -> T:
    """Run it in a task that is no branch of the turn, and end it with the turn."""
    task = asyncio.Task(work, loop=turn.worker.loop)
    try:
        return await task
    except asyncio.CancelledError:
        task.cancel()
        raise


def _recorded(turn: Turn, entry: StoredEntry) -> Reply:
    if entry.failure is not None:
        raise error_of(entry.failure)
    detail = msgspec.msgpack.decode(entry.detail, type=dict[str, Raw])
    facts = _FACTS.decode(detail["facts"])
    dialect = msgspec.msgpack.decode(detail["dialect"], type=str)
    body = _BODY.decode(entry.value) if dialect else None
    reply = Reply(facts, answer=None if dialect else _ANSWER.decode(entry.value), dialect=dialect, body=body)
    if "heard" in detail:
        reply.words = _WORDS.decode(detail["heard"])
        heard(turn, reply.words)
    return reply


def _gateway(turn: Turn) -> Gateway:
    gateway: Gateway | None = turn.worker.models
    if gateway is None:
        raise Rejected(
            "models.none",
            "This worker has no models. Set a vendor's key in its environment (OPENAI_API_KEY, ANTHROPIC_API_KEY, ...), "
            "start a local model server, or give --models FILE. `holdfast models` shows what it finds.",
        )
    return gateway


__all__ = ["PROVIDER", "ask_model", "paid"]
