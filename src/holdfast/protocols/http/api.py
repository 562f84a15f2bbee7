"""The REST API: every operation over HTTP, by its name (``POST /api/v1/operations/{name}``) or where it lives.

Nothing here knows an operation: all of it follows from the registry.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import msgspec

from ...control.error_pages import page
from ...control.operations import Operations
from ...control.registry import Operation, find, plain, registry_of
from ...domain.errors import Conflict, HoldfastError, LimitExceeded, NotFound, Rejected
from ...journal.codec import to_json
from . import caching, pages, problems
from .events import stream
from .requests import Gone, Request, TooLarge
from .routes import Route, Routes, inputs_of

ROOT = "/api/"
DOCUMENT = "/api/openapi.json"
BY_NAME = "/api/v1/operations/"
JSON = b"application/json"
Acting = Callable[[Request], Awaitable[Operations]]
"""Gives the operations in the name of whoever asks."""

_decode = msgspec.json.Decoder().decode


class Api:
    """See the module."""

    def __init__(self, operations: Operations, acting: Acting | None = None) -> None:
        self._operations = operations
        self._acting = acting
        self._kind = type(operations)
        self._routes = Routes(registry_of(self._kind).values())
        self._document = b""

    async def answer(self, request: Request) -> None:
        """Anything under ``ROOT``."""
        try:
            await self._route(request)
        except Gone:
            return
        except TooLarge:
            await problems.answer(
                request, LimitExceeded("http.too_large", "The body is larger than anybody needs (32 MiB).")
            )
        except HoldfastError as error:
            allow = str(error.details.get("allow", "")).encode() if error.code == "http.method" else b""
            await problems.answer(request, error, ((b"allow", allow),) if allow else ())
        except Exception as error:
            await problems.answer(request, problems.internal(error, f"{request.method} {request.path}"))

    async def _route(self, request: Request) -> None:
        check_origin(request)
        if request.path == DOCUMENT and request.method == "GET":
            await caching.answer(request, self.document(), JSON)
        elif request.path.startswith(problems.PAGES) and request.method == "GET":
            await self._page(request)
        elif request.path.startswith(BY_NAME):
            what = find(self._kind, request.path.removeprefix(BY_NAME))
            if request.method != "POST":
                raise Rejected("http.method", f"{request.path} takes POST, not {request.method}.", allow="POST")
            await self._run(request, what, await body_of(request))
        else:
            raw = request.scope.get("raw_path") or request.path.encode()
            route, carried = self._routes.find(request.method, raw.decode("latin-1").partition("?")[0])
            await self._run_route(request, route, carried)

    def document(self) -> bytes:
        """The OpenAPI document."""
        if not self._document:
            from .openapi import document  # read by few, once

            self._document = to_json(document(self._kind, self._routes))
        return self._document

    async def _page(self, request: Request) -> None:
        text = page(request.path.removeprefix(problems.PAGES))
        if text is None:
            raise NotFound("error.unknown", "There is no page about this code. `holdfast error` lists those that have one.")
        await request.reply(200, text.encode(), b"text/markdown; charset=utf-8")

    async def _run_route(self, request: Request, route: Route, carried: dict[str, str]) -> None:
        body: dict[str, Any] = {}
        if not route.asks_by_query or route.operation.streams:
            body = await body_of(request)
        given = inputs_of(route, carried, request.scope.get("query_string", b""), body)
        if route.asks_by_query and not route.operation.changes and not route.operation.streams:
            await self._read(request, route, given)
            return
        seen: Any = None
        if request.header(b"if-match") and route.operation.changes:
            seen = await self._check_unchanged(request, route, carried)
        try:
            await self._run(request, route.operation, given, seen)
        except Conflict as error:
            if seen is not None and error.code == "resource.changed":  # while this was under way
                raise caching.changed() from error
            raise

    async def _read(self, request: Request, route: Route, given: dict[str, Any]) -> None:
        operations, name = await self._as(request), route.operation.name
        if not route.paged:
            await caching.answer(request, to_json(plain(await operations.invoke(name, given))), JSON)
            return
        found = await pages.read(route.operation, given, lambda more: operations.invoke(name, more))
        await caching.answer(request, to_json(found), JSON)

    async def _check_unchanged(self, request: Request, route: Route, carried: dict[str, str]) -> Any:
        """What is there now, if it is what the client saw."""
        beside = self._routes.beside(route)
        if beside is None:
            raise Rejected("http.condition", f"{route.template} has no reading whose ETag If-Match could name.")
        tenant = {"tenant": t} if (t := request.query().get("tenant")) else {}
        given = inputs_of(beside, carried, urlencode(tenant).encode(), {})
        result = await (await self._as(request)).invoke(beside.operation.name, given)
        caching.check_unchanged(request, to_json(plain(result)))
        return result

    async def _as(self, request: Request) -> Operations:
        return await self._acting(request) if self._acting is not None else self._operations

    async def _run(self, request: Request, what: Operation, given: dict[str, Any], seen: Any = None) -> None:
        operations = (await self._as(request)).having_seen(seen)
        if what.streams:
            last = request.header(b"last-event-id")
            if last.isdecimal() and len(last) < 18 and what.takes("after"):
                given["after"] = int(last)
            await stream(request, operations.stream(what.name, given), id_of(what), what.name)
            return
        key = request.header(b"idempotency-key")
        if key and what.keyed:
            given.setdefault("key", f"http:{key}")
        result = await operations.invoke(what.name, given)
        await caching.send(request, 200, to_json(plain(result)), JSON)


def id_of(what: Operation) -> Callable[[Any], str]:
    """From an item of a stream to the id that the next connection goes on after."""
    field = what.told.page or ("seq" if what.takes("after") else "")
    if not field:
        return lambda item: ""
    return lambda item: str(getattr(item, field, ""))


async def body_of(request: Request) -> dict[str, Any]:
    """The body as an object; no body is an empty one. Raises ``Rejected(http.media_type)``, ``Rejected(http.body)``."""
    raw = await request.body()
    if not raw.strip():
        return {}
    if request.header(b"content-type").partition(";")[0].strip().lower() != "application/json":
        raise Rejected("http.media_type", "The body has to be JSON, and to say so: content-type: application/json.")
    try:
        found = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("http.body", f"The body is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise Rejected("http.body", f"The body is a JSON object with the operation's inputs, not a {type(found).__name__}.")
    return cast("dict[str, Any]", found)


def check_origin(request: Request) -> None:
    """A page of another site may not use this server behind its reader's back. Raises ``Rejected(http.origin)``."""
    origin = request.header(b"origin")
    if origin and urlsplit(origin).netloc.lower() != request.header(b"host").lower():
        raise Rejected(
            "http.origin", f"A page of {origin} may not ask this server. Ask from a program, or from its own pages."
        )


__all__ = ["BY_NAME", "ROOT", "Acting", "Api"]
