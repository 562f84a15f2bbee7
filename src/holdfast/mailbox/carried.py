"""What the ``relay`` says to other workers, as bytes: who is watched, and pieces of what happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec

from ..domain.conversation import Ended, PartBegan, PartGrew
from ..models.job import Facts
from .feed import RESTART, Asked

NOTE_BYTES = 4_800
"""A note before it is sealed; the port's bound leaves room for the seal."""
_GROWTH_CHARS = 1_000
_NEWS_CHARS = 500


class Answering(msgspec.Struct, tag="answering"):
    """Who is about to answer."""

    facts: Facts


class Restart(msgspec.Struct, tag="restart"):
    """See ``feed.RESTART``."""


class News(msgspec.Struct, tag="news"):
    """Anything else, as far as people are told of it."""

    what: dict[str, str] | str


What = Asked | PartBegan | PartGrew | Ended | Answering | Restart | News


class Carried(msgspec.Struct, array_like=True, gc=False):
    """One piece: the message's trace, the step's path, and its number there. 0 is where an answer begins; -1 stands where
    nothing is counted."""

    trace: str
    path: str
    number: int
    what: What


class Watched(msgspec.Struct, tag="watched"):
    """The sender listens to these agents for the next seconds."""

    addresses: list[str]


class WhoListens(msgspec.Struct, tag="who"):
    """The sender has begun to work, and does not know yet whom anybody listens to."""


class Pieces(msgspec.Struct, tag="pieces"):
    """What happened in an agent's turns, in its order."""

    address: str
    items: list[Carried]


class _Packed(msgspec.Struct, tag="pieces"):
    address: str
    items: list[msgspec.Raw]


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Watched | WhoListens | Pieces).decode


def carried(what: Any) -> Iterator[What]:
    """A feed's news in words that travel; long ones in several."""
    if isinstance(what, PartGrew) and len(what.text) > _GROWTH_CHARS:
        for at in range(0, len(what.text), _GROWTH_CHARS):
            last = at + _GROWTH_CHARS >= len(what.text)
            yield PartGrew(what.index, what.text[at : at + _GROWTH_CHARS], what.signature if last else "")
    elif isinstance(what, (Asked, PartBegan, PartGrew, Ended)):
        yield what
    elif isinstance(what, Facts):
        attempts = [msgspec.structs.replace(attempt, why="") for attempt in what.attempts]
        yield Answering(msgspec.structs.replace(what, attempts=attempts))
    elif what == RESTART:
        yield Restart()
    else:
        yield News(_shown(cast(dict[Any, Any], what)) if _of_tool(what) else str(what)[:_NEWS_CHARS])


def _of_tool(what: Any) -> bool:
    return isinstance(what, dict) and "tool" in what


def _shown(news: dict[Any, Any]) -> dict[str, str]:
    return {str(key): str(value)[:_NEWS_CHARS] for key, value in news.items()}


def arrived(what: What) -> Any:
    """The same as a feed tells it."""
    if isinstance(what, Answering):
        return what.facts
    if isinstance(what, News):
        return what.what
    return RESTART if isinstance(what, Restart) else what


def begins(what: Any) -> bool:
    """Whether an answer begins here, whatever there was of it."""
    return isinstance(what, Asked) or what == RESTART


def pack(address: str, items: list[Carried]) -> Iterator[bytes]:
    """Notes that fit. What alone fits none is left out; its number is missing then, which tells."""
    room = NOTE_BYTES - len(address.encode()) - 50
    page: list[msgspec.Raw] = []
    size = 0
    for item in items:
        body = encode(item)
        if len(body) > room:
            continue
        if size + len(body) > room:
            yield encode(_Packed(address, page))
            page, size = [], 0
        page.append(msgspec.Raw(body))
        size += len(body)
    if page:
        yield encode(_Packed(address, page))


def pack_watched(addresses: list[str]) -> Iterator[bytes]:
    """Notes that say who is watched."""
    page: list[str] = []
    size = 0
    for address in addresses:
        own = len(address.encode()) + 5
        if page and size + own > NOTE_BYTES - 50:
            yield encode(Watched(page))
            page, size = [], 0
        page.append(address)
        size += own
    yield encode(Watched(page))


__all__ = [
    "Carried",
    "Pieces",
    "Watched",
    "WhoListens",
    "arrived",
    "begins",
    "carried",
    "decode",
    "encode",
    "pack",
    "pack_watched",
]
