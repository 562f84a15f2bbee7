"""What a model may say: only what the facts it cites bear out. What does not pass is told as the facts tell it.

The words are checked, not trusted: outside quotation marks a sentence has the words of its facts and plain words that claim
nothing (no names, no numbers, nothing that says yes or no); between them it repeats its facts' quotes to the letter. Names
stay in their order; only facts about the same share a sentence. And nothing is left out: a fact that no sentence tells is
told as it was. So text that somebody planted in an error or a question can make a brief dull, never wrong or short.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from .facts import KINDS, NEEDS, Fact, Link
from .plain import PLAIN, number_word

_QUOTE = re.compile(r"[“\"]([^”\"]*)[”\"]")
_EDGES = ".,;:!?()[]{}<>*_`'’‘"
_LONGEST = 600
BY_RULES: Literal["rules"] = "rules"
BY_MODEL: Literal["model"] = "model"


class Said(msgspec.Struct):
    """A sentence as a model answers it. ``facts``: the ids of those that it tells."""

    text: str
    facts: list[str]


class Written(msgspec.Struct):
    """What a model answers."""

    sentences: list[Said]


class Sentence(msgspec.Struct):
    """A sentence of a brief. ``by``: rules (as the store has it) or model (worded by one, and checked); ``facts``: the ids
    of those that it tells; ``strangers``: it repeats words of others, in quotation marks."""

    kind: str
    text: str
    links: list[Link]
    by: Literal["rules", "model"]
    facts: list[str]
    strangers: bool


class Checked(msgspec.Struct):
    """The sentences, and why some of a model's are not among them."""

    sentences: list[Sentence]
    refused: list[str]


def plainly(fact: Fact) -> Sentence:
    """A fact as it is."""
    return Sentence(fact.kind, fact.text, fact.links, BY_RULES, [fact.id], bool(fact.quotes))


def checked(written: Written, facts: Sequence[Fact]) -> Checked:
    """A model's sentences as far as they hold, in its order within each kind, and plain facts for the rest."""
    known = {fact.id: fact for fact in facts}
    told: set[str] = set()
    found: list[Sentence] = []
    refused: list[str] = []
    for said in written.sentences:
        cited = [known[id] for id in dict.fromkeys(said.facts) if id in known]
        wrong = "it cites what is no fact" if len(cited) != len(said.facts) or not cited else _wrong(said.text, cited)
        if not wrong and told & {fact.id for fact in cited}:
            wrong = "it tells something again"
        if wrong:
            refused.append(wrong)
            continue
        told |= {fact.id for fact in cited}
        text = " ".join(said.text.split())
        links = list({msgspec.json.encode(link): link for fact in cited for link in fact.links}.values())
        strangers = bool(_QUOTE.search(text))
        found.append(Sentence(cited[0].kind, text, links, BY_MODEL, [fact.id for fact in cited], strangers))
    found += [plainly(fact) for fact in facts if fact.id not in told]
    return Checked(sorted(found, key=lambda s: KINDS.index(s.kind)), refused)


def _wrong(text: str, cited: Sequence[Fact]) -> str:
    """Why these facts do not bear a sentence out; ``""`` if they do."""
    first = cited[0]
    if not text.strip() or len(text) > _LONGEST or not all(c.isprintable() or c == "\n" for c in text):
        return "it is empty, too long, or no line of text"
    if any(fact.kind != first.kind or fact.about != first.about for fact in cited):
        return "it mixes what has nothing to do with one another"
    quotes = [quote for fact in cited for quote in fact.quotes]
    for quote in _QUOTE.findall(text):
        if quote not in quotes:
            return "it quotes what nobody said"
    own = _QUOTE.sub(" ", text)
    if "“" in own or "”" in own or '"' in own:
        return "its quotation marks do not close"
    words = [word for part in own.split() if (word := _word(part))]
    theirs = [[_word(part) for part in fact.own.split()] for fact in cited]
    if wrong := _unborne(words, theirs):
        return wrong
    if first.kind == NEEDS and (missing := [m for fact in cited for m in fact.must if _word(m) not in words]):
        return f"it does not name {missing[0]}"
    if len(cited) == 1 and not _in_order([w for w in words if w not in PLAIN], theirs[0]):
        return "it turns round who did what"
    return ""


def _unborne(words: Iterable[str], theirs: list[list[str]]) -> str:
    """A word that is neither plain nor the facts'. Where several are told, a number is theirs all, or how many they are."""
    count = len(theirs)
    somewhere = {word for one in theirs for word in one}
    everywhere = somewhere.intersection(*map(set, theirs))
    for word in words:
        number = number_word(word)
        if number is not None or any(c.isdigit() for c in word):
            named = "/" in word  # an agent's address may have digits in it
            if word in (somewhere if named else everywhere) or (number == count and count > 1):
                continue
            return f"{word!r} is not in what it cites"
        if word not in PLAIN and word not in somewhere:
            return f"{word!r} is not in what it cites"
    return ""


def _in_order(words: Iterable[str], theirs: Iterable[str]) -> bool:
    left = iter(theirs)
    return all(word in left for word in words)


def _word(part: str) -> str:
    return part.strip(_EDGES).casefold()


__all__ = ["Checked", "Said", "Sentence", "Written", "checked", "plainly"]
