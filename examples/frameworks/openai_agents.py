"""An agent of the OpenAI Agents SDK as a durable agent. ``python -m examples.frameworks.openai_agents``"""

from __future__ import annotations

import asyncio
from typing import Any

import agents

from examples.frameworks.story import ask_carrier, lookup_order, main
from holdfast import Agent
from holdfast.frameworks.openai_agents import openai_agent


@agents.function_tool
async def lookup(order: int) -> str:
    """Look an order up."""
    return lookup_order(order)


@agents.function_tool
async def carrier(order: int) -> str:
    """Ask the carrier where an order is."""
    return await asyncio.to_thread(ask_carrier, order)


def make() -> Agent:
    """An agent with two tools."""
    agent: agents.Agent[Any] = agents.Agent(
        name="Support", instructions="Help people with their orders.", tools=[lookup, carrier]
    )
    return openai_agent("support", agent, model="smart")


if __name__ == "__main__":
    support = make()
    question = "My order 17 is late!"
    main("examples.frameworks.openai_agents", lambda: [support], lambda: support["ada"].chat, question)
