"""``Cassette``: recorded answers, found again by what was asked.

A line of JSON per answer. What is asked is compared without what does not matter to the answer (cache marks, whom it is for,
the names of routes), ``strict`` with tools and settings, ``loose`` by the conversation alone. What looks like a secret is
blacked out before anything is compared or written; headers and keys never come here. ``place`` looks only at what the model
is told first and at how often it has answered: for recordings whose tools answer a little differently today.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..domain.conversation import Answer, Prompt
from ..domain.errors import NotFound, Rejected

_WORDS = 120
Mode = Literal["strict", "loose", "place"]

_SECRETS = re.compile(
    r"\b(?:sk|pk|rk|hf|ghp|gho|xox[bpas]|glpat|AKIA|AIza|eyJ)[-_A-Za-z0-9./+=]{16,}|(?i:bearer)\s+[-_A-Za-z0-9./+=]{16,}"
)


class Line(msgspec.Struct, omit_defaults=True):
    """One recorded answer. ``said`` shows a person what it answers: the last words before it; ``route``: who was asked."""

    strict: str
    loose: str
    place: str
    said: str
    answer: Answer
    route: str = ""


class Cassette:
    """Answers by request. Where one request was answered several times, they come in the order of recording, the last one
    again and again."""

    def __init__(self, lines: list[Line] | None = None) -> None:
        self.lines: list[Line] = []
        self._by: dict[tuple[str, str], list[Line]] = {}
        self._given: dict[tuple[str, str], int] = {}
        for line in lines or ():
            self._keep(line)

    @classmethod
    def load(cls, path: str | Path) -> Cassette:
        """Read a file. Raises ``NotFound(cassette.missing)`` or ``Rejected(cassette.malformed)`` with the line."""
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            raise NotFound("cassette.missing", f"There is no cassette {path}: {error.strerror}.", path=str(path)) from error
        lines: list[Line] = []
        for number, text in enumerate(raw.splitlines(), 1):
            if text.strip():
                try:
                    lines.append(msgspec.json.decode(text, type=Line))
                except msgspec.DecodeError as error:
                    raise Rejected(
                        "cassette.malformed", f"{path}, line {number}: {error}.", path=str(path), line=number
                    ) from error
        return cls(lines)

    def save(self, path: str | Path) -> None:
        """Write all of it."""
        Path(path).write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in self.lines))

    def add(self, prompt: Prompt, answer: Answer, clean: Callable[[str], str] = str) -> Line:
        """Record an answer. ``clean`` blacks out of a text what the caller knows to be a secret, before the text is cut:
        half of one would not be found again."""
        said = msgspec.convert(_clean(msgspec.to_builtins(answer)), Answer)
        words = clean(_last_words(prompt))[:_WORDS]
        line = Line(key_of(prompt, "strict"), key_of(prompt, "loose"), key_of(prompt, "place"), words, said)
        self._keep(line)
        return line

    def find(self, prompt: Prompt, mode: Mode = "strict") -> Answer | None:
        """The next answer to this request, None if there is none."""
        key = mode, key_of(prompt, mode)
        found = self._by.get(key)
        if not found:
            return None
        place = self._given.get(key, 0)
        self._given[key] = place + 1
        return found[min(place, len(found) - 1)].answer

    def _keep(self, line: Line) -> None:
        self.lines.append(line)
        self._by.setdefault(("strict", line.strict), []).append(line)
        self._by.setdefault(("loose", line.loose), []).append(line)
        self._by.setdefault(("place", line.place), []).append(line)


def key_of(prompt: Prompt, mode: Mode) -> str:
    """What makes two requests the same."""
    said: list[Any] = []
    for message in prompt.said:
        parts = [_without_marks(part) for part in msgspec.to_builtins(message.parts)]
        parts = [p for p in parts if p.get("type") != "thinking"]
        if said and said[-1][0] == message.role:
            said[-1][1].extend(parts)  # vendors split and join messages of one side
        else:
            said.append([message.role, parts])
    if mode == "place":
        said = [*(s for s in said if s[0] == "system"), sum(message.role == "assistant" for message in prompt.said)]
    whole: list[Any] = [said]
    if mode == "strict":
        settings = msgspec.to_builtins(prompt.settings)
        settings.pop("user", None)
        whole += [[_without_marks(t) for t in msgspec.to_builtins(prompt.tools)], settings]
    return sha256(msgspec.json.encode(_clean(whole), order="deterministic")).hexdigest()[:32]


def _without_marks(part: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in part.items() if k not in ("cache", "error")}
    if part.get("type") == "result":
        kept.pop("name", None)
        kept["content"] = [_without_marks(p) for p in part["content"]]
    if part.get("type") == "call":
        with suppress(msgspec.DecodeError):
            kept["arguments"] = msgspec.json.decode(part.get("arguments") or "{}")
    return kept


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRETS.sub("[secret]", value)
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_clean(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _last_words(prompt: Prompt) -> str:
    if not prompt.said:
        return ""
    text = " ".join(str(getattr(p, "text", "") or getattr(p, "name", "")) for p in prompt.said[-1].parts)
    return _SECRETS.sub("[secret]", text)
