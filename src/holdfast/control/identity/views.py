"""What operations around identity return."""

from __future__ import annotations

from ..views import View


class PrincipalView(View):
    """Who somebody is to this server. ``acting``: who acts for it, nearest first. ``owner``: nothing had to be proved."""

    kind: str
    id: str
    tenant: str
    scopes: list[str]
    groups: list[str]
    acting: list[str]
    owner: bool


class TokenView(View):
    """A token: whom it stands for. ``created`` and ``expires`` in milliseconds, 0 for never."""

    id: str
    agent: str
    note: str
    created: int
    labels: dict[str, str]
    who: str = ""
    tenant: str = ""
    scopes: list[str] = []
    groups: list[str] = []
    expires: int = 0
    by: str = ""


class NewToken(View):
    """A token just made; ``secret`` is shown this once."""

    id: str
    agent: str
    secret: str


class IssuedView(View):
    """A signed token. ``expires`` in milliseconds."""

    token: str
    expires: int
    scopes: list[str]
    subject: str


class KeyView(View):
    """A key of this installation: ``signing``, ``believed`` (its tokens still are) or ``retired`` (kept to verify what it
    signed)."""

    id: str
    state: str
    created: int
    retires: int
