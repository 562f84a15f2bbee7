"""API tokens: secrets that stand for a person, a service or an agent until they are revoked or expire.

Each is an agent (``holdfast.token/<id>``) of its tenant, like a schedule: listed, journaled, revoked by a message. What is
kept is the hash of the secret and whom it stands for; the secret itself is shown once and kept nowhere. Nobody but the
operations may talk to these agents: whoever could set one could be anybody.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from ...domain.address import DEFAULT_TENANT, Address, make
from ...domain.errors import NotFound, Rejected
from ...domain.principal import EVERY_TENANT, Principal, PrincipalKind
from ...journal.codec import Seal, Shape
from ...ports.clock import Clock
from ...ports.store import Store
from ...sdk.agent import Agent
from ...turn.context import Context

TOKENS = "holdfast.token"
PREFIX = "hf_"
_SECONDS = 5.0
_MOST = 10_000

token = Agent(TOKENS, description="A secret that stands for somebody.")


class Held(msgspec.Struct):
    """What a token stands for: an agent by its address, or somebody else by kind and id. ``created`` and ``expires`` in
    milliseconds, 0 for never."""

    agent: str = ""
    note: str = ""
    created: int = 0
    labels: dict[str, str] = {}
    kind: PrincipalKind = "agent"
    id: str = ""
    tenant: str = DEFAULT_TENANT
    scopes: tuple[str, ...] = ("models",)
    groups: list[str] = []
    expires: int = 0
    by: str = ""

    def principal(self) -> Principal:
        """Whom it stands for."""
        tenant = self.agent.partition("/")[0] if self.kind == "agent" else self.tenant
        id = self.agent if self.kind == "agent" else self.id
        return Principal(self.kind, id, tenant, frozenset(self.scopes), tuple(self.groups), tags=self.labels)


_HELD = Shape(Held)


@token.handler(name="set")
async def create(ctx: Context, held: Held) -> Held:
    """Let the token stand for somebody."""
    await ctx.state.set("held", held)
    return held


@token.handler
async def revoke(ctx: Context) -> None:
    """The token stands for nobody any more."""
    if await ctx.state.get("held") is None:
        raise NotFound("token.unknown", f"There is no token {ctx.key!r}. `holdfast token list` shows them.")
    await ctx.state.delete("held")


def secret_of(random: str, tenant: str) -> str:
    """A secret that says in which tenant it is kept; those of every tenant are kept in the first."""
    home = kept_in(tenant)
    return PREFIX + (random if home == DEFAULT_TENANT else f"{home}.{random}")


def kept_in(tenant: str) -> str:
    """The tenant whose agent a token is."""
    return DEFAULT_TENANT if tenant == EVERY_TENANT else tenant


def id_of(secret: str) -> str:
    """A token's public name: nobody can go back from it to the secret."""
    return sha256(secret.encode()).hexdigest()[:20]


def address_of(id: str, tenant: str = DEFAULT_TENANT) -> Address:
    """The agent that a token is."""
    return make(TOKENS, id, kept_in(tenant))


def read_held(state: Any, seal: Seal | None) -> Held | None:
    """What the state of such an agent says."""
    kept = state.get("held")
    if kept is None or not kept.value:
        return None
    return _HELD.decode(msgspec.Raw(seal.open(kept.value) if seal else kept.value), "token")


class HeldTokens:
    """Whom a secret stands for: looked up in the store, remembered for a moment. A revoked token is refused everywhere after
    at most five seconds."""

    def __init__(self, store: Store, clock: Clock, seal: Seal | None) -> None:
        self._store = store
        self._clock = clock
        self._seal = seal
        self._known: dict[str, tuple[float, Principal | None, int]] = {}

    def remembered(self, secret: str) -> Principal | None:
        """For whom a secret stood a moment ago, None if that is not known."""
        found = self._known.get(secret)
        if found is None or self._clock.monotonic() - found[0] >= _SECONDS or self._over(found[2]):
            return None
        return found[1]

    async def whose(self, secret: str) -> Principal | None:
        """Whom a token stands for; None if nobody."""
        now = self._clock.monotonic()
        found = self._known.get(secret)
        if found is None or now - found[0] >= _SECONDS:
            held = await self._read(secret) if secret.startswith(PREFIX) else None
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[secret] = (now, held.principal(), held.expires) if held else (now, None, 0)
        return None if self._over(found[2]) else found[1]

    def forget(self) -> None:
        """Look everything up again."""
        self._known.clear()

    def _over(self, expires: int) -> bool:
        return bool(expires) and expires <= self._clock.now_ms()

    async def _read(self, secret: str) -> Held | None:
        tenant = secret.removeprefix(PREFIX).rpartition(".")[0] or DEFAULT_TENANT
        try:
            address = address_of(id_of(secret), tenant)
        except Rejected:  # a tenant that is none: a made-up secret
            return None
        return read_held(await self._store.state(address), self._seal)


__all__ = [
    "PREFIX",
    "TOKENS",
    "Held",
    "HeldTokens",
    "address_of",
    "id_of",
    "kept_in",
    "read_held",
    "secret_of",
    "token",
]
