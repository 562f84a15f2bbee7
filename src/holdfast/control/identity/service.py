"""``Identity``: everything that a process knows about who may be there, in one place for protocols and operations."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Protocol

from ...domain.errors import Conflict, Rejected
from ...domain.message import Kind, Message, Status
from ...domain.principal import ANONYMOUS, EVERY_SCOPE, EVERY_TENANT, OWNER, Principal, identity_of
from ...journal.codec import encode_message
from ...mailbox.worker import Worker
from ...ports.store import Commit, Send, Store
from . import proof
from .held import PREFIX, HeldTokens, address_of, read_held
from .keys import KeyRing
from .proof import Shown
from .scopes import TOKENS
from .tokens import Authority, Claims, TokenRules

_LOOKED_AT = 10_000
_MOST = 10_000
_SECONDS = 5.0
ADMIN = Principal("service", "admin-token", EVERY_TENANT, frozenset({EVERY_SCOPE}))
"""Whoever has the secret that the server was started with."""


class Provider(Protocol):
    """Somebody else who says who people are."""

    def says(self, token: str) -> bool:
        """Whether a token claims to be from there."""
        ...

    async def principal(self, token: str) -> Principal:
        """Whom it stands for. Raises ``Rejected(token.…)``."""
        ...


class Identity:
    """See the module.

    Args:
        ring, rules: how this installation signs.
        required: whether who shows nothing is refused; otherwise it is the owner of this machine's account.
        admin: a secret for whoever sets the server up; ``""`` for none.
        providers: who else is believed.
    """

    def __init__(
        self,
        store: Store,
        worker: Worker,
        ring: KeyRing,
        rules: TokenRules | None = None,
        *,
        required: bool = False,
        admin: str = "",
        providers: tuple[Provider, ...] = (),
    ) -> None:
        self.ring = ring
        self.required = required
        self.providers = providers
        self._store = store
        self._worker = worker
        self._admin = sha256(admin.encode()).digest() if admin else b""
        self._believed: dict[tuple[str, str], tuple[float, Principal]] = {}
        """What was verified a moment ago: a signature costs more than the rest of a request."""
        self.held = HeldTokens(store, worker.clock, worker.seal)
        self.authority = Authority(ring, rules or TokenRules(), worker.clock.now_ms, worker.random.token)

    @property
    def unproven(self) -> Principal:
        """Who somebody is that shows nothing."""
        return ANONYMOUS if self.required else OWNER

    async def principal(self, secret: str, shown: Shown | None = None, audience: str = "") -> Principal:
        """Whom a token stands for, whatever kind of token it is; ``shown`` is the proof that came with it. Raises
        ``Rejected(token.…)`` with the reason, ``Rejected(auth.unknown)`` for what was never a token of ours."""
        if not secret:
            return self.unproven
        held = self.held.remembered(secret) or (await self.held.whose(secret) if secret.startswith(PREFIX) else None)
        if held is not None:
            return held
        if self._admin and hmac.compare_digest(sha256(secret.encode()).digest(), self._admin):
            return ADMIN
        if secret.count(".") == 2 and not secret.startswith(PREFIX):
            for provider in self.providers:
                if provider.says(secret):
                    return await provider.principal(secret)
            return await self._signed_by_us(secret, shown, audience)
        raise unknown()

    async def _signed_by_us(self, token: str, shown: Shown | None, audience: str) -> Principal:
        now = self._worker.clock.monotonic()
        until, found = self._believed.get((token, audience), (0.0, None))
        if found is not None and now < until:
            return found
        claims = self.authority.read(token, audience=audience)
        await self.check_use(claims, token, shown)
        found = self.authority.principal(claims)
        if claims.cnf is None and not claims.once:  # those are asked for their key, or for their first use, each time
            left = claims.exp + self.authority.rules.skew_seconds - self._worker.clock.now_ms() / 1000
            if len(self._believed) >= _MOST:
                self._believed.clear()
            self._believed[token, audience] = now + min(left, _SECONDS), found
        return found

    async def check_use(self, claims: Claims, token: str, shown: Shown | None) -> None:
        """That a token's bearer may use it here and now: it has the key, and uses it for the first time if that is all that
        it is good for. Raises ``Rejected(token.bound)``, ``Rejected(token.proof)``, ``Rejected(token.replayed)``."""
        if claims.cnf is not None:
            if shown is None:
                raise Rejected("token.bound", "The token is bound to a key; show a proof of having it (header DPoP).")
            if await self.proved(shown, token) != claims.cnf.jkt:
                raise Rejected("token.bound", "The token is bound to another key than the one whose proof came with it.")
        if claims.once:
            await self.first_use(f"jti:{claims.jti}")

    async def proved(self, shown: Shown, token: str) -> str:
        """The thumbprint of the key that somebody has. Raises ``Rejected(token.proof)``, ``Rejected(token.replayed)``."""
        seconds = self._worker.clock.now_ms() / 1000
        jkt, id = proof.check(shown, token, seconds, self.authority.rules.skew_seconds)
        await self.first_use(f"proof:{jkt}:{id}")
        return jkt

    async def first_use(self, id: str) -> None:
        """Remember something that may happen once, for all servers of this store. Raises ``Rejected(token.replayed)``."""
        now = self._worker.clock.now_ms()
        message = Message(address_of("once"), Kind.REQUEST, "seen", b"\x92\x90\x80", key=id, created=now)
        send = Send(message, self._worker.sealed(encode_message(message)), int(Status.DONE), ended=now)
        try:
            [receipt] = await self._store.commit("", [Commit(sends=[send])])
            if receipt.error is not None:
                raise receipt.error
        except Conflict as error:
            if error.code != "message.duplicate":
                raise
            raise Rejected(
                "token.replayed", "This token (or proof) is good for one use, and was used already. Get a new one."
            ) from error

    def of_agent(self, agent: str, chain: tuple[str, ...], audience: str) -> str:
        """A token with which an agent says to somebody else who it is, and on whose behalf it acts. It allows nothing
        here."""
        if audience == self.authority.rules.iss:
            raise Rejected("token.audience", "An agent says who it is to others, not to this installation.")
        first, *others = dict.fromkeys((*chain, agent))
        kind, id, tenant = identity_of(first)
        return self.authority.issue(Principal(kind, id, tenant, act=tuple(others)), audience=audience).token

    async def has_admins(self) -> bool:
        """Whether there is anybody who could let others in."""
        if self._admin or self.providers:
            return True
        for row in await self._store.agents(like=f"{address_of('x').rpartition('/')[0]}/", limit=_LOOKED_AT):
            held = read_held(await self._store.state(row.address), self._worker.seal)
            if held is not None and held.principal().may(TOKENS):
                return True
        return False


def unknown() -> Rejected:
    """The error for a token that stands for nobody."""
    return Rejected(
        "auth.unknown",
        "This token is not known here: it was revoked, has expired, or belongs to another server. "
        "`holdfast token create` makes one.",
    )


__all__ = ["ADMIN", "Identity", "Provider", "unknown"]
