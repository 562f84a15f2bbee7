"""What CrewAI gives us to build on; where it is not installed, stand-ins that say so when they are used."""

# CrewAI pins other versions of what our tests need (docs/frameworks.md), so it is not there when types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import Any

from ...domain.errors import Rejected

try:
    from crewai import BaseLLM
    from crewai.tools import BaseTool
except ImportError:

    class Missing:
        """Stands for a class of CrewAI."""

        def __init__(self, *args: Any, **given: Any) -> None:
            raise Rejected(
                "frameworks.not_installed",
                "CrewAI is not installed here. `pip install 'holdfast[crewai]'`, in an environment of its own: it pins "
                "older versions of what the other frameworks take.",
            )

    BaseLLM: Any = Missing
    BaseTool: Any = Missing

__all__ = ["BaseLLM", "BaseTool"]
