"""What of an entry can be found, and what a search means: the same words and marks for the index and for looking.

A word is letters and digits, folded (no capitals, no accents). ``order-42`` is two words, one behind the other.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import msgspec

from ..domain.address import short, tenant_of
from ..domain.entry import Begin, EntryKind, StoredEntry
from ..journal.codec import decode_any
from ..ports.lookup import Line, Phrase, Terms
from ..ports.segments import HistoryRow

_WORD = re.compile(r"[^\W_]+")
_ITEM = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')
_ACCENTED = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
_LONGEST = 64
"""Characters of a word that count."""
MOST = 32_000
"""Characters of an entry whose words can be found."""


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return [word[:_LONGEST] for word in _WORD.findall(text.casefold())]


def parse(text: str) -> tuple[Phrase, ...]:
    """What somebody wrote into a search: words that must all be there, ``"words in this order"``, ``begin*``, and
    ``-without``."""
    found: list[Phrase] = []
    for minus, quoted, plain in _ITEM.findall(text):
        words = tuple(words_of(quoted or plain))
        if words:
            found.append(Phrase(words, (quoted or plain).endswith("*"), bool(minus)))
    return tuple(found)


def text_of(entry: StoredEntry) -> str:
    """An entry as text: its failure, what came back, and what was given."""
    parts: list[Any] = [entry.failure.code, entry.failure.message] if entry.failure is not None else []
    parts += [decode_any(entry.value), decode_any(entry.detail)]
    return " ".join(
        p if isinstance(p, str) else msgspec.json.encode(p).decode() for p in parts if p not in (None, [], {}, "")
    )


def line_of(row: HistoryRow, entry: StoredEntry, begin: Begin | None) -> Line:
    """What the index has of an entry."""
    address = row.address
    text = f"{address} {entry.verb} {entry.name} {text_of(entry)}"
    marks = [f"tenant:{tenant_of(address)}", f"name:{address.rpartition('/')[0]}", f"agent:{address}"]
    if entry.verb:
        marks.append(f"verb:{entry.verb}")
    marks.append(f"kind:{EntryKind(entry.kind).name.lower()}")
    if entry.failure is not None:
        marks.append("failed")
    if begin is not None:
        marks += [f"by:{short(who)}" for who in dict.fromkeys((begin.sender, *begin.chain)) if who]
    return Line(row.id, address, row.seq, " ".join(words_of(text[:MOST])), marks)


def within(place: str) -> tuple[str, str]:
    """A mark, or the beginning of one, for agents: ``tenant/`` (all of them), ``tenant/name`` or ``tenant/name/``,
    ``tenant/name/key``, or ``tenant/name/begin*``."""
    if place.endswith("*"):
        return "", f"agent:{place[:-1]}"
    parts = place.rstrip("/").split("/", 2)
    kind = ("tenant", "name", "agent")[len(parts) - 1]
    return f"{kind}:{'/'.join(parts)}", ""


def terms_of(text: str, place: str = "", verb: str = "", by: str = "", failed: bool = False) -> Terms:
    """What a search looks up. ``text`` as in ``parse``, ``place`` as in ``within`` (``""``: everywhere); ``by``: who is
    behind it."""
    whole, begins = within(place) if place else ("", "")
    marks = (whole, f"verb:{verb}" if verb else "", f"by:{short(by)}" if by else "", "failed" if failed else "")
    return Terms(parse(text), tuple(mark for mark in marks if mark), begins)


def fits(line: Line, terms: Terms) -> bool:
    """Whether a line has what is looked up: what a store's index answers, for entries that are not in it yet."""
    if any(mark not in line.marks for mark in terms.marks):
        return False
    if terms.begins and not any(mark.startswith(terms.begins) for mark in line.marks):
        return False
    there = f" {line.words} "
    for phrase in terms.phrases:
        wanted = " " + " ".join(phrase.words) + ("" if phrase.begins else " ")
        if (wanted in there) is phrase.without:
            return False
    return True


def may_fit(row: HistoryRow, terms: Terms) -> bool:
    """A quick look before anything is decoded: False only where ``fits`` would be. Plain words stand in a body as they are,
    if all of it is plain; numbers may be written in another way there."""
    low = b""
    for phrase in terms.phrases:
        for word in phrase.words:
            if phrase.without or not word.isascii() or word[0].isdigit():
                continue
            low = low or (row.address.encode() + b" " + row.body).lower()
            if word.encode() not in low:
                return _ACCENTED.search(row.body) is not None
    return True


__all__ = ["MOST", "fits", "line_of", "may_fit", "parse", "terms_of", "text_of", "within", "words_of"]
