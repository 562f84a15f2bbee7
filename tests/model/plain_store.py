"""A store as one would write it if nothing could fail and nobody were in a hurry: dicts, loops, no I/O.

It says what every store has to do with a list of commits; the state machine compares a real store with it after each step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.domain.address import GROUP, TOPIC, tenant_of
from holdfast.domain.message import Kind, Status
from holdfast.domain.topics import matches
from holdfast.ports.store import Commit, Send, StateRead


@dataclass
class PlainMessage:
    """A message row."""

    address: str
    name: str
    kind: int
    key: str
    priority: int
    status: int
    turn: int
    due: int
    ended: int
    body: bytes


@dataclass
class PlainAgent:
    """An agent and everything that is its own."""

    mode: str = "active"
    owner: str = ""
    epoch: int = 0
    needs: str = ""
    base: int = 0
    journal: dict[int, tuple[int, bytes, bytes]] = field(default_factory=dict[int, tuple[int, bytes, bytes]])
    waits: dict[tuple[int, str], int] = field(default_factory=dict[tuple[int, str], int])
    state: dict[str, StateRead] = field(default_factory=dict[str, StateRead])
    subscriptions: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    @property
    def seq(self) -> int:
        """The journal's last sequence number."""
        return max(self.journal, default=self.base)


