"""How a model's tool call becomes a function call: what a tool takes is read from its function's types, and what is wrong
with a call is told in the answer, as in the recordings, so that the model can do better."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any, ParamSpec, cast

import msgspec

from examples.airline.database import Airline

P = ParamSpec("P")


class Refused(Exception):
    """A tool does not do what it was asked to; the message is its answer. Raised before anything is changed."""


def answering(function: Callable[P, str]) -> Callable[P, str]:
    """A tool that answers ``Error: ...`` where it would raise ``Refused``."""

    @wraps(function)
    def answer(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return function(*args, **kwargs)
        except Refused as refused:
            return f"Error: {refused}"

    return answer


@dataclass(frozen=True)
class Tool:
    """A function over an ``Airline``, and how a model sees it."""

    function: Callable[..., str]
    changes: bool
    """Whether it can change the database."""

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def description(self) -> str:
        """The function's docstring, as one line."""
        return " ".join((self.function.__doc__ or "").split())

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """What it takes, as a JSON schema without references."""
        (schema,), parts = msgspec.json.schema_components([self._arguments], ref_template="{name}")
        return _inlined(schema, parts)

    @property
    def definition(self) -> dict[str, Any]:
        """The tool as OpenAI's chat API takes it."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}

    def call(self, airline: Airline, arguments: str | Mapping[str, Any]) -> str:
        """Its answer to arguments as a model wrote them, or already read from JSON. Unknown keys in the items of a list
        are passed on: the recorded tools keep them."""
        try:
            given = json.loads(arguments) if isinstance(arguments, str) else dict(arguments)
            msgspec.convert(given, self._arguments)
        except json.JSONDecodeError as error:
            return f"Error: the arguments of {self.name} are not JSON: {error}"
        except msgspec.ValidationError as error:
            return f"Error: wrong arguments for {self.name}: {error}"
        return self.function(airline, **given)

    @cached_property
    def _arguments(self) -> type[msgspec.Struct]:
        _, *taken = inspect.signature(self.function, eval_str=True).parameters.values()
        return msgspec.defstruct(self.name, [(one.name, one.annotation) for one in taken], forbid_unknown_fields=True)


def _inlined(schema: Any, parts: Mapping[str, Any]) -> Any:
    """A schema with each reference replaced by what it refers to, and without the names of Python's types."""
    if isinstance(schema, list):
        return [_inlined(item, parts) for item in cast(list[Any], schema)]
    if not isinstance(schema, dict):
        return schema
    known = cast(dict[str, Any], schema)
    if "$ref" in known:
        return _inlined(parts[known["$ref"]], parts)
    return {key: _inlined(item, parts) for key, item in known.items() if key != "title" or not isinstance(item, str)}
