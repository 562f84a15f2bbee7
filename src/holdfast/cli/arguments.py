"""What a person typed as a handler's arguments, and the payload that it becomes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from ..domain.errors import Rejected
from ..journal.codec import encode

_SCALARS = ("int", "str", "float", "bool")


def value(text: str) -> Any:
    """JSON; a bare word that is none is a string. Raises ``Rejected(argument.not_json)`` for broken JSON."""
    try:
        return json.loads(text)
    except ValueError as error:
        if text[:1] in ("{", "[", '"'):
            raise Rejected(
                "argument.not_json",
                f"{text!r} begins like JSON but is none: {error}. Quote it for the shell with '...' and write keys and "
                'texts in "...".',
                text=text,
            ) from error
        return text


def payload(texts: Sequence[str], known: dict[str, Any] | None) -> bytes:
    """The arguments of a call. ``known`` is the handler's description: one object whose keys are the names of its
    parameters becomes keyword arguments, unless it takes a single one, which is then the object itself."""
    values = [value(t) for t in texts]
    only = values[0] if len(values) == 1 else None
    if known is not None and isinstance(only, dict) and _by_name(cast("dict[Any, Any]", only), known):
        return encode(((), only), "arguments")
    return encode((values, {}), "arguments")


def _by_name(given: dict[Any, Any], known: dict[str, Any]) -> bool:
    names: list[str] = known["arguments"]
    if not given or not set(given) <= set(names):
        return False
    if len(names) > 1:
        return True
    return any(f"{names[0]}: {kind}" in known["signature"] for kind in _SCALARS)
