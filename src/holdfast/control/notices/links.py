"""Links with which somebody answers an approval without signing in: from a chat, on a phone.

A link says which approval, for which arguments, and who answers with it; it is signed with this installation's key, is over
after a while, and answers once. Whoever has it answers as the one that it names: it belongs into that person's hands.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

import msgspec

from ...domain.errors import Rejected
from ..identity.keys import KeyRing

PATH = "/answer/"
_SIGNED = b"holdfast answer link\0"
_LONGEST = 2_000


class Link(msgspec.Struct, frozen=True, array_like=True):
    """What a link stands for.

    Attributes:
        agent, turn, path, digest: the approval, and exactly which arguments.
        who: the subject that answers with it; ``""`` for a button of a chat that says itself who pressed it.
        until: milliseconds since 1970.
        notice, notifier: what brought it there.
    """

    agent: str
    turn: int
    path: str
    digest: str
    who: str
    until: int
    notice: str
    notifier: str

    @property
    def once(self) -> str:
        """What its one use is counted under."""
        return "link:" + sha256(msgspec.msgpack.encode(self)).hexdigest()[:32]

    @property
    def question(self) -> str:
        """The id of the question that it answers."""
        return f"{self.agent}#{self.turn}.{self.path}"


def sign(ring: KeyRing, link: Link) -> str:
    """A link as one word."""
    body = msgspec.msgpack.encode(link)
    key = ring.key_id
    return f"{_text(body)}.{key[:16]}.{_text(ring.sign(_SIGNED + body))}"


def read(ring: KeyRing, token: str, now: int) -> Link:
    """What a link stands for. Raises ``Rejected``: ``link.malformed``, ``link.expired``."""
    try:
        if len(token) > _LONGEST:
            raise ValueError("it is too long")
        body, key, signature = token.split(".")
        data = _bytes(body)
        ids = [id for id, _ in ring.live() if id.startswith(key)] if len(key) == 16 else []
        if not ids:
            ring.look()
            ids = [id for id, _ in ring.live() if id.startswith(key)] if len(key) == 16 else []
        public: Any = ring.believed(ids[0])
        public.public_key.verify(_bytes(signature), _SIGNED + data)
        link = msgspec.msgpack.decode(data, type=Link)
    except Exception as error:  # whatever is wrong with it, it is none of ours
        raise Rejected("link.malformed", "This link was not made here, or is not whole. Ask for a new one.") from error
    if now > link.until:
        raise Rejected(
            "link.expired", "This link is over. The question may still be open: look at it in the command center."
        )
    return link


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    found = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if _text(found) != text:
        raise ValueError("there is more than one way to write it")
    return found


__all__ = ["PATH", "Link", "read", "sign"]
