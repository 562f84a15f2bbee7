"""Operations around identity: who one is, tokens, delegation, the keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...domain.address import Address, is_tenant, key_of, name_of, tenant_of
from ...domain.errors import NotFound, Rejected
from ...domain.principal import EVERY_TENANT, Principal
from ...mailbox.worker import Worker
from ...ports.store import Store
from ..registry import operation
from ..views import Done
from .exchange import delegated
from .held import TOKENS, Held, address_of, id_of, kept_in, read_held, secret_of
from .scopes import scopes_of
from .views import IssuedView, KeyView, NewToken, PrincipalView, TokenView

if TYPE_CHECKING:  # what signs is loaded by whoever signs something
    from .service import Identity
    from .tokens import Issued

_OVERLAP_SECONDS = 24 * 3600.0
_LONGEST_SECONDS = 10 * 366 * 86_400


class IdentityOperations:
    """Part of ``Operations``. A process without keys of its own has no ``identity`` and cannot make one."""

    store: Store
    worker: Worker
    principal: Principal
    identity: Identity | None = None
    make_identity: Callable[[], Identity] | None = None

    @operation(path="GET /whoami", command="whoami", changes=False)
    async def whoami(self) -> PrincipalView:
        """Tell who the caller is to this server, and what it may do."""
        who = self.principal
        return PrincipalView(
            kind=who.kind,
            id=who.id,
            tenant=who.tenant,
            scopes=sorted(who.scopes),
            groups=list(who.groups),
            acting=list(who.act),
            owner=who.owner,
        )

    # -- API tokens ---------------------------------------------------------------------------------------------

    @operation(path="POST /tokens", command="token create")
    async def create_token(
        self,
        agent: str = "",
        note: str = "",
        labels: dict[str, str] | None = None,
        key: str = "",
        scopes: list[str] | None = None,
        who: str = "",
        tenant: str = "",
        groups: list[str] | None = None,
        seconds: float = 0,
    ) -> NewToken:
        """Make a secret with which a program may act as an agent, or as somebody. It is shown once and kept nowhere.

        ``agent``: an address, or a bare name for a program outside. ``who``: ``person:NAME`` or ``service:NAME`` instead.
        ``scopes``: scopes and roles; what the caller does not have itself it cannot give. ``seconds``: how long it is good
        for, 0 until it is revoked.
        """
        held = self._holder(agent, who, tenant or self.principal.home)
        held.scopes = tuple(sorted(self._given(scopes, ["models"] if held.agent else ["viewer"])))
        held.note, held.labels, held.groups = note, labels or {}, groups or []
        held.created, held.by = self.worker.clock.now_ms(), self.principal.sender()
        if not 0 <= seconds <= _LONGEST_SECONDS:
            raise Rejected("token.lifetime", "A token is good for at most ten years, or until it is revoked (0).")
        held.expires = held.created + int(seconds * 1000) if seconds else 0
        if held.agent:
            await self._known(held.agent)
        secret = secret_of(self.worker.random.token(40), held.tenant)
        await self._ask(address_of(id_of(secret), held.tenant), "set", [held], key)
        return NewToken(id=id_of(secret), agent=held.agent, secret=secret)

    def _holder(self, agent: str, who: str, tenant: str) -> Held:
        """Whom a token is to stand for."""
        if bool(agent) == bool(who):
            raise Rejected("token.holder", "Say for whom the token is: an agent (desk/42), or person:NAME or service:NAME.")
        self.principal.check_reach(tenant)
        if agent:
            address = self.principal.place(agent if "/" in agent else f"{tenant}/outside/{agent}")
            if name_of(address).startswith("holdfast."):
                raise Rejected("agent.reserved", f"{name_of(address)} is part of Holdfast; nobody acts as it.", agent=agent)
            return Held(address, tenant=tenant_of(address))
        kind, _, id = who.partition(":")
        if kind not in ("person", "service") or not id:
            raise Rejected("token.holder", f"{who!r} is nobody: write person:NAME or service:NAME.")
        if tenant != EVERY_TENANT and not is_tenant(tenant):
            raise Rejected("address.malformed", f"{tenant!r} is not a tenant's name.", tenant=tenant)
        return Held(kind=kind, id=id, tenant=tenant)  # type: ignore[arg-type]

    def _given(self, wanted: list[str] | None, usual: list[str]) -> frozenset[str]:
        scopes = scopes_of(wanted or usual)
        missing = scopes - self.principal.narrowed(scopes)
        if missing:
            raise Rejected(
                "auth.scope",
                f"{self.principal.actor} does not have {', '.join(sorted(missing))} itself, so it cannot give it.",
                scope=min(missing),
            )
        return scopes

    @operation(path="GET /tokens", command="token list", changes=False)
    async def tokens(self) -> list[TokenView]:
        """List the tokens that are valid."""
        found: list[TokenView] = []
        after = ""
        now = self.worker.clock.now_ms()
        while rows := await self.store.agents(like=f"{self.principal.home}/{TOKENS}/", after=after, limit=500):
            for row in rows:
                after = row.address
                held = read_held(await self.store.state(row.address), self.worker.seal)
                if held is not None and self.principal.reaches(held.tenant) and not 0 < held.expires <= now:
                    found.append(_view(key_of(row.address), held))
        return found

    @operation(
        path="DELETE /tokens/{id}", command="token revoke", destroys=True, errors=("token.unknown", "token.ambiguous")
    )
    async def revoke_token(self, id: str) -> Done:
        """Let a token stand for nobody any more; it is refused everywhere within five seconds."""
        found = [t for t in await self.tokens() if t.id.startswith(id)] if id else []
        if len(found) != 1:
            raise NotFound(
                "token.unknown" if not found else "token.ambiguous",
                f"{id!r} names {len(found)} tokens. `holdfast token list` shows them.",
            )
        await self._ask(address_of(found[0].id, kept_in(found[0].tenant)), "revoke", [], "")
        return Done(note=f"revoked {found[0].id}")

    # -- signed tokens ------------------------------------------------------------------------------------------

    @operation(
        path="POST /tokens/issue", command="token issue", again=False, errors=("auth.unknown_scope", "token.lifetime")
    )
    async def issue_token(
        self, audience: str = "", seconds: int = 0, scopes: list[str] | None = None, once: bool = False, jkt: str = ""
    ) -> IssuedView:
        """Make a signed token for the caller itself, good for minutes: for here, or for an ``audience`` elsewhere.

        ``once``: good for one use. ``jkt``: bound to the key of this thumbprint.
        """
        who = self.principal
        given = None if scopes is None else scopes_of(scopes)
        issued = self._identity().authority.issue(who, audience=audience, seconds=seconds, scopes=given, once=once, jkt=jkt)
        return _issued(issued)

    @operation(path="POST /tokens/exchange", command="token exchange", again=False)
    async def exchange_token(
        self,
        subject_token: str,
        audience: str = "",
        seconds: int = 0,
        scopes: list[str] | None = None,
        jkt: str = "",
    ) -> IssuedView:
        """Get a token with which the caller acts for whoever ``subject_token`` stands for (RFC 8693): it says on whose
        behalf, and never allows more than both of them may."""
        identity = self._identity()
        subject = await identity.principal(subject_token)
        wanted = None if scopes is None else scopes_of(scopes)
        acting = delegated(subject, self.principal, identity.authority.rules.depth, wanted)
        issued = identity.authority.issue(acting, audience=audience, seconds=seconds, jkt=jkt)
        return _issued(issued)

    # -- keys ---------------------------------------------------------------------------------------------------

    @operation(path="GET /keys", command="keys list", changes=False)
    async def keys(self) -> list[KeyView]:
        """List the keys that this installation signs with, and signed with."""
        ring = self._identity().ring
        live = {id for id, _ in ring.live()}
        signing = ring.key_id
        return [
            KeyView(
                id=id,
                state="signing" if id == signing else "believed" if id in live else "retired",
                created=key.created,
                retires=key.retires,
            )
            for id, key in ring.all()
        ]

    @operation(path="POST /keys/rotate", command="keys rotate", again=False)
    async def rotate_keys(self, overlap_seconds: float = _OVERLAP_SECONDS) -> KeyView:
        """Sign with a new key from now on; tokens signed with the ones before are believed for a while longer."""
        ring = self._identity().ring
        id = ring.rotate(max(0.0, overlap_seconds))
        key = dict(ring.all())[id]
        return KeyView(id=id, state="signing", created=key.created, retires=key.retires)

    def _identity(self) -> Identity:
        if self.identity is None:
            if self.make_identity is None:
                raise Rejected("keys.none", "This process has no keys; ask a server (--url).")
            self.identity = self.make_identity()
        return self.identity

    async def _known(self, to: str, handler: str = "") -> Any:
        raise NotImplementedError

    async def _ask(self, to: Address, handler: str, args: list[Any], key: str) -> Any:
        raise NotImplementedError


def _issued(issued: Issued) -> IssuedView:
    claims = issued.claims
    return IssuedView(token=issued.token, expires=issued.expires, scopes=claims.scope.split(), subject=claims.sub)


def _view(id: str, held: Held) -> TokenView:
    return TokenView(
        id=id,
        agent=held.agent,
        note=held.note,
        created=held.created,
        labels=held.labels,
        who=held.agent or f"{held.kind}:{held.id}",
        tenant=held.tenant,
        scopes=list(held.scopes),
        groups=held.groups,
        expires=held.expires,
        by=held.by,
    )
