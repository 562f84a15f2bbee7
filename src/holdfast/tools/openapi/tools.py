"""``openapi_tools``: from a document to tools."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from ...domain.errors import Rejected
from ...domain.retry import Retry
from ..naming import safe_name
from ..roles import CONTENT, DESTINATION
from ..tool import Tool
from .calling import Service, TryAgain, call
from .document import Document
from .operation import Operation, operations_of

log = logging.getLogger("holdfast.tools")

_RETRY = Retry(attempts=4, initial_seconds=0.3, factor=3.0, maximum_seconds=10.0, on=(TryAgain,))


def openapi_tools(
    source: str | Path | Mapping[str, Any],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    base_url: str = "",
    auth: str | Mapping[str, str] = "",
    headers: Mapping[str, str] | None = None,
    prefix: str = "",
    timeout_seconds: float = 30.0,
    max_bytes: int = 100_000,
    trusted: bool = False,
    roles: Mapping[str, Mapping[str, str]] | None = None,
) -> list[Tool]:
    """One tool for each operation of an HTTP service.

    >>> openapi_tools("petstore.yaml", include=["tag:pets", "get*"], auth="env:PETSTORE_KEY")

    What reads (GET, HEAD) and what may be repeated (PUT, DELETE, ``x-idempotent: true``, or an ``Idempotency-Key`` header
    among the parameters, which gets the step's key) is called again after a crash or a failure of the service; for anything
    else a person is asked after a crash, and the model is told after a failure.

    Args:
        source: the document (OpenAPI 3.0 or 3.1, JSON or YAML): an address, a file or a value. An address is read when the
            agent is defined; a file beside the agent is the better choice, since it cannot change or be away.
        include, exclude: names of operations (``listPets``, with ``*``), ``tag:NAME`` or ``GET /pets``; all by default.
        base_url: where the service is, if not where the document says.
        auth: where the secret is (``env:NAME``, ``file:PATH``, ``secret:NAME``), for whatever scheme the document
            names; or one per scheme. ``identity:AUDIENCE`` is a signed token of the agent that calls.
        headers: sent with every request; ``env:NAME`` and ``file:PATH`` stand for what is there.
        prefix: put before the names of the tools.
        timeout_seconds: of one request.
        max_bytes: of an answer; what is beyond is cut off, and the model is told.
        trusted: whether what it answers may be believed.
        roles: what arguments are, by operation (see ``Tool``). Where neither this nor the document says more (``x-role``, or
            ``format: password`` for secrets), what is in the path of an operation that changes something is a destination.

    Raises:
        Rejected: ``openapi.unreadable``, ``openapi.malformed``, ``openapi.none``.
    """
    document = Document.read(source)
    components: dict[str, Any] = document.root.get("components") or {}
    schemes: dict[str, Any] = components.get("securitySchemes") or {}
    secrets = {"": auth} if isinstance(auth, str) and auth else dict(auth or {})
    described = {name: document.resolved(scheme) for name, scheme in schemes.items()}
    service = Service(document.base_url(base_url), headers or {}, described, secrets, timeout_seconds, max_bytes)
    found, left_out = operations_of(document)
    chosen = [o for o in found if (not include or _matches(o, include)) and not _matches(o, exclude)]
    if not chosen:
        known = ", ".join(o.name for o in found[:20]) or "none"
        raise Rejected("openapi.none", f"{document.place} has no operation that matches. It has: {known}.")
    if left_out:
        log.info("%s: left out for their bodies: %s", document.place, ", ".join(left_out))
    return [_tool(service, operation, prefix, trusted, (roles or {}).get(operation.name, {})) for operation in chosen]


def _tool(service: Service, operation: Operation, prefix: str, trusted: bool, declared: Mapping[str, str]) -> Tool:
    changes = not operation.reads
    path = [p.argument for p in operation.parameters if p.where == "path"] if changes else []
    assumed = dict.fromkeys(operation.body_arguments, CONTENT) | dict.fromkeys(path, DESTINATION)
    return Tool(
        partial(call, service, operation),
        name=safe_name(prefix + operation.name),
        description=operation.description,
        schema=operation.schema,
        effects=changes,
        idempotent=operation.idempotent,
        roles={**assumed, **operation.roles, **declared},
        trusted=trusted,
        retry=_RETRY,
        takes_host=True,
    )


def _matches(operation: Operation, wanted: Sequence[str]) -> bool:
    names = [operation.name, f"{operation.method.upper()} {operation.path}", *(f"tag:{tag}" for tag in operation.tags)]
    return any(fnmatchcase(name, pattern) for name in names for pattern in wanted)
