"""Frames: a length of four bytes, then one msgpack array. Nothing longer than ``FRAME_BYTES`` is read or sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ..domain.errors import CLASSES, HoldfastError, LimitExceeded, Rejected

PROTOCOL = 1
"""Grows when two sides of different numbers could misunderstand each other."""
MAGIC = "holdfast"
FRAME_BYTES = 96 << 20
_HEAD = 4

HELLO, CALL, STREAM, CREDIT, STOP, PUSH = 0, 1, 2, 3, 4, 5
RESULT, FAULT, ITEM, END = 8, 9, 10, 11

Raw = msgspec.Raw
_NIL = Raw(b"\xc0")


class Frame(msgspec.Struct, array_like=True, gc=False):
    """One frame. ``id`` names the request it belongs to; ``name`` the operation; ``body`` what the kind carries."""

    kind: int
    id: int = 0
    name: str = ""
    body: Raw = _NIL


class Problem(msgspec.Struct, array_like=True):
    """An error of our tree on its way to the other side."""

    kind: str
    code: str
    message: str
    details: dict[str, Any] = {}

    @classmethod
    def of(cls, error: HoldfastError) -> Problem:
        """An error as a value."""
        return cls(type(error).__name__, error.code, error.message, error.details)

    def error(self) -> HoldfastError:
        """The same error again."""
        return CLASSES.get(self.kind, HoldfastError)(self.code, self.message, **self.details)


class Hello(msgspec.Struct):
    """What each side says of itself first. ``Frame.id`` carries its protocol number. ``token`` proves who a client is."""

    version: str = ""
    name: str = ""
    pid: int = 0
    token: str = ""


def _plain(value: Any) -> Any:
    if isinstance(value, HoldfastError):
        return Problem.of(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return repr(value)


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
_decode = msgspec.msgpack.Decoder(Frame).decode
decode_problem = msgspec.msgpack.Decoder(Problem).decode
decode_hello = msgspec.msgpack.Decoder(Hello).decode


def pack(kind: int, id: int = 0, name: str = "", body: Any = None) -> bytearray:
    """A frame's bytes. Raises ``LimitExceeded(frame.too_large)``, ``Rejected(value.not_encodable)``."""
    out = bytearray(_HEAD)
    try:
        _encoder.encode_into((kind, id, name, body), out, _HEAD)
    except OverflowError as error:
        raise Rejected("value.not_encodable", f"{name or 'A value'} has a number beyond 64 bits: {error}.") from error
    size = len(out) - _HEAD
    if size > FRAME_BYTES:
        raise too_large(size)
    out[:_HEAD] = size.to_bytes(_HEAD, "big")
    return out


def too_large(size: int) -> LimitExceeded:
    """The error for a frame beyond the bound."""
    return LimitExceeded(
        "frame.too_large",
        f"A single message of {size:,} bytes is more than the wire carries ({FRAME_BYTES:,}). Ask for less at a time, or "
        "keep large data outside and pass a reference.",
        bytes=size,
        limit=FRAME_BYTES,
    )


class Splitter:
    """Bytes in, frames out."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._want = _HEAD

    def feed(self, data: bytes, most: int = FRAME_BYTES) -> Iterator[Frame]:
        """The frames that are complete now, none longer than ``most``. Raises ``LimitExceeded(frame.too_large)``,
        ``Rejected(frame.malformed)``."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._want:
                return
            data = bytes(self._rest)
            self._rest.clear()
        at, end = 0, len(data)
        while end - at >= _HEAD:
            size = int.from_bytes(data[at : at + _HEAD], "big")
            if size > most:
                raise too_large(size)
            if end - at - _HEAD < size:
                break
            try:
                yield _decode(data[at + _HEAD : at + _HEAD + size])
            except (msgspec.DecodeError, msgspec.ValidationError) as error:
                raise Rejected("frame.malformed", f"The other side sent something that is no frame: {error}.") from error
            at += _HEAD + size
        if at < end:
            self._rest += data[at:]
            self._want = _HEAD + (int.from_bytes(data[at : at + _HEAD], "big") if end - at >= _HEAD else 0)
        else:
            self._want = _HEAD
