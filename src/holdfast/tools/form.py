"""``Form``: the form that an agent's answers must have: text, a type, or a JSON schema."""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.conversation import Answer, Settings
from ..domain.errors import Rejected
from ..journal.codec import ANY, Shape
from .schema import schema_of


class WrongForm(Exception):
    """An answer is not of the form; the words say why, for the model."""


class Form:
    """See the module."""

    __slots__ = ("_check", "name", "schema", "shape")

    def __init__(self, output: Any = None) -> None:
        self._check: Any = None
        self.schema: dict[str, Any] | None = None
        self.shape = ANY
        self.name = ""
        if output is None or output is str:
            return
        if isinstance(output, dict):
            self.schema = output  # pyright: ignore[reportUnknownMemberType]
            self.name = str(output.get("title", "answer"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            return
        definitions: dict[str, Any] = {}
        try:
            self.shape = Shape(output)
            schema = schema_of(output, definitions)
        except TypeError as error:
            raise Rejected("output.malformed", f"Answers cannot have the type {output!r}: {error}.") from error
        if "$ref" in schema:  # the schema itself must be the object
            schema = dict(definitions.pop(str(schema["$ref"]).rpartition("/")[2]))
        self.schema = {**schema, "$defs": definitions} if definitions else schema
        self.name = getattr(output, "__name__", "answer")

    @property
    def text(self) -> bool:
        """Whether any words will do."""
        return self.schema is None

    def settings(self, settings: Settings) -> Settings:
        """Settings that ask for this form."""
        if self.schema is None:
            return settings
        return msgspec.structs.replace(settings, schema=self.schema, schema_name=self.name)

    def read(self, answer: Answer) -> Any:
        """The value of an answer. Raises ``WrongForm``."""
        if self.schema is None:
            return answer.text
        text = answer.text.strip()
        if text.startswith("```"):
            text = text.strip("`").removeprefix("json").strip()
        try:
            value = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise WrongForm(
                f"Your answer is not valid JSON ({error}). Answer with JSON of the given schema only."
            ) from error
        try:
            return self._by_schema(value) if self.shape is ANY else self.shape.convert(value, "answer")
        except Rejected as error:
            raise WrongForm(f"Your answer does not have the right form: {error.message} Answer again.") from error

    def _by_schema(self, value: Any) -> Any:
        if self._check is None:
            from jsonschema import validators  # loaded for who gives a schema rather than a type

            assert self.schema is not None
            self._check = validators.validator_for(self.schema)(self.schema)
        problems = [e.message for e in self._check.iter_errors(value)]
        if problems:
            raise WrongForm(f"Your answer does not have the right form: {'; '.join(problems[:3])}. Answer again.")
        return value
