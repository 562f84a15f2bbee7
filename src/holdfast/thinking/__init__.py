"""Agents that think: the loop of model and tools, what they remember, and the form of their answers.

The loop is a plain handler over ``Context``: each request to a model and each call of a tool is a step like any other.
"""

from .loop import converse
from .mind import Mind

__all__ = ["Mind", "converse"]
