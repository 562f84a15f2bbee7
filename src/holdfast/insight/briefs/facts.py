"""``Fact``: one sentence of a brief as the store bears it out, with links to what it is about.

Words of others (questions, errors, reasons, arguments) stand in it between “ and ”, and nowhere else: so whoever reads it,
person or program, can tell what Holdfast says from what it repeats.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ...domain.address import short
from ...domain.principal import identity_of
from ...journal.codec import to_json

NEEDS, DECIDED, CHANGED, UNUSUAL = "needs-you", "decided", "changed", "unusual"
KINDS = (NEEDS, DECIDED, CHANGED, UNUSUAL)
_QUOTED = re.compile(r"“([^”]*)”")
_LONGEST = 160


class Link(msgspec.Struct, omit_defaults=True):
    """What a sentence is about.

    Attributes:
        what: question, entry, message (a dead letter), resource, agent, or page (of the command center).
        label: in a word or two.
        agent, turn, seq: of an entry, or the agent that is meant.
        id: of a question or a message; the path of a page.
        kind, name, tenant, version: of a resource.
    """

    what: str
    label: str
    agent: str = ""
    turn: int = 0
    seq: int = 0
    id: str = ""
    kind: str = ""
    name: str = ""
    tenant: str = ""
    version: int = 0


class Fact(msgspec.Struct):
    """A sentence, and what has to be true of any other wording of it.

    Attributes:
        about: what was done, and by whom: only facts about the same may be told in one sentence.
        must: what another wording has to name.
    """

    id: str
    kind: str
    text: str
    links: list[Link]
    about: tuple[str, ...] = ()
    must: tuple[str, ...] = ()

    @property
    def own(self) -> str:
        """What Holdfast itself says in it."""
        return _QUOTED.sub(" ", self.text)

    @property
    def quotes(self) -> list[str]:
        """What it repeats of others."""
        return _QUOTED.findall(self.text)


def quoted(what: Any, most: int = _LONGEST) -> str:
    """Words of others, marked as theirs, in one line of bounded length."""
    text = what if isinstance(what, str) else to_json(what).decode()
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).replace("“", '"').replace("”", '"').split())
    return f"“{flat if len(flat) <= most else flat[: most - 1] + '…'}”"


def because(why: Any) -> str:
    """A reason somebody gave, to stand behind a sentence; nothing for none."""
    return f": {quoted(why)}" if why else ""


def who(subject: str) -> str:
    """Somebody, in as few words as tell them apart."""
    kind, id, _ = identity_of(subject)
    return short(subject) if kind == "agent" else id


def lasting(ms: int) -> str:
    """How long, in its largest units."""
    minutes = max(0, ms) // 60_000
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 2 * 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def money(usd: float) -> str:
    """An amount of US dollars."""
    return f"${usd:,.2f}" if usd >= 0.01 else f"${usd:.6f}".rstrip("0").rstrip(".")


__all__ = [
    "CHANGED",
    "DECIDED",
    "KINDS",
    "NEEDS",
    "UNUSUAL",
    "Fact",
    "Link",
    "because",
    "counted",
    "lasting",
    "money",
    "quoted",
    "who",
]
