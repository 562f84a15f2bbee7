"""Faults by name, for command lines and parametrized tests: ``fault("cut:3,how=close")`` is ``Cut(3, how="close")``."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, get_type_hints

import msgspec

from . import disturbances, refusals
from .answer import Fault

_INTERNAL = {"Fault", "Unserved"}


def _found() -> dict[str, type[Fault]]:
    classes = [value for module in (refusals, disturbances) for value in vars(module).values() if isinstance(value, type)]
    faults = [found for found in classes if issubclass(found, Fault) and found.__name__ not in _INTERNAL]
    return {re.sub(r"(?<=.)(?=[A-Z])", "-", found.__name__).lower(): found for found in faults}


FAULTS: dict[str, type[Fault]] = dict(sorted(_found().items()))
"""Every fault by its name on a command line."""


def fault(text: str) -> Fault:
    """The fault that a text names, with its arguments in order or by name, separated by commas.

    Raises:
        ValueError: there is no such fault, or it takes no such argument; the message lists what there is.
    """
    name, _, given = text.partition(":")
    found = FAULTS.get(name)
    if found is None:
        raise ValueError(f"there is no fault {name!r}; there are {', '.join(FAULTS)}")
    hints = get_type_hints(found)
    fields = [field.name for field in dataclasses.fields(found) if field.name != "reply"]
    values: dict[str, Any] = {}
    for index, word in enumerate(given.split(",") if given else []):
        key, equals, value = word.partition("=")
        if not equals and index < len(fields):
            key, value = fields[index], word
        if key not in fields:
            raise ValueError(f"{name} takes {', '.join(fields) or 'no arguments'}, not {word!r}")
        try:
            values[key] = msgspec.convert(value, hints[key], strict=False)
        except msgspec.ValidationError as error:
            raise ValueError(f"{name}: {key} cannot be {value!r}: {error}") from error
    return found(**values)
