"""Words as people vary them: endings cut off, so that what was asked for and what is called meet. English, and only a
heuristic: nothing is ever allowed by it alone."""

from __future__ import annotations

import re
from functools import lru_cache

_WORDS = re.compile(r"[a-z]+")
_TOKENS = re.compile(r"[a-z]{3,}|[0-9]{2,}")
_SUFFIXES = ("ations", "ation", "ings", "ing", "ments", "ment", "ied", "ies", "ed", "es", "s", "e")
_QUANTIFIERS = frozenset(("all", "every", "each"))
_NEAR = 4
_EMPTY = frozenset(
    "the and for with from that this are was you your our has have not all any new old docx xlsx pptx txt pdf csv".split()  # noqa: SIM905
)


@lru_cache(4096)
def stems(text: str) -> frozenset[str]:
    """The stems of all words of a text in small letters."""
    return frozenset(stem(word) for word in _WORDS.findall(text))


@lru_cache(65536)
def name_stems(text: str) -> frozenset[str]:
    """The stems of the words that make a name: without what every name may have, and with numbers."""
    return frozenset(stem(word) for word in _TOKENS.findall(text) if word not in _EMPTY)


@lru_cache(65536)
def stem(word: str) -> str:
    """A word without its ending."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            cut = word[: -len(suffix)]
            doubled = len(cut) > 3 and cut[-1] == cut[-2] and suffix in ("ing", "ings", "ed")
            return cut[:-1] if doubled else cut
    return word


def all_of_them(said: str, name: str) -> bool:
    """Whether somebody who said this wants all of what a listing of this name lists: ``every channel``, ``all my files``."""
    things = name_stems(name.casefold().replace("_", " "))
    if not things:
        return False
    words = _WORDS.findall(said)
    return any(
        word in _QUANTIFIERS and not things.isdisjoint(map(stem, words[place + 1 : place + 1 + _NEAR]))
        for place, word in enumerate(words)
    )
