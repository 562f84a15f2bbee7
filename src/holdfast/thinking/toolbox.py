"""``Toolbox``: the tools of a mind in one turn: its own, and those that its sources offer right now.

Sources are asked only when it matters: before a request that is really made, and for a call that is really made. What the
journal has an answer for needs no source, so a turn comes back on a machine from which none can be reached. While a source
that a turn cannot do without is away, the turn is rows; without any other it goes on, and says so.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from ..domain.conversation import ToolCall, ToolSpec
from ..domain.entry import EntryKind
from ..domain.errors import Rejected
from ..journal.codec import encode
from ..journal.replay import Recorded
from ..mailbox.lookout import SOURCE
from ..tools import Origin, Tool
from ..tools.source import SourceUnavailable, ToolSource, answers, source_of
from ..turn.branches import BRANCHES
from ..turn.context import Context
from .mind import Mind

log = logging.getLogger("holdfast.agent")

_PATIENCE_SECONDS = 10.0
"""How long a turn stays in memory for a source that has not said anything yet: a program may take so long to start."""


class Toolbox:
    """See the module."""

    def __init__(self, ctx: Context, mind: Mind) -> None:
        self._ctx = ctx
        self._mind = mind
        self._found: dict[str, Tool] = {}
        self.extra: dict[str, Tool] = {}
        """Tools that the runtime adds."""
        self._looked = False
        self._away: set[str] = set()
        self._noted: set[tuple[str, str]] = set()

    @property
    def specs(self) -> list[ToolSpec]:
        """What the model sees of them."""
        return [*self._mind.tools, *(tool.spec for tool in (*self._found.values(), *self.extra.values()))]

    @property
    def away(self) -> list[str]:
        """The sources that the turn goes on without, by name."""
        return sorted(self._away)

    def tool(self, name: str) -> Tool | None:
        """One of them by name."""
        return self.extra.get(name) or self._mind.tool(name) or self._found.get(name)

    async def look(self) -> None:
        """Ask the sources what they have now, if the next step is not in the journal. Waits, as rows, for those that
        are required."""
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
        replay, path = self._ctx.turn.replay, self._ahead(branch)
        return replay.steps.get(path) if replay is not None and path else None

    def _ahead(self, branch: int = 0) -> str:
        """The path of that step; ``""`` outside the turn."""
        here = BRANCHES.get(asyncio.current_task())  # type: ignore[arg-type]
        if here is None:
            return ""
        return f"{here.prefix}{here.n + branch}.1" if branch else f"{here.prefix}{here.n + 1}"

    async def _look(self) -> None:
        await self._ctx.turn.before(self._ahead())
        offers = [(origin, await self._offer(origin)) for origin in self._mind.origins]
        self._found = {}
        for origin, offered in offers:
            for tool in offered:
                self._add(origin, tool)
        self._looked = True

    async def _offer(self, origin: Origin) -> list[Tool]:
        """A source's tools; of one that is required, whenever it has any."""
        source = source_of(self._ctx.turn.worker.tool_host, origin)
        short = origin.required or origin.name in self._away  # who was waited for once is not waited for in every round
        while True:
            try:
                found = await self._ask(source, _PATIENCE_SECONDS if short else origin.patience_seconds)
                self._away.discard(origin.name)
                return found
            except (SourceUnavailable, Rejected) as error:
                why = error.message if isinstance(error, Rejected) else str(error)
                if not origin.required:
                    await self._go_without(origin, why)
                    return []
                if isinstance(error, Rejected):
                    raise
            await self._until_it_is_back(origin, source, why)

    async def _ask(self, source: ToolSource, seconds: float) -> list[Tool]:
        turn = self._ctx.turn
        turn.busy += 1  # this wait is none that a turn leaves memory for
        try:
            async with asyncio.timeout(seconds):
                return await source.tools()
        except TimeoutError as error:
            raise SourceUnavailable(f"it has not said what tools it has for {seconds:g} s") from error
        finally:
            turn.busy -= 1

    async def _go_without(self, origin: Origin, why: str) -> None:
        self._ctx.tell({"source": origin.name, "away": why})
        if origin.name not in self._away:
            log.warning("%s goes on without the tools of %s: %s", self._ctx.address, origin.name, why)
            self._away.add(origin.name)
            await self._note(origin, why, goes_on=True)

    async def _until_it_is_back(self, origin: Origin, source: ToolSource, why: str) -> None:
        """Wait before the step for which it is needed."""
        turn, path = self._ctx.turn, self._ahead()
        self._ctx.tell({"source": origin.name, "waits": why})
        await self._note(origin, why, goes_on=False)
        turn.worker.lookout.needed(origin.name, origin.key, partial(answers, source))
        await turn.wait_for(path, SOURCE, origin.name, detail=encode({"why": why}), silent=True)

    async def _note(self, origin: Origin, why: str, *, goes_on: bool) -> None:
        """In the journal once for each step, beside it: the reason may change with every attempt."""
        turn, path = self._ctx.turn, self._ahead()
        noted = turn.replay.notes.get(path, []) if turn.replay is not None else []
        if any(entry.verb == SOURCE and entry.name == origin.name for entry in noted) or (path, origin.name) in self._noted:
            return
        self._noted.add((path, origin.name))
        if turn.item.id == 0:
            await turn.accept()
        turn.journal(EntryKind.NOTE, path, SOURCE, origin.name, detail={"why": why, "goes_on": goes_on})

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
