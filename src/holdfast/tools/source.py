"""Where tools come from that are not part of a definition: what they are may change while an agent lives.

An ``Origin`` is part of a definition and says where to look; ``open`` makes the ``ToolSource`` that looks, one per worker.
The thinking loop asks it before every request to a model; the answers are not journaled, since a replay needs none of it:
what the model said and what the tools did is there.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Protocol

from .host import ToolHost
from .tool import Tool

log = logging.getLogger("holdfast.tools")


class SourceUnavailable(Exception):
    """A source cannot say at the moment what tools it has; the words say why."""


class SourceAway(Exception):
    """A tool was called and its source did not get the call: nothing has happened. The turn waits until it answers again.

    Args:
        why: in words.
        name, key: of the source; see ``Origin``.
        answers: whether it is back; never raises.
    """

    def __init__(self, why: str, name: str, key: Hashable, answers: Callable[[], Awaitable[bool]]) -> None:
        super().__init__(why)
        self.name = name
        self.key = key
        self.answers = answers


class ToolSource(Protocol):
    """A live source, of one worker."""

    async def tools(self) -> list[Tool]:
        """What it has now; cheap when nothing changed. Raises ``SourceUnavailable``, or ``Rejected`` if it never will."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class Origin(Protocol):
    """A source in a definition.

    Attributes:
        name: what a person calls it.
        key: equal for origins that may share one source.
        required: whether a turn waits for it, as rows, or goes on without its tools.
        patience_seconds: how long a turn that can go on without it gives it to answer.
    """

    @property
    def name(self) -> str: ...
    @property
    def key(self) -> Hashable: ...
    @property
    def required(self) -> bool: ...
    @property
    def patience_seconds(self) -> float: ...

    def open(self, host: ToolHost) -> ToolSource:
        """The source itself."""
        ...

    def fingerprint(self) -> str:
        """What of it makes a definition another one; without secrets."""
        ...


def source_of(host: ToolHost, origin: Origin) -> ToolSource:
    """The worker's source of an origin."""
    return host.keep(("source", origin.key), lambda: origin.open(host))


async def answers(source: ToolSource) -> bool:
    """Whether it can say what tools it has. Something else may be wrong with it by then: whoever waits has to look."""
    try:
        await source.tools()
    except SourceUnavailable:
        return False
    except Exception as error:  # a probe ends for whatever reason there is to look again
        log.debug("something else is wrong with a source of tools now: %r", error)
    return True
