"""An airline's support: a thinking agent with fourteen tools over the database, and a customer who is an agent too.

``airline/<key>`` has one conversation and its own copy of the database: what differs from the original is its state.
``customer/<key>`` says what a recorded customer said, one message after the other.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from examples.airline.calling import Tool
from examples.airline.data import data_folder, load_base
from examples.airline.database import Airline
from examples.airline.tools import TOOLS
from holdfast import Agent, Context
from holdfast import Tool as HoldfastTool

CHANGES = "changes"


@cache
def policy() -> str:
    """The airline's rules."""
    return (data_folder() / "policy.md").read_text()


def instructions_for(key: str) -> str:
    """What the model is told first. The conversation's name makes a recording of it findable."""
    return f"{policy()}\n\nThis is conversation {key}."


def instructions(ctx: Context) -> str:
    """The same, of the agent that asks."""
    return instructions_for(ctx.key)


def as_tool(tool: Tool) -> HoldfastTool:
    """One of the airline's tools over the agent's own copy of the database."""

    async def call(ctx: Context, **arguments: Any) -> str:
        airline = Airline.from_changes(load_base(), await ctx.state.get(CHANGES, {}))
        text = tool.call(airline, arguments)
        if tool.changes:
            await ctx.state.set(CHANGES, airline.changes())
        return text

    return HoldfastTool(
        call,
        name=tool.name,
        description=tool.description,
        schema=tool.parameters,
        takes_context=True,
        effects=tool.changes,
        alone=tool.changes,
        trusted=True,
    )


airline = Agent(
    "airline",
    model="recorded",
    instructions=instructions,
    tools=[as_tool(tool) for tool in TOOLS.values()],
    memory_tokens=0,
    description="An airline's support.",
)
customer = Agent("customer", description="Plays a recorded customer.")


@customer.handler
async def play(ctx: Context, words: list[str]) -> int:
    """Say it all, each time after the answer to the last; how many answers there were."""
    for text in words:
        await ctx.call(airline[ctx.key].chat, text)
    return len(words)
