"""The fast way: a plain chat completion out of bytes made beforehand, for benchmarks of what stands in front.

A request is plain if all of it came in one piece with a length. Everything else goes the ordinary way.
"""

from __future__ import annotations

from .answer import Answer
from .call import Call, Reply
from .dialects import Chat

LEAN_REPLY = Reply("ok " * 40, input_tokens=20, output_tokens=40, model="lean", chunks=8)

_START = b"POST /v1/chat/completions HTTP/1.1\r\n"
_HEADS_MAX = 1000


class LeanAnswers:
    """One answer in one piece, one as a stream. ``given`` counts them."""

    def __init__(self) -> None:
        self.given = 0
        self._whole = _bytes(streamed=False)
        self._stream = _bytes(streamed=True)
        self._lengths: dict[bytes, int] = {}  # a client sends the same few heads again and again

    def find(self, data: bytes) -> bytes | None:
        """The answer, if the request is plain."""
        end = data.find(b"\r\n\r\n") + 4
        head = data[:end]
        length = self._lengths.get(head)
        if length is None:
            if (length := _plain_length(head)) is None:
                return None
            if len(self._lengths) < _HEADS_MAX:
                self._lengths[head] = length
        if end + length != len(data):
            return None
        self.given += 1
        if data.find(b'"stream":true', end) >= 0 or data.find(b'"stream": true', end) >= 0:
            return self._stream
        return self._whole


def _plain_length(head: bytes) -> int | None:
    """How long the body is, if nothing in the head asks for more than a plain answer."""
    if not head.startswith(_START):
        return None
    head = head.lower()
    at = head.find(b"\r\ncontent-length:") + 17
    if at < 17 or b"\r\nconnection: close" in head or b"\r\nexpect:" in head:
        return None
    length = head[at : head.find(b"\r", at)].strip()
    return int(length) if length.isdigit() else None


def _bytes(*, streamed: bool) -> bytes:
    call = Call(0, 0.0, "POST", "/v1/chat/completions", "lean", {}, {}, streamed)
    return b"".join(act for act in Answer(call, LEAN_REPLY, Chat()).plan() if isinstance(act, bytes))
