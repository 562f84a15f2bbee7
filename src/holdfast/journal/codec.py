"""Values to bytes and back: msgpack in the journal, with types restored from annotations.

msgspec structs, dataclasses, enums, dates, UUIDs, decimals and plain JSON types are built in; pydantic models are
recognised by their methods, so that pydantic stays an option. Everything that goes to rest passes one ``Seal``.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from ..domain.entry import Entry, StoredEntry
from ..domain.errors import CLASSES, HoldfastError, LimitExceeded, Rejected, StepFailed, TurnFailed
from ..domain.message import Failure, Message, Outcome

Raw = msgspec.Raw
NIL = b"\xc0"
PLAIN = frozenset((type(None), bool, int, float, str, bytes))
"""Types whose values come back from the journal exactly as they went in, whatever the annotation says."""


class Seal(Protocol):
    """Encryption of bodies at rest, or any other reversible change of bytes. Must be deterministic in ``open(seal(x))``."""

    def seal(self, body: bytes) -> bytes:
        """Protect."""
        ...

    def open(self, body: bytes) -> bytes:
        """Undo ``seal``; raises ``Conflict(codec.cannot_open)`` for bytes that are not ours or were changed."""
        ...


def _encode_hook(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json")
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    raise NotImplementedError(f"it holds a value of type {type(value).__name__}")


def _decode_hook(kind: type, value: Any) -> Any:
    validate = getattr(kind, "model_validate", None)
    if validate is not None:
        return validate(value)
    if isinstance(value, kind):
        return value
    raise NotImplementedError(f"{kind!r} has no way back from the journal")


_pack = msgspec.msgpack.Encoder(enc_hook=_encode_hook).encode
_json = msgspec.json.Encoder(enc_hook=_encode_hook)
_entry = msgspec.msgpack.Decoder(StoredEntry).decode
_message = msgspec.msgpack.Decoder(Message).decode
_outcome = msgspec.msgpack.Decoder(Outcome).decode
_any = msgspec.msgpack.Decoder().decode
_arguments = msgspec.msgpack.Decoder(tuple[list[Raw], dict[str, Raw]]).decode


def encode(value: Any, what: str = "value", limit: int = 0) -> bytes:
    """Msgpack bytes. Raises ``Rejected(value.not_encodable)`` or ``LimitExceeded(payload.too_large)``."""
    try:
        body = _pack(value)
    except (TypeError, NotImplementedError, ValueError, OverflowError) as error:
        raise Rejected(
            "value.not_encodable",
            f"The {what} cannot be written to the journal: {error}. Use plain JSON types, "
            "dataclasses, msgspec structs or pydantic models, or return only what is needed of it.",
            what=what,
            type=type(value).__name__,
        ) from error
    if limit and len(body) > limit:
        raise LimitExceeded(
            "payload.too_large",
            f"The {what} takes {len(body):,} bytes; the limit is {limit:,}. Keep large data outside and pass a reference, "
            "or raise limits.payload_bytes.",
            what=what,
            bytes=len(body),
            limit=limit,
        )
    return body


class Shape:
    """A type as the codec sees it: decodes msgpack and converts JSON-like values, with errors that name the place."""

    __slots__ = ("_convert", "_decode", "any", "type")

    def __init__(self, type_: Any) -> None:
        self.any = type_ is Any or type_ is inspect.Parameter.empty or type_ is object
        self.type = Any if self.any else type_
        self._decode: Callable[[bytes | Raw], Any] = (
            _any if self.any else msgspec.msgpack.Decoder(self.type, dec_hook=_decode_hook).decode
        )

    def decode(self, body: bytes | Raw, what: str) -> Any:
        """From msgpack; raises ``Rejected(value.wrong_type)``."""
        try:
            return self._decode(body)
        except (msgspec.ValidationError, ValueError, TypeError, NotImplementedError) as error:
            raise self._wrong(error, what) from error

    def convert(self, value: Any, what: str) -> Any:
        """From plain JSON-like values, e.g. typed by a person."""
        try:
            return msgspec.convert(value, self.type, dec_hook=_decode_hook)
        except (msgspec.ValidationError, ValueError, TypeError, NotImplementedError) as error:
            raise self._wrong(error, what) from error

    def _wrong(self, error: Exception, what: str) -> Rejected:
        text = str(error).replace("\n", "; ")
        name = getattr(self.type, "__name__", str(self.type))
        return Rejected("value.wrong_type", f"The {what} does not fit {name}: {text}.", what=what, expected=name)


ANY = Shape(Any)


def same_again(value: Any, shape: Shape, what: str, limit: int = 0) -> tuple[Any, bytes]:
    """The value as a replay will see it, and its encoding: what a handler gets the first time is what it gets later."""
    body = encode(value, what, limit)
    if type(value) in PLAIN:
        return value, body
    if not shape.any and type(value) is shape.type:
        return value, body
    return shape.decode(body, what), body


def encode_entry(entry: Entry) -> bytes:
    """An entry's body."""
    return _pack(entry)


def decode_entry(body: bytes) -> StoredEntry:
    """An entry back, its value and detail still encoded."""
    return _entry(body)


def encode_message(message: Message) -> bytes:
    """A message's body."""
    return _pack(message)


def decode_message(body: bytes) -> Message:
    """A message back."""
    return _message(body)


def encode_outcome(outcome: Outcome) -> bytes:
    """An outcome's bytes."""
    return _pack(outcome)


def decode_outcome(body: bytes) -> Outcome:
    """An outcome back."""
    return _outcome(body)


def decode_arguments(payload: bytes) -> tuple[list[Raw], dict[str, Raw]]:
    """A request's positional and keyword arguments, each still encoded."""
    return _arguments(payload)


def decode_any(body: bytes | Raw) -> Any:
    """Plain Python values."""
    return _any(body)


def to_json(value: Any) -> bytes:
    """JSON for edges."""
    return _json.encode(value)


def chain(head: bytes, body: bytes) -> bytes:
    """The hash of a journal entry: SHA-256 over the hash before it and its own body."""
    return hashlib.sha256(head + body).digest()


def failure_of(error: BaseException) -> Failure:
    """An error as a value."""
    if isinstance(error, HoldfastError):
        cause = str(error.details.get("type", ""))
        kind = next(c.__name__ for c in type(error).__mro__ if c.__name__ in CLASSES)  # rooms have kinds of their own below
        seconds = float(error.details.get("retry_seconds", 0.0))
        return Failure(kind, error.code, error.message, cause, retry_seconds=seconds)
    text = str(error) or type(error).__name__
    return Failure("", "", text, type(error).__name__)


def error_of(failure: Failure, otherwise: type[HoldfastError] = StepFailed, code: str = "step.failed") -> HoldfastError:
    """A failure as an error to raise. One that was not ours becomes ``otherwise``."""
    known = CLASSES.get(failure.kind)
    if known is not None:
        details = {"retry_seconds": failure.retry_seconds} if failure.retry_seconds else {}
        return known(failure.code, failure.message, type=failure.type, **details)
    text = f"{failure.type}: {failure.message}" if failure.type else failure.message
    return otherwise(code, text, type=failure.type)


__all__ = ["ANY", "NIL", "PLAIN", "Raw", "Seal", "Shape", "TurnFailed"]
