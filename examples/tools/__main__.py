"""``python -m examples.tools``: the agent at work, with a model on loopback that has learned its lines."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

from holdfast import Agent, McpServer, Runtime, openapi_tools, sql_tools
from holdfast.models.routes import Models, Target
from holdfast.testing.models import Call, Reply, Vendor

from .service import DOCUMENT, Deliveries

LINES: list[tuple[str, dict[str, Any]]] = [
    ("stock_query", {"sql": "SELECT article, count FROM stock WHERE article = 'tea'"}),
    ("stock_query", {"sql": "DELETE FROM stock"}),
    ("find", {"article": "tea"}),
    ("deliver", {"article": "tea", "to": "Ada, 1 Mill Lane"}),
]


def model(call: Call) -> Reply:
    """Calls one tool after the other, then answers."""
    done = sum(message["role"] == "tool" for message in call.messages)
    if done < len(LINES):
        name, arguments = LINES[done]
        return Reply(tool_calls=[(f"call-{done}", name, arguments)])
    return Reply("Your tea is on its way; it arrives tomorrow.")


def shop(folder: Path, deliveries: str) -> Agent:
    """The agent: a database that it may only read, a service, and a server that is started for it."""
    file = folder / "shop.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE stock (article TEXT PRIMARY KEY, count INTEGER)")
        database.execute("INSERT INTO stock VALUES ('tea', 12), ('cups', 3)")
    return Agent(
        "shop",
        model="m",
        instructions="Help customers. Look before you promise.",
        tools=[
            *sql_tools(f"sqlite:///{file}", prefix="stock_", about="What is in stock."),
            *openapi_tools(DOCUMENT, base_url=deliveries),
        ],
        mcp=[McpServer([sys.executable, str(Path(__file__).with_name("shelf.py"))])],
    )


async def main() -> None:
    """One conversation."""
    deliveries = Deliveries()
    with tempfile.TemporaryDirectory() as folder:
        agent = shop(Path(folder), deliveries.url)
        async with Vendor(model) as vendor:
            models = Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m1")])
            async with Runtime([agent], "memory://", models=models) as runtime:
                answer = await runtime.call(agent["ada"].chat, "Do you have tea? Send me some.")
                for entry in await runtime.journal("shop/ada"):
                    if entry.verb == "tool" and entry.kind == "step":
                        print(f"{entry.name:<12} {entry.error or entry.value}")
                print(f"it says:     {answer}")
        print(f"delivered:   {list(deliveries.made.values())}")
    deliveries.close()


if __name__ == "__main__":
    asyncio.run(main())
