"""One enlisted session as this process knows it."""

from __future__ import annotations

import asyncio
from typing import Any

from ...ports.store import Lease, Notify, Signal, Worker


class Session:
    """``held`` maps the agents whose leases were handed to the caller to their ref: messages to them need no look-up.

    The server's rows are the truth; this map may lag behind in one direction only. An agent in it belongs to the session
    for as long as the session lives, because releases go through the session's own queue.
    """

    __slots__ = ("alive", "doubt", "held", "id", "locked", "notify", "releasing", "revision", "suspects", "token", "worker")

    def __init__(self, id: int, token: str, worker: Worker, notify: Notify) -> None:
        self.id = id
        self.token = token
        self.worker = worker
        self.notify = notify
        self.held: dict[str, int] = {}
        self.releasing: dict[str, asyncio.Future[Any]] = {}
        """Agents on their way back; taking one of them again has to wait until it is there."""
        self.alive = True
        self.locked = False
        self.doubt = 0
        """Beats left to look for leases whose grant was lost with a connection."""
        self.revision = 0
        """The newest revision of the resources that it was told of, or that was there before it."""
        self.suspects: dict[int, int] = {}

    def took(self, leases: list[Lease]) -> None:
        """These leases are handed to the caller now."""
        for lease in leases:
            self.held[lease.address] = lease.ref

    def revised(self, revision: int) -> None:
        """The resources have this revision. Says so, unless it was said: news may come late, twice, or not at all."""
        if revision > self.revision:
            self.revision = revision
            self.notify(Signal("resources", ids=(revision,)))

    def end(self) -> None:
        """Declared dead: say so, once."""
        if self.alive:
            self.alive = False
            self.held.clear()
            self.notify(Signal("lost"))
