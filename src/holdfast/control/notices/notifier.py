"""``kind: Notifier``: who is told of what, and where."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from ...domain.notice import KIND, Notice
from ...mailbox.resources import Mirror

DAY = 86_400.0


class NotifierSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A webhook that is told what happens.

    Attributes:
        url: where to; ``env:NAME``, ``file:PATH`` or ``secret:NAME`` if its address is a secret, as chats' are.
        secret: where the key is that signs what is sent (``Holdfast-Signature``).
        format: ``cloudevents`` (JSON) or ``slack`` (text and buttons).
        events: which; all of them if none is named. ``*`` is any part: ``approval.*``.
        link: how people reach this server (``https://holdfast.example``), for links; none without it.
        approvers: who answers with the links that are sent there; whoever reads them can.
        people: of a chat that says who pressed a button: its ids, and who they are here.
        signing_secret: where the key is with which that chat signs what was pressed.
        link_seconds: how long a link is good; shorter if the question is over before.
        attempts: how often it is tried, at growing intervals.
    """

    url: str
    secret: str = ""
    format: Literal["cloudevents", "slack"] = "cloudevents"
    events: list[str] = []
    link: str = ""
    approvers: list[str] = []
    people: dict[str, str] = {}
    signing_secret: str = ""
    link_seconds: float = DAY
    attempts: int = 12

    def wants(self, type: str) -> bool:
        """Whether it is told of such events."""
        return not self.events or any(fnmatchcase(type, pattern) for pattern in self.events)


def wanting(mirror: Mirror, notice: Notice) -> list[tuple[str, str]]:
    """Name and tenant of those that are told of something: its tenant's, and the installation's."""
    found: list[tuple[str, str]] = []
    for row in mirror.all(KIND):
        if row.tenant in ("", notice.tenant) and msgspec.json.decode(row.body, type=NotifierSpec).wants(notice.type):
            found.append((row.name, row.tenant))
    return found


def spec_of(mirror: Mirror, name: str, tenant: str) -> NotifierSpec | None:
    """What a notifier says; None if it is no more."""
    row = mirror.get(KIND, name, tenant)
    return None if row is None else msgspec.json.decode(row.body, type=NotifierSpec)


__all__ = ["DAY", "NotifierSpec", "spec_of", "wanting"]
