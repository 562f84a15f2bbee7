"""What OpenAI's dialects share: how a key is shown, which models think, which ids fit, and how errors are said."""

from __future__ import annotations

import re
from typing import Any, cast

from ...domain.conversation import Prompt, Settings, ToolSpec
from .dialect import Kind
from .errors import read_error
from .lost import SCHEMA_STRICT, Lost
from .outgoing import fitting_id, wants_strict

VENDOR = "openai"

_THINKS = re.compile(r"(?:^|/)(?:o\d|gpt-[5-9])")
_FULL_THINKER = re.compile(r"(?:^|/)(?:o\d|gpt-5(?!\.|-chat))")
_THINKS_IF_ASKED = re.compile(r"(?:^|/)gpt-5(?:\.[1-4](?!\d)|-chat)")
_MISTRAL = re.compile(r"(?:^|/)(?:open-)?(?:mistral|mixtral|codestral|ministral|magistral|devstral|pixtral)", re.IGNORECASE)
_ID = re.compile(r".*", re.DOTALL)
_MISTRAL_ID = re.compile(r"[a-zA-Z0-9]{9}")


class OpenAI:
    """The half of ``Dialect`` that is the same for both."""

    path: str

    def url_path(self, model: str, *, stream: bool) -> str:
        """See ``Dialect``."""
        return self.path

    def auth(self, key: str) -> dict[str, str]:
        """See ``Dialect``."""
        return {"authorization": f"Bearer {key}"}

    def read_error(self, status: int, body: Any) -> tuple[Kind, str]:
        """See ``Dialect``."""
        return read_error(status, body)

    def write_error(self, kind: Kind, message: str) -> tuple[int, dict[str, Any]]:
        """See ``Dialect``."""
        return write_error(kind, message)


def thinks(model: str) -> bool:
    """Whether it is one of OpenAI's models that reason before they answer."""
    return _THINKS.search(model) is not None


def takes_sampling(model: str, effort: str) -> bool:
    """Whether it accepts a temperature: a model that reasons does not."""
    if not thinks(model):
        return True
    if _FULL_THINKER.search(model):
        return False
    return effort == "none" or (not effort and _THINKS_IF_ASKED.search(model) is not None)


def call_id(id: str, model: str, length: int) -> str:
    """A call's id as this model's servers accept it."""
    return fitting_id(id, _MISTRAL_ID, 9) if _MISTRAL.search(model) else fitting_id(id, _ID, length)


def parameters(tool: ToolSpec) -> dict[str, Any]:
    """The JSON schema of a tool's arguments; one without arguments needs one, too."""
    return tool.schema or {"type": "object", "properties": {}}


def sampling(settings: Settings, model: str, lost: Lost) -> dict[str, Any]:
    """``temperature`` and ``top_p``, if the model takes them."""
    given = {"temperature": settings.temperature, "top_p": settings.top_p}
    given = {name: value for name, value in given.items() if value is not None}
    if takes_sampling(model, settings.effort):
        return given
    for name in given:
        lost.say(name)
    return {}


def strictness(prompt: Prompt, lost: Lost) -> dict[str, Any]:
    """Asks for the schema of a prompt that came in another dialect to be kept strictly where OpenAI can: every object
    closed, all its fields required. Elsewhere it would refuse the request."""
    schema = prompt.settings.schema
    if schema and schema.get("type") == "object" and _closed(schema):
        return {"strict": True}
    lost.say(SCHEMA_STRICT, wants_strict(prompt))
    return {}


def _closed(schema: Any) -> bool:
    if isinstance(schema, list):
        return all(_closed(item) for item in cast("list[Any]", schema))
    if not isinstance(schema, dict):
        return True
    fields = cast("dict[str, Any]", schema)
    if fields.get("type") == "object" or "properties" in fields:
        properties: dict[str, Any] = fields.get("properties") or {}
        if fields.get("additionalProperties") is not False or set(fields.get("required") or []) != set(properties):
            return False
    return all(_closed(value) for value in fields.values())


# status, type, code
_ERRORS: dict[Kind, tuple[int, str, str]] = {
    "rate_limited": (429, "rate_limit_error", "rate_limit_exceeded"),
    "quota": (429, "insufficient_quota", "insufficient_quota"),
    "overloaded": (503, "server_error", "overloaded"),
    "server_error": (500, "server_error", "server_error"),
    "auth": (401, "invalid_request_error", "invalid_api_key"),
    "not_allowed": (403, "invalid_request_error", "permission_denied"),
    "unknown_model": (404, "invalid_request_error", "model_not_found"),
    "bad_request": (400, "invalid_request_error", "bad_request"),
    "too_long": (400, "invalid_request_error", "context_length_exceeded"),
    "content_filter": (400, "invalid_request_error", "content_filter"),
    "prefill_refused": (400, "invalid_request_error", "prefill_refused"),
    "malformed": (502, "server_error", "malformed"),
    "truncated": (502, "server_error", "truncated"),
    "timeout": (504, "server_error", "timeout"),
    "connection": (502, "server_error", "connection"),
}


def write_error(kind: Kind, message: str) -> tuple[int, dict[str, Any]]:
    """Status and body."""
    status, type, code = _ERRORS[kind]
    return status, {"error": {"message": message, "type": type, "param": None, "code": code}}
