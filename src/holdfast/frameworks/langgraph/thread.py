"""A thread of LangGraph as the state of one durable agent: what a checkpoint is made of, and what is kept of it.

Only what changed is written. A checkpoint's channel values are kept one by one under their versions, so a superstep that
touched one channel of twenty writes one value; writes of finished tasks are kept one task at a time. Everything here is keys
and plain values; how LangGraph serializes is its own affair (``Typed``), and where the keys live is the ``Keys``' affair.

    <ns>                       one row per checkpoint namespace, in ``names``
    c/<ns>/<id>                the checkpoint without its values, metadata, parent, the tasks that have writes
    v/<ns>/<channel>/<version> one channel's value
    w/<ns>/<id>/<task>         one task's writes
    i/<ns>/<n>                 64 checkpoint ids at a time
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, TypedDict

Typed = tuple[str, bytes]
"""A value as LangGraph's serializer gives it: the format's name and the bytes."""

_CHUNK = 64


class Keys(Protocol):
    """Where a thread's rows are."""

    async def get(self, key: str) -> Any:
        """A row, None if there is none."""
        ...

    async def write(self, rows: dict[str, Any]) -> None:
        """Write (or, with None, delete) all of them, together and durably."""
        ...


class Row(TypedDict):
    """A checkpoint."""

    ns: str
    id: str
    checkpoint: Typed
    metadata: Typed
    parent: str
    run: str
    channels: dict[str, Any]
    """The version of every channel."""
    tasks: list[str]
    values: dict[str, Typed]
    """What the channels hold; empty as stored, filled in when it is read."""
    writes: list[tuple[str, str, Typed, str, int]]
    """Task, channel, value, the task's path, place among the task's writes; filled in when it is read."""


