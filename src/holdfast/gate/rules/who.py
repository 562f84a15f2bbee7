"""Who acts: selectors on agent, tenant, sender, chain of delegation and tags."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...domain.intent import Intent
from .acts import glob, of_address
from .words import Who, listed

Patterns = tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class Selector:
    """``Who``, compiled. What depends on the agent alone is told apart, so that it is looked at once for each agent."""

    words: Who
    agents: Patterns
    tenants: Patterns
    senders: Patterns
    via: Patterns
    tags: tuple[tuple[str, Patterns], ...]
    without: Selector | None

    @classmethod
    def read(cls, who: Who | None) -> Selector | None:
        """Compile; None selects everybody."""
        if who is None:
            return None
        return cls(
            who,
            tuple(of_address(p) for p in listed(who.agent)),
            tuple(glob(p) for p in listed(who.tenant)),
            tuple(glob(p) for p in listed(who.sender)),
            tuple(of_address(p) for p in listed(who.via)),
            tuple((name, tuple(glob(p) for p in listed(patterns))) for name, patterns in who.tags.items()),
            cls.read(who.not_),
        )

    @property
    def settled(self) -> bool:
        """Whether ``may`` says it all."""
        return not (self.senders or self.via or self.tags or self.without)

    def may(self, agent: str) -> bool:
        """Whether it can select what this agent does."""
        return _one(self.agents, agent) and _one(self.tenants, agent.split("/", 1)[0] if agent else "")

    def selects(self, intent: Intent) -> bool:
        """Whether it selects this."""
        if not self.may(intent.agent) or not _one(self.senders, intent.sender):
            return False
        if self.via and not any(_one(self.via, agent) for agent in intent.chain):
            return False
        for name, patterns in self.tags:
            if name not in intent.tags or not _one(patterns, intent.tags[name]):
                return False
        return self.without is None or not self.without.selects(intent)


def _one(patterns: Patterns, text: str) -> bool:
    return not patterns or any(p.match(text) for p in patterns)
