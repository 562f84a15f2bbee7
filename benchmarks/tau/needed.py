"""Was a repeated question needed? What was durable at each kill, beside what the model was asked afterwards.

At each kill, before the next start, the store's files are copied as they lie. Afterwards every copy is opened, and the
answers of the model that stand in its journals are counted by conversation: a conversation's questions come one after the
other, so its first so many are answered. A question asked after that kill whose answer stood there was asked needlessly.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.bootstrap.stores import make_store
from holdfast.domain.entry import EntryKind
from holdfast.domain.limits import Limits
from holdfast.journal.codec import decode_entry

_FILES = ("tau.db", "tau.db-wal", "tau.db-shm")
_ROWS = 1_000


class Death(NamedTuple):
    """A kill: when the process was gone (seconds since 1970), and the folder with a copy of its store."""

    at: float
    copy: Path


def copied(folder: Path, number: int) -> Path:
    """A copy of the store's files as a dead process left them."""
    copy = folder / f"death-{number}"
    copy.mkdir()
    for name in _FILES:
        if (folder / name).exists():
            shutil.copyfile(folder / name, copy / name)
    return copy


async def answered(copy: Path, conversations: int) -> list[int]:
    """By conversation, how many answers of the model are durable in a copy."""
    store = make_store(f"sqlite:///{copy / 'tau.db'}", Limits())
    await store.open()
    try:
        found: list[int] = []
        for number in range(conversations):
            count = after = 0
            while rows := await store.entries(f"default/airline/{number}", after, _ROWS):
                after = rows[-1].seq
                entries = [decode_entry(row.body) for row in rows]
                count += sum(e.verb == "model" and e.kind != EntryKind.INTENT and e.failure is None for e in entries)
            found.append(count)
        return found
    finally:
        await store.close()


async def needless(deaths: list[Death], asked: list[tuple[float, str]], keys: list[list[str]]) -> dict[str, Any]:
    """How many repeats there were, and how many of them needlessly.

    Args:
        asked: when, and what (the key of the question in the cassette), in order.
        keys: of each conversation its questions in order.
    """
    unknown = {key for _, key in asked} - {key for questions in keys for key in questions}
    if unknown:
        raise ValueError(f"{len(unknown)} questions belong to no conversation: nothing can be said of them")
    waste = durable = 0
    for death in deaths:
        counts = await answered(death.copy, len(keys))
        durable += sum(counts)
        there = {key for number, count in enumerate(counts) for key in keys[number][:count]}
        waste += sum(at > death.at and key in there for at, key in asked)
    times = Counter(key for _, key in asked)
    return {
        "model_calls": len(asked),
        "model_calls_repeated": len(asked) - len(times),
        "model_calls_repeated_needlessly": waste,
        "answers_durable_at_kills": durable,
    }
