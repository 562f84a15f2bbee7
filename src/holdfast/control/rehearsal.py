"""Dry runs: an operation runs for real up to the first thing that it would change, and says what that is.

It reads the same store, checks the same inputs, raises the same errors; whatever writes is replaced by something that tells
instead. What is not known to read only counts as writing, so that an operation added tomorrow touches nothing either.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from ..domain.address import short
from ..domain.message import Kind, Message
from ..ports.resources import Change
from ..ports.store import Commit
from .registry import Operation
from .views import View

_STORES_READS = """
    url state message find_message entries agents agent messages waits definitions artifact versions_in_use subscriptions
    stats workers budgets spending cost usage resources resource_versions history uncovered segments standings newest rows
    tail counters census indexed look_up longest
"""
_READS = frozenset(_STORES_READS.split())
"""What only reads of a store."""
_WORKERS_FACTS = """
    clock random limits seal loader session served models feed gate resources budgets lease_seconds sealed draining loop
"""
_PARTS = frozenset(_WORKERS_FACTS.split())
"""What only tells of a worker."""


class DryRun(View):
    """What an operation would have done; nothing was touched. ``on`` are the agents that it would have been done to."""

    operation: str
    would: str
    on: list[str]


class _Would(Exception):
    """Here it would have changed something."""

    def __init__(self, what: str, on: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.on = [short(a) for a in on]


async def rehearse(operations: object, what: Operation, inputs: dict[str, Any]) -> DryRun:
    """Run an operation without its effects. Raises what it would raise."""
    copied = copy.copy(operations)
    parts: dict[str, Any] = vars(operations)
    for name, part in parts.items():
        if name not in _HARMLESS and part is not None:
            setattr(copied, name, _WATCHED.get(name, _Unknown)(part))
    try:
        await getattr(copied, what.name)(**inputs)
    except _Would as found:
        return DryRun(operation=what.name, would=found.what, on=found.on)
    return DryRun(operation=what.name, would="change nothing", on=[])


class _Store:
    """A store that is only read."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        if name in _READS:
            return getattr(self._store, name)

        def tell(*args: Any, **named: Any) -> NoReturn:
            plain = [str(a) for a in (*args, *named.values()) if isinstance(a, (str, int, float)) and a != ""]
            raise _Would(f"{name.replace('_', ' ')} {', '.join(plain)}".strip())

        return tell

    async def keep(self, tenant: str, artifacts: dict[str, bytes]) -> None:
        """What is kept is named by its content; what refers to it is told."""

    async def apply_resources(self, changes: Sequence[Change], author: str, reason: str, at: int) -> int:
        """Tell of the changes."""
        told = [f"{'delete' if c.body is None else 'write'} {c.kind} {c.name}" for c in changes]
        if not told:
            return 0
        raise _Would(", ".join(told))


class _Flow:
    """A flow that accepts nothing."""

    def __init__(self, flow: Any) -> None:
        self._flow = flow

    def __getattr__(self, name: str) -> Any:
        return getattr(self._flow, name)

    async def accept(self, message: Message, *, wait: bool = False) -> NoReturn:
        """Tell of the message."""
        del wait
        kind = Kind(message.kind).name.lower()
        raise _Would(f"send the {kind} {message.name!r} to {short(message.to)}".replace("''", ""), [message.to])

    async def plant(self, message: Message, would: str) -> NoReturn:
        """Tell of what it would begin with."""
        raise _Would(would, [message.to])


class _Committer:
    """A committer that commits nothing."""

    def __init__(self, committer: Any) -> None:
        self._committer = committer

    async def submit_commit(self, commit: Commit) -> NoReturn:
        """Tell of the commit."""
        if commit.mode is not None:
            address, mode, reason = commit.mode
            raise _Would(f"make {short(address)} {mode}" + (f" ({reason})" if reason else ""), [address])
        sends = [s.message.to for s in commit.sends]
        told = [f"send {s.message.name!r} to {short(s.message.to)}" for s in commit.sends]
        told += [f"mark message {m.id} as settled" for m in commit.marks]
        raise _Would(", ".join(told) or "write", sends)

    def submit(self, *_: Any) -> NoReturn:
        """Tell of a draft."""
        raise _Would("write")


class _Holdings:
    """What is in memory, to look at."""

    def __init__(self, holdings: Any) -> None:
        self.actives = holdings.actives

    def __getattr__(self, name: str) -> Any:
        raise _Would(f"{name.replace('_', ' ')} in memory")


class _Artifacts:
    """Images and files stay where they are."""

    async def lifted_payload(self, tenant: str, payload: bytes) -> bytes:
        """As it is."""
        return payload


class _Worker:
    """A worker that does nothing."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self.store = _Store(worker.store)
        self.committer = _Committer(worker.committer)
        self.holdings = _Holdings(worker.holdings)
        self.artifacts = _Artifacts()

    def __getattr__(self, name: str) -> Any:
        if name in _PARTS:
            return getattr(self._worker, name)
        raise _Would(f"{name.replace('_', ' ')} on this worker")


class _Host:
    """A process that goes on."""

    def __init__(self, host: Any) -> None:
        self.name = host.name

    def drain(self) -> NoReturn:
        """Tell of it."""
        raise _Would("let this server finish what it does, and end")


class _Identity:
    """Who signs: keys that are made when they are first looked at."""

    def __init__(self, identity: Any) -> None:
        self.required = bool(getattr(identity, "required", False))

    def __getattr__(self, name: str) -> NoReturn:
        raise _Would("sign with, or change, the keys of this installation")


class _Unknown:
    """Some other part of the operations, or of such a part: whatever it is asked to do may change something."""

    def __init__(self, part: Any) -> None:
        self._part = part

    def __getattr__(self, name: str) -> Any:
        return _wrapped(getattr(self._part, name))

    def __iter__(self) -> Iterator[Any]:
        return map(_wrapped, self._part)

    def __bool__(self) -> bool:
        return bool(self._part)

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        name = getattr(self._part, "__name__", type(self._part).__name__)
        raise _Would(str(name).strip("_").replace("_", " "))


def _wrapped(part: Any) -> Any:
    """A part of something unknown: values as they are, the rest watched."""
    return part if part is None or isinstance(part, (str, int, float, bytes)) else _Unknown(part)


_WATCHED: dict[str, Any] = {
    "store": _Store,
    "flow": _Flow,
    "worker": _Worker,
    "host": _Host,
    "identity": _Identity,
}
_HARMLESS = frozenset({"principal", "registry", "seen"})

__all__ = ["DryRun", "rehearse"]
