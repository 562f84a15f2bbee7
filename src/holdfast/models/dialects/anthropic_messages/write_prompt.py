"""From a prompt to a message request."""

from __future__ import annotations

import re
from typing import Any

from ....domain.conversation import Media, Part, Prompt, Said, Settings, Text, Thinking, ToolCall, ToolResult, ToolSpec
from .. import media, outgoing, wire
from ..lost import SPOKEN_MEDIA, THINKING, Lost
from .claude import Claude
from .read_prompt import VENDOR

_MAX_TOKENS = 8192
"""The limit if nobody gives one; Anthropic demands it."""
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_ID_LENGTH = 64
_CACHE = {"cache_control": {"type": "ephemeral"}}
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_IMAGES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
_TEXTS = re.compile(r"text/|application/(?:json|xml|x-yaml)")


def write_prompt(prompt: Prompt, model: str, name: str, lost: Lost, *, stream: bool, max_tokens: int) -> dict[str, Any]:
    """See ``Dialect``; ``name`` is the dialect's."""
    found = outgoing.own_fields(prompt, name, lost)
    own = dict(found or {})
    claude, settings = Claude(model), prompt.settings
    limit = settings.max_tokens or max_tokens or _MAX_TOKENS
    system, messages = _conversation(prompt, claude, lost)
    body: dict[str, Any] = {"model": model, "max_tokens": limit, "messages": messages}
    if settings.json_mode and settings.schema is None:
        system.append(Text(outgoing.JSON_ONLY))
    if system:
        body["system"] = [_text(text) for text in system]
    tools = [_tool(tool) for tool in prompt.tools] + own.pop("tools", [])
    if tools:
        body |= {"tools": tools, **_choice(settings)}
    how = claude.thinking(settings, own.pop("thinking", None), came_here=found is not None, max_tokens=limit)
    if not _may_think(how, body, messages):
        del how["thinking"]
    lost.say("effort", settings.effort not in ("", "none") and not how)
    config: dict[str, Any] = {**own.pop("output_config", {}), **how.pop("output_config", {})}
    if settings.schema is not None:
        config["format"] = {"type": "json_schema", "schema": settings.schema}
    body |= how
    if config:
        body["output_config"] = config
    body |= _sampling(settings, claude, lost=lost, thinks="budget_tokens" in body.get("thinking", {}))
    if metadata := own.pop("metadata", {}) | ({"user_id": settings.user} if settings.user else {}):
        body["metadata"] = metadata
    body |= own
    if stream:
        body["stream"] = True
    return body


def _sampling(settings: Settings, claude: Claude, *, lost: Lost, thinks: bool) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if claude.sampling and not thinks:
        if settings.temperature is not None:
            body["temperature"] = min(settings.temperature, 1.0)
        if settings.top_p is not None and not (body and claude.one_of_two):
            body["top_p"] = settings.top_p
    if stop := [text for text in settings.stop if text.strip()]:
        body["stop_sequences"] = stop
    lost.say("temperature", body.get("temperature") != settings.temperature)
    lost.say("top_p", body.get("top_p") != settings.top_p)
    lost.say("stop", len(stop) < len(settings.stop))
    lost.say("seed", settings.seed is not None)
    return body


def _choice(settings: Settings) -> dict[str, Any]:
    choice: dict[str, Any] = {}
    if settings.tool_choice in _CHOICES:
        choice = {"type": _CHOICES[settings.tool_choice]}
    elif settings.tool_choice:
        choice = {"type": "tool", "name": settings.tool_choice}
    if settings.parallel_tools is not None and settings.tool_choice != "none":
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": not settings.parallel_tools}
    return {"tool_choice": choice} if choice else {}


def _may_think(how: dict[str, Any], body: dict[str, Any], messages: list[dict[str, Any]]) -> bool:
    """A budget to think is refused beside a forced tool, and while tools answer a message whose reasoning was lost on the
    way through another dialect."""
    if "budget_tokens" not in how.get("thinking", {}):
        return True
    if body.get("tool_choice", {}).get("type") in ("any", "tool"):
        return False
    last = next((message for message in reversed(messages) if message["role"] == "assistant"), None)
    blocks: list[dict[str, Any]] = last["content"] if last else []
    answered = any(block["type"] == "tool_result" for block in messages[-1]["content"])
    return not answered or not blocks or blocks[0]["type"] in ("thinking", "redacted_thinking")


def _tool(tool: ToolSpec) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name, "input_schema": {"type": "object", **tool.schema}}
    if tool.description:
        written["description"] = tool.description
    if tool.strict is not None:
        written["strict"] = tool.strict
    return written | (_CACHE if tool.cache else {})


