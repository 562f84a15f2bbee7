"""CrewAI's tools as durable steps."""

# CrewAI pins other versions of what our tests need (docs/frameworks.md), so it is not there when types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUntypedBaseClass=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import asyncio
import inspect
from typing import Any, cast

from pydantic import PrivateAttr
from pydantic_core import to_jsonable_python

from ..places import Places, here, in_turn, tool_step
from .given import BaseTool


class _Durable(BaseTool):
    """A tool around a tool."""

    _inner: Any = PrivateAttr()
    _declared: dict[str, Any] = PrivateAttr(default_factory=dict[str, Any])

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        if not in_turn():
            return self._inner.run(*args, **kwargs)
        places = here()
        shown = self._shown(args, kwargs)
        step = tool_step(lambda _: self._blocking(args, kwargs), self.name, shown, **self._declared)
        return places.from_thread(self._place(places, shown), step)

    async def _arun(self, *args: Any, **kwargs: Any) -> Any:
        if not in_turn():
            return await self._inner.arun(*args, **kwargs)

        async def call(_: Any) -> Any:
            return to_jsonable_python(await self._inner.arun(*args, **kwargs), serialize_unknown=True)

        places = here()
        shown = self._shown(args, kwargs)
        return await places.at(self._place(places, shown), tool_step(call, self.name, shown, **self._declared))

    def _blocking(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        value = self._inner.run(*args, **kwargs)
        if inspect.isawaitable(value):
            value = asyncio.run(cast(Any, value))
        return to_jsonable_python(value, serialize_unknown=True)

    def _place(self, places: Places, shown: Any) -> str:
        """CrewAI does not tell a tool for which call it runs, and runs those of one answer in threads: its arguments do."""
        return places.by_content("", f"tool-{self.name}", shown)

    @staticmethod
    def _shown(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        plain = to_jsonable_python({**{str(n): a for n, a in enumerate(args)}, **kwargs}, serialize_unknown=True)
        return dict(sorted(plain.items()))


def durable_tool(tool: Any, **declared: Any) -> Any:
    """A tool whose calls are steps. ``declared``: ``idempotent``, ``retry``, ``timeout_seconds``, ``verify``."""
    if isinstance(tool, _Durable):
        return tool
    made = _Durable(
        name=tool.name,
        description=tool.description,
        args_schema=tool.args_schema,
        result_as_answer=tool.result_as_answer,
        max_usage_count=tool.max_usage_count,
    )
    made._inner, made._declared = tool, declared  # pyright: ignore[reportPrivateUsage]
    return made


__all__ = ["durable_tool"]
