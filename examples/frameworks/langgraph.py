"""A LangGraph graph as a durable agent. ``python -m examples.frameworks.langgraph``"""

from __future__ import annotations

from typing import Any

from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from examples.frameworks.story import ask_carrier, lookup_order, main
from holdfast import Agent
from holdfast.frameworks.langgraph import HoldfastChatModel, durable_tool, graph_agent


def lookup(order: int) -> str:
    """Look an order up."""
    return lookup_order(order)


def carrier(order: int) -> str:
    """Ask the carrier where an order is."""
    return ask_carrier(order)


def make() -> Agent:
    """The usual loop of a model and its tools, as a graph."""
    tools = [durable_tool(lookup), durable_tool(carrier)]
    model = HoldfastChatModel(route="smart").bind_tools(tools)

    async def talk(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder: Any = StateGraph(MessagesState)
    builder.add_node("talk", talk)
    builder.add_node("tools", ToolNode(tools))
    builder.add_edge(START, "talk")
    builder.add_conditional_edges("talk", tools_condition)
    builder.add_edge("tools", "talk")
    return graph_agent("support", builder.compile())


if __name__ == "__main__":
    support = make()
    question = {"messages": [{"role": "user", "content": "My order 17 is late!"}]}
    main("examples.frameworks.langgraph", lambda: [support], lambda: support["ada"].run, question)
