"""What keeps answers small and changes safe: entity tags, conditions on them, and gzip where it pays."""

from __future__ import annotations

import gzip
from hashlib import sha256

from ...domain.errors import Conflict
from .requests import Request

_WORTH_BYTES = 1_400
"""Less than a packet: not worth the work."""
_LEVEL = 4
_GZIP = ((b"content-encoding", b"gzip"), (b"vary", b"accept-encoding"))


def tag_of(body: bytes) -> str:
    """The entity tag of an answer."""
    return f'"{sha256(body).hexdigest()[:32]}"'


def _names(header: str) -> set[str]:
    return {one.strip().removeprefix("W/") for one in header.split(",")}


async def answer(request: Request, body: bytes, kind: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    """Answer a reading: 304 where the client has it already."""
    tag = tag_of(body)
    own = ((b"etag", tag.encode()), (b"cache-control", b"private, no-cache"), *headers)
    known = _names(request.header(b"if-none-match"))
    if tag in known or "*" in known:
        await request.reply(304, headers=own)
    else:
        await send(request, 200, body, kind, own)


async def send(
    request: Request, status: int, body: bytes, kind: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    """Answer, smaller if the client can unpack it and it pays."""
    if len(body) >= _WORTH_BYTES and "gzip" in request.header(b"accept-encoding"):
        body = gzip.compress(body, _LEVEL, mtime=0)
        headers = (*headers, *_GZIP)
    await request.reply(status, body, kind, headers)


def check_unchanged(request: Request, now: bytes) -> None:
    """That what is to be changed is what the client saw. Raises ``Conflict(http.changed)``."""
    wanted = _names(request.header(b"if-match"))
    if "*" not in wanted and tag_of(now) not in wanted:
        raise changed(etag=tag_of(now))


def changed(**details: str) -> Conflict:
    """The error for a change that was decided by looking at what is not there any more."""
    return Conflict(
        "http.changed",
        "What you want to change is no longer what you saw (If-Match). Read it again, then decide.",
        **details,
    )
