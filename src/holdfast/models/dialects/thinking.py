"""Signatures of one vendor's reasoning, carried by the client of another.

A client must hand a model's reasoning back on the next turn, signed, or the model starts again. A client that speaks
another dialect than the model keeps the signature in the opaque field that its own dialect has for this; the name of the
vendor in front of it says who may read it. Without such a field (chat completions) the reasoning is lost on the way.
"""

from __future__ import annotations

from ...domain.conversation import Thinking

_MARK = "holdfast."


def wrapped(thinking: Thinking) -> str:
    """Another vendor's signature for an opaque field, or nothing if there is none."""
    if thinking.redacted:
        return f"{_MARK}{thinking.vendor}.r.{thinking.redacted}"
    return f"{_MARK}{thinking.vendor}.s.{thinking.signature}" if thinking.signature else ""


def unwrapped(text: str, opaque: str) -> Thinking | None:
    """The reasoning that was wrapped; None if this is a vendor's own signature."""
    if not opaque.startswith(_MARK):
        return None
    vendor, _, rest = opaque.removeprefix(_MARK).partition(".")
    kind, _, value = rest.partition(".")
    if kind == "r":
        return Thinking(text, redacted=value, vendor=vendor)
    return Thinking(text, value, vendor=vendor)
