"""The index of words: filled from a store with many entries, then asked all kinds of things.

The entries are real: agents that run steps over texts of words that are as unequally common as a language has them (a
Zipf distribution over 20,000 words), one in a hundred fails. Searches go through the operation, in a process that does
nothing else.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import tempfile
import time
from itertools import accumulate
from pathlib import Path
from typing import Any, cast

import holdfast
from holdfast import Agent, Context, Rejected
from holdfast.insight.indexing import Indexing

POSTGRES = os.environ.get("HOLDFAST_TEST_POSTGRES", "") or "postgresql://postgres@127.0.0.1:5432/test"
_VOCABULARY = 20_000
_STEPS = 500
_TOGETHER = 200
_EACH = 30

writer = Agent("writer")
_rng = random.Random(1)
_words = ["".join(_rng.choices("abcdefghijklmnopqrstuvwxyz", k=_rng.randint(3, 9))) for _ in range(_VOCABULARY)]
_weights = list(accumulate(1 / rank for rank in range(1, _VOCABULARY + 1)))


def _text(n: int) -> str:
    return f"{' '.join(_rng.choices(_words, cum_weights=_weights, k=12))} ticket-{n}"


async def note(text: str) -> int:
    """A step over a text."""
    if len(text) % 100 == 0:
        raise Rejected("note.long", f"Nobody reads {len(text)} letters.")
    return len(text)


@writer.handler
async def write(ctx: Context, first: int, steps: int) -> None:
    """So many steps."""
    for n in range(first, first + steps):
        try:
            await ctx.run(note, _text(n))
        except Rejected:
            continue


async def _run(store: str, entries: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="holdfast-searching-") as folder:
        url = f"sqlite:///{folder}/s.db" if store == "sqlite" else f"{POSTGRES}?schema=searching_{os.getpid()}"
        try:
            return {"store": store, **await _measure(url, entries, Path(folder))}
        finally:
            await _tell(url, 'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


async def _measure(url: str, entries: int, folder: Path) -> dict[str, Any]:
    async with holdfast.Runtime([writer], url) as runtime:
        began = time.perf_counter()
        for first in range(0, entries, _STEPS * _TOGETHER):
            these = range(first, min(first + _STEPS * _TOGETHER, entries), _STEPS)
            await asyncio.gather(*(runtime.call(writer[str(n // _STEPS)].write, n, _STEPS) for n in these))
        wrote = time.perf_counter() - began
        # What the server does by itself in the background, unless somebody has forbidden it.
        await _tell(url, *(f'VACUUM (ANALYZE) "{{schema}}".{table}' for table in ("journal", "agent", "message")))
        return {"write_s": round(wrote, 1), **await _index(runtime, folder), **await _ask(runtime, entries)}


async def _tell(url: str, *statements: str) -> None:
    """Statements of ours to the server of a store in PostgreSQL, about its ``{schema}``."""
    if "?schema=" not in url:
        return
    import asyncpg  # pyright: ignore[reportMissingTypeStubs]

    base, _, schema = url.partition("?schema=")
    connection = cast(Any, await asyncpg.connect(base))  # pyright: ignore[reportUnknownMemberType]
    try:
        for statement in statements:
            await connection.execute(statement.format(schema=schema))
    finally:
        await connection.close()


async def _index(runtime: holdfast.Runtime, folder: Path) -> dict[str, Any]:
    indexing, newest = Indexing(runtime.store), await runtime.store.newest()
    began, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    while (await runtime.store.indexed())[0] < newest:
        while await indexing.go_on():
            pass
    took, spent = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    used = spent.ru_utime + spent.ru_stime - cpu.ru_utime - cpu.ru_stime
    bytes_ = sum(file.stat().st_size for file in folder.glob("*-words*"))
    return {
        "entries": newest,
        "indexed_per_s": round(newest / took),
        "cpu_s_per_10k": round(used / newest * 10_000, 3),
        "bytes_per_entry": round(bytes_ / newest) if bytes_ else None,
    }


async def _ask(runtime: holdfast.Runtime, entries: int) -> dict[str, Any]:
    rng = random.Random(2)
    common = _words[:50]
    kinds: dict[str, Any] = {
        "a rare word": lambda: {"text": f"ticket-{rng.randrange(entries)}"},
        "a common word": lambda: {"text": rng.choice(common)},
        "two common words": lambda: {"text": " ".join(rng.sample(common, 2))},
        "a phrase": lambda: {"text": f'"{rng.choice(common)} {rng.choice(common)}"'},
        "a beginning": lambda: {"text": f"{rng.choice(_words)[:4]}*"},
        "a common word and a rare one": lambda: {"text": f"{common[0]} ticket-{rng.randrange(entries)}"},
        "without a common word": lambda: {"text": f"{_words[300]} -{common[0]}"},
        "nothing there": lambda: {"text": f"nowhere{rng.randrange(1000)}"},
        "failed": lambda: {"failed": True},
        "failed, a word": lambda: {"failed": True, "text": rng.choice(_words[:500])},
        "an agent": lambda: {"agent": f"writer/{rng.randrange(entries // _STEPS)}"},
        "an agent, a word": lambda: {"agent": f"writer/{rng.randrange(entries // _STEPS)}", "text": common[0]},
        "a verb": lambda: {"verb": "run"},
    }
    took: dict[str, list[float]] = {}
    for _ in range(_EACH):
        for kind, make in kinds.items():
            asked = make()
            began = time.perf_counter()
            await runtime.operations.search(**asked, limit=50)
            took.setdefault(kind, []).append((time.perf_counter() - began) * 1000)
    p95 = {kind: round(sorted(times)[int(len(times) * 0.95)], 1) for kind, times in took.items()}
    every = sorted(t for times in took.values() for t in times)
    return {
        "search_p50_ms": round(every[len(every) // 2], 1),
        "search_p95_ms": round(every[int(len(every) * 0.95)], 1),
        "search_max_ms": round(every[-1], 1),
        "p95_ms": p95,
    }


def run(quick: bool, store: str, entries: int = 0) -> dict[str, Any]:
    """Fill, index, ask; the figures."""
    return asyncio.run(_run(store, entries or (50_000 if quick else 1_000_000)))
