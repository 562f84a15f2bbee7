"""A crew of CrewAI as a durable agent. ``python -m examples.frameworks.crewai``, with a Python that has CrewAI: it wants an
environment of its own, see docs/frameworks.md."""

# CrewAI is not there when types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUntypedBaseClass=false, reportCallIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

import os
from typing import Any

os.environ.update(CREWAI_DISABLE_TELEMETRY="true", CREWAI_DISABLE_TRACKING="true", OTEL_SDK_DISABLED="true")

import crewai
from crewai.tools import BaseTool

from examples.frameworks.story import ask_carrier, lookup_order, main
from holdfast.frameworks.crewai import HoldfastLLM, crew_agent


class Lookup(BaseTool):
    """A tool that looks."""

    name: str = "lookup"
    description: str = "Look an order up."

    def _run(self, order: int) -> str:
        return lookup_order(order)


class Carrier(BaseTool):
    """A tool that asks."""

    name: str = "carrier"
    description: str = "Ask the carrier where an order is."

    def _run(self, order: int) -> str:
        return ask_carrier(order)


def crew() -> Any:
    """A clerk finds out, a writer tells the customer."""
    llm = HoldfastLLM(model="smart")
    clerk = crewai.Agent(role="Clerk", goal="Settle it", backstory="Patient.", llm=llm, tools=[Lookup(), Carrier()])
    writer = crewai.Agent(role="Writer", goal="Write well", backstory="Brief.", llm=llm)
    settle = crewai.Task(description="Find out: {complaint}", expected_output="what was found", agent=clerk)
    write = crewai.Task(description="Write a short note to the customer.", expected_output="a note", agent=writer)
    return crewai.Crew(agents=[clerk, writer], tasks=[settle, write], memory=False, tracing=False)


if __name__ == "__main__":
    team = crew_agent("team", crew, model="smart")
    question = {"complaint": "My order 17 is late!"}
    main("examples.frameworks.crewai", lambda: [team], lambda: team["ada"].kickoff, question)
