"""The durable agents that keep threads: handlers for who comes from outside, and direct keys for who runs inside a turn."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ...domain.errors import Rejected
from ...journal.codec import ANY
from ...sdk.agent import Agent
from ...turn.context import Context
from ...turn.state import NIL_MARK, row_of
from ..places import Places
from .thread import Row, Thread, Typed

PREFIX = "lg:"
"""Before every key of a thread in its agent's state."""


class HandlerKeys:
    """Keys of the agent whose handler runs. What a handler reads and writes is an ordinary turn."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def get(self, key: str) -> Any:
        """See ``Keys``."""
        return await self._ctx.state.get(PREFIX + key)

    async def write(self, rows: dict[str, Any]) -> None:
        """See ``Keys``."""
        for key, value in rows.items():
            if value is None:
                await self._ctx.state.delete(PREFIX + key)
            else:
                await self._ctx.state.set(PREFIX + key, value)


class TurnKeys:
    """Keys of the agent whose turn hosts the graph. They show what is durable now, not what was when the turn began: a graph
    goes on from its last checkpoint, and what it did before is not done again."""

    def __init__(self, places: Places) -> None:
        self._places = places

    async def get(self, key: str) -> Any:
        """See ``Keys``."""
        turn = self._places.ctx.turn
        mine = turn.written.get(PREFIX + key)
        if mine is not None:
            return None if mine == NIL_MARK else ANY.decode(mine, key)
        row = await row_of(turn, PREFIX + key)
        return None if row is None or row.value is None else ANY.decode(row.value, key)

    async def write(self, rows: dict[str, Any]) -> None:
        """See ``Keys``. In one commit: nothing else gets in between, since all rows are in memory when it begins."""

        async def write(ctx: Context) -> None:
            if ctx.turn.item.id == 0:
                await ctx.turn.accept()
            for key in rows:
                await row_of(ctx.turn, PREFIX + key)
            for key, value in rows.items():
                await (ctx.state.delete(PREFIX + key) if value is None else ctx.state.set(PREFIX + key, value))
            await ctx.turn.flush()

        await self._places.at(self._places.fresh("checkpoint"), write)


def keep_threads(agent: Agent) -> None:
    """Give an agent the handlers by which a ``HoldfastSaver`` outside reaches its threads."""

    async def put(ctx: Context, row: dict[str, Any]) -> None:
        await Thread(HandlerKeys(ctx)).put(_row(row))

    async def put_writes(ctx: Context, ns: str, id: str, task: str, writes: list[tuple[str, Typed, str, int]]) -> None:
        await Thread(HandlerKeys(ctx)).put_writes(ns, id, task, writes)

    async def get(ctx: Context, ns: str, id: str = "") -> Any:
        return await Thread(HandlerKeys(ctx)).get(ns, id)

    async def rows(ctx: Context, ns: str | None, id: str = "", before: str = "", limit: int = 0) -> list[Any]:
        return list(await Thread(HandlerKeys(ctx)).rows(ns, id, before, limit))

    async def drop(ctx: Context, gone: dict[str, list[str]]) -> None:
        await Thread(HandlerKeys(ctx)).drop({ns: set(ids) for ns, ids in gone.items()})

    async def drop_all(ctx: Context) -> None:
        await Thread(HandlerKeys(ctx)).drop_all()

    writing: list[Any] = [put, put_writes, drop, drop_all]
    reading: list[Any] = [get, rows]
    for fn in (*writing, *reading):
        agent.handler(name=f"thread_{fn.__name__}", shared=fn in reading)(fn)


def threads(name: str = "langgraph") -> Agent:
    """The agent that keeps the threads of graphs which run elsewhere: ``<name>/<thread>`` for each."""
    agent = Agent(name, description="Threads of LangGraph.")
    keep_threads(agent)
    return agent


def key_of_thread(thread_id: str) -> str:
    """An agent's key for a thread."""
    key = quote(thread_id, safe="!$&'()*+,;=:@-._~")
    if not 0 < len(key) <= 200:
        raise Rejected(
            "frameworks.thread",
            f"A thread's id becomes the key of a durable agent, so it must have between 1 and 200 characters once it is "
            f"percent-encoded. {thread_id[:40]!r} has {len(key)}.",
        )
    return key


def _row(given: dict[str, Any]) -> Row:
    return given  # type: ignore[return-value]


__all__ = ["HandlerKeys", "TurnKeys", "keep_threads", "key_of_thread", "threads"]
