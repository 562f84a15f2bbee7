"""The OpenAI Agents SDK: its agents as durable agents.

>>> from holdfast.frameworks.openai_agents import openai_agent
>>> support = openai_agent("support", agents.Agent(name="Support", tools=[lookup]), model="smart")
"""

from .agent import openai_agent
from .client import durable_client
from .model import HoldfastProvider
from .tools import durable_agent, durable_tool

__all__ = ["HoldfastProvider", "durable_agent", "durable_client", "durable_tool", "openai_agent"]
