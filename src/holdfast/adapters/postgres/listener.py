"""News from the server, and signs of life: one connection that listens and holds the sessions' advisory locks.

The lock is what tells others at once that this process is gone: the server frees it when the connection ends, and a session
without its lock that stays silent for a moment is declared dead long before its lease runs out. So when the connection is
cut while the process lives, it is restored at once, with the locks; until it is back nothing is missed but signals, and
those are made up for.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence

from ...domain.errors import HoldfastError
from ...ports.notes import Note
from ...ports.store import Signal
from .link import CALL_SECONDS, Driver, Pool, connect, end, through_collisions
from .place import GONE, Place, translate
from .schema import lock_class
from .session import Session

log = logging.getLogger("holdfast")

TICK_SECONDS = 1.0
GRACE_SECONDS = 0.6
"""How long a session may stay silent without its lock. More than a reconnect takes, less than anybody wants to wait."""

_FIRST_WAIT, _LONGEST_WAIT = 0.05, 1.0
_BURY = "SELECT others, silent FROM bury($1, $2, make_interval(secs => $3))"
_UNREAD = """
    SELECT DISTINCT a.address FROM agent a JOIN message m ON m.agent = a.id AND m.status <= 3
    WHERE a.owner = $1 AND a.owner <> 0 AND m.status = 0
"""
_TELL = """
    SELECT count(pg_notify(channel(told.session), $1 || told.body)) FROM (
        SELECT CASE WHEN n.token = '' THEN 0 ELSE s.id END AS session, n.body
        FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS n(body, token, place) LEFT JOIN session s ON s.token = n.token
        ORDER BY n.place
    ) told WHERE told.session IS NOT NULL
