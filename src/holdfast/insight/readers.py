"""``Reader``: what one person has not read yet of what agents finished. The fleet is the same for everybody; this is not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .fleet import Member


class Reader:
    """One person.

    Attributes:
        until: everything that ended up to then is read, in milliseconds.
        agents: single agents, by their short addresses, up to a later time.
        unread: agents that finished something since, by full address, in the order in which they did.
    """

    def __init__(self, until: int = 0, agents: dict[str, int] | None = None) -> None:
        self.until = until
        self.agents = dict(agents or {})
        self.unread: dict[str, Member] = {}

    def begin(self, finished: Iterable[Member]) -> None:
        """Take in all agents whose last turn ended."""
        for member in sorted(finished, key=lambda m: m.at.ended):
            self.note(member)

    def note(self, member: Member) -> bool:
        """An agent changed; whether that changes what is unread."""
        full = member.at.address
        was = self.unread.pop(full, None)
        is_unread = member.state == "finished" and member.at.ended > max(self.until, self.agents.get(member.address, 0))
        if is_unread:
            self.unread[full] = member
        return is_unread is not (was is not None)

    def saw(self, until: int) -> None:
        """Everything was looked at."""
        self.until = max(self.until, until)
        self.agents = {a: ms for a, ms in self.agents.items() if ms > until}
        for member in list(self.unread.values()):
            self.note(member)

    def saw_one(self, address: str, until: int) -> None:
        """An agent was looked at."""
        self.agents[address] = max(until, self.agents.get(address, 0))


__all__ = ["Reader"]
