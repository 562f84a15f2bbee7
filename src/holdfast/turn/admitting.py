"""Passing the gate: every step of a turn comes through ``admit`` before it happens.

What is allowed goes on at once. What is refused is journaled as the step's failure, so that a replay is refused alike. What
a person must approve waits as a row; the approval names the digest of the exact arguments, and no others run under it. What
a kill switch holds leaves memory before its effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from ..domain.address import TOPIC, tenant_of
from ..domain.entry import EntryKind
from ..domain.errors import HoldfastError
from ..domain.intent import ALLOW, NOTHING, UNDECLARED, Approval, Decision, Declared, Done, Intent, Planned, Verdict
from ..domain.message import Kind, Message
from ..gate import refuse
from ..gate.past import VERBS, History
from ..gate.prompts import Seen
from ..journal.codec import ANY, Raw, decode_entry, encode, encode_message, failure_of
from ..ports.resources import Tally
from ..ports.store import Send
from .judging import advised
from .simulating import Simulate, simulated
from .waiting import APPROVAL, Waiting

APPROVALS = "holdfast.approval"
"""The agent that sees one approval through: who may answer, how many, by when."""
OPEN = "open"
NOTIFY = "notify"
"""First token of the topics on which decisions are told to those whom a rule names."""
_LOOK_BACK = 5_000


class Asked(msgspec.Struct):
    """What a turn asks approval for, as the agent of the approval and people see it."""

    agent: str
    turn: int
    path: str
    verb: str
    name: str
    to: str
    args: Any
    before: Any
    """The arguments as they were, where a rule changed them."""
    digest: str
    question: str
    rules: list[str]
    reasons: list[str]
    labels: list[str]
    sender: str
    chain: list[str]
    approval: Approval
    at: int
    roles: dict[str, str] = {}
    """Of the arguments, as they are declared: what is a destination is never meant along with others."""


class How(msgspec.Struct, frozen=True):
    """What the gate can ask of a step besides its arguments.

    Attributes:
        fits: raises ``HoldfastError`` or ``TypeError`` for changed arguments that whoever gets them does not take.
        settled: what a rule made of the arguments when the step was let through before: it stays so if it still is.
        simulate: what these arguments would do.
    """

    fits: Callable[[Any], Any] | None = None
    settled: Any = None
    simulate: Simulate | None = None


PLAINLY = How()


class Admitting(Waiting):
    """A turn whose steps pass the gate."""

    __slots__ = ()

    async def admit(
        self,
        verb: str,
        name: str,
        path: str,
        args: Any = None,
        *,
        to: str = "",
        idempotent: bool = True,
        declared: Declared = UNDECLARED,
        recorded_as: str | None = None,
        cost: float = 0.0,
        carries: Mapping[str, frozenset[str]] = NOTHING,
        planned: Planned | None = None,
        how: How = PLAINLY,
    ) -> Any:
        """Let a step pass. Returns the arguments to go on with: those given, unless a rule changed them.

        Raises:
            Rejected: ``gate.denied``, ``gate.not_approved``, ``gate.unfit`` or the code that a rule names; it is in the
                journal then.
        """
        if self.builtin:
            return args
        gate, active, message = self.gate, self.active, self.item.message
        strict = bool(declared.roles or carries) or planned is not None
        if self.sources is None and active.past is None and not strict and not gate.attends(active.address, to):
            return args
        past = active.past if verb in VERBS else None  # what is remembered goes on growing, whoever looks at it
        if past is None and verb in VERBS and gate.looks_back(verb, name):
            past = await self._remember()
        if past is not None:
            past.forget(self.in_past, path)
        intent = Intent(
            active.address,
            self.number,
            path,
            verb,
            name,
            to,
            args,
            self.labels if not carries else self.labels.union(*carries.values()),
            idempotent,
            message.sender,
            declared,
            message.chain,
            self.tags,
            message.trace,
            self.clock.now_ms(),
            self.sources,
            past,
            cost,
            carries,
            planned,
        )
        decision = gate.review(intent)
        if how.settled is not None and decision.verdict < Verdict.DENY:
            verdict = max(decision.verdict, Verdict.TRANSFORM)
            decision = msgspec.structs.replace(decision, verdict=verdict, args=how.settled, before=None)
        if decision is not ALLOW:
            args = await self._obey(intent, decision, name if recorded_as is None else recorded_as, how)
        if past is not None or verb == "tool":
            self._begun(intent, args, past)
        return args

    def _begun(self, intent: Intent, args: Any, past: History | None) -> None:
        """Remember what is about to happen, with the arguments that it has."""
        given, verb, path = _named(intent, args), intent.verb, intent.path
        if self.sources is not None and verb == "tool":
            self.found_by[path] = self.sources.found_by(given.values())
        if past is not None:
            effects, at, number = intent.declared.effects, intent.at, self.in_past
            done = Done(at, number, intent.trace, verb, intent.name, intent.to, given, frozenset(), effects=effects)
            past.begin(number, path, done)

    async def _obey(self, intent: Intent, decision: Decision, name: str, how: How) -> Any:
        if decision.verdict == Verdict.HOLD:
            await self._held_back(intent, decision, name)
        if self.item.id == 0:
            await self.accept()
        if decision.counts and decision.verdict < Verdict.DENY:
            decision = await self._count(intent, decision)
            if decision.verdict == Verdict.HOLD:  # of all workers another one had the last place
                await self._held_back(intent, decision, name)
        if decision.verdict == Verdict.DENY:
            await self._refuse(intent, decision, name)
        args = decision.args if decision.args is not None else intent.args
        if decision.args is not None and how.fits is not None:
            try:
                how.fits(args)
            except (HoldfastError, TypeError) as error:
                why = f"they changed its arguments so that they do not fit: {error}"
                await self._refuse(intent, Decision(Verdict.DENY, (why,), decision.rules, code="gate.unfit"), name, args)
        if decision.simulate:
            decision = await self._tried(intent, decision, args, name, how)
        if decision.judge:
            decision = await advised(self, intent, decision, args, digest_of(intent, args))
        by: list[str] = []
        if decision.verdict == Verdict.ASK:
            by = await self._approved(intent, decision, args, name)
        if decision.rules or decision.vouched:
            self.decided[intent.path] = told(intent, decision, by)
        if not by:
            self._notify(intent, decision)
        return args

    async def _tried(self, intent: Intent, decision: Decision, args: Any, name: str, how: How) -> Decision:
        """The decision with what the action would do. What nobody can tell does not happen."""
        tried = await simulated(self, intent, args, digest_of(intent, args), how.simulate)
        if tried.failed:
            why = f"it was to be tried first: {tried.text}"
            await self._refuse(intent, Decision(Verdict.DENY, (why,), decision.rules, code="gate.not_simulated"), name, args)
        return msgspec.structs.replace(decision, reasons=(*decision.reasons, f"tried before: {tried.text}"))

    async def _held_back(self, intent: Intent, decision: Decision, name: str) -> None:
        """Leave memory until it may go on; whoever waits at the other end of a connection is told instead."""
        if self.spec.attended:
            if self.item.id == 0:
                await self.accept()
            await self._refuse(intent, decision, name)
        self.hold()
        self.give_up()

    async def _refuse(self, intent: Intent, decision: Decision, name: str, args: Any = None) -> None:
        """Journal that it did not happen, with the arguments that it would have had, and raise why."""
        error = refuse(intent, decision)
        self.decided[intent.path] = told(intent, decision, [])
        given = intent.args if args is None else args
        detail = {"args": given.facts if isinstance(given, Seen) else given}
        if intent.to:
            detail["to"] = intent.to
        self.journal(EntryKind.STEP, intent.path, intent.verb, name, None, failure_of(error), (), detail)
        self._notify(intent, decision)
        await self.flush()
        raise error

    def _notify(self, intent: Intent, decision: Decision) -> None:
        """Publish the decision to whoever a rule says is told of it, in the commit that it is journaled in."""
        for name in dict.fromkeys(decision.notify):
            where = {"agent": intent.agent, "turn": self.number, "path": intent.path}
            act = {"verb": intent.verb, "name": intent.name, "to": intent.to, "at": intent.at}
            news = Message(
                f"{TOPIC}{NOTIFY}.{name}",
                Kind.REQUEST,
                "",
                encode(([{**where, **act, **told(intent, decision, [])}], {})),
                sender=self.active.address,
                trace=self.item.message.trace,
                created=intent.at,
            )
            self.active.write().sends.append(Send(news, self.worker.sealed(encode_message(news))))

    # -- looking back -------------------------------------------------------------------------------------------

    async def _remember(self) -> History:
        """What this agent did lately, from its journal."""
        active, worker = self.active, self.worker
        if active.lease.fresh and not active.seq:
            active.past = History()
            return active.past
        if active.draft is not None or active.inflight is not None:
            await self.flush()
        after = max(0, active.seq - _LOOK_BACK)
        rows = await worker.insist(lambda: worker.store.entries(active.address, after, _LOOK_BACK))
        opened = worker.seal.open if worker.seal is not None else bytes
        if active.past is None:  # another branch may have been faster
            read = [(row.turn, decode_entry(opened(row.body))) for row in rows]
            active.past = History.read(read, whole=after == 0)
        return active.past

    async def _count(self, intent: Intent, decision: Decision) -> Decision:
        """Count what may happen so often among all agents, once for this step however often it is tried."""
        store, id = self.worker.store, f"{self.active.address}#{self.item.id}.{intent.path}"
        tallies = [Tally(c.key, id, c.amount, c.window_ms) for c in decision.counts]
        totals = await self.worker.insist(lambda: store.tally(tallies, intent.at))
        over = [c for c, total in zip(decision.counts, totals, strict=True) if total > c.limit]
        if not over:
            return decision
        for count in decision.counts:
            await self.worker.insist(lambda: store.untally(count.key, id))  # noqa: B023
        verdict = max(decision.verdict, *(c.over for c in over))
        reasons = (*decision.reasons, *(c.reason for c in over if c.reason))
        return msgspec.structs.replace(decision, verdict=verdict, reasons=reasons, code="gate.limit")

    # -- approval -----------------------------------------------------------------------------------------------

    async def _approved(self, intent: Intent, decision: Decision, args: Any, name: str) -> list[str]:
        """Wait until people have let exactly these arguments through; who they were. Raises ``Rejected``."""
        path, digest = intent.path, digest_of(intent, args)
        while True:
            answer = self._answer_to(path, digest)
            if answer is None:
                if not self._was_asked(path, digest):
                    self._ask(intent, decision, args, digest, name)
                    await self.flush()
                asked = self.asked[path]
                outcome = await self.wait_for(path, "ask", APPROVAL, detail=encode(asked), note=name)
                answer = ANY.decode(outcome.value, "approval")
                if answer.get("digest") != digest:
                    continue
            by = [str(who) for who in answer.get("by", ())]
            if answer.get("verdict") != "approve":
                why = answer.get("why") or f"{', '.join(by) or 'nobody'} did not approve it"
                denied = Decision(Verdict.DENY, (*decision.reasons, str(why)), decision.rules, code="gate.not_approved")
                await self._refuse(intent, denied, name, args)
            if self.sources is not None and not isinstance(args, Seen):  # a prompt has the words of anybody in it
                self.sources.add(args, [f"person:{who}" for who in by])
            return by

    def _answer_to(self, path: str, digest: str) -> dict[str, Any] | None:
        for entry in self.replay.notes.get(path, ()) if self.replay is not None else ():
            if entry.verb == "approval":
                answer = ANY.decode(entry.value, "approval")
                if answer.get("digest") == digest:
                    return answer
        return None

    def _was_asked(self, path: str, digest: str) -> bool:
        """Whether an earlier run of this turn asked for the same; then the question is open already."""
        if (asked := self.asked.get(path)) is not None and asked.digest == digest:
            return True
        for entry in reversed(self.replay.notes.get(path, ())) if self.replay is not None else ():
            if entry.verb == "review":
                found = _asked(entry.detail)
                if found is not None and found.digest == digest and path in self.rows:
                    found.turn = self.number  # it was not known yet when this was written
                    self.asked[path] = found
                    return True
                break
        self.rows.discard(path)  # a question about other arguments is none any more
        return False

    def _ask(self, intent: Intent, decision: Decision, args: Any, digest: str, name: str) -> None:
        approval = decision.approval or Approval()
        asked = Asked(
            agent=intent.agent,
            turn=0,
            path=intent.path,
            verb=intent.verb,
            name=intent.name,
            to=intent.to,
            args=_shown(args),
            before=_shown(decision.before),
            digest=digest,
            question=approval.question or "; ".join(decision.reasons) or f"May it {intent.verb} {intent.name}?",
            rules=list(decision.rules),
            reasons=list(decision.reasons),
            labels=sorted(intent.labels),
            sender=intent.sender,
            chain=list(intent.chain),
            approval=approval,
            at=self.clock.now_ms(),
            roles=dict(intent.declared.roles),
        )
        self.decided[intent.path] = told(intent, decision, [])
        self.asked[intent.path] = asked
        self.journal(EntryKind.NOTE, intent.path, "review", name, detail=asked)
        asked.turn = self.number
        message = Message(
            approval_of(self.active.address, self.number, intent.path, digest),
            Kind.REQUEST,
            OPEN,
            encode(([asked], {})),
            sender=self.active.address,
            trace=self.item.message.trace,
            created=asked.at,
        )
        self.active.write().sends.append(Send(message, self.worker.sealed(encode_message(message))))
        self._notify(intent, decision)


def _asked(detail: Raw) -> Asked | None:
    """What was asked; None if it was too large to be written whole."""
    try:
        return msgspec.msgpack.decode(detail, type=Asked)
    except msgspec.ValidationError:
        return None


def digest_of(intent: Intent, args: Any) -> str:
    """What exactly was asked for: the same for the same act with the same arguments, and for nothing else."""
    return sha256(encode([intent.verb, intent.name, intent.to, args], "arguments")).hexdigest()[:32]


def approval_of(agent: str, turn: int, path: str, digest: str) -> str:
    """The address of the agent that sees an approval through."""
    key = sha256(f"{agent}#{turn}.{path}:{digest}".encode()).hexdigest()[:24]
    return f"{tenant_of(agent)}/{APPROVALS}/{key}"


def told(intent: Intent, decision: Decision, by: list[str]) -> dict[str, Any]:
    """A decision as the journal keeps it beside the step: with ``args`` where they were changed, and ``before``, what was
    otherwise in them. Of a prompt only what was changed is told."""
    found: dict[str, Any] = {
        "verdict": decision.verdict.name.lower(),
        "rules": list(decision.rules),
        "reasons": list(decision.reasons),
    }
    if by:
        found["by"] = by
    if decision.vouched:
        found["vouched"] = dict(decision.vouched)
    if isinstance(decision.args, Seen) and isinstance(intent.args, Seen):
        found["args"] = intent.args.edits(decision.args)
        if decision.before is not None:
            found["before"] = decision.args.edits(decision.before)
    elif decision.args is not None:
        found["args"] = decision.args
        if decision.before is not None:
            found["before"] = _otherwise(_named(intent, decision.before), _named(intent, decision.args))
    if decision.notify:
        found["notify"] = list(decision.notify)
    return found


def _named(intent: Intent, args: Any) -> Mapping[str, Any]:
    """Arguments in the form of the intent's own, by name; of a prompt, what tells it from others."""
    if isinstance(args, Seen):
        return args.facts
    return intent.arguments if args is intent.args else msgspec.structs.replace(intent, args=args).arguments


def _otherwise(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What was different about arguments by name; None for those that were not there."""
    gone = object()
    changed = [name for name in {**before, **after} if before.get(name, gone) != after.get(name, gone)]
    return {name: before.get(name) for name in changed}


def _shown(args: Any) -> Any:
    return args.shown() if isinstance(args, Seen) else args


__all__ = ["APPROVALS", "OPEN", "Admitting", "Asked", "How", "approval_of"]
