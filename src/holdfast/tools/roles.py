"""What a tool's arguments are: the roles by which the gate tells a recipient from the words that are sent there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..domain.errors import Rejected

DESTINATION = "destination"
CONTENT = "content"
AMOUNT = "amount"
COUNT = "count"
SECRET = "secret"
ROLES = (DESTINATION, CONTENT, AMOUNT, COUNT, SECRET)


def roles_of(
    tool: str,
    roles: Mapping[str, str],
    destinations: Sequence[str],
    content: Sequence[str],
    known: Mapping[str, Any],
) -> dict[str, str]:
    """The roles of a tool's arguments by their names, the short forms put in. Raises ``Rejected(tool.malformed)`` for an
    argument that is not ``known`` (where any are), a role that nobody knows, and two roles of one argument."""
    given = [*roles.items(), *((a, DESTINATION) for a in destinations), *((a, CONTENT) for a in content)]
    made: dict[str, str] = {}
    for argument, role in given:
        if known and argument not in known:
            why = f"declares {argument!r}, but its arguments are: {', '.join(known)}"
        elif role not in ROLES:
            why = f"gives {argument!r} the role {role!r}; there are: {', '.join(ROLES)}"
        elif made.setdefault(argument, role) != role:
            why = f"says that {argument!r} is {made[argument]} and {role}"
        else:
            continue
        raise Rejected("tool.malformed", f"Tool {tool!r} {why}.", tool=tool)
    return made


def known_roles(roles: Mapping[str, str], known: Mapping[str, Any]) -> dict[str, str]:
    """Those of arguments that there are: what is declared of somebody else's tool may be older than the tool."""
    return {argument: role for argument, role in roles.items() if argument in known}


def roles_in(schema: Mapping[str, Any]) -> dict[str, str]:
    """What a JSON schema itself says of its properties: ``x-role``, and ``format: password``."""
    found: dict[str, str] = {}
    for name, shown in schema.get("properties", {}).items():
        if not isinstance(shown, Mapping):
            continue
        said = shown.get("x-role", SECRET if shown.get("format") == "password" else "")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if said in ROLES:
            found[name] = said
    return found
