"""Between JSON values and structs: one place where a wrong shape becomes an error that names the field."""

from __future__ import annotations

import re
from typing import Any, TypeVar, cast

import msgspec

from ...domain.errors import Rejected
from .dialect import Malformed

T = TypeVar("T")

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_LINES = re.compile(rb"\r\n|\r|\n")
INVALID = "invalid_json"
"""The only field of an object that stands for arguments which are no JSON object, where a vendor takes nothing else."""


class Request(msgspec.Struct, kw_only=True):
    """Fields of a request that every dialect has under these names. A subclass adds its own; what is in none of them is
    the vendor's alone."""

    model: str
    stream: bool | None = None


def refused(field: str, why: str) -> Rejected:
    """The error for a request that cannot be understood, or that a vendor has no words for."""
    return Rejected("model.bad_request", f"The request's field {field or 'body'}: {why}.", field=field)


def request(body: Any, kind: type[T]) -> T:
    """A client's request. Raises ``Rejected``."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        why, _, place = str(error).partition(" - at `$")
        field = place.rstrip("`").lstrip(".")
        if missing := _MISSING.match(why):
            field, why = ".".join(filter(None, (field, missing[1]))), "it is missing"
        raise refused(field, why[:1].lower() + why[1:]) from error


def answer(body: Any, kind: type[T]) -> T:
    """A model's answer. Raises ``Malformed``."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise Malformed(f"not an answer: {error}; it begins {shown(body)}") from error


def piece(data: str, decoder: msgspec.json.Decoder[T]) -> T:
    """One piece of a stream. Raises ``Malformed``."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Malformed(f"not a piece of an answer: {error}; it begins {shown(data)}") from error


def extra_fields(body: dict[str, Any], kind: type[Request]) -> dict[str, Any]:
    """What is in a request and in no field of its struct. A null is the same as nothing."""
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    return {name: value for name, value in body.items() if name not in known and value is not None}


def usage_of(body: Any, field: str, kind: type[T]) -> T | None:
    """The tokens in an answer of which nothing else is read."""
    found = cast("dict[str, Any]", body).get(field) if isinstance(body, dict) else None
    return answer(found, kind) if isinstance(found, dict) else None


def shown(body: Any) -> str:
    """How something that should not be there begins."""
    return repr(body)[:120]


def write_event(data: bytes | str, event: str = "") -> bytes:
    """One server-sent event."""
    raw = data.encode() if isinstance(data, str) else data
    head = b"event: " + event.encode() + b"\n" if event else b""
    if b"\n" in raw or b"\r" in raw:
        return head + b"".join(b"data: " + line + b"\n" for line in _LINES.split(raw)) + b"\n"
    return head + b"data: " + raw + b"\n\n"


def arguments_object(text: str) -> dict[str, Any]:
    """A call's arguments for a vendor that takes an object and no text."""
    try:
        value = _decode(text or "{}")
    except (msgspec.DecodeError, UnicodeError):
        return {INVALID: text}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {INVALID: text}


def arguments_text(value: Any) -> str:
    """A call's arguments from a vendor that gives an object."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if len(fields) == 1 and isinstance(text := fields.get(INVALID), str):
            return text
    return encode(value).decode()
