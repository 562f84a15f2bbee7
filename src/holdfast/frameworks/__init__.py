"""Agents of other frameworks as durable agents: ``holdfast.frameworks.langgraph``, ``.pydantic_ai``, ``.openai_agents``,
``.crewai``.

A framework keeps its loop, its messages and its types; what touches the world (model requests, calls of tools, its store)
becomes steps of a turn, at named places (``places``). Each module imports its framework, and nothing imports the modules but
who uses them. None of this may know how a framework is built inside: what it does not offer as a hook is not durable, and
docs/frameworks.md says so.
"""

from .places import Places, here, step

__all__ = ["Places", "here", "step"]
