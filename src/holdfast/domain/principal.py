"""``Principal``: who is behind a request, as a protocol's edge found out before it called an operation.

Sender, chain, labels and tags of a message from outside are read off this value and nowhere else, so that nobody can say
of themselves who they are. It is pure: how somebody proves it is the business of ``control/identity``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote, unquote

import msgspec

from . import labels
from .address import DEFAULT_TENANT, Address, address, tenant_of
from .errors import Rejected

PrincipalKind = Literal["person", "service", "agent", "anonymous"]
EVERY_TENANT = "*"
EVERY_SCOPE = "*"
_SCHEME = "spiffe://"
_NOT_AGENTS = ("person", "service", "anonymous")


class Principal(msgspec.Struct, frozen=True):
    """Somebody who may ask for something.

    Attributes:
        kind: what it is.
        id: of an agent its full address; of a person or service a name that is unique in the tenant.
        tenant: where it belongs and what it can reach; ``*`` reaches every tenant and is at home in ``default``.
        scopes: what it may do, see ``control/identity/scopes.py``; ``*`` is everything.
        groups: what it belongs to, for approvals.
        act: who acts for it, nearest to it first; the last is who is really there. Subjects, not ids.
        tags: what costs are told apart by; of an agent's token.
        owner: the owner of this process or of this machine's account: needs no proof, and may say under which name it sends.
    """

    kind: PrincipalKind
    id: str
    tenant: str = DEFAULT_TENANT
    scopes: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    act: tuple[str, ...] = ()
    tags: Mapping[str, str] = {}
    owner: bool = False

    @property
    def home(self) -> str:
        """The tenant that is meant where none is named."""
        return DEFAULT_TENANT if self.tenant == EVERY_TENANT else self.tenant

    @property
    def subject(self) -> str:
        """One string that names it: an agent's address, or ``tenant/person:ada``."""
        return self.id if self.kind == "agent" else _named(self.home, self.kind, self.id)

    @property
    def actor(self) -> str:
        """Who is really there: itself, or the last that acts for it."""
        return self.act[-1] if self.act else self.subject

    @property
    def chain(self) -> tuple[str, ...]:
        """On whose behalf the actor acts, outermost first; nothing if on its own."""
        return (self.subject, *self.act[:-1]) if self.act else ()

    def chain_to(self, to: str) -> tuple[str, ...]:
        """The chain of a message of it: all on whose behalf the receiver acts, outermost first. The owner's is empty: it
        is nobody else's."""
        return () if self.owner else tuple(who for who in (self.subject, *self.act) if who != to)

    @property
    def labels(self) -> tuple[str, ...]:
        """Where the words of its messages come from: a person's are the user's own, an agent's never are."""
        if self.kind in ("person", "service") and not self.act:
            return (labels.USER,)
        return (labels.of_agent(self.actor),)

    def sender(self, shown: str = "") -> str:
        """What a message of it carries as sender. Only the owner may choose a name to be shown."""
        return (shown or self.id) if self.owner else self.actor

    def may(self, scope: str) -> bool:
        """Whether it has a scope."""
        return scope in self.scopes or EVERY_SCOPE in self.scopes

    def reaches(self, tenant: str) -> bool:
        """Whether a tenant is within its reach."""
        return self.tenant in (tenant, EVERY_TENANT)

    def place(self, text: str) -> Address:
        """An address as it wrote it, ``name/key`` meaning its own tenant. Raises ``Rejected(address.malformed)``,
        ``Rejected(tenant.crossed)``."""
        found = address(text, self.home)
        self.check_reach(tenant_of(found))
        return found

    def check_reach(self, tenant: str) -> None:
        """Raises ``Rejected(tenant.crossed)``."""
        if not self.reaches(tenant):
            raise crossed(self.subject, tenant)

    @property
    def within(self) -> str:
        """The beginning of every address that it can reach: ``""`` for all of them."""
        return "" if self.tenant == EVERY_TENANT else f"{self.tenant}/"

    def narrowed(self, scopes: frozenset[str]) -> frozenset[str]:
        """Which of these scopes it has itself: what it can give to others is never more."""
        if EVERY_SCOPE in self.scopes:
            return scopes
        return self.scopes if EVERY_SCOPE in scopes else scopes & self.scopes


