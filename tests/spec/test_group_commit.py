"""What is written together: turns under way share a transaction, and one that is alone waits for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from holdfast import Agent, Context, Runtime
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.ports.store import Commit, Receipt


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many commits went into each transaction."""
    found: list[int] = []
    commit_now = SqliteStore.commit_now

    def counted(self: SqliteStore, session: str, commits: Sequence[Commit]) -> list[Receipt]:
        found.append(len(commits))
        return commit_now(self, session, commits)

    monkeypatch.setattr(SqliteStore, "commit_now", counted)
    return found


desk = Agent("desk")


@desk.handler
async def work(ctx: Context, rounds: int) -> int:
    return await ctx.run(rounds_of_the_loop, rounds)


async def rounds_of_the_loop(count: int) -> int:
    for _ in range(count):
        await asyncio.sleep(0)
    return count


async def test_steps_that_end_a_few_rounds_apart_share_one_transaction(tmp_path: Path, batches: list[int]) -> None:
    async with Runtime([desk], f"sqlite:///{tmp_path}/store.db") as runtime:
        await runtime.call(work["warm"], 0)
        batches.clear()
        done = await asyncio.gather(*[runtime.call(work[str(n)], n % 4) for n in range(12)])
    assert done == [n % 4 for n in range(12)]
    assert 12 in batches[:3], batches  # all steps at once, although their effects ended in four different rounds
    assert len(batches) <= 4, batches


async def test_a_turn_alone_is_written_in_the_very_next_round(tmp_path: Path, batches: list[int]) -> None:
    async with Runtime([desk], f"sqlite:///{tmp_path}/store.db") as runtime:
        await runtime.call(work["warm"], 0)
        batches.clear()
        call = asyncio.Task(runtime.call(work["alone"], 0))
        rounds = 0
        while not call.done():
            await asyncio.sleep(0)
            rounds += 1
    assert batches == [1, 1, 1]  # the message, its step, its end
    assert rounds < 25
