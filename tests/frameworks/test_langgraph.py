"""Graphs of LangGraph as durable agents, and LangGraph's own conformance tests for the saver."""

from __future__ import annotations

import asyncio
import operator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest

pytest.importorskip("langgraph")

from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Send, interrupt

from holdfast import Agent, HoldfastError, Runtime
from holdfast.frameworks.langgraph import HoldfastChatModel, HoldfastSaver, durable_tool, graph_agent, step, threads
from holdfast.testing import models as bad
from holdfast.testing.models import Call, Reply
from twice import a_place, end, idle, places, until

pytestmark = pytest.mark.filterwarnings("default")


class Notes(TypedDict):
    """A graph's state."""

    notes: Annotated[list[str], operator.add]


@pytest.mark.parametrize("store", ["memory://", "sqlite"])
async def test_the_saver_passes_langgraphs_own_conformance_tests(store: str, tmp_path: Path) -> None:
    url = store if store != "sqlite" else f"sqlite:///{tmp_path / 's.db'}"
    async with Runtime([threads()], url) as runtime:

        @checkpointer_test(name=f"Holdfast on {store}")
        async def factory() -> Any:
            yield HoldfastSaver(runtime)

        report = await validate(factory)
        results = report.results.values()
        assert all(r.detected and r.passed and not r.tests_skipped for r in results), [r.failures for r in results]
        assert len(report.results) == 8 and sum(r.tests_passed for r in results) >= 81


async def test_a_graph_elsewhere_keeps_its_checkpoints_here(tmp_path: Path) -> None:
    """From outside, async and from threads; what a thread has is there after a restart."""

    def note(state: Notes) -> Any:
        return {"notes": [f"{len(state['notes'])}"]}

    builder: Any = StateGraph(Notes)
    builder.add_node("note", note)
    builder.add_edge(START, "note")
    url = f"sqlite:///{tmp_path / 's.db'}"
    config: Any = {"configurable": {"thread_id": "a b/c"}}
    async with Runtime([threads()], url) as runtime:
        graph = builder.compile(checkpointer=HoldfastSaver(runtime))
        await graph.ainvoke({"notes": ["x"]}, config)
        assert (await asyncio.to_thread(graph.invoke, {"notes": []}, config))["notes"] == ["x", "1", "2"]
        with pytest.raises(HoldfastError) as caught:
            graph.get_state(config)
        assert caught.value.code == "frameworks.blocking"
    async with Runtime([threads()], url) as runtime:
        graph = builder.compile(checkpointer=HoldfastSaver(runtime))
        assert (await graph.aget_state(config)).values["notes"] == ["x", "1", "2"]
        assert len([s async for s in graph.aget_state_history(config)]) == 6