class PlainStore:
    """See the module. ``sessions`` maps a session to what it serves."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.agents: dict[str, PlainAgent] = {}
        self.messages: dict[int, PlainMessage] = {}
        self.sessions: dict[str, dict[str, tuple[str, ...]]] = {}

    # -- commits ------------------------------------------------------------------------------------------------

    def verdicts(self, session: str, commit: Commit) -> set[str]:
        """The codes a commit may be refused with (the port does not say which of several comes first), nothing if it is
        accepted, ``repeated`` if it was applied before."""
        lease = commit.lease
        problems: list[str] = []
        if lease is not None:
            agent = self.agents[lease.address]
            first = commit.entries[0] if commit.entries else None
            current = session in self.sessions and agent.owner == session and agent.epoch == lease.epoch
            if first is not None and first.seq in agent.journal and agent.epoch == lease.epoch:
                same = agent.journal[first.seq][2] == first.hash
                return {code for code, on in (("repeated", same), ("lease.lost", not (same and current))) if on}
            if not current:
                return {"lease.lost"}
            if first is not None and first.seq != agent.seq + 1:
                problems.append("lease.lost")
        keyed = [(s.message.to, s.message.key) for s in commit.sends if s.message.key]
        adding: dict[str, int] = {}
        for send in commit.sends:
            for address, _ in self.receivers(commit, send):
                problems.append(self._send_verdict(address, send, adding))
        if len(set(keyed)) < len(keyed):
            problems.append("message.duplicate")
        return {p for p in problems if p}

    def _send_verdict(self, address: str, send: Send, adding: dict[str, int]) -> str:
        m = send.message
        agent = self.agents.get(address)
        if agent is not None and agent.mode == "retired" and m.kind not in (Kind.REPLY, Kind.ANSWER):
            return "agent.retired"
        if m.key and any(x.address == address and x.key == m.key for x in self.messages.values()):
            return "message.duplicate"
        if m.kind == Kind.REQUEST and send.status == Status.QUEUED:
            adding[address] = adding.get(address, 0) + 1
            queued = [
                x
                for x in self.messages.values()
                if x.address == address and x.kind == Kind.REQUEST and x.status == Status.QUEUED
            ]
            if len(queued) + adding[address] > self.depth:
                return "mailbox.full"
        return ""

    def receivers(self, commit: Commit, send: Send) -> list[tuple[str, str]]:
        """(address, handler) of those who get a message."""
        to = send.message.to
        if not to.startswith((TOPIC, GROUP)):
            return [(to, send.message.name)]
        tenant = tenant_of(commit.lease.address if commit.lease else send.message.sender)
        found: set[tuple[str, str]] = set()
        for address, agent in self.agents.items():
            if tenant_of(address) == tenant and agent.mode != "retired":
                for pattern, handler in agent.subscriptions:
                    same = pattern == to
                    if to.startswith(TOPIC) and pattern.startswith(TOPIC):
                        same = matches(pattern.removeprefix(TOPIC), to.removeprefix(TOPIC))
                    if same:
                        found.add((address, handler or send.message.name))
        return sorted(found)

    def apply(self, session: str, commit: Commit, ids: dict[tuple[int, str, str], int]) -> set[str]:
        """Do what an accepted commit says; ``ids`` are those the store gave, by send, address and handler. Returns the
        addresses that have to be granted to the session with the receipt."""
        granted: set[str] = set()
        to = [self.receivers(commit, send) for send in commit.sends]  # who had subscribed before this commit
        if commit.lease is not None:
            self._leased(commit)
        for nth, send in enumerate(commit.sends):
            m = send.message
            for address, name in to[nth]:
                turn = m.turn or send.turn
                row = PlainMessage(address, name, m.kind, m.key, m.priority, send.status, turn, m.due, send.ended, send.body)
                self.messages[ids[nth, address, name]] = row
                agent = self.agents.setdefault(address, PlainAgent())
                if send.status == Status.QUEUED and not m.due and self.may_take(session, address) and not agent.owner:
                    self.grant(session, address)
                    granted.add(address)
        for mark in commit.marks:
            if mark.id in self.messages:
                row = self.messages[mark.id]
                row.status, row.turn, row.ended, row.due = mark.status, mark.turn, mark.ended, mark.due
                row.body = row.body if mark.body is None else mark.body
        for id in commit.consumed:
            if id in self.messages and self.messages[id].key:
                self.messages[id].status, self.messages[id].ended = Status.DONE, 1  # by the store's own clock: before NOW
            else:
                self.messages.pop(id, None)
        if commit.wipe and commit.lease is not None:
            self._wipe(commit.lease.address)
        if commit.mode is not None:
            self.agents.setdefault(commit.mode[0], PlainAgent()).mode = commit.mode[1]
        return granted

    def _leased(self, commit: Commit) -> None:
        assert commit.lease is not None
        address = commit.lease.address
        agent = self.agents[address]
        for e in commit.entries:
            agent.journal[e.seq] = (e.turn, e.body, e.hash)
        agent.waits.update({(w.turn, w.path): w.due for w in commit.waits})
        for place in commit.unwaits:
            agent.waits.pop(place, None)
        for s in commit.state:
            old = agent.state.get(s.key)
            if old is None:
                agent.state[s.key] = StateRead(s.value, s.labels, s.turn, None)
            elif old.turn == s.turn:
                agent.state[s.key] = StateRead(s.value, s.labels, s.turn, old.prior, old.prior_labels)
            else:
                agent.state[s.key] = StateRead(s.value, s.labels, s.turn, old.value, old.labels)
        for b in commit.subscribes:
            if b.on:
                agent.subscriptions.add((b.pattern, b.handler))
            else:
                agent.subscriptions -= {x for x in agent.subscriptions if x[0] == b.pattern and b.handler in ("", x[1])}

    def _wipe(self, address: str) -> None:
        agent = self.agents[address]
        agent.state.clear()
        agent.subscriptions.clear()
        for id, m in list(self.messages.items()):
            if m.address == address and m.status == Status.BUFFERED:
                del self.messages[id]

    # -- leases -------------------------------------------------------------------------------------------------

    def may_take(self, session: str, address: str, *, active: bool = True) -> bool:
        """Whether a session may run an agent, if the agent is free."""
        agent = self.agents.setdefault(address, PlainAgent())
        versions = self.sessions.get(session, {}).get(address.split("/")[1])
        fits = versions is not None and (not agent.needs or agent.needs in versions)
        return fits and (not active or agent.mode == "active")

    def grant(self, session: str, address: str) -> None:
        """Give an agent to a session; its epoch is learnt from the store."""
        self.agents[address].owner = session

    def free(self, address: str) -> None:
        """Take an agent back."""
        self.agents[address].owner = ""

    def leave(self, session: str) -> None:
        """End a session."""
        del self.sessions[session]
        for agent in self.agents.values():
            if agent.owner == session:
                agent.owner = ""

    # -- work ---------------------------------------------------------------------------------------------------

    def timers(self, address: str) -> list[int]:
        """When something of an agent falls due: waits and delayed messages."""
        mine = [m for m in self.messages.values() if m.address == address]
        delayed = [m.due for m in mine if m.status == Status.QUEUED and m.due]
        return [due for due in self.agents[address].waits.values() if due] + delayed

    def has_work(self, address: str, now: int) -> bool:
        """Whether an agent has something to do at ``now``."""
        mine = [m for m in self.messages.values() if m.address == address]
        at_once = any(m.status == Status.RUNNING or (m.status == Status.QUEUED and m.due <= now) for m in mine)
        return at_once or any(due <= now for due in self.timers(address))

    def compact(self, before: int) -> None:
        """Forget what ended before."""
        hit = {m.address for m in self.messages.values() if m.status >= Status.DONE and 0 < m.ended < before}
        for id, m in list(self.messages.items()):
            if m.status >= Status.DONE and 0 < m.ended < before:
                del self.messages[id]
        for address in hit:
            agent = self.agents[address]
            kept = [m.turn for m in self.messages.values() if m.address == address and m.turn and m.kind == Kind.REQUEST]
            upto = min(min(kept) - 1 if kept else agent.seq, agent.seq)
            if upto in agent.journal:
                agent.base = upto
                agent.journal = {seq: row for seq, row in agent.journal.items() if seq > upto}
