"""Usage and charges of one batch of commits, as ``write_ledger`` takes them: JSON, because most batches have none."""

from __future__ import annotations

from typing import Any

import msgspec

from ...ports.ledger import Charge, UsageRow
from ...ports.store import Commit
from .text import safe


class Charging:
    """See the module."""

    def __init__(self) -> None:
        self._usage: list[dict[str, Any]] = []
        self._charges: dict[tuple[str, str], list[int]] = {}

    def add(self, commit: Commit) -> None:
        """Take a commit's."""
        self._usage.extend(_usage(row) for row in commit.usage)
        for charge in commit.charges:
            self._charge(charge)

    def _charge(self, charge: Charge) -> None:
        total = self._charges.setdefault((charge.budget, charge.window), [0, 0, 0])
        for at, amount in enumerate(msgspec.structs.astuple(charge.amounts)):
            total[at] += amount

    def json(self) -> str:
        """All of it."""
        found: dict[str, list[dict[str, Any]]] = {}
        if self._usage:
            found["usage"] = self._usage
        if self._charges:
            names = ("budget", "window", "nanos", "tokens", "calls")
            rows = [(safe(budget), safe(window), *amounts) for (budget, window), amounts in self._charges.items()]
            found["charges"] = [dict(zip(names, row, strict=True)) for row in rows]
        return msgspec.json.encode(found).decode()


def _usage(row: UsageRow) -> dict[str, Any]:
    values = msgspec.structs.asdict(row)
    del values["id"]
    for name, value in values.items():
        if isinstance(value, str):
            values[name] = safe(value)
    values["chain"] = [safe(address) for address in row.chain]
    values["labels"] = {safe(key): safe(value) for key, value in row.labels.items()}
    return values
