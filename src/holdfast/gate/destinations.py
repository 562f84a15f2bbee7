"""Where something goes needs somebody who vouches for it: the principal's own words, trusted data, or a person.

Content may come from anywhere. A recipient, an account, an address or a command may not, once the turn has read what nobody
vouches for: who wrote that could have chosen it. Two more ways lead to a yes:

* The principal named a record ("the participants of the budget meeting") and the value is another field of that record. A
  stranger can write prose into a record, but prose does not become a field.
* An action only reads, and its destination was read word for word: whoever wrote it cannot have known what the agent read
  since, so nothing of that leaves with it.
"""

from __future__ import annotations

from typing import Any

from ..domain.intent import Approval, Decision, Intent, Sources, Verdict
from ..domain.labels import PERSON, UNTRUSTED, USER
from .provenance import NAMED
from .purpose import reads

RULE = "destinations"
_SHORTEST = 3


def judge(intent: Intent) -> Decision | None:
    """ASK for an action with effects whose destination nobody vouches for; None where there is nothing to say."""
    declared, sources = intent.declared, intent.sources
    if sources is None or not declared.effects or UNTRUSTED not in intent.labels:
        return None
    places = declared.named("destination")
    if not places:
        return None
    given = {name: value for name, value in intent.arguments.items() if value not in (None, "", [], {})}
    looks, tied = reads(intent.name), False
    for name in places:
        if name not in given:
            continue
        value = given[name]
        by = sources.endorsed(value)
        meant = NAMED if by.partition(":")[0] in (USER, PERSON) else sources.referred(value)
        if meant == NAMED:
            tied = True
        elif not by and not meant and not (looks and sources.copied(value)):
            where = "it is neither in the words of who asked nor in trusted data"
            return _ask(f"nobody vouches for {name} = {value!r}: {where}", intent)
    if tied or looks or any(_said(value, sources) for value in given.values()):
        return None
    return _ask("nothing in it is in the words of who asked", intent)


def _said(value: Any, sources: Sources) -> bool:
    """Whether the principal said this, and not by chance."""
    return len(str(value)) >= _SHORTEST and sources.endorsed(value) == USER


def _ask(what: str, intent: Intent) -> Decision:
    origin = ", ".join(sorted(label for label in intent.labels if label.startswith("tool:")))
    reason = f"{what}, and untrusted data was read before ({origin or 'of unknown origin'})"
    return Decision(Verdict.ASK, (reason,), (RULE,), approval=Approval())
