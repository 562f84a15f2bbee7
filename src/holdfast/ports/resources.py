"""Versioned resources and shared counters: what people declare, and how often what they limit has happened.

It is the part of the store port about what governs agents. A **resource** is a small document that somebody applied (an
agent, a route, a policy, a budget) under a kind and a name; a store knows nothing of what is in it. Guarantees:

* **All or nothing**: the changes of one ``apply_resources`` happen together, as one new revision, or not at all. There is
  one
  counter of revisions for the whole store: whoever has read up to one has read everything there was at that moment.
* **Never lost**: each change makes a new version of its resource; old versions, and what was deleted, stay readable for
  ever. Compaction leaves them alone, and so does whoever restores a backup.
* **Once**: a change that leaves a resource as it is changes nothing and conflicts with nothing, so calling again with the
  same changes, after a reply that was lost, is safe.
* **News**: every live session gets a ``Signal("resources")`` with the new revision. One that missed it, because it was
  cut off at that moment, gets it with its next ``beat``.

A **tally** counts what is limited across all workers (calls of a tool per hour, money per day). Each occurrence has an
id, so that a replay after a crash counts nothing twice; of two workers that count at the same moment each sees a sum that
the other one's is in, or will see its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from ..domain.errors import Conflict, LimitExceeded, Rejected

LARGEST_BYTES = 8 << 20
"""All bodies of one ``apply_resources`` together."""
MOST_CHANGES = 10_000

Named = tuple[str, str, str]
"""Kind, name, tenant."""


class Resource(msgspec.Struct, frozen=True):
    """One version of a resource.

    Attributes:
        tenant: whose it is; ``""`` for what belongs to the whole installation.
        version: counts from 1 per resource. A deletion is a version too.
        revision: of the whole store, ascending; the same for all that was applied together.
        body: JSON; opaque to the store. It is not encrypted: secrets are named in it, never written.
        author: who applied it; ``reason``: what for, in their words.
        at: when, in milliseconds.
        deleted: whether this version says that it is no more; its body is empty then.
    """

    kind: str
    name: str
    tenant: str = ""
    version: int = 0
    revision: int = 0
    body: bytes = b""
    author: str = ""
    reason: str = ""
    at: int = 0
    deleted: bool = False
    labels: dict[str, str] = {}

    @property
    def key(self) -> Named:
        """What it is known by."""
        return self.kind, self.name, self.tenant


class Change(msgspec.Struct, frozen=True):
    """What a resource is to be from now on. ``body`` None deletes it. ``expected`` is the version that this replaces, 0
    if there should be none (never was, or is deleted), None if it does not matter."""

    kind: str
    name: str
    tenant: str = ""
    body: bytes | None = None
    expected: int | None = None
    labels: dict[str, str] = {}

    @property
    def key(self) -> Named:
        """Which resource it changes."""
        return self.kind, self.name, self.tenant


class Tally(msgspec.Struct, frozen=True):
    """One occurrence of something that is counted: ``amount`` of ``key``, told apart by ``id``, for ``window_ms``."""

    key: str
    id: str
    amount: float
    window_ms: int


class Resources(Protocol):
    """The methods of the store port about resources and tallies."""

    async def apply_resources(self, changes: Sequence[Change], author: str, reason: str, at: int) -> int:
        """Apply all of these changes, or none; returns the store's revision after them. Raises
        ``Conflict(resource.changed)``, naming the first (in the order given) whose ``expected`` is not the version there is;
        ``Rejected(resource.twice)`` for two changes of one resource; ``LimitExceeded(resource.too_large)``."""
        ...

    async def resources(
        self, kind: str = "", tenant: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Resource]:
        """The newest versions with a revision over ``after``, ascending by revision, of one kind and tenant if given; with
        ``after`` also those that are deletions. ``limit`` may be exceeded, because a revision is never cut in two: who
        goes on after the last one's has missed nothing."""
        ...

    async def resource_versions(self, kind: str, name: str, tenant: str = "") -> list[Resource]:
        """All versions of one resource, newest first; none if it never was."""
        ...

    async def tally(self, counts: Sequence[Tally], now: int) -> list[float]:
        """Record each occurrence, durably and all together, unless its id is known for its key already; returns for each the
        sum of the amounts of its key in the window that ends now, itself included. Occurrences of one call come one after
        the other. What is older than its window is forgotten: its id counts as a new one. Raises
        ``Rejected(tally.malformed)``."""
        ...

    async def untally(self, key: str, id: str) -> None:
        """Take an occurrence back: it did not happen after all."""
        ...


def check_changes(changes: Sequence[Change]) -> None:
    """What every store refuses before it looks. Raises ``Rejected(resource.twice)``,
    ``LimitExceeded(resource.too_large)``."""
    seen: set[Named] = set()
    size = 0
    for change in changes:
        if change.key in seen:
            raise Rejected(
                "resource.twice",
                f"{change.kind} {change.name!r} is in these changes twice; which of them should count is not clear. Leave "
                "one.",
                kind=change.kind,
                name=change.name,
                tenant=change.tenant,
            )
        seen.add(change.key)
        size += len(change.body or b"")
    if size > LARGEST_BYTES or len(changes) > MOST_CHANGES:
        raise LimitExceeded(
            "resource.too_large",
            f"{len(changes)} changes of {size:,} bytes cannot be applied at once: {MOST_CHANGES:,} changes and "
            f"{LARGEST_BYTES:,} bytes are the most. Apply them in parts.",
            changes=len(changes),
            bytes=size,
        )


def check_tallies(counts: Sequence[Tally]) -> None:
    """A window has a length. Raises ``Rejected(tally.malformed)``."""
    for count in counts:
        if not 0 < count.window_ms < 1 << 50 or not abs(count.amount) < 1e300:
            raise Rejected(
                "tally.malformed",
                f"{count.amount} of {count.key!r} in {count.window_ms} ms cannot be counted: a window is longer than 0 ms, "
                "and an amount is a finite number.",
                key=count.key,
            )


def changed(change: Change, version: int, author: str = "") -> Conflict:
    """What a change was made for is not there any more. ``version`` is what there is, 0 for nothing."""
    found = f"version {version}" + (f" by {author}" if author else "") if version else "gone or not there yet"
    wanted = f"version {change.expected}" if change.expected else "nothing"
    return Conflict(
        "resource.changed",
        f"{change.kind} {change.name!r} is {found}, but this change was made to replace {wanted}. Nothing was applied. Look "
        "at what is there now (holdfast diff), and apply again.",
        kind=change.kind,
        name=change.name,
        tenant=change.tenant,
        expected=change.expected,
        version=version,
    )