def _conversation(prompt: Prompt, claude: Claude, lost: Lost) -> tuple[list[Text], list[dict[str, Any]]]:
    """The system's words, and the messages: the user first, then in turn, the system only before the model."""
    inline = claude.inline_system
    system, said = outgoing.split_system(prompt.said) if inline else outgoing.hoisted_system(prompt.said, lost)
    messages: list[dict[str, Any]] = []
    held: list[Text] = []
    for message in outgoing.merged(_system_before_model(said)):
        if message.role == "system":
            held += outgoing.texts(message.parts)
        elif blocks := _blocks(message, lost):
            if messages and messages[-1]["role"] == message.role:
                messages[-1]["content"] += blocks
                continue
            if not messages and message.role == "assistant":
                messages.append(_opening())
            held = _instruct(messages, held)
            messages.append({"role": message.role, "content": blocks})
    if not messages:
        messages.append(_opening())
    _trim(messages)
    system += _instruct(messages, held)
    return system, messages


def _instruct(messages: list[dict[str, Any]], held: list[Text]) -> list[Text]:
    """Say what the system said in the middle, if the user spoke last; what must still wait comes back."""
    if not held or messages[-1]["role"] != "user":
        return held
    messages.append({"role": "system", "content": [_text(text) for text in held]})
    return []


def _system_before_model(said: list[Said]) -> list[Said]:
    """Instructions may stand only right before the model's turn: they wait there for it."""
    placed: list[Said] = []
    held: list[Said] = []
    for message in said:
        if message.role == "system":
            held.append(message)
            continue
        if message.role == "assistant":
            placed += held
            held = []
        placed.append(message)
    return placed + held


def _opening() -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": outgoing.OPENING}]}


def _trim(messages: list[dict[str, Any]]) -> None:
    """A last word of the model must not end in white space, nor be nothing else."""
    blocks = messages[-1]["content"]
    if messages[-1]["role"] == "assistant" and blocks[-1]["type"] == "text":
        blocks[-1]["text"] = blocks[-1]["text"].rstrip()
        if not blocks[-1]["text"]:
            blocks.pop()
        if not blocks:
            messages.pop()


def _blocks(message: Said, lost: Lost) -> list[dict[str, Any]]:
    return [block for part in message.parts if (block := _block(part, message.role, lost))]


def _block(part: Part, role: str, lost: Lost) -> dict[str, Any] | None:
    if isinstance(part, Text):
        return _text(part)
    if isinstance(part, Media):
        lost.say(SPOKEN_MEDIA, role != "user")
        return _media(part) if role == "user" else None
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": _id(part.id), "name": part.name, "input": outgoing.arguments(part, lost)}
    if isinstance(part, ToolResult):
        return _result(part)
    block = _thinking(part)
    lost.say(THINKING, block is None)
    return block


def _text(text: Text) -> dict[str, Any]:
    return {"type": "text", "text": text.text, **(_CACHE if text.cache else {})}


def _thinking(part: Thinking) -> dict[str, Any] | None:
    if part.vendor == VENDOR and part.redacted:
        return {"type": "redacted_thinking", "data": part.redacted}
    if part.vendor == VENDOR and part.signature:
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    return None


def _result(result: ToolResult) -> dict[str, Any]:
    written: dict[str, Any] = {"type": "tool_result", "tool_use_id": _id(result.id)}
    content = [_media(p) if isinstance(p, Media) else _text(p) for p in result.content if isinstance(p, Media) or p.text]
    if content:
        written["content"] = content
    if result.error:
        written["is_error"] = True
    return written | (_CACHE if result.cache else {})


def _id(id: str) -> str:
    return outgoing.fitting_id(id, _ID, _ID_LENGTH)


def _media(part: Media) -> dict[str, Any]:
    media.check(part, VENDOR)
    written = {"type": "image" if media.is_image(part) else "document", "source": _source(part)}
    if part.name and not media.is_image(part):
        written["title"] = part.name
    return written | (_CACHE if part.cache else {})


def _source(part: Media) -> dict[str, Any]:
    kind = "image/jpeg" if part.media_type == "image/jpg" else part.media_type
    if id := media.file_id(part, VENDOR):
        return {"type": "file", "file_id": id}
    if media.is_image(part) and part.data:
        if kind not in _IMAGES:
            raise wire.refused("messages", f"this target takes images as jpeg, png, gif or webp, not {kind}")
        return {"type": "base64", "media_type": kind, "data": media.encoded(part.data)}
    if part.data and kind == "application/pdf":
        return {"type": "base64", "media_type": kind, "data": media.encoded(part.data)}
    if part.data and _TEXTS.match(kind):
        return {"type": "text", "media_type": "text/plain", "data": part.data.decode("utf-8", "replace")}
    if part.url and (media.is_image(part) or kind in ("application/pdf", media.ANY_FILE, "")):
        return {"type": "url", "url": part.url}
    where = "" if part.data else " by address"
    raise wire.refused("messages", f"this target takes documents as pdf or text, not {kind or 'of an unknown type'}{where}")
