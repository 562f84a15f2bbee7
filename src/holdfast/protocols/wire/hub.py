"""``Hub``: workers in other processes enlist at this server's store.

A session belongs to the connection it was made on and ends with it, so that what a killed worker held is free at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from ...domain.errors import Conflict, HoldfastError, Rejected
from ...link import Peer
from ...link.frames import Raw
from ...link.port import PREFIX, SIGNAL, Doubt, Method, decode_doubts, method
from ...ports.store import Signal, Store, Worker

_OWNED = frozenset({"serve", "commit", "lease", "release", "claim", "take_share", "give_back", "tell"})
"""Methods whose first argument is a session that must be the caller's own."""
_READS = 1_000


class Hub:
    """The server's store, for remote sessions."""

    def __init__(self, store: Store, spawn: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._store = store
        self._spawn = spawn
        self._sessions: dict[str, Peer] = {}
        self._committing: dict[str, set[asyncio.Task[Any]]] = {}

    async def request(self, peer: Peer, name: str, body: Raw) -> Any:
        """One method of the port."""
        name = name.removeprefix(PREFIX)
        try:
            if name == "enlist":
                return await self._enlist(peer, body)
            if name == "applied":
                return await self._applied(*decode_doubts(body))
            what = method(name)
            args, named = what.given(body)
        except msgspec.DecodeError as error:
            raise Rejected("operation.input", f"store.{name}: {error}.", operation=name) from error
        if name in _OWNED:
            self._own(peer, args[0], name)
        if name == "commit":
            return await self._commit(what, args)
        if name == "leave":
            self._sessions.pop(args[0], None)
        return await getattr(self._store, name)(*args, **named)

    async def _enlist(self, peer: Peer, body: Raw) -> str:
        worker: Worker = method("enlist").given(body)[0][0]
        heard: list[Signal] = []
        session = ""

        def notify(signal: Signal) -> None:
            if not session:
                heard.append(signal)
                return
            if signal.kind == "told" and not peer.keeps_up:
                return
            if signal.kind == "lost":
                self._sessions.pop(session, None)
            peer.push(f"{session} {SIGNAL}", signal)

        session = await self._store.enlist(worker, notify)
        if peer.transport is None:
            await self._store.leave(session)
        else:
            self._sessions[session] = peer
        for signal in heard:
            notify(signal)
        return session

    def _own(self, peer: Peer, session: str, name: str) -> None:
        known = self._sessions.get(session)
        if known is not peer and name != "commit":
            raise Conflict("session.lost", "This worker's session is over; it must enlist again.", session=session)

    async def _commit(self, what: Method, args: list[Any]) -> Any:
        session: str = args[0]
        task = asyncio.current_task()
        assert task is not None
        running = self._committing.setdefault(session, set())
        running.add(task)
        try:
            return await self._store.commit(*args)
        finally:
            running.discard(task)
            if not running:
                self._committing.pop(session, None)

    async def _applied(self, session: str, doubts: list[Doubt]) -> list[int]:
        """Which commits of a broken connection happened: the id of their turn's message (0 if unknown), or -1."""
        await self._end(session)
        if running := self._committing.get(session):
            await asyncio.wait(running)
        return [await self._applied_one(d) for d in doubts]

    async def _applied_one(self, doubt: Doubt) -> int:
        try:
            rows = await self._store.entries(doubt.address, doubt.seq - 1, 1)
        except HoldfastError:
            return -1
        if not rows or rows[0].seq != doubt.seq or rows[0].hash != doubt.hash:
            return -1
        found = await self._store.messages(statuses=range(9), address=doubt.address, limit=_READS)
        return next((m.id for m in found if m.turn == rows[0].turn), 0)

    def gone(self, peer: Peer) -> None:
        """A connection is gone, and so are its sessions."""
        for session in [s for s, p in self._sessions.items() if p is peer]:
            self._spawn(self._end(session))

    async def _end(self, session: str) -> None:
        if self._sessions.pop(session, None) is not None:
            await self._store.leave(session, died=True)
