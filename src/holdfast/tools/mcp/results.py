"""What a server's tool answered, as a model reads it."""

from __future__ import annotations

import base64
import json
from typing import Any

import mcp_types as types

from ...domain.conversation import Media, Text
from ..tool import ToolFailed

_NOTHING = "Done."


def read_result(result: types.CallToolResult, characters: int) -> list[Text | Media]:
    """Its parts. Raises ``ToolFailed`` if it is an error."""
    parts = [part for block in result.content for part in _parts(block)]
    structured = result.structured_content
    if structured is not None and not any(isinstance(part, Text) for part in parts):
        parts.append(Text(json.dumps(structured, ensure_ascii=False)))
    parts = _bounded(parts, characters)
    if result.is_error:
        raise ToolFailed("\n".join(p.text for p in parts if isinstance(p, Text)) or "The tool failed and did not say why.")
    return parts or [Text(_NOTHING)]


def _parts(block: Any) -> list[Text | Media]:
    if isinstance(block, types.TextContent):
        return [Text(block.text)]
    if isinstance(block, (types.ImageContent, types.AudioContent)):
        return [Media(block.mime_type, base64.b64decode(block.data))]
    if isinstance(block, types.ResourceLink):
        about = f": {block.description}" if block.description else ""
        return [Text(f"[{block.title or block.name}]({block.uri}){about}")]
    if isinstance(block, types.EmbeddedResource):
        found = block.resource
        if isinstance(found, types.TextResourceContents):
            return [Text(f"{found.uri}:\n{found.text}")]
        kind = found.mime_type or "application/octet-stream"
        return [Media(kind, base64.b64decode(found.blob), name=str(found.uri).rpartition("/")[2])]
    return [Text(str(block))]


def _bounded(parts: list[Text | Media], characters: int) -> list[Text | Media]:
    """The same with no more text than that."""
    left, kept, cut = characters, list[Text | Media](), 0
    for part in parts:
        if not isinstance(part, Text):
            kept.append(part)
            continue
        if len(part.text) > left:
            cut += len(part.text) - left
            part = Text(part.text[:left])
        left -= len(part.text)
        if part.text:
            kept.append(part)
    if cut:
        kept.append(Text(f"[cut off here: {cut:,} more characters. Ask for less at a time.]"))
    return kept