OWNER = Principal("person", "local", EVERY_TENANT, frozenset({EVERY_SCOPE}), owner=True)
"""Whoever runs this process, or reaches it on this machine where nothing else is configured."""
ANONYMOUS = Principal("anonymous", "anonymous")


def crossed(who: str, tenant: str) -> Rejected:
    """The error for somebody who asks for what another tenant has."""
    return Rejected(
        "tenant.crossed",
        f"{who} belongs to another tenant than {tenant!r} and reaches nothing there. Tenants are apart; whoever needs both "
        "has a token for each, or one for every tenant.",
        tenant=tenant,
    )


def spiffe_id(subject: str, trust_domain: str) -> str:
    """The SPIFFE-style id of a subject: ``spiffe://<trust domain>/<tenant>/<name>/<key>`` for an agent,
    ``…/<tenant>/-person/<id>`` for a person (no agent's name begins with ``-``). What may not stand in a path is
    percent-encoded."""
    tenant, _, rest = subject.partition("/")
    kind, colon, id = rest.partition(":")
    if colon and kind in _NOT_AGENTS:
        return f"{_SCHEME}{trust_domain}/{tenant}/-{kind}/{id}"
    name, _, key = rest.partition("/")
    return f"{_SCHEME}{trust_domain}/{tenant}/{name}/{quote(key, safe='')}"


def subject_of(spiffe: str, trust_domain: str) -> str:
    """The subject that a SPIFFE-style id of this trust domain names. Raises ``Rejected(token.subject)``."""
    parts = spiffe.removeprefix(f"{_SCHEME}{trust_domain}/").split("/")
    if spiffe.startswith(f"{_SCHEME}{trust_domain}/") and len(parts) == 3 and all(parts):
        tenant, name, key = parts
        if name[0] == "-" and name[1:] in _NOT_AGENTS:
            return f"{tenant}/{name[1:]}:{key}"
        if name[0] != "-":
            return address(f"{tenant}/{name}/{unquote(key)}")
    raise Rejected("token.subject", f"{spiffe!r} names nobody in the trust domain {trust_domain!r}.", subject=spiffe)


def identity_of(subject: str) -> tuple[PrincipalKind, str, str]:
    """Kind, id and tenant of a subject."""
    tenant, _, rest = subject.partition("/")
    kind, colon, id = rest.partition(":")
    if colon and kind in _NOT_AGENTS and "/" not in rest:
        return kind, unquote(id), tenant  # type: ignore[return-value]
    return "agent", subject, tenant


def subject_in(name: str, tenant: str) -> str:
    """The subject that somebody wrote as ``person:ada`` or ``desk/1`` and means in a tenant; a whole one stays as it is."""
    kind, colon, id = name.partition(":")
    if colon and kind in _NOT_AGENTS:
        return _named(tenant, kind, unquote(id))
    return f"{tenant}/{name}" if name.count("/") == 1 and identity_of(name)[0] == "agent" else name


def _named(tenant: str, kind: str, id: str) -> str:
    return f"{tenant}/{kind}:{quote(id, safe='@.+-_')}"


def is_same(one: str, other: str) -> bool:
    """Whether two names are somebody's same name: subjects as they are, and a name that only the owner can give (``ann``)
    as the one within a subject (``default/person:ann``)."""
    if one == other:
        return True
    return ("/" not in one or "/" not in other) and identity_of(one)[1] == identity_of(other)[1]


__all__ = [
    "ANONYMOUS",
    "EVERY_SCOPE",
    "EVERY_TENANT",
    "OWNER",
    "Principal",
    "PrincipalKind",
    "crossed",
    "identity_of",
    "is_same",
    "spiffe_id",
    "subject_in",
    "subject_of",
]
