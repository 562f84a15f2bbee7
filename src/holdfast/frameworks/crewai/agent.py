"""``crew_agent``: a crew as a durable agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import to_jsonable_python

from ...sdk.agent import Agent
from ...turn.context import Context, Duration
from ..fingerprint import fingerprint
from ..places import Places
from .llm import HoldfastLLM
from .tools import durable_tool  # pyright: ignore[reportUnknownVariableType]


def crew_agent(
    name: str,
    make: Callable[[], Any],
    *,
    model: str,
    tools: Mapping[str, Mapping[str, Any]] | None = None,
    timeout: Duration = 0,
    description: str = "",
) -> Agent:
    """A durable agent with the handler ``kickoff(inputs)``: the crew's output as ``{"raw", "tasks", "json"}``.

    Args:
        make: makes the crew, anew for every run: a crew keeps what it did. Its agents need ``llm=HoldfastLLM(...)``, or
            get one.
        model: the route of agents (and managers) that have another kind of model.
        tools: what is declared of its tools, by name.
    """
    agent = Agent(name, description=description or "A crew of CrewAI.")
    agent.definition.fingerprint = fingerprint([model, make])

    async def kickoff(ctx: Context, inputs: dict[str, Any] | None = None) -> Any:
        async def work() -> Any:
            crew = _durable(make(), model, tools or {})
            return await asyncio.to_thread(crew.kickoff, inputs=inputs)

        output = await Places(ctx).host(work())
        return {
            "raw": output.raw,
            "tasks": [task.raw for task in output.tasks_output],
            "json": to_jsonable_python(output.json_dict or output.pydantic),
        }

    agent.handler(name="kickoff", timeout=timeout)(kickoff)
    return agent


def _durable(crew: Any, model: str, declared: Mapping[str, Mapping[str, Any]]) -> Any:
    for member in [*crew.agents, *([crew.manager_agent] if crew.manager_agent is not None else [])]:
        if not isinstance(member.llm, HoldfastLLM):
            member.llm = HoldfastLLM(model=model)
        member.tools = [durable_tool(t, **declared.get(t.name, {})) for t in member.tools or ()]
    for task in crew.tasks:
        task.tools = [durable_tool(t, **declared.get(t.name, {})) for t in task.tools or ()]
    return crew


__all__ = ["crew_agent"]
