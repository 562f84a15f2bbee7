"""From a prompt to a generateContent request."""

from __future__ import annotations

import re
from typing import Any

from ....domain.conversation import Media, Part, Prompt, Said, Settings, Text, Thinking, ToolCall, ToolResult, ToolSpec
from .. import media, outgoing
from ..lost import THINKING, Lost

VENDOR = "gemini"
UNSIGNED = "skip_thought_signature_validator"
"""What Google documents for a call that another model made, where one of Gemini's needs its signature."""
_OLDER = re.compile(r"gemini-[12]\b|gemini-pro$|gemma")
_THOUGHTLESS = re.compile(r"gemini-1|gemini-2\.0|gemini-pro$|gemma")
_BUDGETS = {"minimal": 512, "low": 2048, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
_LEVELS = {"none": "LOW", "minimal": "LOW", "low": "LOW", "medium": "MEDIUM"}
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_STOPS_MAX = 5


def write_prompt(prompt: Prompt, model: str, name: str, lost: Lost) -> dict[str, Any]:
    """See ``Dialect``; ``name`` is the dialect's."""
    own = outgoing.own_fields(prompt, name, lost) or {}
    system, said = outgoing.hoisted_system(prompt.said, lost)
    body: dict[str, Any] = {"contents": _Contents(said, model, lost).written}
    if system:
        body["systemInstruction"] = {"parts": [{"text": text.text} for text in system]}
    if prompt.tools:
        body["tools"] = [{"functionDeclarations": [_tool(tool) for tool in prompt.tools]}]
        if choice := prompt.settings.tool_choice:
            named = {"mode": "ANY", "allowedFunctionNames": [choice]}
            body["toolConfig"] = {"functionCallingConfig": {"mode": _MODES[choice]} if choice in _MODES else named}
    settings = prompt.settings
    lost.say("tools.strict", any(tool.strict for tool in prompt.tools))
    lost.say("parallel_tools", settings.parallel_tools is not None and bool(prompt.tools))
    lost.say("user", bool(settings.user))
    if config := _config(settings, model, lost):
        body["generationConfig"] = config
    return body | own


def _config(settings: Settings, model: str, lost: Lost) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if settings.max_tokens:
        config["maxOutputTokens"] = settings.max_tokens
    if settings.temperature is not None:
        config["temperature"] = settings.temperature
    if settings.top_p is not None:
        config["topP"] = settings.top_p
    if settings.stop:
        config["stopSequences"] = settings.stop[:_STOPS_MAX]
        lost.say("stop", len(settings.stop) > _STOPS_MAX)
    if settings.seed is not None:
        config["seed"] = settings.seed
    if settings.schema is not None:
        config |= {"responseMimeType": "application/json", "responseJsonSchema": settings.schema}
    elif settings.json_mode:
        config["responseMimeType"] = "application/json"
    if settings.effort and not _THOUGHTLESS.search(model):
        config["thinkingConfig"] = _thinking(settings.effort, model)
    else:
        lost.say("effort", settings.effort not in ("", "none"))
    return config


def _thinking(effort: str, model: str) -> dict[str, Any]:
    thinks = {"includeThoughts": True} if effort != "none" else {}
    if not _OLDER.search(model):
        return {"thinkingLevel": _LEVELS.get(effort, "HIGH"), **thinks}
    if effort == "none":
        return {"thinkingBudget": 128 if "pro" in model else 0}  # the pro model cannot stop thinking
    return {"thinkingBudget": _BUDGETS.get(effort, _BUDGETS["high"]), **thinks}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    if tool.schema:
        written["parametersJsonSchema"] = tool.schema
    return written


class _Contents:
    """The contents of one request."""

    def __init__(self, said: list[Said], model: str, lost: Lost) -> None:
        self._lost = lost
        self._older = _OLDER.search(model) is not None
        self._names = outgoing.names_of_calls(said)
        self._order = {id: number for number, id in enumerate(self._names)}
        self.written: list[dict[str, Any]] = []
        for message in outgoing.merged(said):
            parts = self._model(message.parts) if message.role == "assistant" else self._user(message.parts)
            if parts:
                self._append("model" if message.role == "assistant" else "user", parts)
        if not self.written:
            self._append("user", [{"text": outgoing.OPENING}])

    def _append(self, role: str, parts: list[dict[str, Any]]) -> None:
        if not self.written and role == "model":
            self.written.append({"role": "user", "parts": [{"text": outgoing.OPENING}]})
        if self.written and self.written[-1]["role"] == role:
            self.written[-1]["parts"] += parts
        else:
            self.written.append({"role": role, "parts": parts})

    def _model(self, said: list[Part]) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        signature, called = "", False
        for part in said:
            if isinstance(part, Thinking):
                signature = (part.signature if part.vendor == VENDOR else "") or signature
                self._lost.say(THINKING, part.vendor != VENDOR)
                continue
            if isinstance(part, ToolCall):
                written = {"functionCall": {"name": part.name, "args": outgoing.arguments(part, self._lost)}}
                if not self._older:
                    written["functionCall"]["id"] = part.id
                    signature = signature or ("" if called else UNSIGNED)
                called = True
            elif isinstance(part, Text):
                written = {"text": part.text}
            else:
                written = _media(part) if isinstance(part, Media) else {}
            if written:
                parts.append({**written, **({"thoughtSignature": signature} if signature else {})})
                signature = ""
        if signature:
            parts.append({"text": "", "thoughtSignature": signature})
        return parts

    def _user(self, said: list[Part]) -> list[dict[str, Any]]:
        results = [part for part in said if isinstance(part, ToolResult)]
        results.sort(key=lambda result: self._order.get(result.id, len(self._order)))
        parts = [self._result(result) for result in results]
        for result in results if self._older else []:
            if found := outgoing.media_of(result):
                parts += [{"text": outgoing.announced(result, self._names)}, *map(_media, found)]
        parts += [
            {"text": part.text} if isinstance(part, Text) else _media(part)
            for part in said
            if isinstance(part, (Text, Media))
        ]
        return parts

    def _result(self, result: ToolResult) -> dict[str, Any]:
        field = "error" if result.error else "output"
        written: dict[str, Any] = {"name": result.name or self._names.get(result.id, "unknown")}
        written["response"] = {field: outgoing.joined(result.content)}
        if not self._older:
            written["id"] = result.id
            if found := outgoing.media_of(result):
                written["parts"] = [_media(part) for part in found]
        return {"functionResponse": written}


def _media(part: Media) -> dict[str, Any]:
    media.check(part, VENDOR)
    kind = part.media_type
    if part.data:
        return {"inlineData": {"mimeType": kind or media.ANY_FILE, "data": media.encoded(part.data)}}
    where = {"fileUri": media.file_id(part, VENDOR) or part.url}
    return {"fileData": where if kind in ("", media.ANY_IMAGE, media.ANY_FILE) else {"mimeType": kind, **where}}
