"""``McpServer``: a server of the Model Context Protocol in a definition: where it is, and how far it is believed.

Nothing here imports the protocol's library: a definition can be loaded, hashed and replayed without it.
"""

from __future__ import annotations

import asyncio
import importlib
import shlex
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from ...domain.errors import Rejected
from ..host import ToolHost
from ..source import ToolSource
from ..tool import Tool

if TYPE_CHECKING:
    from .source import McpSource


class McpServer:
    """See the module.

    What a server says of its tools (``readOnlyHint``, ``idempotentHint``) decides what happens after a crash in the middle
    of a call: reading and idempotent ones are called again; of others a person is asked whether it happened. Where a server
    says nothing, nothing is assumed: declare with ``reads`` and ``idempotent`` what you know. That a tool only reads is
    passed on to the gate (``effects=False``) if you declare it or trust the server; what it says of itself in the other
    direction (``destructiveHint``, and ``openWorldHint`` for what it brings in) is believed of any.

    Args:
        command: a program with its arguments, which speaks the protocol on its standard input and output.
        url: the server's address (streamable HTTP), instead of a command.
        env: variables of the program, besides HOME, LOGNAME, PATH, SHELL, TERM and USER; nothing else of the worker's
            environment is passed on. ``env:NAME`` and ``file:PATH`` stand for what is there, here and in ``headers``.
        headers: sent with every request to the ``url``: ``{"Authorization": "Bearer env:TOKEN"}``.
        folder: where the program runs.
        name: what people call it; made from the command or the url by default.
        prefix: put before the names of its tools.
        tools: the only ones of its tools to be used, by its own names; all by default.
        trusted: whether its hints and the output of its tools are believed.
        reads, idempotent: its tools that only read, and those that may safely be called twice; ``["*"]`` for all.
        roles: per tool, what its arguments are (see ``Tool``): ``{"send": {"to": "destination"}}``.
        destinations, content: per tool, short for these roles.
        timeout_seconds: of one call.
        connect_seconds: until it has started and said what it has; then it is tried anew.
        refresh_seconds: how old its list of tools may be; it is asked earlier when it says that the list changed.
        required: while it is away, turns wait for it as rows and go on when it answers, within their own deadline. False:
            they go on without its tools, which the model and whoever looks are told.
        output_characters: the most text of one result; the rest is cut off, and the model is told.
    """

    def __init__(
        self,
        command: str | Sequence[str] = (),
        *,
        url: str = "",
        env: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        folder: str = "",
        name: str = "",
        prefix: str = "",
        tools: Sequence[str] | None = None,
        trusted: bool = False,
        reads: Sequence[str] = (),
        idempotent: Sequence[str] = (),
        roles: Mapping[str, Mapping[str, str]] | None = None,
        destinations: Mapping[str, Sequence[str]] | None = None,
        content: Mapping[str, Sequence[str]] | None = None,
        timeout_seconds: float = 60.0,
        connect_seconds: float = 60.0,
        refresh_seconds: float = 300.0,
        required: bool = True,
        output_characters: int = 100_000,
    ) -> None:
        self.command = tuple(shlex.split(command)) if isinstance(command, str) else tuple(command)
        self.url = url
        if bool(self.command) == bool(url) or (url and not url.startswith(("http://", "https://"))):
            raise Rejected("mcp.malformed", f"An MCP server is a command or an http(s) url: {command or url!r} is neither.")
        self.env = dict(env or {})
        self.headers = dict(headers or {})
        self.folder = folder
        self.name = name or _name_of(self.command, url)
        self.prefix = prefix
        self.only = None if tools is None else frozenset(tools)
        self.trusted = trusted
        self.reads = frozenset(reads)
        self.idempotent = frozenset(idempotent)
        self.roles = {tool: dict(its) for tool, its in (roles or {}).items()}
        for role, short in (("destination", destinations), ("content", content)):
            for tool, names in (short or {}).items():
                self.roles.setdefault(tool, {}).update(dict.fromkeys(names, role))
        self.timeout_seconds = timeout_seconds
        self.connect_seconds = connect_seconds
        self.refresh_seconds = refresh_seconds
        self.required = required
        self.output_characters = output_characters

    @classmethod
    def of(cls, given: str | Sequence[str] | McpServer) -> McpServer:
        """From ``"uvx some-server"``, ``["uvx", "some-server"]`` or ``"https://host/mcp"``. Raises
        ``Rejected(mcp.malformed)``."""
        if isinstance(given, McpServer):
            return given
        if isinstance(given, str) and given.startswith(("http://", "https://")):
            return cls(url=given)
        return cls(given)

    @property
    def place(self) -> Hashable:
        """Equal for those that can share a connection."""
        return (self.command, self.url, *sorted(self.env.items()), "/", *sorted(self.headers.items()), self.folder)

    @property
    def key(self) -> Hashable:
        """See ``Origin``."""
        return (self.place, self.fingerprint())

    @property
    def patience_seconds(self) -> float:
        """See ``Origin``."""
        return self.connect_seconds

    def fingerprint(self) -> str:
        """See ``Origin``."""
        said: dict[str, Any] = {name: value for name, value in vars(self).items() if name not in ("env", "headers")}
        said |= {"env": sorted(self.env), "headers": sorted(self.headers)}
        return msgspec.json.encode(said, order="deterministic").decode()

    def open(self, host: ToolHost) -> ToolSource:
        """See ``Origin``."""
        return _Opening(self, host)

    def __repr__(self) -> str:
        return f"<mcp server {self.name}>"


class _Opening:
    """The source of a server; the library is loaded when it is first asked, in a thread, since that takes a second."""

    def __init__(self, server: McpServer, host: ToolHost) -> None:
        self._server = server
        self._host = host
        self._source: McpSource | None = None

    async def tools(self) -> list[Tool]:
        """See ``ToolSource``."""
        if self._source is None:
            try:
                module = await asyncio.to_thread(importlib.import_module, f"{__package__}.source")
            except ImportError as error:
                raise Rejected(
                    "mcp.not_installed",
                    f"{self._server.name} needs the package mcp, which is not installed here ({error}). "
                    "Install it: pip install 'holdfast[mcp]'.",
                ) from error
            self._source = self._source or module.McpSource(self._server, self._host)
        assert self._source is not None
        return await self._source.tools()

    async def close(self) -> None:
        """See ``ToolSource``: the connection is the host's."""


def _name_of(command: tuple[str, ...], url: str) -> str:
    if url:
        return urlsplit(url).hostname or url
    words = [word for word in command[1:] if not word.startswith("-")]
    word = (words[0] if words else command[0]).rpartition("/")[2]
    return word.partition("@")[0] or word
