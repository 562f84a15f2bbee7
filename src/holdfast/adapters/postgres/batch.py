"""Rows of many commits, column by column, as ``apply_commits`` takes them.

Only what has to be seen by a later commit of the same call splits a call: a mode, a retirement or a subscription that a
later commit depends on, and a key that an earlier commit of the batch uses. Everything else is one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ...domain.address import DEFAULT_TENANT, GROUP, TOPIC, tenant_of
from ...domain.message import Kind, Status
from ...ports.store import Commit, Lease, Send
from .charging import Charging
from .session import Session
from .text import join, safe

PARAMETERS = 57
"""Of ``apply_commits``."""

Column = list[Any]
Topic = tuple[str, str]
Subscribers = dict[Topic, list[tuple[str, str]]]
"""(tenant, topic or group) to (address, handler) of those who receive it."""


def topics_of(commit: Commit) -> list[Topic]:
    """The topics and groups that a commit sends to, with their tenant."""
    return [
        (_tenant(commit.lease, send), send.message.to) for send in commit.sends if send.message.to.startswith((TOPIC, GROUP))
    ]


def contiguous(commit: Commit) -> bool:
    """Whether a commit's entries follow one another."""
    return not commit.entries or commit.entries[-1].seq - commit.entries[0].seq == len(commit.entries) - 1


def _tenant(lease: Lease | None, send: Send) -> str:
    if lease is not None:
        return tenant_of(lease.address)
    return tenant_of(send.message.sender) if "/" in send.message.sender else DEFAULT_TENANT


