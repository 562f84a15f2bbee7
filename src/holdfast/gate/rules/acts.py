"""What a rule is about: ``tool refund``, ``tool send_*``, ``call pay to billing/*``, ``any change``, ``anything``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from ...domain.intent import Done, Intent
from ..past import VERBS as PAST_VERBS

ACTING = PAST_VERBS
"""``any action``: what an agent does, as opposed to waiting and keeping its own state."""
VERBS = ACTING | {"accept", "spawn", "set", "sleep", "wait", "ask", "subscribe", "retire", "plan"}
SENDING = frozenset(("call", "send", "publish"))
_WORDS = "any action, any change, any sending, anything, or a verb and perhaps a name (tool send_*, call pay to billing/*)"


@lru_cache(maxsize=4096)
def glob(pattern: str) -> re.Pattern[str]:
    """A text with ``*``, ``?`` and ``[...]``; capitals count."""
    return re.compile(translate(pattern))


def is_glob(text: str) -> bool:
    """Whether it stands for more than itself."""
    return any(mark in text for mark in "*?[")


@lru_cache(maxsize=4096)
def of_address(pattern: str) -> re.Pattern[str]:
    """``name``, ``name/key`` (in any tenant) or ``tenant/name/key``, each with ``*``."""
    parts = pattern.split("/", 2)
    if len(parts) == 1:
        parts = ["*", pattern, "*"]
    elif len(parts) == 2:
        parts = ["*", *parts]
    tenant, name, key = (translate(part).removesuffix(r"\Z") for part in parts)
    # a star stays within its part: an address has three, and only the last may hold anything
    return re.compile(rf"{tenant.replace('.*', '[^/]*')}/{name.replace('.*', '[^/]*')}/{key}\Z")


@dataclass(frozen=True, slots=True)
class Act:
    """One of the things a rule is about. ``verbs`` None stands for every verb, ``name`` and ``to`` ``""`` for every one."""

    text: str
    verbs: frozenset[str] | None
    name: str = ""
    to: str = ""
    changing: bool = False
    sending: bool = False

    @property
    def exact(self) -> str:
        """The one name it is about, or ``""`` if there may be several."""
        return "" if is_glob(self.name) else self.name

    def may(self, verb: str, name: str) -> bool:
        """Whether it can be about acts with this verb and name; the rest depends on the single one."""
        if self.verbs is not None and verb not in self.verbs:
            return False
        return not self.name or self.name == name or glob(self.name).match(name) is not None

    @property
    def settled(self) -> bool:
        """Whether verb and name say it all."""
        return not (self.to or self.changing or self.sending)

    def is_about(self, intent: Intent) -> bool:
        """Whether it is about this one, of which ``may`` is true."""
        if self.changing and (intent.verb == "model" or not intent.declared.effects):
            return False
        if self.sending and intent.verb not in SENDING and not intent.declared.named("destination"):
            return False
        return not self.to or _to(self.to, intent.verb, intent.to)

    def was(self, done: Done) -> bool:
        """Whether something done was one."""
        if not self.may(done.verb, done.name):
            return False
        if (self.changing and not (done.effects and done.verb != "model")) or (self.sending and not done.to):
            return False
        return not self.to or _to(self.to, done.verb, done.to)


def _to(pattern: str, verb: str, to: str) -> bool:
    if to.count("/") == 2 and (of_address(pattern).match(to) is not None):
        return True
    return glob(pattern).match(to) is not None


@lru_cache(maxsize=4096)
def read_act(text: str) -> Act:
    """An act as it is written. Raises ``ValueError`` that says how to write one."""
    before, _, to = text.partition(" to ")
    words = before.split()
    kinds = {"action": Act(text, ACTING, to=to.strip()), "change": Act(text, ACTING, to=to.strip(), changing=True)}
    kinds["sending"] = Act(text, SENDING | {"tool"}, to=to.strip(), sending=True)
    if words == ["anything"]:
        return Act(text, None, to=to.strip())
    if words[:1] == ["any"] and len(words) == 2 and words[1] in kinds:
        return kinds[words[1]]
    if not words or words[0] not in VERBS or len(words) > 2:
        raise ValueError(f"{text!r} is nothing that is done; write {_WORDS}. Verbs: {', '.join(sorted(VERBS))}")
    return Act(text, frozenset((words[0],)), words[1] if len(words) == 2 and words[1] != "*" else "", to.strip())
