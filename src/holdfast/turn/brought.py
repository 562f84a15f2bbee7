"""A message from outside at the gate: its arguments as rules see them, and the message that changed ones make of it.

It is changed before anything of it is kept, so what a rule takes out of it is nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from ..domain.errors import HoldfastError
from ..domain.intent import Decision, Intent, Verdict, named, placed
from ..domain.message import Kind, Message
from ..gate import refuse
from ..journal.codec import decode_any, encode
from .definition import HandlerSpec


def given(message: Message, spec: HandlerSpec | None) -> dict[str, Any]:
    """Its arguments by name, as far as its receiver is known here, else by place."""
    value: Any = decode_any(message.payload)
    if not _is_call(message, value):
        return {"0": value}
    args, kwargs = cast("tuple[list[Any], dict[str, Any]]", value)
    return named(args, kwargs, _names(spec))


def change(message: Message, intent: Intent, decision: Decision, check: Callable[[str, str, bytes], None]) -> None:
    """Take a message as rules have changed it. Raises ``Rejected(gate.unfit)`` if its receiver does not take it so."""
    names = list(intent.args)  # those that came by place stand first
    before: Any = decode_any(message.payload)
    try:
        if _is_call(message, before):
            args, kwargs = placed(decision.args, names[: len(before[0])])
            payload = encode((args, kwargs), f"arguments of {message.name}")
            check(message.to, message.name, payload)
        else:
            (value,), _ = placed(decision.args)
            payload = encode(value, message.name)
    except (HoldfastError, TypeError, ValueError) as error:
        why = f"they changed its arguments so that they do not fit: {error}"
        raise refuse(intent, Decision(Verdict.DENY, (why,), decision.rules, code="gate.unfit")) from error
    message.payload = payload


def _names(spec: HandlerSpec | None) -> list[str]:
    return [] if spec is None or spec.variadic else [p.name for p in spec.parameters if not p.keyword_only]


def _is_call(message: Message, value: Any) -> bool:
    """Whether it has arguments, and is not a value that somebody waits for."""
    pair = isinstance(value, list) and len(value) == 2  # pyright: ignore[reportUnknownArgumentType]
    return message.kind == Kind.REQUEST and pair and isinstance(value[0], list) and isinstance(value[1], dict)


__all__ = ["change", "given"]
