"""``Toolbox``: the tools of a mind in one turn: its own, and those that its sources offer right now.

Sources are asked only when it matters: before a request that is really made, and for a call that is really made. What the
journal has an answer for needs no source, so a turn comes back on a machine from which none can be reached.
"""

from __future__ import annotations

import asyncio
import logging

from ..domain.conversation import ToolCall, ToolSpec
from ..domain.errors import Rejected, Unavailable
from ..journal.replay import Recorded
from ..tools import Origin, Tool
from ..tools.source import SourceUnavailable, source_of
from ..turn.branches import BRANCHES
from ..turn.context import Context
from .mind import Mind

log = logging.getLogger("holdfast.agent")

_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 5.0


class Toolbox:
    """See the module."""

    def __init__(self, ctx: Context, mind: Mind) -> None:
        self._ctx = ctx
        self._mind = mind
        self._found: dict[str, Tool] = {}
        self.extra: dict[str, Tool] = {}
        """Tools that the runtime adds."""
        self._looked = False

    @property
    def specs(self) -> list[ToolSpec]:
        """What the model sees of them."""
        return [*self._mind.tools, *(tool.spec for tool in (*self._found.values(), *self.extra.values()))]

    def tool(self, name: str) -> Tool | None:
        """One of them by name."""
        return self.extra.get(name) or self._mind.tool(name) or self._found.get(name)

    async def look(self) -> None:
        """Ask the sources what they have now, if the next step is not in the journal. Raises
        ``Unavailable(tool.source_unavailable)``."""
        if self._mind.origins and not _has_result(self.recorded()):
            await self._look()

    async def look_for(self, calls: list[ToolCall]) -> None:
        """Ask them if one of these calls, each about to be made in a branch of its own, is not in the journal."""
        if not self._mind.origins or self._looked:
            return
        places = [(self._mind.tool(call.name), self.recorded(branch)) for branch, call in enumerate(calls, 1)]
        if any(own is None and not _has_result(recorded) for own, recorded in places):
            await self._look()

    def recorded(self, branch: int = 0) -> Recorded | None:
        """What the journal has of the next step here; or of the first step in the how-manieth branch made from here."""
        turn = self._ctx.turn
        here = BRANCHES.get(asyncio.current_task())  # type: ignore[arg-type]
        if turn.replay is None or here is None:
            return None
        path = f"{here.prefix}{here.n + branch}.1" if branch else f"{here.prefix}{here.n + 1}"
        return turn.replay.steps.get(path)

    async def _look(self) -> None:
        turn = self._ctx.turn
        turn.busy += 1  # this wait is none that a turn leaves memory for
        try:
            offers = [(origin, await self._offer(origin)) for origin in self._mind.origins]
        finally:
            turn.busy -= 1
        self._found = {}
        for origin, offered in offers:
            for tool in offered:
                self._add(origin, tool)
        self._looked = True

    async def _offer(self, origin: Origin) -> list[Tool]:
        """A source's tools, with patience."""
        turn = self._ctx.turn
        source = source_of(turn.worker.tool_host, origin)
        until = turn.clock.monotonic() + origin.patience_seconds
        wait = _FIRST_WAIT_SECONDS
        while True:
            try:
                return await source.tools()
            except (SourceUnavailable, Rejected) as error:
                self._ctx.tell({"source": origin.name, "failed": str(error)})
                if not origin.required:
                    log.warning("%s goes on without the tools of %s: %s", self._ctx.address, origin.name, error)
                    return []
                if isinstance(error, Rejected):
                    raise
                if turn.clock.monotonic() + wait > until:
                    raise Unavailable(
                        "tool.source_unavailable",
                        f"{origin.name} does not say what tools it has: {error}. Send the message again when it is back, "
                        "or make it McpServer(..., required=False).",
                        source=origin.name,
                    ) from error
            await turn.clock.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)

    def _add(self, origin: Origin, tool: Tool) -> None:
        """Who comes first keeps the name: no server can put itself in another one's place."""
        name = tool.name
        if self.tool(name) is not None:
            name = f"{origin.name}_{name}".replace(".", "_").replace("-", "_")
            tool = tool.renamed(name)
        if self.tool(name) is not None:
            log.warning("%s: there are two tools named %s, the one of %s is left out", self._ctx.name, name, origin.name)
            return
        self._found[name] = tool


def _has_result(recorded: Recorded | None) -> bool:
    return recorded is not None and recorded.result is not None