class Batch:
    """What one call of ``apply_commits`` writes. ``members`` are the commits in it, by their place in the list."""

    def __init__(self, session: Session | None, subscribers: Subscribers) -> None:
        self._held = session.held if session is not None else {}
        self._subscribers = subscribers
        self.members: list[int] = []
        self.fence: dict[int, tuple[int, int]] = {}
        self._last: dict[int, int] = {}
        self.journal: tuple[Column, ...] = ([], [], [], [], [])
        self.spans: list[tuple[int, int, int]] = []
        self.template: list[int] = []
        self.splits = False
        self.sends: tuple[Column, ...] = tuple([] for _ in range(13))
        self.whose: list[tuple[int, int, Send]] = []
        self.marks: dict[int, list[Any]] = {}
        self.consumed: set[int] = set()
        self.waits: dict[tuple[int, int, str], tuple[Any, ...] | None] = {}
        self.state: dict[tuple[int, str], list[Any]] = {}
        self.subscribes: list[dict[str, Any]] = []
        self.wipes: dict[int, str] = {}
        self.modes: dict[str, tuple[str, str]] = {}
        self.touched: set[int] = set()
        self.charging: Charging | None = None
        self._keys: set[tuple[str, str]] = set()

    # -- may this commit join? ----------------------------------------------------------------------------------

    def must_wait(self, commit: Commit, settled: set[tuple[str, str]]) -> bool:
        """Whether a commit depends on one that is in the batch already, in a way that one transaction cannot give it.
        ``settled`` are keys that an earlier call inserted: a second use of those is refused, not ordered."""
        lease = commit.lease
        if commit.entries and lease is not None:
            first = commit.entries[0].seq
            if self._last.get(lease.ref, first - 1) != first - 1:
                return True  # it goes on only if the one before it is refused
        for send in commit.sends:
            key = (send.message.to, send.message.key)
            if send.message.key and key in self._keys and key not in settled:
                return True
        if self.consumed and any(m.id in self.consumed for m in commit.marks):
            return True
        if not (self.modes or self.wipes or self.subscribes):
            return False
        if lease is not None and (lease.ref in self.wipes or lease.address in self.modes):
            return True
        for send in commit.sends:
            to = send.message.to
            if to in self.modes or to.startswith((TOPIC, GROUP)):
                return True
        return False

    # -- rows ---------------------------------------------------------------------------------------------------

    def add(self, place: int, commit: Commit) -> None:
        """Take a commit's rows."""
        self.members.append(place)
        lease = commit.lease
        if lease is not None:
            self._leased(lease, commit)
        if commit.sends:
            first = len(self.template)
            for nth, send in enumerate(commit.sends):
                self._send(place, nth, lease, send)
            if lease is not None and commit.entries:
                row = len(self.journal[0]) - len(commit.entries)
                self.spans.append((row, first + 1, len(self.template)))
        for m in commit.marks:
            old = self.marks.get(m.id)
            body = m.body if m.body is not None or old is None else old[5]
            self.marks[m.id] = [m.status, m.turn, m.version, m.ended, m.due, body]
        if commit.consumed:
            self.consumed.update(commit.consumed)
        if lease is None:
            # nobody holds the lease that these messages' agents may need to be told by
            self.touched.update(commit.consumed, (m.id for m in commit.marks))
        if commit.mode is not None:
            address, mode, reason = commit.mode
            self.modes[address] = (mode, safe(reason))
        if commit.usage or commit.charges:
            self.charging = self.charging or Charging()
            self.charging.add(commit)

    def _leased(self, lease: Lease, commit: Commit) -> None:
        ref, entries = lease.ref, commit.entries
        if entries:
            agent, seq, turn, body, hash = self.journal
            for e in entries:
                agent.append(ref)
                seq.append(e.seq)
                turn.append(e.turn)
                body.append(e.body)
                hash.append(e.hash)
            self._last[ref] = entries[-1].seq
        known = self.fence.get(ref)
        if known is None:
            self.fence[ref] = (lease.epoch, entries[0].seq - 1 if entries else -1)
        elif known[1] < 0 and entries:
            self.fence[ref] = (known[0], entries[0].seq - 1)
        for w in commit.waits:
            self.waits[(ref, w.turn, w.path)] = (w.verb, safe(w.name), w.due, w.since, w.detail)
        for turn, path in commit.unwaits:  # after the waits: a wait that ended within its own commit leaves nothing
            self.waits[(ref, turn, path)] = None
        for s in commit.state:
            self._state(ref, safe(s.key), s.value, join(s.labels), s.turn)
        for b in commit.subscribes:
            row = {"tenant": tenant_of(lease.address), "pattern": b.pattern, "agent": ref, "handler": b.handler, "on": b.on}
            self.subscribes.append(row)
        if commit.wipe:
            self.wipes[ref] = lease.address

    def _state(self, ref: int, key: str, value: bytes | None, labels: str, turn: int) -> None:
        row = self.state.get((ref, key))
        if row is None:
            self.state[(ref, key)] = [value, labels, turn, False, None, ""]
        elif row[2] == turn:
            row[0], row[1] = value, labels
        else:
            self.state[(ref, key)] = [value, labels, turn, True, row[0], row[1]]

    def _send(self, place: int, nth: int, lease: Lease | None, send: Send) -> None:
        message = send.message
        if message.to.startswith((TOPIC, GROUP)):
            self.splits = True
            self.template.append(0)
            for address, handler in self._subscribers.get((_tenant(lease, send), message.to), ()):
                to = msgspec.structs.replace(message, to=address, name=handler or message.name)
                copy = msgspec.structs.replace(send, message=to)
                self._row(place, nth, copy)
                self.template.append(-len(self.whose))
        else:
            self._row(place, nth, send)
            self.template.append(len(self.whose))
        if message.key:
            self._keys.add((message.to, message.key))

    def _row(self, place: int, nth: int, send: Send) -> None:
        m = send.message
        values = (
            self._held.get(m.to, 0),
            m.to,
            send.status,
            m.kind,
            m.priority,
            m.turn or send.turn,
            m.due,
            send.ended,
            safe(m.key),
            safe(m.name),
            send.version,
            m.origin,
            send.body,
        )
        for column, value in zip(self.sends, values, strict=True):
            column.append(value)
        self.whose.append((place, nth, send))

    # -- parameters ---------------------------------------------------------------------------------------------

    def arguments(self, session: int, depth: int, now: int) -> list[Any]:
        """What ``apply_commits`` is called with; a group without rows is NULLs."""
        args: list[Any] = [session, depth]
        fence = self.fence
        args += [list(fence), [e for e, _ in fence.values()], [s for _, s in fence.values()]] if fence else [None] * 3
        args += self.journal if self.journal[0] else [None] * 5
        args += self._spans()
        args += self.sends if self.whose else [None] * 13
        args += _columns([(id, *self.marks[id]) for id in sorted(self.marks)], 7)
        args.append(sorted(self.consumed) or None)
        args += _columns([(*key, *row) for key, row in self.waits.items() if row is not None], 8)
        args += _columns([key for key, row in self.waits.items() if row is None], 3)
        args += _columns([(*key, *self.state[key]) for key in sorted(self.state)], 8)
        args += [now, sorted(self.modes), self._rare(), self.charging.json() if self.charging is not None else None]
        return args

    def _spans(self) -> list[Column | list[int] | None]:
        if not self.spans:
            return [None, None, None]
        since, upto = [0] * len(self.journal[0]), [0] * len(self.journal[0])
        for row, first, last in self.spans:
            since[row], upto[row] = first, last
        return [since, upto, self.template if self.splits else None]

    def _rare(self) -> str | None:
        if not (self.subscribes or self.wipes or self.modes or self.touched):
            return None
        modes = [{"address": a, "mode": mode, "reason": reason} for a, (mode, reason) in self.modes.items()]
        rare = {"subscribes": self.subscribes, "wipes": list(self.wipes), "modes": modes, "touched": list(self.touched)}
        return msgspec.json.encode(rare).decode()

    def overfull(self, depths: dict[str, int], limit: int) -> set[int]:
        """Commits that do not fit into mailboxes whose depth is given, judged in order, each wholly or not at all."""
        refused: set[int] = set()
        room = {address: limit - depth for address, depth in depths.items()}
        wants: dict[int, dict[str, int]] = {}
        for place, _, send in self.whose:
            if send.message.to in room and send.message.kind == Kind.REQUEST and send.status == Status.QUEUED:
                want = wants.setdefault(place, {})
                want[send.message.to] = want.get(send.message.to, 0) + 1
        for place, want in wants.items():
            if all(n <= room[address] for address, n in want.items()):
                for address, n in want.items():
                    room[address] -= n
            else:
                refused.add(place)
        return refused


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[Column | None]:
    """Rows as columns."""
    if not rows:
        return [None] * width
    return [list(column) for column in zip(*rows, strict=True)]
