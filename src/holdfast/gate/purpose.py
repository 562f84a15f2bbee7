"""Is this what was asked for? A judge that compares what an action is called with what its principal said.

Once a turn has read what nobody vouches for, an action with effects that its principal never asked for may be a stranger's
wish. The words of the principal are compared with the verb in the action's name and in its description, through a small list
of everyday words for the same act. It is a heuristic for English, made to ask and never to deny; policies switch it on.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from ..domain.intent import Approval, Decision, Intent, Sources, Verdict
from ..domain.labels import UNTRUSTED, USER
from .words import stem, stems

RULE = "purpose"
_WORDS = re.compile(r"[a-z]+")

_ACTS = tuple(
    frozenset(line.split())
    for line in (Path(__file__).parent / "acts.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
_VISITS = frozenset(map(stem, _ACTS[0]))
_READS = frozenset(
    "get read search list find fetch look show view check query count describe retrieve lookup".split()  # noqa: SIM905
)


def judge(intent: Intent) -> Decision | None:
    """ASK for an action with effects that nobody asked for; None where there is nothing to say."""
    sources = intent.sources
    if sources is None or not intent.declared.effects or UNTRUSTED not in intent.labels:
        return None
    words = sources.words()
    if reads(intent.name):
        fits = not _VISITS.isdisjoint(stems(words)) or _said(intent, sources)
    else:
        fits = asked_for(intent.name, intent.declared.about, words)
    if fits or not words:
        return None
    reason = f"nobody asked for {intent.name!r} or anything like it, and untrusted data was read before"
    return Decision(Verdict.ASK, (reason,), (RULE,), approval=Approval())


def _said(intent: Intent, sources: Sources) -> bool:
    """Whether the principal said where it goes."""
    given = intent.arguments
    places = [given[name] for name in intent.declared.named("destination") if given.get(name)]
    return bool(places) and all(sources.endorsed(value) == USER for value in places)


def reads(name: str) -> bool:
    """Whether an action's name says that it only looks."""
    first = next(iter(_WORDS.findall(name.lower())), "")
    return first in _READS


def asked_for(name: str, about: str, words: str) -> bool:
    """Whether these words ask for an action of this name and description."""
    said = stems(words)
    verbs = _verbs(name, about)
    return bool(verbs & said) if verbs else True


@lru_cache(4096)
def _verbs(name: str, about: str) -> frozenset[str]:
    """Stems of the words by which somebody may ask for this action."""
    parts = _WORDS.findall(name.lower().replace("_", " "))
    told = _WORDS.findall(about.lower().partition(".")[0])
    verb = parts[0] if parts else ""
    things = {stem(word) for word in (*parts[1:], *told[1:8])}
    found = {stem(verb)} if verb else set[str]()
    for act in _ACTS[1:]:
        stems = {stem(word) for word in act}
        if stem(verb) in stems and (len(act) < 2 or _fits(act, things, stem(verb))):
            found |= stems
    return frozenset(found)


def _fits(act: frozenset[str], things: set[str], verb: str) -> bool:
    """Of several acts that a verb stands for, the one about these things: what is paid is money, what is mailed is mail."""
    money = {"money", "transact", "payment", "fund", "transfer", "invoice"}
    return not ("money" in act and verb == "send") or bool(things & {stem(m) for m in money} | things & money)
