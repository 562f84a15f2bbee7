"""CrewAI: crews as durable agents.

>>> from holdfast.frameworks.crewai import HoldfastLLM, crew_agent
>>> team = crew_agent("team", make_crew, model="smart")
"""

from .agent import crew_agent
from .llm import HoldfastLLM
from .tools import durable_tool  # pyright: ignore[reportUnknownVariableType]

__all__ = ["HoldfastLLM", "crew_agent", "durable_tool"]
