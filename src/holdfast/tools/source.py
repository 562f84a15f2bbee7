"""Where tools come from that are not part of a definition: what they are may change while an agent lives.

An ``Origin`` is part of a definition and says where to look; ``open`` makes the ``ToolSource`` that looks, one per worker.
The thinking loop asks it before every request to a model; the answers are not journaled, since a replay needs none of it:
what the model said and what the tools did is there.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from .host import ToolHost
from .tool import Tool


class SourceUnavailable(Exception):
    """A source cannot say at the moment what tools it has; the words say why."""


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
        required: whether a turn fails without it, or goes on without its tools.
        patience_seconds: how long a turn waits for it.
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
