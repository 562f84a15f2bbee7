"""Operations of auditors: sign what happened, hand it out with proof, search it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from ..domain.address import tenant_of
from ..domain.errors import Unavailable
from ..domain.principal import Principal
from ..insight.audit.deeds import Deeds, Found, Wanted
from ..insight.audit.exporting import Piece, export
from ..insight.audit.sealing import Sealed, Sealing, root_of
from ..mailbox.worker import Worker
from ..ports.store import Store
from ..ports.witness import Witness
from .identity.service import Identity
from .registry import operation
from .views import View

_MOST = 1_000


class RootView(View):
    """A signed root. ``at`` in milliseconds; ``total`` counts the entries of all segments so far."""

    number: int
    at: int
    root: str
    previous: str
    entries: int
    total: int
    key: str
    signature: bytes


class AuditOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    principal: Principal
    identity: Identity | None
    make_identity: Callable[[], Identity] | None
    witnesses: tuple[Witness, ...] = ()
    """Who is told of every signed root."""
    _deeds: Deeds | None = None

    @operation(
        path="POST /audit/seal", command="audit seal", errors=("audit.broken_chain", "audit.rolled_back", "audit.no_key")
    )
    async def audit_seal(self) -> Sealed:
        """Sign everything that happened since the last segment, and tell the witnesses."""
        return await self._signing().seal()

    @operation(path="GET /audit/roots", command="audit roots", changes=False, page="number")
    async def audit_roots(self, after: int = 0, limit: int = 100) -> list[RootView]:
        """List signed roots, oldest first; with a negative ``after`` only the newest."""
        found: list[RootView] = []
        for segment in await self.store.segments(after, min(limit, _MOST)):
            root = root_of(segment)
            it = root.statement
            found.append(
                RootView(
                    number=it.number,
                    at=it.at,
                    root=it.root,
                    previous=it.previous,
                    entries=it.entries,
                    total=it.total,
                    key=it.key,
                    signature=root.signature,
                )
            )
        return found

    @operation(
        path="GET /audit/export",
        command="audit export",
        changes=False,
        errors=("audit.nothing", "audit.moved", "audit.no_key"),
    )
    async def audit_export(self, after: int = 0) -> AsyncIterator[Piece]:
        """Sign what is new, and hand out everything after a segment, in pieces of the files that an export consists of."""
        sealing = self._signing()
        await sealing.seal()
        async for piece in export(sealing, after):
            yield piece

    @operation(path="GET /audit/deeds", command="audit query", changes=False, errors=("tenant.crossed",))
    async def audit_query(
        self,
        by: str = "",
        agent: str = "",
        verb: str = "",
        name: str = "",
        text: str = "",
        since: int = 0,
        until: int = 0,
        decision: str = "",
        after: int = 0,
        limit: int = 100,
    ) -> Found:
        """Search what agents did. Reads a bounded part of the journals and says how far it came."""
        who = self.principal
        prefix = agent if agent.count("/") == 2 else f"{who.home}/{agent}" if agent else who.within
        if prefix:
            who.check_reach(tenant_of(prefix))
        wanted = Wanted(by=by, agent=prefix, verb=verb, name=name, text=text, since=since, until=until, decision=decision)
        if self._deeds is None:
            self._deeds = Deeds(self.store, self.worker.seal)
        return await self._deeds.search(wanted, after, max(1, min(limit, _MOST)))

    async def _sign_before_forgetting(self) -> None:
        """What retention takes away was signed before, where anything is signed at all."""
        if self._has_keys and await self.store.segments(-1):
            await self._signing().seal()

    def _signing(self) -> Sealing:
        if not self._has_keys:
            raise Unavailable(
                "audit.no_key", "This process has no key to sign with. Ask the server (holdfast --url), which has one."
            )
        return Sealing(self.store, self._identity().ring, self.worker.clock, self.witnesses)

    @property
    def _has_keys(self) -> bool:
        return self.identity is not None or self.make_identity is not None

    def _identity(self) -> Identity:
        """See ``IdentityOperations``."""
        raise NotImplementedError
