"""One conversation's own copy of the airline's database. It holds only the records that the conversation touched; all others
are the base's, so that a thousand copies cost next to nothing."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from examples.airline.data import Base, canonical, canonical_table
from examples.airline.records import Flight, Reservation, User

Record = TypeVar("Record")


class Table(Generic[Record]):
    """Records by key, over those of the base. What ``get`` and ``values`` give is only to be read."""

    def __init__(self, base: Mapping[str, Record]) -> None:
        self._base = base
        self._own: dict[str, Record] = {}

    def get(self, key: str) -> Record | None:
        """A record, or nothing."""
        return self._own.get(key) or self._base.get(key)

    def values(self) -> Iterator[Record]:
        """All records, in the base's order; new ones last."""
        for key, record in self._base.items():
            yield self._own.get(key, record)
        yield from (record for key, record in self._own.items() if key not in self._base)

    def edit(self, key: str) -> Record:
        """A record to be changed: this copy's own from now on. Raises ``KeyError``."""
        if key not in self._own:
            self._own[key] = copy.deepcopy(self._base[key])
        return self._own[key]

    def put(self, key: str, record: Record) -> None:
        """Add a record, or replace it."""
        self._own[key] = record

    def changes(self) -> dict[str, Record]:
        """The records that differ from the base's, by key in order; copies."""
        own = sorted(self._own.items())
        return {key: copy.deepcopy(record) for key, record in own if self._base.get(key) != record}


class Airline:
    """The database as a conversation sees it."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.users: Table[User] = Table(base.users)
        self.reservations: Table[Reservation] = Table(base.reservations)
        self.flights: Table[Flight] = Table(base.flights)

    @classmethod
    def from_changes(cls, base: Base, changes: Mapping[str, Mapping[str, Any]]) -> Airline:
        """The database that gave these ``changes()``; it shares nothing with them."""
        airline = cls(base)
        for name, table in airline._tables().items():
            for key, record in changes.get(name, {}).items():
                table.put(key, copy.deepcopy(record))
        return airline

    def changes(self) -> dict[str, dict[str, Any]]:
        """All records that differ from the base, by table and key: JSON data, and all that has to be kept of this copy. A
        table without changes is left out."""
        return {name: changed for name, table in self._tables().items() if (changed := table.changes())}

    def digest(self) -> str:
        """The SHA-256 of the whole state, whatever the order of keys and the way it came about."""
        whole = hashlib.sha256()
        for before, (name, table) in zip((b"(", b", ", b", "), self._tables().items(), strict=True):
            whole.update(before)
            if changes := table.changes():
                texts = self.base.canonical[name] | {key: canonical(record) for key, record in changes.items()}
                whole.update(canonical_table(name, texts))
            else:
                whole.update(self.base.canonical_tables[name])
        whole.update(b")")
        return whole.hexdigest()

    def _tables(self) -> dict[str, Table[Any]]:
        return {"flights": self.flights, "reservations": self.reservations, "users": self.users}
