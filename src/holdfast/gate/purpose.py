"""Is this what was asked for? A judge that compares what an action is called with what its principal said.

Once a turn has read what nobody vouches for, an action with effects that its principal never asked for may be a stranger's
wish. The words of the principal are compared with the verb in the action's name and in its description, through a small list
of everyday words for the same act. It is a heuristic for English, made to ask and never to deny; policies switch it on.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..domain.intent import Approval, Decision, Intent, Verdict
from ..domain.labels import UNTRUSTED

RULE = "purpose"
_WORDS = re.compile(r"[a-z]+")

_ACTS: tuple[frozenset[str], ...] = tuple(
    frozenset(line.split())
    for line in (
        "send mail email write message forward reply respond answer tell notify inform contact remind let say greet",
        "pay send transfer refund return settle reimburse owe bill rent charge deposit money",
        "create make schedule plan set book organize organise new add put save generate arrange write",
        "reserve book reservation order rent",
        "schedule plan recurring monthly weekly regularly every automate pay",
        "delete remove erase clear trash drop discard clean",
        "cancel call delete remove drop",
        "update change modify set edit adjust replace correct fix refresh increase decrease raise lower",
        "reschedule move postpone shift push delay change",
        "append add put insert include write attach extend note",
        "add invite include put insert join bring",
        "invite add bring ask",
        "share give send grant access show",
        "post publish share upload put write send",
        "remove delete kick exclude drop take ban",
        "run execute start launch call",
        "upload send attach put",
        "approve accept confirm allow",
        "close end finish resolve shut",
        "open start create reopen",
        "assign give delegate hand",
        "rename change call",
        "subscribe join follow sign",
        "unsubscribe leave unfollow",
        "buy purchase order get",
        "sell",
        "sign register enroll",
        "block ban stop",
        "merge combine join",
        "move transfer put",
        "copy duplicate clone",
        "download get fetch save",
    )
)
_READS = frozenset(
    "get read search list find fetch look show view check query count describe retrieve lookup".split()  # noqa: SIM905
)
_SUFFIXES = ("ations", "ation", "ings", "ing", "ments", "ment", "ied", "ies", "ed", "es", "s", "e")


def judge(intent: Intent) -> Decision | None:
    """ASK for an action with effects that nobody asked for; None where there is nothing to say."""
    sources = intent.sources
    if sources is None or not intent.declared.effects or UNTRUSTED not in intent.labels or reads(intent.name):
        return None
    words = sources.words()
    if not words or asked_for(intent.name, intent.declared.about, words):
        return None
    reason = f"nobody asked for {intent.name!r} or anything like it, and untrusted data was read before"
    return Decision(Verdict.ASK, (reason,), (RULE,), approval=Approval())


def reads(name: str) -> bool:
    """Whether an action's name says that it only looks."""
    first = next(iter(_WORDS.findall(name.lower())), "")
    return first in _READS


def asked_for(name: str, about: str, words: str) -> bool:
    """Whether these words ask for an action of this name and description."""
    said = _stems(words)
    verbs = _verbs(name, about)
    return bool(verbs & said) if verbs else True


@lru_cache(4096)
def _verbs(name: str, about: str) -> frozenset[str]:
    """Stems of the words by which somebody may ask for this action."""
    parts = _WORDS.findall(name.lower().replace("_", " "))
    told = _WORDS.findall(about.lower().partition(".")[0])
    verb = parts[0] if parts else ""
    things = {_stem(word) for word in (*parts[1:], *told[1:8])}
    found = {_stem(verb)} if verb else set[str]()
    for act in _ACTS:
        stems = {_stem(word) for word in act}
        if _stem(verb) in stems and (len(act) < 2 or _fits(act, things, _stem(verb))):
            found |= stems
    return frozenset(found)


def _fits(act: frozenset[str], things: set[str], verb: str) -> bool:
    """Of several acts that a verb stands for, the one about these things: what is paid is money, what is mailed is mail."""
    money = {"money", "transact", "payment", "fund", "transfer", "invoice"}
    return not ("money" in act and verb == "send") or bool(things & {_stem(m) for m in money} | things & money)


@lru_cache(4096)
def _stems(text: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in _WORDS.findall(text))


@lru_cache(65536)
def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            cut = word[: -len(suffix)]
            return cut[:-1] if len(cut) > 3 and cut[-1] == cut[-2] and suffix in ("ing", "ings", "ed") else cut
    return word
