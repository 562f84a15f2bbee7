"""What can be read as a resource: agents, their journals and states, the pages of error codes."""

from __future__ import annotations

import mcp_types as types
import msgspec
from mcp import MCPError

from ...control.error_pages import codes, page
from ...control.registry import plain
from ...domain.errors import HoldfastError
from ...journal.codec import to_json
from .acting import Acting

_ERRORS = "holdfast://errors/"
_AGENTS = "holdfast://agents"
_PAGE = 100
_NOT_FOUND_CODE = -32602
_LAST_ENTRIES = 200

TEMPLATES = [
    types.ResourceTemplate(
        uri_template=f"{_AGENTS}/{{name}}/{{key}}",
        name="agent",
        description="An agent's present: what it does and waits for.",
        mime_type="application/json",
    ),
    types.ResourceTemplate(
        uri_template=f"{_AGENTS}/{{name}}/{{key}}/journal",
        name="journal",
        description=f"What an agent did and why: its last {_LAST_ENTRIES} entries.",
        mime_type="application/json",
    ),
    types.ResourceTemplate(
        uri_template=f"{_AGENTS}/{{name}}/{{key}}/state",
        name="state",
        description="What an agent keeps.",
        mime_type="application/json",
    ),
    types.ResourceTemplate(
        uri_template=f"{_ERRORS}{{code}}",
        name="error",
        description="The page of an error's code: what happened, why, what to do next.",
        mime_type="text/markdown",
    ),
]


async def listed(acting: Acting, cursor: str | None) -> types.ListResourcesResult:
    """A page of them: the agents first, with the last page the pages of errors."""
    rows = await acting.invoke("agents", {"after": cursor or "", "limit": _PAGE})
    found = [
        types.Resource(
            uri=f"{_AGENTS}/{row.address}",
            name=row.address,
            description=f"{row.doing} {row.waits_for}".strip(),
            mime_type="application/json",
        )
        for row in rows
    ]
    if len(rows) == _PAGE:
        return types.ListResourcesResult(resources=found, next_cursor=rows[-1].address)
    pages = [types.Resource(uri=f"{_ERRORS}{code}", name=code, mime_type="text/markdown") for code in codes()]
    return types.ListResourcesResult(resources=[*found, *pages])


async def read(acting: Acting, uri: str) -> types.ReadResourceResult:
    """One of them. Raises ``MCPError`` for what is not there."""
    if uri.startswith(_ERRORS):
        text = page(uri.removeprefix(_ERRORS))
        if text is None:
            raise MCPError(_NOT_FOUND_CODE, f"There is no page {uri}.", {"uri": uri})
        return _told(uri, text, "text/markdown")
    place, _, what = uri.removeprefix(f"{_AGENTS}/"), "", ""
    parts = place.split("/")
    if parts[-1] in ("journal", "state") and len(parts) >= 3:
        what, place = parts[-1], "/".join(parts[:-1])
    if not uri.startswith(f"{_AGENTS}/") or len(parts) < 2:
        raise MCPError(_NOT_FOUND_CODE, f"There is no resource {uri}.", {"uri": uri})
    try:
        result = await acting.invoke("describe", {"address": place})
        if what == "journal":
            after = max(0, result.entries - _LAST_ENTRIES)
            result = await acting.invoke("journal", {"address": place, "after": after, "limit": _LAST_ENTRIES})
        elif what == "state":
            result = await acting.invoke("state", {"address": place})
    except HoldfastError as error:
        raise MCPError(_NOT_FOUND_CODE, str(error), {"uri": uri, "code": error.code}) from error
    return _told(uri, msgspec.json.format(to_json(plain(result)), indent=1).decode(), "application/json")


def _told(uri: str, text: str, kind: str) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, mime_type=kind, text=text)])


__all__ = ["TEMPLATES", "listed", "read"]
