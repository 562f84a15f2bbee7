"""Trying an action before it happens, where a rule wants that: what it would do is told to whoever lets it through.

Whoever wrote a tool or a step declares how (``simulate=``). What came of it is journaled, once for the same arguments, and
is no result: the turn that acts never reads it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from ..domain.entry import EntryKind
from ..domain.intent import Intent
from ..journal.codec import ANY

if TYPE_CHECKING:
    from .admitting import Admitting

SIMULATION = "simulation"
_LONGEST = 1_000
Simulate = Callable[[Any], Awaitable[Any]]


class Tried(msgspec.Struct):
    """What a trial said; ``text`` for people. ``failed``: there was none, or it did not end well."""

    digest: str
    text: str
    failed: bool = False


async def simulated(turn: Admitting, intent: Intent, args: Any, digest: str, simulate: Simulate | None) -> Tried:
    """What the action would do with these arguments."""
    if simulate is None:
        return Tried(digest, f"{intent.verb} {intent.name} declares no simulate=", True)
    tried = _before(turn, intent.path, digest)
    if tried is None:
        turn.busy += 1
        try:
            tried = Tried(digest, _text(await simulate(args)))
        except Exception as error:
            tried = Tried(digest, f"{type(error).__name__}: {error}"[:_LONGEST], True)
        finally:
            turn.busy -= 1
        turn.journal(EntryKind.NOTE, intent.path, SIMULATION, intent.name, tried)
        await turn.flush()
    return tried


def _before(turn: Admitting, path: str, digest: str) -> Tried | None:
    for entry in turn.replay.notes.get(path, ()) if turn.replay is not None else ():
        if entry.verb == SIMULATION:
            found = msgspec.convert(ANY.decode(entry.value, SIMULATION), Tried)
            if found.digest == digest and not found.failed:
                return found
    return None


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(msgspec.to_builtins(value, enc_hook=str), ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


__all__ = ["SIMULATION", "Simulate", "simulated"]
