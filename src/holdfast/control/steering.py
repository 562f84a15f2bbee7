"""Operations that steer: answers to questions, pause and resume, cancel and kill, turns that are stuck or on old code."""

from __future__ import annotations

from typing import Any

from ..domain.address import Address, name_of, short, tenant_of
from ..domain.errors import NotFound, Rejected
from ..domain.labels import PERSON, USER
from ..domain.message import Kind, Message, Outcome
from ..domain.notice import KILLED, Notice
from ..domain.principal import Principal, identity_of
from ..flow import Flow
from ..insight.pulse import Pulse
from ..journal.codec import Raw, encode, encode_outcome
from ..journal.replay import STEER
from ..mailbox.worker import Worker
from ..ports.store import Commit, Store
from ..turn.definition import Registry
from ..turn.telling import tell
from . import adopting, desk, reading
from .approvals import Word
from .registry import operation
from .views import AgentView, Done, Question


class SteeringOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    center: Pulse
    flow: Flow
    registry: Registry
    principal: Principal

    @operation(
        path="POST /questions/{question}/answer",
        command="answer",
        errors=("ask.unknown", "ask.ambiguous", "ask.not_a_choice"),
        next=(("describe", "whether it goes on"),),
    )
    async def answer(self, question: str, value: Any, by: str = "person") -> Done:
        """Answer a question. ``question`` is its id (address#turn.path), or the address if it has only one."""
        asked = await self._question(question)
        if asked.choices and asked.approval is None and value not in asked.choices:
            raise Rejected(
                "ask.not_a_choice",
                f"{value!r} is not one of the choices: {', '.join(asked.choices)}.",
                choices=asked.choices,
            )
        if asked.approval is not None:
            tenant = tenant_of(self.principal.place(asked.address))
            return await self._approve(asked, self._word(str(value), by, tenant=tenant))
        turn, _, path = asked.id.partition("#")[2].partition(".")
        who = self.principal.sender(by)
        outcome = Outcome(Raw(encode(value, "answer")), None, (f"person:{identity_of(who)[1]}",))
        message = Message(
            self.principal.place(asked.address),
            Kind.ANSWER,
            path,
            encode_outcome(outcome),
            key=f"answer:{turn}:{path}",
            sender=who,
            turn=int(turn),
            created=self.worker.clock.now_ms(),
        )
        await self.flow.accept(message, wait=False)
        return Done(note=f"answered {asked.id}")

    @operation(
        path="POST /agents/{address}/pause",
        command="pause",
        errors=("agent.unknown", "agent.desk"),
        next=(("resume", "let it go on"),),
    )
    async def pause(self, address: str, why: str = "", by: str = "person") -> Done:
        """Let an agent start nothing and go on with nothing until it is resumed."""
        return await self._mode(address, "paused", self._by(by, why))

    @operation(
        path="POST /agents/{address}/resume",
        command="resume",
        errors=("agent.unknown",),
        next=(("describe", "whether it goes on"),),
    )
    async def resume(self, address: str) -> Done:
        """Let a paused agent go on."""
        return await self._mode(address, "active", "")

    async def _mode(self, address: str, mode: str, reason: str) -> Done:
        target = self.principal.place(address)
        await self.describe(target)
        if mode != "active" and name_of(target) == desk.NAME:
            raise Rejected(
                "agent.desk",
                f"{short(target)} keeps what people see in the command center and what they have read. It does nothing by "
                "itself, so there is nothing to stop, and whoever looks would wait for it.",
                address=target,
            )
        await self.worker.committer.submit_commit(Commit(mode=(target, mode, reason)))
        active = self.worker.holdings.actives.get(target)
        if active is not None:  # here at once; other workers hear of it from the store
            self.worker.obey(active, mode)
        self.center.touch(target)
        return Done(note=f"{address} is {mode}")

    @operation(
        path="POST /agents/{address}/retire",
        command="retire",
        errors=("agent.unknown", "agent.desk"),
        next=(("resume", "bring it back"),),
    )
    async def retire(self, address: str, why: str = "", by: str = "person") -> Done:
        """Let an agent take no more messages, for good or until it is resumed; its journal stays."""
        return await self._mode(address, "retired", self._by(by, why))

    def _by(self, by: str, why: str) -> str:
        who = self.principal.sender(by)
        return f"{who}: {why}" if why else who

    @operation(path="POST /agents/{address}/cancel", command="cancel", destroys=True, errors=("agent.unknown",))
    async def cancel(self, address: str, turn: int = 0, why: str = "") -> Done:
        """Cancel an agent's turn (or all open ones): its cleanup and compensations run. A negative turn is a message id."""
        return await self._control(address, "cancel", turn, why)

    @operation(path="POST /agents/{address}/kill", command="kill", destroys=True, errors=("agent.unknown",))
    async def kill(self, address: str, turn: int = 0, why: str = "") -> Done:
        """End an agent's turn (or all open ones) at once, running nothing of it any more."""
        done = await self._control(address, "kill", turn, why)
        target, now, by = self.principal.place(address), self.worker.clock.now_ms(), self.principal.sender("person")
        text = f"{short(target)} was killed by {by}" + (f": {why}" if why else "")
        data = {"by": by, "reason": why, "turn": turn}
        await tell(self.worker, Notice(f"kill:{target}:{turn}:{now}", KILLED, tenant_of(target), target, text, now, data))
        return done

    @operation(
        path="POST /agents/{address}/retry",
        command="turns retry",
        errors=("agent.unknown",),
        next=(("describe", "whether it goes on"),),
    )
    async def retry_stuck(self, address: str, turn: int = 0) -> Done:
        """Run a turn again that was set aside: it diverged from its journal, or it kept killing its workers."""
        return await self._control(address, "retry", turn, "")

    @operation(
        path="POST /agents/{address}/adopt",
        command="versions adopt",
        errors=("agent.unknown", "turn.not_old", "turn.running", "version.not_loaded"),
        next=(("describe", "whether it goes on"),),
    )
    async def adopt(self, address: str, turn: int = 0) -> Done:
        """Let turns that began on an older version go on with the newest one that this server has."""
        target = self.principal.place(address)
        row = await self.store.agent(target)
        if row is None:
            raise reading.unknown(address)
        latest = self.registry.latest.get(name_of(target))
        if latest is None:
            await self._known(target)
            raise NotFound("version.not_loaded", f"This server has no code of {name_of(target)!r}. Ask one that serves it.")
        old = [s for s in row.open if s.turn and turn in (0, s.turn) and s.version != latest.version]
        for stored in old:
            await adopting.adopt(self.worker, self.registry, target, stored, latest.version)
        if not old:
            raise NotFound(
                "turn.not_old",
                f"{short(target)} has no open turn on another version than {latest.version}.",
                version=latest.version,
            )
        return Done(note=f"{len(old)} turn(s) of {short(target)} go on with version {latest.version}", count=len(old))

    @operation(
        path="POST /agents/{address}/steer",
        command="steer",
        errors=("agent.unknown", "steer.nothing_open", "steer.which"),
        next=(("story", "where it was heard"),),
    )
    async def steer(self, address: str, words: str, turn: int = 0, by: str = "person", key: str = "") -> Done:
        """Say something to a turn under way without stopping it. A thinking agent is told before its next request to the
        model; a handler hears it when it asks (``ctx.steered()``); the journal keeps it either way.

        Args:
            words: what to say.
            turn: to which open turn; needed only if there are several.
        """
        if not words.strip():
            raise Rejected("operation.input", "steer: say something: words is empty.", operation="steer")
        target = self.principal.place(address)
        number = await self._under_way(target, turn)
        who = self.principal.sender(by)
        message = self._message(target, STEER, encode({"turn": number, "words": words}), key)
        message.kind, message.turn, message.sender = Kind.CONTROL, number, who
        if message.labels == (USER,):
            message.labels = (f"{PERSON}:{identity_of(who)[1]}",)
        await self.flow.accept(message, wait=False)
        return Done(note=f"told turn {number} of {short(target)}")

    async def _under_way(self, target: Address, turn: int) -> int:
        row = await self.store.agent(target)
        if row is None:
            raise reading.unknown(target)
        open_ = sorted(s.turn for s in row.open if s.turn and turn in (0, s.turn))
        if not open_:
            raise Rejected(
                "steer.nothing_open",
                f"{short(target)} is not at work on {f'turn {turn}' if turn else 'anything'}, so there is nothing to steer. "
                "Send it a message (holdfast send).",
                address=target,
            )
        if len(open_) > 1:
            raise Rejected(
                "steer.which",
                f"{short(target)} is at work on turns {', '.join(map(str, open_))}. Say which one is meant (--turn).",
                address=target,
                turns=open_,
            )
        return open_[0]

    async def _control(self, address: str, verb: str, turn: int, why: str) -> Done:
        target = self.principal.place(address)
        await self.describe(target)
        payload = encode({"turn": turn, "why": why})
        message = self._message(target, verb, payload)
        message.kind, message.turn = Kind.CONTROL, max(turn, 0)
        await self.flow.accept(message, wait=False)
        return Done(note=f"{verb} sent to {address}")

    @operation(
        path="GET /agents/{address}",
        command="describe",
        changes=False,
        errors=("agent.unknown",),
        next=(("journal", "what it did and why"),),
    )
    async def describe(self, address: str) -> AgentView:
        raise NotImplementedError

    async def _approve(self, question: Question, word: Word) -> Done:
        raise NotImplementedError

    def _word(self, verdict: str, by: str, why: str = "", to: list[str] | None = None, tenant: str = "") -> Word:
        raise NotImplementedError

    async def _known(self, to: str, handler: str = "") -> Any:
        raise NotImplementedError

    def _message(self, to: Address, handler: str, payload: bytes, key: str = "") -> Message:
        raise NotImplementedError

    async def _question(self, question: str) -> Question:
        raise NotImplementedError
