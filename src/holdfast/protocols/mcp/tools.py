"""Operations as tools: schemas, annotations, structured results with what can be done next."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import mcp_types as types
import msgspec

from ...control.error_pages import summary
from ...control.next_actions import Next, next_of
from ...control.registry import Operation, plain
from ...control.schemas import input_schema, output_types, schemas
from ...domain.errors import HoldfastError
from ...journal.codec import to_json
from .acting import Acting

_TEMPLATE = "#/$defs/{name}"
_WATCHED_SECONDS = 10.0
_WATCHED_MOST_SECONDS = 300.0
_WATCHED = 100
_BOUNDS: dict[str, Any] = {
    "for_seconds": {
        "type": "number",
        "minimum": 0,
        "maximum": _WATCHED_MOST_SECONDS,
        "default": _WATCHED_SECONDS,
        "description": "How long to watch.",
    },
    "most": {"type": "integer", "minimum": 1, "maximum": 1000, "default": _WATCHED, "description": "Stop after so many."},
}

Told = Callable[[int, str], Awaitable[None]]
"""Called with each item of a watch as it comes: how many so far, and the item as JSON."""


def tool_of(operation: Operation) -> types.Tool:
    """An operation as a tool."""
    told = operation.told
    made = input_schema(operation)
    if operation.streams:
        made["properties"] |= _BOUNDS
    return types.Tool(
        name=operation.name,
        title=operation.summary.rstrip("."),
        description=_description(operation),
        input_schema=made,
        output_schema=_output_schema(operation),
        annotations=types.ToolAnnotations(
            title=operation.summary.rstrip("."),
            read_only_hint=not told.changes,
            destructive_hint=told.changes and told.destroys,
            idempotent_hint=not told.changes or (operation.keyed and told.again),
            open_world_hint=operation.name in ("call", "send", "publish", "signal"),
        ),
    )


def _description(operation: Operation) -> str:
    told = operation.told
    parts = [operation.summary, operation.description]
    if operation.streams:
        parts.append("Watches for a while: each item comes as progress at once, and all of them as the result.")
    if told.errors:
        parts.append(f"Errors: {', '.join(told.errors)}.")
    return "\n".join(p for p in parts if p)


def _output_schema(operation: Operation) -> dict[str, Any]:
    """An object: the result (one of them, for what can be rehearsed), and what can be done next."""
    made, defs = schemas([*output_types(operation), Next], _TEMPLATE)
    *results, then = made
    result: dict[str, Any] = results[0] if len(results) == 1 else {"anyOf": results}
    if operation.streams:
        result = {"type": "array", "items": result}
    return {
        "type": "object",
        "properties": {"result": result, "next": {"type": "array", "items": then}},
        "required": ["result", "next"],
        "$defs": defs,
    }


async def call(acting: Acting, operation: Operation, given: Mapping[str, Any], told: Told) -> types.CallToolResult:
    """Call it. What the operation refuses is a result that says so, with the page of its error, for a model to read."""
    inputs = dict(given)
    try:
        if operation.streams:
            result: Any = await _watched(acting, operation, inputs, told)
        else:
            result = await acting.invoke(operation.name, inputs)
    except HoldfastError as error:
        return _refused(error)
    body = msgspec.json.decode(to_json({"result": plain(result), "next": next_of(operation, inputs, result)}))
    text = types.TextContent(type="text", text=msgspec.json.encode(body).decode())
    return types.CallToolResult(content=[text], structured_content=body)


async def _watched(acting: Acting, operation: Operation, inputs: dict[str, Any], told: Told) -> list[Any]:
    seconds = min(max(float(inputs.pop("for_seconds", _WATCHED_SECONDS)), 0.0), _WATCHED_MOST_SECONDS)
    most = min(max(int(inputs.pop("most", _WATCHED)), 1), 1000)
    found: list[Any] = []
    items = acting.stream(operation.name, inputs)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for item in items:
                found.append(item)
                await told(len(found), to_json(item).decode())
                if len(found) >= most:
                    break
    return found


def _refused(error: HoldfastError) -> types.CallToolResult:
    body = {
        "error": {
            "code": error.code,
            "message": error.message,
            "retry": error.retry,
            "explained": summary(error.code),
            "page": f"holdfast://errors/{error.code}",
        }
    }
    return types.CallToolResult(content=[types.TextContent(type="text", text=to_json(body).decode())], is_error=True)


__all__ = ["Told", "call", "tool_of"]