class Thread:
    """See the module."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._writing = asyncio.Lock()  # parallel tasks of a graph write to the same rows

    async def put(self, row: Row, extra: dict[str, Any] | None = None) -> None:
        """Keep a checkpoint with the values that are new in it. ``extra`` goes along in the same commit."""
        async with self._writing:
            await self._put(row, extra or {})

    async def _put(self, row: Row, extra: dict[str, Any]) -> None:
        ns, id = row["ns"], row["id"]
        rows: dict[str, Any] = {f"v/{ns}/{name}/{row['channels'][name]}": v for name, v in row["values"].items()}
        before: Row | None = await self._keys.get(f"c/{ns}/{id}")
        tasks = before["tasks"] if before is not None else row["tasks"]
        rows[f"c/{ns}/{id}"] = {**row, "values": {}, "writes": [], "tasks": tasks}
        if before is None:
            rows |= await self._listed(ns, id)
        await self._keys.write({**rows, **extra})

    async def _listed(self, ns: str, id: str) -> dict[str, Any]:
        rows: dict[str, Any] = {}
        names: dict[str, int] = await self._keys.get("names") or {}
        chunk = names.get(ns)
        ids: list[str] = await self._keys.get(f"i/{ns}/{chunk}") or [] if chunk is not None else []
        if chunk is None or len(ids) >= _CHUNK:
            chunk, ids = (0 if chunk is None else chunk + 1), []
            rows["names"] = {**names, ns: chunk}
        rows[f"i/{ns}/{chunk}"] = [*ids, id]
        return rows

    async def put_writes(
        self,
        ns: str,
        id: str,
        task: str,
        writes: Sequence[tuple[str, Typed, str, int]],
        extra: dict[str, Any] | None = None,
    ) -> None:
        """Keep a task's writes: (channel, value, path, place). Those at places from 0 on are kept as they came first;
        those below (errors, interrupts) are replaced."""
        async with self._writing:
            await self._keys.write({**await self._with_writes(ns, id, task, writes), **(extra or {})})

    async def _with_writes(
        self, ns: str, id: str, task: str, writes: Sequence[tuple[str, Typed, str, int]]
    ) -> dict[str, Any]:
        row: Row | None = await self._keys.get(f"c/{ns}/{id}")
        stored: list[tuple[str, Typed, str, int]] = await self._keys.get(f"w/{ns}/{id}/{task}") or []
        kept = {w[3]: w for w in stored}
        for write in writes:
            if write[3] < 0 or write[3] not in kept:
                kept[write[3]] = write
        rows: dict[str, Any] = {f"w/{ns}/{id}/{task}": list(kept.values())}
        if row is None:  # writes may come before their checkpoint
            orphans: list[str] = await self._keys.get(f"o/{ns}/{id}") or []
            rows[f"o/{ns}/{id}"] = [*(t for t in orphans if t != task), task]
        elif task not in row["tasks"]:
            rows[f"c/{ns}/{id}"] = {**row, "tasks": [*row["tasks"], task]}
        return rows

    async def get(self, ns: str, id: str = "") -> Row | None:
        """A checkpoint with its values and writes; the newest of its namespace without an id."""
        found = id or max(await self.ids(ns), default="")
        row: Row | None = await self._keys.get(f"c/{ns}/{found}") if found else None
        if row is None:
            return None
        values = {name: await self._keys.get(f"v/{ns}/{name}/{version}") for name, version in row["channels"].items()}
        early: list[str] = await self._keys.get(f"o/{ns}/{found}") or []
        row["values"] = {name: v for name, v in values.items() if v is not None}
        row["writes"] = []
        for task in dict.fromkeys((*row["tasks"], *early)):
            written: list[Any] = await self._keys.get(f"w/{ns}/{found}/{task}") or []
            row["writes"] += [(task, *write) for write in written]
        return row

    async def ids(self, ns: str) -> list[str]:
        """The ids of a namespace's checkpoints, oldest first."""
        names: dict[str, int] = await self._keys.get("names") or {}
        found: list[str] = []
        for chunk in range(names.get(ns, -1) + 1):
            found += await self._keys.get(f"i/{ns}/{chunk}") or []
        return found

    async def names(self) -> list[str]:
        """Its namespaces."""
        return list(await self._keys.get("names") or {})

    async def rows(self, ns: str | None = None, id: str = "", before: str = "", limit: int = 0) -> list[Row]:
        """Checkpoints, newest first; of all namespaces if none is named. ``limit`` 0: all."""
        found: list[Row] = []
        for name in await self.names() if ns is None else [ns]:
            for each in sorted(await self.ids(name), reverse=True):
                if (id and each != id) or (before and each >= before):
                    continue
                if limit and len(found) >= limit:
                    return found
                row = await self.get(name, each)
                if row is not None:
                    found.append(row)
        return found

    async def started(self) -> int:
        """The message whose input is in the checkpoints already."""
        return await self._keys.get("started") or 0

    async def pending(self) -> list[dict[str, Typed]]:
        """What the tasks after each namespace's newest checkpoint have written so far, by channel."""
        found: list[dict[str, Typed]] = []
        for ns in await self.names():
            row = await self.get(ns)
            by_task: dict[str, dict[str, Typed]] = {}
            for task, channel, value, _, _ in row["writes"] if row is not None else ():
                by_task.setdefault(task, {})[channel] = value
            found += by_task.values()
        return found

    async def drop(self, gone: dict[str, set[str]]) -> None:
        """Forget checkpoints, by namespace, with their writes and the values that no other one has."""
        rows: dict[str, Any] = {}
        for ns, ids in gone.items():
            left = [i for i in await self.ids(ns) if i not in ids]
            used: set[str] = set()
            for id in left:
                row: Row | None = await self._keys.get(f"c/{ns}/{id}")
                used |= {f"v/{ns}/{n}/{v}" for n, v in row["channels"].items()} if row is not None else set()
            for id in ids:
                row = await self._keys.get(f"c/{ns}/{id}")
                if row is None:
                    continue
                dead = {f"v/{ns}/{n}/{v}" for n, v in row["channels"].items()} - used
                dead |= {f"w/{ns}/{id}/{task}" for task in row["tasks"]} | {f"c/{ns}/{id}", f"o/{ns}/{id}"}
                rows |= dict.fromkeys(dead)
            rows |= await self._relisted(ns, left)
        await self._keys.write(rows)

    async def _relisted(self, ns: str, ids: list[str]) -> dict[str, Any]:
        names: dict[str, int] = await self._keys.get("names") or {}
        chunks = {n: ids[n * _CHUNK : (n + 1) * _CHUNK] for n in range(names.get(ns, -1) + 1)}
        return {f"i/{ns}/{n}": chunk or None for n, chunk in chunks.items()}

    async def drop_all(self) -> None:
        """Forget the thread."""
        await self.drop({ns: set(await self.ids(ns)) for ns in await self.names()})
        await self._keys.write({"names": None})


__all__ = ["Keys", "Row", "Thread", "Typed"]
