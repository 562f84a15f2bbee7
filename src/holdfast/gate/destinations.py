"""Where something goes needs somebody who vouches for it: the principal's own words, trusted data, or a person.

Content may come from anywhere. A recipient, an account, an address or a command may not, once the turn has read what nobody
vouches for: who wrote that could have chosen it. More ways lead to a yes:

* The principal named a record ("the participants of the budget meeting") and the value is another field of that record. A
  stranger can write prose into a record, but prose does not become a field.
* A rule of a policy vouches for it (``endorse``).
* An action only reads, and its destination was read word for word: whoever wrote it cannot have known what the agent read
  since, so nothing of that leaves with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..domain.intent import Approval, Decision, Intent, Sources, Verdict
from ..domain.labels import PERSON, POLICY, QUARANTINE, UNTRUSTED, USER
from .provenance import NAMED
from .purpose import reads

RULE = "destinations"
HANDLES = "handles"
"""The rule that keeps what nobody has seen out of destinations."""
WILL = (USER, PERSON, POLICY)
"""Whose vouching ties an action to what somebody wanted."""
NOBODY: Mapping[str, str] = {}
_SHORTEST = 3
_LONGEST = 200


def judge(intent: Intent, vouched: Mapping[str, str] = NOBODY) -> Decision | None:
    """ASK for an action with effects whose destination nobody vouches for, DENY if it is inside of a handle; else who
    vouches for which, where untrusted data was read at all. None where there is nothing to say.

    Args:
        vouched: arguments for which rules vouch.
    """
    sources, labels = intent.sources, intent.labels
    if sources is None:
        return None
    tainted = UNTRUSTED in labels
    if not tainted and not any(label.startswith(QUARANTINE) for label in labels):
        return None
    declared = intent.declared
    places = declared.named("destination")
    if not places or not (declared.effects or intent.carries):
        return None
    given = {name: value for name, value in intent.arguments.items() if value not in (None, "", [], {})}
    looks, tied, by_whom = reads(intent.name), False, dict[str, str]()
    for name in places:
        if name not in given:
            continue
        value = given[name]
        by = vouched.get(name) or sources.endorsed(value)
        if name in intent.carries:
            if not by:
                return _deny(name, value, intent)
            tied, by_whom[name] = True, by
            continue
        if not declared.effects:
            continue
        meant = NAMED if by.partition(":")[0] in WILL else sources.referred(value)
        if meant == NAMED:
            tied = True
        elif not by and not meant and not (looks and sources.copied(value)):
            where = "it is neither in the words of who asked nor in trusted data"
            return _ask(f"nobody vouches for {name} = {value!r}: {where}", intent)
        by_whom[name] = by or meant or "copied"
    if tainted and declared.effects and not (tied or looks or any(_said(value, sources) for value in given.values())):
        return _ask("nothing in it is in the words of who asked", intent)
    return Decision(Verdict.ALLOW, vouched=by_whom) if by_whom else None


def _deny(name: str, value: Any, intent: Intent) -> Decision:
    origin = ", ".join(sorted(label for label in intent.carries[name] if label != UNTRUSTED)) or "unknown origin"
    what = f"{name} is a destination, and its value {_short(value)} is inside of a handle, from {origin}"
    reason = f"{what}: nobody has vouched for it"
    return Decision(Verdict.DENY, (reason,), (HANDLES,))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _said(value: Any, sources: Sources) -> bool:
    """Whether the principal said this, and not by chance."""
    return len(str(value)) >= _SHORTEST and sources.endorsed(value) == USER


def _ask(what: str, intent: Intent) -> Decision:
    origin = ", ".join(sorted(label for label in intent.labels if label.startswith(("tool:", QUARANTINE))))
    reason = f"{what}, and untrusted data was read before ({origin or 'of unknown origin'})"
    return Decision(Verdict.ASK, (reason,), (RULE,), approval=Approval())
