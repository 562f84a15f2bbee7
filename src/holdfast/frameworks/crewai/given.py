"""What CrewAI gives us to build on; where it is not installed, stand-ins that say so when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...domain.errors import Rejected


class Missing:
    """Stands for a class of CrewAI."""

    def __init__(self, *args: Any, **given: Any) -> None:
        raise Rejected(
            "frameworks.not_installed",
            "CrewAI is not installed here. `pip install 'holdfast[crewai]'`, in an environment of its own: it pins older "
            "versions of what the other frameworks take.",
        )


def _given(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name)
    except ImportError:
        return Missing


BaseLLM: Any = _given("crewai", "BaseLLM")
BaseTool: Any = _given("crewai.tools", "BaseTool")

__all__ = ["BaseLLM", "BaseTool"]