class Counted:
    """A chain of nodes that count how often they ran, and a tool that can be held."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.worked: list[str] = []
        self.go = asyncio.Event()

    def agent(self) -> Agent:
        async def lookup(order: int) -> str:
            """Look an order up."""
            self.worked.append(f"lookup {order}")
            if order == 2:
                await self.go.wait()
            return f"order {order} is on its way"

        tools = [durable_tool(lookup)]
        model = HoldfastChatModel(route="m").bind_tools(tools)

        async def plan(state: MessagesState) -> Any:
            self.ran.append("plan")
            return {"messages": [await model.ainvoke(state["messages"])]}

        builder: Any = StateGraph(MessagesState)
        builder.add_node("plan", plan)
        builder.add_node("tools", ToolNode(tools))
        builder.add_edge(START, "plan")
        builder.add_conditional_edges("plan", tools_condition)
        builder.add_edge("tools", "plan")
        return graph_agent("support", builder.compile())


def orders(call: Call) -> Reply:
    if call.messages[-1]["role"] == "tool":
        return Reply("both are on their way")
    return Reply(tool_calls=[("a", "lookup", {"order": 1}), ("b", "lookup", {"order": 2})])


async def test_after_a_crash_it_goes_on_without_asking_or_working_twice(tmp_path: Path) -> None:
    counted = Counted()
    async with a_place(tmp_path, orders, lambda: [counted.agent()]) as here:
        async with here.runtime() as first:
            await first.send(counted.agent()["7"].run, {"messages": [{"role": "user", "content": "where are they?"}]})
            await until(lambda: len(counted.worked) == 2)
            await until(lambda: len(here.vendor.calls) == 1)
            await asyncio.sleep(0.1)  # the first tool's result becomes durable
        counted.go.set()
        async with here.runtime() as second:
            await idle(second, "support/7")
            values = await second.call(counted.agent()["7"].values)
            assert [m["type"] for m in values["messages"]] == ["human", "ai", "tool", "tool", "ai"]
            assert values["messages"][-1]["content"] == "both are on their way"
            names = [p for _, _, p in await places(second, "support/7", "tool", "model")]
            assert names[0].startswith("step1:plan/model") and names[-1].startswith("step3:plan/model")
        assert counted.ran == ["plan", "plan"], "a finished node does not run again"
        assert counted.worked == ["lookup 1", "lookup 2", "lookup 2"], (
            "what one tool did is kept, what the other began is not"
        )
        assert len(here.vendor.calls) == 2


async def test_a_node_that_begins_again_is_answered_for_what_it_did(tmp_path: Path) -> None:
    ran: list[str] = []
    paid: list[int] = []
    go = asyncio.Event()

    def pay(cents: int) -> str:
        paid.append(cents)
        return f"paid {cents}"

    def make() -> list[Agent]:
        model = HoldfastChatModel(route="m")

        async def work(state: Notes) -> Any:
            ran.append("work")
            said = await model.ainvoke("how much?")
            receipt = await step(pay, int(str(said.content)))
            if not go.is_set():
                ran.append("held")
                await go.wait()
            return {"notes": [receipt]}

        builder: Any = StateGraph(Notes)
        builder.add_node("work", work)
        builder.add_edge(START, "work")
        return [graph_agent("payer", builder.compile())]

    async with a_place(tmp_path, bad.always(Reply("40")), make) as here:
        async with here.runtime() as first:
            await first.send(make()[0]["1"].run, {"notes": []})
            await until(lambda: "held" in ran)
        go.set()
        async with here.runtime() as second:
            await idle(second, "payer/1")
            assert await end(second, "payer/1") == {"notes": ["paid 40"]}
        assert ran == ["work", "held", "work"] and paid == [40] and len(here.vendor.calls) == 1


def twice_asked() -> list[Agent]:
    def confirm(state: Notes) -> Any:
        first = interrupt({"question": "Refund?", "choices": ["yes", "no"]})
        second = interrupt("Really?")
        return {"notes": [first, second]}

    builder: Any = StateGraph(Notes)
    builder.add_node("confirm", confirm)
    builder.add_edge(START, "confirm")
    graph = builder.compile()
    return [graph_agent("asking", graph), graph_agent("giving", graph, interrupts="return")]


async def test_an_interrupt_is_a_question_to_a_person_that_outlives_the_process(tmp_path: Path) -> None:
    async def question(runtime: Runtime) -> str:
        async with asyncio.timeout(10):
            while not (found := await runtime.asks()):
                await asyncio.sleep(0.01)
        return found[0].question

    async with a_place(tmp_path, bad.always(Reply("x")), twice_asked) as here:
        async with here.runtime() as first:
            await first.send(twice_asked()[0]["1"].run, {"notes": []})
            assert await question(first) == "Refund?"
        async with here.runtime() as second:
            assert await question(second) == "Refund?"
            await second.answer("asking/1", "yes")
            async with asyncio.timeout(10):
                while await question(second) != "Really?":
                    await asyncio.sleep(0.01)
        async with here.runtime() as third:
            assert await question(third) == "Really?"
            await third.answer("asking/1", "surely")
            await idle(third, "asking/1")
            assert await end(third, "asking/1") == {"notes": ["yes", "surely"]}


async def test_an_interrupt_can_end_the_turn_and_another_message_goes_on(tmp_path: Path) -> None:
    async with a_place(tmp_path, bad.always(Reply("x")), twice_asked) as here, here.runtime() as runtime:
        agent = twice_asked()[1]
        asked = await runtime.call(agent["1"].run, {"notes": []})
        assert asked["interrupts"][0]["value"] == {"question": "Refund?", "choices": ["yes", "no"]}
        asked = await runtime.call(agent["1"].resume, "no")
        assert asked["interrupts"][0]["value"] == "Really?"
        assert await runtime.call(agent["1"].resume, "yes") == {"notes": ["no", "yes"]}


async def test_parallel_tasks_and_subgraphs_have_places_of_their_own(tmp_path: Path) -> None:
    def make() -> list[Agent]:
        model = HoldfastChatModel(route="m")

        def ask(state: Any) -> Any:  # blocking, in a thread
            return {"notes": [str(model.invoke(f"about {state['about']}").content)]}

        inner: Any = StateGraph(Notes)

        def sum_up(state: Notes) -> Any:
            return {"notes": [str(model.invoke("sum up").content)]}

        inner.add_node("sum_up", sum_up)
        inner.add_edge(START, "sum_up")
        builder: Any = StateGraph(Notes)
        builder.add_node("ask", ask)
        builder.add_node("inner", inner.compile())

        def fan_out(state: Notes) -> Any:
            return [Send("ask", {"about": n}) for n in range(3)]

        builder.add_conditional_edges(START, fan_out)
        builder.add_edge("ask", "inner")
        builder.add_edge("inner", END)
        return [graph_agent("fan", builder.compile())]

    def shout(call: Call) -> Reply:
        return Reply(call.text.upper())

    async with a_place(tmp_path, shout, make) as here, here.runtime() as runtime:
        found = await runtime.call(make()[0]["1"].run, {"notes": []})
        assert found["notes"][:3] == ["ABOUT 0", "ABOUT 1", "ABOUT 2"] and found["notes"][-1] == "SUM UP"
        names = sorted(p.partition("/")[0] for _, _, p in await places(runtime, "fan/1", "model"))
        assert names == ["step1:ask:0", "step1:ask:1", "step1:ask:2", "step2:inner+1:sum_up"]


async def test_a_thread_goes_on_with_the_next_message(tmp_path: Path) -> None:
    counted = Counted()
    counted.go.set()
    async with a_place(tmp_path, orders, lambda: [counted.agent()]) as here:
        async with here.runtime() as runtime:
            await runtime.call(counted.agent()["7"].run, {"messages": [("user", "where are they?")]})
        async with here.runtime() as runtime:
            said = await runtime.call(counted.agent()["7"].run, {"messages": [("user", "and now?")]})
            assert len(said["messages"]) == 10
            outside = HoldfastSaver(runtime, agent="support")
            found = await outside.aget_tuple({"configurable": {"thread_id": "7"}})
            assert found is not None and len(found.checkpoint["channel_values"]["messages"]) == 10
