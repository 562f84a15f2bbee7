"""Requests out of bytes: as much of HTTP/1.1 as clients of models speak, without a socket.

Keep-alive, pipelining, bodies with a length or in chunks, and ``Expect: 100-continue``. What does not fit is refused
rather than guessed: a test should not pass because the server was kind.
"""

from __future__ import annotations

from dataclasses import dataclass

BODY_BYTES_MAX = 64 * 1024 * 1024
HEAD_BYTES_MAX = 64 * 1024


class Malformed(Exception):
    """This is not HTTP, or more of it than anyone sends to a model."""


@dataclass(slots=True)
class Request:
    """One request; header names in lower case, the path without its query."""

    method: str
    path: str
    headers: dict[str, str]
    keep_alive: bool
    body: bytes = b""


class RequestReader:
    """Feed it what arrives; ``next`` gives one request at a time."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._request: Request | None = None
        self._length: int | None = 0
        self._parts = bytearray()
        self.expects = False
        """Whether the caller waits to be told to go on with the body. Whoever answers it resets it."""

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._data += data

    @property
    def empty(self) -> bool:
        """Whether nothing of a request is here."""
        return not self._data and self._request is None

    def next(self) -> Request | None:
        """The next request if all of it is here.

        Raises:
            Malformed: the connection cannot be understood any more.
        """
        if self._request is None and not self._read_head():
            return None
        assert self._request is not None
        if self._length is None:
            if not self._read_chunks():
                return None
            self._request.body = bytes(self._parts)
            self._parts.clear()
        else:
            if len(self._data) < self._length:
                return None
            self._request.body = bytes(self._data[: self._length])
            del self._data[: self._length]
        done, self._request, self.expects = self._request, None, False
        return done

    def _read_head(self) -> bool:
        while self._data.startswith(b"\r\n"):  # allowed between requests
            del self._data[:2]
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            if len(self._data) > HEAD_BYTES_MAX:
                raise Malformed("the head of the request is too long")
            return False
        request = _head(self._data[:end].decode("latin-1"))
        del self._data[: end + 4]
        self._length = _length(request.headers)
        self.expects = request.headers.get("expect", "").lower() == "100-continue"
        self._request = request
        return True

    def _read_chunks(self) -> bool:
        while True:
            end = self._data.find(b"\r\n")
            if end < 0:
                return False
            try:
                size = int(self._data[:end].partition(b";")[0], 16)
            except ValueError as error:
                raise Malformed("a chunk without a size") from error
            if size == 0:
                last = self._data.find(b"\r\n\r\n", end)
                if last < 0:
                    return False
                del self._data[: last + 4]  # with trailers, which nobody needs
                return True
            if size + len(self._parts) > BODY_BYTES_MAX:
                raise Malformed("the body of the request is too long")
            if len(self._data) < end + 2 + size + 2:
                return False
            self._parts += self._data[end + 2 : end + 2 + size]
            del self._data[: end + 2 + size + 2]


def _head(text: str) -> Request:
    line, *lines = text.split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Malformed("the request line is not of HTTP/1")
    headers: dict[str, str] = {}
    for entry in lines:
        name, colon, value = entry.partition(":")
        if not colon or name != name.strip():
            raise Malformed(f"a header without a name: {entry[:60]!r}")
        headers[name.lower()] = value.strip()
    connection = headers.get("connection", "").lower()
    keep_alive = connection == "keep-alive" if words[2] == "HTTP/1.0" else connection != "close"
    return Request(words[0], words[1].partition("?")[0], headers, keep_alive)


def _length(headers: dict[str, str]) -> int | None:
    """How long the body is; None: it comes in chunks."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return None
    try:
        length = int(headers.get("content-length", "0"))
    except ValueError as error:
        raise Malformed("the length of the body is not a number") from error
    if not 0 <= length <= BODY_BYTES_MAX:
        raise Malformed("the body of the request is too long")
    return length