"""


class Listener:
    """See the module."""

    def __init__(self, place: Place, pool: Pool) -> None:
        self._place, self._pool = place, pool
        self._class = lock_class(place.schema)
        self._link: Driver | None = None
        self._using = asyncio.Lock()
        """A connection does one thing at a time, and sessions may come and go together."""
        self._prefix = ""
        self._sessions: dict[int, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticking = False
        self._closed = False

    async def open(self) -> None:
        """Connect; raises ``Unavailable(store.unreachable)``."""
        self._prefix = (await self._pool.value("SELECT channel(0)")).removesuffix("0")
        await self._connect()

    async def add(self, session: Session) -> None:
        """Begin to listen for a session and show that it lives."""
        async with self._using:
            self._sessions[session.id] = session
            if self._link is not None:
                await self._attach(self._link, session)

    async def remove(self, session: Session) -> None:
        """A session ended."""
        async with self._using:
            self._sessions.pop(session.id, None)
            link = self._link
            if link is not None:
                try:
                    await link.remove_listener(self._channel(session.id), self._heard)
                    await link.execute("SELECT pg_advisory_unlock($1, $2)", self._class, session.id, timeout=CALL_SECONDS)
                except GONE:
                    link.terminate()  # the locks go with the connection; it is restored without this session

    async def tell(self, session: Session, notes: Sequence[Note]) -> None:
        """Notify other sessions of notes, over the connection that listens: nothing that waits for a commit waits for it.
        While there is none, nobody is told."""
        if self._cut_off():
            return
        head = f"told\n{session.token}\n"
        told = [(_text(note), token) for note in notes for token in note.to or ("",)]
        async with self._using:
            link = self._link
            if link is None:
                return
            try:
                texts, tokens = [text for text, _ in told], [token for _, token in told]
                await link.fetchval(_TELL, head, texts, tokens, timeout=CALL_SECONDS)
            except GONE as error:
                raise translate(error, self._place) from error

    def _cut_off(self) -> bool:
        return self._link is None

    async def bury(self, but: list[int]) -> None:
        """Declare dead what is dead. While there are others, keep an eye on them between beats."""
        others, silent = await self._bury(but)
        if (others > len(self._sessions) - len(but) or silent) and not self._ticking:
            self._ticking = True
            self._spawn(self._tick)

    async def _bury(self, but: list[int]) -> tuple[int, int]:
        return await through_collisions(lambda: self._pool.row(_BURY, but, self._class, GRACE_SECONDS))

    async def close(self) -> None:
        """Stop listening. The locks go with the connection."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        if self._link is not None:
            await end(self._link)

    # -- the connection -----------------------------------------------------------------------------------------

    async def _connect(self) -> None:
        async with self._using:
            await self._connect_alone()

    async def _connect_alone(self) -> None:
        link = await connect(self._place, hot=True)
        try:
            await link.add_listener(self._channel(0), self._heard)
            for session in list(self._sessions.values()):
                await self._attach(link, session)
        except HoldfastError:
            link.terminate()
            raise
        except GONE as error:
            link.terminate()
            raise translate(error, self._place) from error
        link.add_termination_listener(self._cut)
        self._link = link
        if link.is_closed():
            self._cut()

    async def _attach(self, link: Driver, session: Session) -> None:
        try:
            await link.add_listener(self._channel(session.id), self._heard)
            await self._lock(link, session)
        except GONE as error:
            raise translate(error, self._place) from error

    async def _lock(self, link: Driver, session: Session) -> None:
        """The old connection's end may still hold the lock; then it is taken with a later beat."""
        sql = "SELECT pg_try_advisory_lock($1, $2)"
        session.locked = bool(await link.fetchval(sql, self._class, session.id, timeout=CALL_SECONDS))

    async def relock(self, session: Session) -> None:
        """Take a lock that could not be had when the connection was restored."""
        if session.locked or self._using.locked():
            return
        async with self._using:
            if self._link is not None:
                try:
                    await self._lock(self._link, session)
                except GONE as error:
                    raise translate(error, self._place) from error

    def _cut(self, *_: object) -> None:
        if self._link is not None:
            self._link = None
            for session in self._sessions.values():
                session.locked = False
                session.doubt = 2
            if not self._closed:
                self._spawn(self._restore)

    async def _restore(self) -> None:
        wait = _FIRST_WAIT
        while not self._closed:
            try:
                await self._connect()
                await self._make_up()
                return
            except HoldfastError as error:
                log.debug("not listening yet: %s", error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)

    async def _make_up(self) -> None:
        """Signals may have been missed: say what they may have said."""
        revision = await self._pool.value("SELECT revision()")
        for session in list(self._sessions.values()):
            addresses = [row[0] for row in await self._pool.rows(_UNREAD, session.id)]
            if addresses:
                session.notify(Signal("arrived", tuple(addresses)))
            session.notify(Signal("work"))
            session.revised(revision)

    # -- between beats ------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        try:
            while self._sessions:
                await asyncio.sleep(TICK_SECONDS)
                others, silent = await self._bury(list(self._sessions))
                if silent:
                    await asyncio.sleep(GRACE_SECONDS + 0.02)
                    await self._bury(list(self._sessions))
                elif not others:
                    return
        except HoldfastError as error:
            log.debug("could not look after other sessions: %s", error)  # the next beat looks again
        finally:
            self._ticking = False

    def _spawn(self, work: Callable[[], object]) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work())  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- news ---------------------------------------------------------------------------------------------------

    def _channel(self, session: int) -> str:
        return f"{self._prefix}{session}"

    def _heard(self, _link: object, _pid: int, channel: str, payload: str) -> None:
        kind, *items = payload.split("\n")
        number = int(channel.removeprefix(self._prefix))
        if kind == "told":
            self._told(number, *items)
            return
        if number == 0:
            for session in list(self._sessions.values()):
                if kind == "resources":
                    session.revised(int(items[0]))
                else:
                    session.notify(Signal(kind))
            return
        session = self._sessions.get(number)
        if session is None:
            return
        if kind == "lost":
            session.end()
        elif kind == "ended":
            session.notify(Signal(kind, ids=tuple(map(int, items))))
        else:
            session.notify(Signal(kind, addresses=tuple(items)))

    def _told(self, number: int, sender: str, text: str) -> None:
        signal = Signal("told", sender=sender, body=b64decode(text))
        for session in list(self._sessions.values()):
            if number in (0, session.id) and session.token != sender:
                session.notify(signal)


def _text(note: Note) -> str:
    """As PostgreSQL carries it, whatever its encoding is."""
    return b64encode(note.body).decode()
