"""Sessions and leases of one store file.

One process owns the file, so who holds which agent is kept in its memory: when the process goes, so does every lease,
and the next owner starts with none. Epochs still ascend across restarts (they start at the wall clock), so a worker
that outlives the server cannot slip a commit in under an old number.
"""

from __future__ import annotations

from ...domain.errors import Conflict
from ...ports.ledger import Amounts
from ...ports.store import Lease, Notify, Signal, Worker


class Session:
    """One enlisted worker."""

    __slots__ = ("beaten", "held", "id", "notify", "shares", "worker")

    def __init__(self, id: str, worker: Worker, notify: Notify, now: float) -> None:
        self.id = id
        self.worker = worker
        self.notify = notify
        self.beaten = now
        self.held: set[int] = set()
        self.shares: dict[tuple[int, str], Amounts] = {}
        """What it holds unspent of budgets' windows (budget's number, window). It goes with the session, as leases do."""

    def serves(self, name: str, needs: str) -> bool:
        """Whether this worker can run that definition, in that version if one is needed."""
        versions = self.worker.serves.get(name)
        return versions is not None and (not needs or needs in versions)


class Held:
    """Who holds an agent, under which epoch, and where its journal ends."""

    __slots__ = ("epoch", "seq", "session")

    def __init__(self, session: Session, epoch: int, seq: int) -> None:
        self.session = session
        self.epoch = epoch
        self.seq = seq


class Sessions:
    """Who is alive and who holds what."""

    def __init__(self, first_epoch: int) -> None:
        self.alive: dict[str, Session] = {}
        self.owner: dict[int, Held] = {}
        self.needs: dict[int, str] = {}
        self.upset: dict[int, tuple[str, str, int] | None] = {}
        """Agents that were in the hands of a worker that died, and which worker that was, if it is known."""
        self.loose = True
        """Whether there may be work that nobody holds and nobody was told of."""
        self._epoch = first_epoch

    def of(self, session: str) -> Session:
        """The live session of this id; raises ``Conflict(session.lost)``."""
        me = self.alive.get(session)
        if me is None:
            raise Conflict("session.lost", "This worker's session is over; it must enlist again.", session=session)
        return me

    def holding(self, session: str, lease: Lease) -> Held | None:
        """The hold, if the lease is the agent's newest and its session lives."""
        held = self.owner.get(lease.ref)
        return held if held is not None and held.epoch == lease.epoch and held.session.id == session else None

    def grant(self, session: Session, ref: int, seq: int) -> int:
        """Give an agent to a session; returns the new epoch."""
        self._epoch += 1
        self.owner[ref] = Held(session, self._epoch, seq)
        session.held.add(ref)
        return self._epoch

    def release(self, session: str, lease: Lease, needs: str) -> None:
        """Take an agent back if that lease still holds it."""
        held = self.holding(session, lease)
        if held is not None:
            self.drop(lease.ref)
            self.upset.pop(lease.ref, None)
            if needs:
                self.needs[lease.ref] = needs
            else:
                self.needs.pop(lease.ref, None)
            self.loose = True

    def enlist(self, session: Session) -> None:
        """A worker begins. If it is one that was thought dead, it only was cut off: nothing it had is suspected."""
        self.alive[session.id] = session
        who = session.worker.who
        if self.upset:
            self.upset = {ref: by for ref, by in self.upset.items() if by != who}

    def drop(self, ref: int) -> None:
        """Nobody holds this agent any more."""
        held = self.owner.pop(ref, None)
        if held is not None:
            held.session.held.discard(ref)

    def end(self, session: str, *, died: bool, lost: bool = False) -> None:
        """End a session and free what it held; the others hear that there may be work."""
        gone = self.alive.pop(session, None)
        if gone is None:
            return
        for ref in gone.held:
            self.owner.pop(ref, None)
            self.upset.pop(ref, None)
        if died:
            self.upset.update(dict.fromkeys(gone.held, gone.worker.who))
        if lost:
            gone.notify(Signal("lost"))
        if gone.held:
            self.tell_work()

    def end_silent(self, now: float, but: str) -> None:
        """End every session that has been silent for longer than its lease."""
        for other in list(self.alive.values()):
            if other.id != but and now - other.beaten > other.worker.lease_seconds:
                self.end(other.id, died=True, lost=True)

    def tell_work(self, but: str = "") -> None:
        """Everybody else may find something to claim."""
        self.loose = True
        for other in self.alive.values():
            if other.id != but:
                other.notify(Signal("work"))
