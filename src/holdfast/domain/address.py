"""Addresses: ``tenant/name/key`` in full, ``name/key`` for the default tenant."""

from __future__ import annotations

import re
from typing import NewType

from .errors import Rejected

Address = NewType("Address", str)

DEFAULT_TENANT = "default"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z")
_KEY = re.compile(r"[^/\s\x00-\x1f\x7f]{1,200}\Z")
GROUP, TOPIC = "group:", "topic:"
BUILT_IN = "holdfast."
"""How the names of the system's own agents begin."""


def address(text: str, tenant: str = DEFAULT_TENANT) -> Address:
    """Parse what a person typed; ``tenant`` is meant where none is named. Raises ``Rejected(address.malformed)``."""
    parts = text.split("/")
    if len(parts) == 2:
        parts = [tenant, *parts]
    if len(parts) != 3 or not _NAME.match(parts[0]) or not _NAME.match(parts[1]) or not _KEY.match(parts[2]):
        raise Rejected(
            "address.malformed",
            f"{text!r} is not an agent's address. Write name/key (desk/42) or tenant/name/key (acme/desk/42): "
            "names start with a letter and hold letters, digits, '_', '.', '-'; keys hold no space and no '/'.",
            address=text,
        )
    return Address("/".join(parts))


def make(name: str, key: str, tenant: str = DEFAULT_TENANT) -> Address:
    """The address of one agent; checked like ``address``."""
    return address(f"{tenant}/{name}/{key}")


def name_of(full: str) -> str:
    """The definition's name in a full address."""
    return full.split("/", 2)[1]


def key_of(full: str) -> str:
    """The key in a full address."""
    return full.split("/", 2)[2]


def is_tenant(text: str) -> bool:
    """Whether this can be a tenant's name."""
    return _NAME.match(text) is not None


def tenant_of(full: str) -> str:
    """The tenant in a full address."""
    return full.split("/", 1)[0]


def is_builtin(full: str) -> bool:
    """Whether an agent is part of the system itself: what judges others must not wait for itself."""
    return f"/{BUILT_IN}" in full  # no key has a slash, and neither has a topic or a group


def short(full: str) -> str:
    """The shortest form that ``address`` reads back."""
    return full.removeprefix(DEFAULT_TENANT + "/")
