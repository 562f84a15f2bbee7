"""``Mind``: what makes an agent a thinking one: its model, its instructions, its tools, the form of its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..domain.conversation import Settings, ToolSpec
from ..domain.errors import Rejected
from ..tools import Origin, Tool, tool_of
from ..tools.form import Form
from ..turn.quarantine import form_of


class Mind:
    """See the module.

    Args:
        model: a route's name.
        instructions: what it is told first; a function of the context makes them anew each time.
        tools: functions, ``Tool``s, or agents' ``as_tool()``.
        origins: where more tools come from, asked while it thinks.
        output: the type of its answers, or a JSON schema; text by default.
        settings: for the model.
        rounds: how often at most it may ask the model in one turn.
        output_retries: how often it may correct an answer of the wrong form.
        memory_tokens: about how much of the conversation goes to the model; older parts are summed up. 0 for the target's
            own limit.
        remember: False forgets the conversation with every turn.
        handles: what untrusted tools bring is kept apart, and the model passes it on under names.
        quarantine: by tool, the form in which a model without tools passes on what it brings.
        quarantine_model: the route of that model; the mind's own if empty.
        plan: ``ask`` or ``deny``: the model plans first, and what departs from the plan is asked about or refused.
    """

    __slots__ = (
        "_tools",
        "form",
        "handles",
        "instructions",
        "memory_tokens",
        "model",
        "origins",
        "output_retries",
        "plan",
        "quarantine",
        "quarantine_model",
        "remember",
        "rounds",
        "settings",
    )

    def __init__(
        self,
        model: str,
        *,
        instructions: str | Callable[..., Any] = "",
        tools: Sequence[Any] = (),
        origins: Sequence[Origin] = (),
        output: Any = None,
        settings: Settings | None = None,
        rounds: int = 50,
        output_retries: int = 2,
        memory_tokens: int = 60_000,
        remember: bool = True,
        handles: bool = False,
        quarantine: Mapping[str, Any] | None = None,
        quarantine_model: str = "",
        plan: bool | str = False,
    ) -> None:
        self.model = model
        self.instructions = instructions
        self.form = Form(output)
        self.settings = settings or Settings()
        self.rounds = rounds
        self.output_retries = output_retries
        self.memory_tokens = memory_tokens
        self.remember = remember
        self.handles = handles
        self.quarantine = dict(quarantine or {})
        self.quarantine_model = quarantine_model
        if plan not in (True, False, "", "ask", "deny"):
            raise Rejected("agent.plan", f"plan= is True, 'ask' or 'deny', not {plan!r}.")
        self.plan = plan if isinstance(plan, str) else "ask" if plan else ""
        for form in self.quarantine.values():
            form_of(form)
        self.origins = tuple(origins)
        self._tools: dict[str, Tool] = {}
        for given in tools:
            self.add(tool_of(given))

    def add(self, tool: Tool) -> None:
        """Give it one more tool. Raises ``Rejected(tool.duplicate)``."""
        if tool.name in self._tools:
            raise Rejected(
                "tool.duplicate", f"There are two tools named {tool.name!r}. Give one another name.", tool=tool.name
            )
        if tool.quarantine is not None:
            form_of(tool.quarantine)
        self._tools[tool.name] = tool

    def quarantine_of(self, tool: Tool) -> Any:
        """The form in which a tool's results come out of quarantine; None if they do not go there."""
        return self.quarantine.get(tool.name, tool.quarantine)

    def tool(self, name: str) -> Tool | None:
        """One of its own tools by name."""
        return self._tools.get(name)

    @property
    def tools(self) -> list[ToolSpec]:
        """What the model sees of its own tools."""
        return [t.spec for t in self._tools.values()]
