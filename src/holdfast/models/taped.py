"""``TapedUpstream``: targets whose address is ``cassette:FILE`` are answered from a recording; the others are asked.

``?mode=loose`` and ``?mode=place`` compare less of a request; see ``Cassette``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args
from urllib.parse import parse_qs

import msgspec

from ..domain.conversation import events_of
from ..ports.upstream import Broken, Exchange, Upstream
from .cassette import Cassette, Mode
from .dialects import DIALECTS

SCHEME = "cassette:"


class Taped:
    """An exchange whose answer is there already."""

    def __init__(self, status: int, kind: str, body: bytes) -> None:
        self._head = status, {"content-type": kind, "content-length": str(len(body))}
        self._body = body

    async def head(self) -> tuple[int, Mapping[str, str]]:
        """See ``Exchange``."""
        return self._head

    async def read(self) -> bytes:
        """See ``Exchange``."""
        body, self._body = self._body, b""
        return body

    def expire(self) -> None:
        """See ``Exchange``."""

    def close(self) -> None:
        """See ``Exchange``."""


class TapedUpstream:
    """See the module."""

    def __init__(self, real: Upstream) -> None:
        self._real = real
        self._cassettes: dict[str, Cassette] = {}

    async def open(self, method: str, url: str, headers: Mapping[str, str], body: bytes, connect_seconds: float) -> Exchange:
        """See ``Upstream``."""
        if not url.startswith(SCHEME):
            return await self._real.open(method, url, headers, body, connect_seconds)
        place, path = _split(url)
        file, _, query = place.partition("?")
        options = {k: v[-1] for k, v in parse_qs(query).items()}
        name = next((n for n, d in DIALECTS.items() if path == d.path), "openai-chat")
        asked: dict[str, Any] = msgspec.json.decode(body)
        dialect = DIALECTS[name]
        mode: Mode = cast(Mode, options["mode"]) if options.get("mode") in get_args(Mode) else "strict"
        answer = self._cassette(file).find(dialect.read_prompt(asked), mode)
        if answer is None:
            message = f"The cassette {file} has no answer to this request ({mode})."
            status, problem = dialect.write_error("bad_request", message)
            return Taped(status, "application/json", msgspec.json.encode(problem))
        model = answer.model or str(asked.get("model", ""))
        if not asked.get("stream"):
            whole = dialect.write_answer(answer, model, id=answer.id or "recorded", created=0)
            return Taped(200, "application/json", msgspec.json.encode(whole))
        writer = dialect.writer(model, id=answer.id or "recorded", created=0)
        return Taped(200, "text/event-stream", b"".join(writer.write(event) for event in events_of(answer)))

    async def close(self) -> None:
        """See ``Upstream``."""
        await self._real.close()

    def _cassette(self, file: str) -> Cassette:
        found = self._cassettes.get(file)
        if found is None:
            try:
                found = self._cassettes[file] = Cassette.load(file)
            except Exception as error:
                raise Broken("connect", str(error)) from error
        return found


def _split(url: str) -> tuple[str, str]:
    """A cassette's place and the path that the gateway put behind it."""
    place = url[len(SCHEME) :]
    for dialect in DIALECTS.values():
        if place.endswith(dialect.path):
            return place[: -len(dialect.path)], dialect.path
    return place, ""
