"""A Pydantic AI agent as a durable agent. ``python -m examples.frameworks.pydantic_ai``"""

from __future__ import annotations

import pydantic_ai

from examples.frameworks.story import ask_carrier, lookup_order, main
from holdfast import Agent
from holdfast.frameworks.pydantic_ai import pydantic_agent


def lookup(order: int) -> str:
    """Look an order up."""
    return lookup_order(order)


def carrier(order: int) -> str:
    """Ask the carrier where an order is."""
    return ask_carrier(order)


def make() -> Agent:
    """An agent with two tools."""
    agent = pydantic_ai.Agent(instructions="Help people with their orders.", tools=[lookup, carrier])
    return pydantic_agent("support", agent, model="smart")


if __name__ == "__main__":
    support = make()
    question = "My order 17 is late!"
    main("examples.frameworks.pydantic_ai", lambda: [support], lambda: support["ada"].chat, question)
