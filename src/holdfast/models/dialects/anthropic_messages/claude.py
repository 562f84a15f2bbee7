"""What the generations of Claude accept: how much they think is said in three ways, and newer ones refuse the older.

A name that is not one of Claude's (other servers speak this dialect, too) is taken for the oldest way, which is the one
that was copied most.
"""

from __future__ import annotations

import re
from typing import Any

from ....domain.conversation import Settings

_NAME = re.compile(r"claude-([a-z]+)-(\d+|preview)(?:-(\d{1,2})(?!\d))?")
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 32768}
_BUDGET_MIN = 1024
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}


class Claude:
    """A model by its name.

    Attributes:
        adaptive: it decides itself how much to think and takes an effort; else it takes a budget of tokens.
        budget: it takes a budget.
        sampling: it takes a temperature; ``one_of_two``: or top_p, but not both.
        inline_system: it follows instructions in the middle of the conversation.
    """

    def __init__(self, name: str) -> None:
        found = _NAME.search(name)
        self._family = found[1] if found else ""
        major = found[2] if found else "0"
        self._version = version = (5 if major == "preview" else int(major), int(found[3] or 0) if found else 0)
        self.adaptive = version >= (4, 6)
        self.budget = version < (4, 7)
        self.sampling = version < (4, 7)
        self.one_of_two = version >= (4, 1)
        self.inline_system = version >= (4, 8) and (self._family, version) != ("sonnet", (5, 0))
        self.xhigh = version >= (4, 7)

    def thinking(
        self, settings: Settings, own: dict[str, Any] | None, *, came_here: bool, max_tokens: int
    ) -> dict[str, Any]:
        """The fields ``thinking`` and ``output_config`` for how hard to think. ``own`` is the former as the client said it,
        which counts if this model takes it."""
        kind = (own or {}).get("type")
        if own is not None and not self._refuses(kind):
            return {"thinking": own, **(self._effort(settings) if kind == "adaptive" else {})}
        if settings.effort == "none":
            return self._off()
        if not settings.effort and own is None:
            return {}
        if self.adaptive:
            return {**({} if came_here and own is None else {"thinking": {"type": "adaptive"}}), **self._effort(settings)}
        room = max_tokens - max_tokens // 4  # the rest is for the answer
        budget = min(_BUDGETS.get(settings.effort or "medium", _BUDGETS["medium"]), room)
        return {"thinking": {"type": "enabled", "budget_tokens": budget}} if budget >= _BUDGET_MIN else {}

    def _refuses(self, kind: Any) -> bool:
        if kind == "enabled":
            return not self.budget
        if kind == "adaptive":
            return not self.adaptive
        return kind != self._off().get("thinking", {}).get("type")

    def _off(self) -> dict[str, Any]:
        if self._family in ("fable", "mythos") or (self._family == "opus" and self._version >= (5, 5)):
            return {"output_config": {"effort": "low"}}  # it always thinks
        if self._family == "sonnet" and self._version >= (5, 5):
            return {"thinking": {"type": "between_tools"}}
        return {"thinking": {"type": "disabled"}}

    def _effort(self, settings: Settings) -> dict[str, Any]:
        effort = _EFFORTS.get(settings.effort)
        if not effort or not self.adaptive:
            return {}
        return {"output_config": {"effort": "max" if effort == "xhigh" and not self.xhigh else effort}}


def effort_of(thinking: dict[str, Any] | None, output_config: dict[str, Any]) -> str:
    """How hard to think, from a client's words."""
    kind = (thinking or {}).get("type")
    if kind in ("disabled", "between_tools"):
        return "none"
    if isinstance(effort := output_config.get("effort"), str):
        return effort
    budget = (thinking or {}).get("budget_tokens")
    if kind != "enabled" or not isinstance(budget, int):
        return ""
    return next((effort for effort, tokens in _BUDGETS.items() if budget <= tokens), "xhigh")
