"""LangGraph with its own checkpointers, durability sync. Usage: langgraph_peer.py {sqlite|postgres} FOLDER URL TURNS"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from measure import alone, empty, many, percentile, report, rss_bytes

kind, folder, postgres, turns = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
PEER = f"langgraph-{kind}"


class State(TypedDict):
    done: int
    wanted: int


async def step(state: State) -> dict[str, int]:
    return {"done": state["done"] + 1}


async def wait(state: State) -> dict[str, int]:
    return {"done": len(str(interrupt("go")))}


def more(state: State) -> str:
    return "step" if state["done"] < state["wanted"] else END


async def measure(saver: Any) -> None:
    graph = StateGraph(State)
    graph.add_node("step", step)
    graph.add_conditional_edges(START, more)
    graph.add_conditional_edges("step", more)
    compiled = graph.compile(checkpointer=saver)
    sleeper = StateGraph(State)
    sleeper.add_node("wait", wait)
    sleeper.add_edge(START, "wait")
    sleeper.add_edge("wait", END)
    waiting = sleeper.compile(checkpointer=saver)

    async def run(key: str, n: int) -> object:
        config = {"configurable": {"thread_id": key}, "recursion_limit": n + 10}
        return await compiled.ainvoke({"done": 0, "wanted": n}, config, durability="sync")

    await run("warm", 3)
    await alone(PEER, run, 200)
    await empty(PEER, run, 100)
    await many(PEER, run, turns)
    before = rss_bytes()
    count = 300
    for start in range(0, count, 50):
        keys = [f"w{i}" for i in range(start, start + 50)]
        work = [
            waiting.ainvoke({"done": 0, "wanted": 1}, {"configurable": {"thread_id": k}}, durability="sync") for k in keys
        ]
        await asyncio.gather(*work)
    report(PEER, waiters=count, rss_bytes_per_waiting_agent=(rss_bytes() - before) / count)
    took: list[float] = []
    for i in range(50):
        began = time.perf_counter()
        await waiting.ainvoke(Command(resume="on"), {"configurable": {"thread_id": f"w{i}"}}, durability="sync")
        took.append(time.perf_counter() - began)
    report(PEER, wake_p50_ms=percentile(took, 0.5) * 1000, wake_p99_ms=percentile(took, 0.99) * 1000)


async def main() -> None:
    if kind == "sqlite":
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        async with AsyncSqliteSaver.from_conn_string(f"{folder}/langgraph.sqlite") as saver:
            await saver.setup()
            await measure(saver)
    else:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
        from psycopg.rows import dict_row
        from psycopg_pool import AsyncConnectionPool

        options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        async with AsyncConnectionPool(postgres, min_size=8, max_size=8, kwargs=options, timeout=300) as pool:
            saver = AsyncPostgresSaver(pool)
            await saver.setup()
            await measure(saver)


asyncio.run(main())
