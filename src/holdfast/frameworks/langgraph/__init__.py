"""LangGraph: graphs as durable agents, and their checkpoints in Holdfast.

>>> from holdfast.frameworks.langgraph import HoldfastChatModel, durable_tool, graph_agent
>>> model = HoldfastChatModel(route="smart").bind_tools([lookup])
>>> support = graph_agent("support", builder.compile())
"""

from .agent import graph_agent
from .chat import HoldfastChatModel
from .keeping import threads
from .nodes import durable_tool, step
from .saver import HoldfastSaver

__all__ = ["HoldfastChatModel", "HoldfastSaver", "durable_tool", "graph_agent", "step", "threads"]
