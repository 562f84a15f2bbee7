"""Crews of CrewAI as durable agents. CrewAI holds back other packages, so it has an environment of its own: see
docs/frameworks.md for how these tests are run there; where it is not installed they are skipped by name."""

# CrewAI pins other versions of what our tests need (docs/frameworks.md), so it is not there when types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUntypedBaseClass=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

os.environ["CREWAI_DISABLE_TELEMETRY"] = os.environ["OTEL_SDK_DISABLED"] = os.environ["CREWAI_DISABLE_TRACKING"] = "true"
os.environ.setdefault("CREWAI_TRACING_ENABLED", "false")
pytest.importorskip("crewai", reason="CrewAI is in another environment: docs/frameworks.md")

import crewai
from crewai.tools import BaseTool

from holdfast import Agent
from holdfast.frameworks.crewai import HoldfastLLM, crew_agent
from holdfast.testing.models import Call, Reply
from twice import a_place, end, idle, places, until

pytestmark = pytest.mark.filterwarnings("default")


class Lookup(BaseTool):
    """Looks orders up; the second one waits."""

    name: str = "lookup"
    description: str = "Look an order up."

    def _run(self, order: int) -> str:
        CALLED.append(order)
        if order == 2:
            GO.wait(10)
        return f"order {order} is on its way"


CALLED: list[int] = []
GO = threading.Event()


def make_crew() -> Any:
    llm = HoldfastLLM(model="m")
    clerk = crewai.Agent(role="Clerk", goal="Find orders", backstory="Patient.", llm=llm, tools=[Lookup()])
    writer = crewai.Agent(role="Writer", goal="Write", backstory="Brief.", llm=llm)
    find = crewai.Task(description="Where are orders {orders}?", expected_output="a sentence", agent=clerk)
    write = crewai.Task(description="Write to the customer.", expected_output="a letter", agent=writer)
    return crewai.Crew(agents=[clerk, writer], tasks=[find, write], memory=False, tracing=False)


def script(call: Call) -> Reply:
    if "Write to the customer." in call.text:
        return Reply("Dear customer")
    if any(m["role"] == "tool" for m in call.messages):
        return Reply("both are on their way")
    return Reply(tool_calls=[("a", "lookup", {"order": 1}), ("b", "lookup", {"order": 2})])


async def test_after_a_crash_nothing_is_asked_or_called_twice(tmp_path: Path) -> None:
    def make() -> list[Agent]:
        return [crew_agent("team", make_crew, model="m")]

    async with a_place(tmp_path, script, make) as here:
        async with here.runtime() as first:
            await first.send(make()[0]["1"].kickoff, {"orders": "1 and 2"})
            await until(lambda: 2 in CALLED, 30)
        GO.set()
        async with here.runtime() as second:
            await idle(second, "team/1", 30)
            found = await end(second, "team/1")
            assert found["raw"] == "Dear customer" and found["tasks"] == ["both are on their way", "Dear customer"]
            names = [p for _, _, p in await places(second, "team/1", "model")]
            assert [n.partition("/")[2] for n in names] == ["model-1.1", "model-2.1", "model-1.1"]
    assert CALLED.count(1) == 1, "what one tool did is not done again"
    assert len(here.vendor.calls) == 3, "nothing was asked twice"
