"""A request to a model as rules see it, and the request that changed arguments make of it.

Texts stand in lists by who said them, in the order of the conversation; ``prompt`` is all of them together. What is no text
(images, sounds, documents, tokens) is only counted. A rule changes texts where they stand, so that nobody's words become
somebody else's; new instructions may come behind those that are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from ..domain.conversation import Media, Part, Prompt, Said, Settings, Text, Thinking, ToolCall, ToolResult
from ..domain.intent import Declared

PROMPT = "prompt"
TEXTS = ("instructions", "user", "assistant", "thinking", "calls", "results")
SETTINGS = ("max_tokens", "temperature", "top_p", "effort")
FIXED = ("sha256", "bytes", "dialect", "media")
"""What describes a request and is nothing that could be changed."""
ASKED = Declared(roles=dict.fromkeys(TEXTS, "content"))
"""What is declared about every request: its texts go to a vendor."""
_KIND = {"system": "instructions", "user": "user", "assistant": "assistant"}
_LONGEST = 2_000


class Seen(dict[str, Any]):
    """See the module. ``facts`` is what tells requests apart, ``order`` of whose list each text is, from the first on."""

    __slots__ = ("facts", "order")

    def __init__(self, given: Mapping[str, Any], facts: Mapping[str, Any], order: tuple[str, ...]) -> None:
        super().__init__(given)
        self.facts = facts
        self.order = order

    @classmethod
    def of(cls, prompt: Prompt, route: str, max_tokens: int, facts: Mapping[str, Any], tokens: int = 0) -> Seen:
        """A request's. ``max_tokens`` is how long its answer may be, whoever says so; ``tokens`` are texts that come as
        numbers."""
        found: dict[str, Any] = {name: [] for name in TEXTS}
        order: list[str] = []
        media = tokens
        for kind, part in _parts(prompt.said):
            if isinstance(part, Media):
                media += 1
            else:
                order.append(kind)
                found[kind].append(part.arguments if isinstance(part, ToolCall) else part.text)
        settings = prompt.settings
        found |= {"route": route, "tools": [tool.name for tool in prompt.tools], "media": media, "max_tokens": max_tokens}
        found |= {name: value for name in SETTINGS[1:] if (value := getattr(settings, name)) not in (None, "")}
        return cls({**found, **facts}, facts, tuple(order))

    @classmethod
    def supposed(cls, given: Mapping[str, Any], route: str) -> Seen:
        """A request for a test, of which only some is said: one text, or a list of them, for each who speaks."""
        texts: dict[str, list[str]] = {name: as_list(given.get(name, [])) for name in TEXTS}
        rest: dict[str, Any] = {"route": route, "tools": [], "media": 0, "max_tokens": 4_096, **given}
        return cls({**rest, **texts}, {}, tuple(name for name in TEXTS for _ in texts[name]))

    def __contains__(self, name: object) -> bool:
        return name == PROMPT or super().__contains__(name)

    def __getitem__(self, name: str) -> Any:
        if name != PROMPT:
            return super().__getitem__(name)
        texts = {kind: iter(self[kind]) for kind in dict.fromkeys(self.order)}
        return [next(texts[kind]) for kind in self.order]

    def __setitem__(self, name: str, value: Any) -> None:
        if name != PROMPT:
            super().__setitem__(name, self._listed(name, value, super().__getitem__(name)) if name in TEXTS else value)
            return
        made: dict[str, list[Any]] = {kind: [] for kind in self.order}
        for kind, text in zip(self.order, self._listed(name, value, self.order), strict=True):
            made[kind].append(text)
        for kind, texts in made.items():
            super().__setitem__(kind, texts)

    @staticmethod
    def _listed(name: str, value: Any, before: Any) -> list[Any]:
        """Texts in the place of others. One text stands for each of them."""
        texts = [value] * len(before) if isinstance(value, str) else value
        more = name == TEXTS[0]
        if not isinstance(texts, list | tuple) or (len(texts) < len(before) if more else len(texts) != len(before)):  # pyright: ignore[reportUnknownArgumentType]
            raise TypeError(f"{name} has {len(before)} texts, and none can be left out{'' if more else ' or added'}")
        if not all(isinstance(text, str) for text in texts):  # pyright: ignore[reportUnknownVariableType]
            raise TypeError(f"{name} are texts")
        return list(texts)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

    def __delitem__(self, name: str) -> None:
        if name in (*TEXTS, PROMPT, "route", "max_tokens", *FIXED):
            raise TypeError(f"{name} of a request to a model cannot be left out")
        super().__delitem__(name)

    def copy(self) -> Seen:
        """The same again, to be changed."""
        return Seen(self, self.facts, self.order)

    def edits(self, after: Mapping[str, Any]) -> dict[str, Any]:
        """What another one has instead: of lists of texts, by place."""
        found: dict[str, Any] = {}
        for name in (*TEXTS, *SETTINGS, "route", "tools"):
            mine, theirs = self.get(name), after.get(name)
            if mine == theirs:
                continue
            if name in TEXTS:
                theirs = cast("list[str]", theirs)
                found[name] = {str(n): t for n, t in enumerate(theirs) if n >= len(mine or ()) or mine[n] != t}  # pyright: ignore[reportOptionalSubscript]
            else:
                found[name] = theirs
        return found

    def edited(self, edits: Mapping[str, Any]) -> Seen:
        """The same with these edits. Raises ``TypeError`` if they are not of this request."""
        made = self.copy()
        for name, value in edits.items():
            if name in TEXTS:
                texts: dict[int, str] = dict(enumerate(cast("list[str]", self[name])))
                edits_here = cast("dict[str, str]", value)
                texts.update({int(place): text for place, text in edits_here.items()})
                made[name] = [texts[place] for place in sorted(texts)]
            elif value is None:
                del made[name]
            else:
                made[name] = value
        return made

    def shown(self) -> dict[str, Any]:
        """For people: what is long is cut."""
        told = {name: value for name, value in self.items() if name not in self.facts and value not in ([], 0)}
        for name in TEXTS:
            if name in told:
                told[name] = [t if len(t) <= _LONGEST else f"{t[:_LONGEST]}… ({len(t):,} characters)" for t in told[name]]
        return {**self.facts, "request": told}


def as_list(texts: str | list[str]) -> list[str]:
    """One text, or several, as several."""
    return [texts] if isinstance(texts, str) else list(texts)


def _parts(said: list[Said]) -> Iterator[tuple[str, Text | Thinking | ToolCall | Media]]:
    """All that is said, with whose list it is in."""
    for one in said:
        for part in one.parts:
            if isinstance(part, ToolResult):
                yield from (("results", inner) for inner in part.content)
            else:
                yield _kind(one, part), part


def _kind(said: Said, part: Part) -> str:
    return "thinking" if isinstance(part, Thinking) else "calls" if isinstance(part, ToolCall) else _KIND[said.role]


def remade(prompt: Prompt, before: Seen, after: Seen) -> Prompt:
    """The request that changed arguments make of it. Raises ``TypeError`` for what no request can have."""
    for name in after.keys() - before.keys() - set(SETTINGS):
        raise TypeError(f"a request to a model has no {name}")
    for name in FIXED:
        if before.get(name) != after.get(name):
            raise TypeError(f"{name} describes a request, and cannot be changed")
    texts = {kind: iter(after[kind]) for kind in TEXTS}
    said = [msgspec.structs.replace(one, parts=_remade(one, texts)) for one in prompt.said]
    if added := list(texts[TEXTS[0]]):
        place = next((n for n, one in enumerate(said) if one.role != "system"), len(said))
        said.insert(place, Said("system", [Text(text) for text in added]))
    kept = set(after["tools"])
    if not isinstance(after["tools"], list) or kept - set(before["tools"]):
        raise TypeError("tools can be left out, but none can be added")
    tools = [tool for tool in prompt.tools if tool.name in kept]
    settings = _settings(prompt.settings, before, after)
    if settings.tool_choice in set(before["tools"]) - kept or not tools:
        settings = msgspec.structs.replace(settings, tool_choice="")
    return msgspec.structs.replace(prompt, said=said, tools=tools, settings=settings)


def _remade(said: Said, texts: dict[str, Iterator[str]]) -> list[Part]:
    parts: list[Part] = []
    for part in said.parts:
        if isinstance(part, ToolResult):
            content = [i if isinstance(i, Media) else _with(i, next(texts["results"])) for i in part.content]
            parts.append(msgspec.structs.replace(part, content=content))
        elif isinstance(part, Media):
            parts.append(part)
        else:
            text = next(texts[_kind(said, part)])
            if isinstance(part, ToolCall):
                parts.append(part if part.arguments == text else msgspec.structs.replace(part, arguments=_as_json(text)))
            elif not isinstance(part, Thinking):
                parts.append(_with(part, text))
            elif part.text == text:  # a vendor takes its model's thoughts back only as they were
                parts.append(part)
    return parts


def _with(part: Text, text: str) -> Text:
    return part if part.text == text else msgspec.structs.replace(part, text=text)


def _as_json(text: str) -> str:
    """Arguments of a call are a JSON object, also where something was blacked out in the middle of one."""
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return msgspec.json.encode({"text": text}).decode()
    return text


def _settings(settings: Settings, before: Seen, after: Seen) -> Settings:
    changed = {name: after.get(name) for name in SETTINGS if before.get(name) != after.get(name)}
    if not changed:
        return settings
    if "effort" in changed:
        changed["effort"] = changed["effort"] or ""
    plain = {**msgspec.to_builtins(settings), **changed}
    try:
        made = msgspec.convert(plain, Settings)
    except msgspec.ValidationError as error:
        raise TypeError(str(error)) from error
    if made.max_tokens < 0 or ("max_tokens" in changed and made.max_tokens < 1):
        raise TypeError("max_tokens is at least 1")
    return made


__all__ = ["ASKED", "PROMPT", "SETTINGS", "TEXTS", "Seen", "as_list", "remade"]
