"""Operations around briefs: what happened since you last looked, from the rules or worded by a model, and having read it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ..domain.address import Address, short
from ..domain.errors import HoldfastError
from ..domain.labels import UNTRUSTED
from ..domain.principal import Principal
from ..flow import Flow
from ..insight.briefs.checking import Sentence, checked, plainly
from ..insight.briefs.facts import Fact
from ..insight.briefs.recent import Recent
from ..insight.fleet import Fleet
from ..journal.codec import Shape, encode
from ..mailbox.worker import Worker
from ..ports.store import Store
from . import briefs, desk, reading
from .gathering import Gathering
from .identity.scopes import READ, permit_scope
from .registry import operation
from .views import Done, View

_DAY_MS = 86_400_000
_WORDED = Shape(briefs.Worded)


class BriefView(View):
    """What happened, as sentences, what needs a person first.

    Attributes:
        since, until: of what time it tells, in milliseconds; ``read_brief`` takes ``until``.
        read: up to when you had read before; 0 for never.
        written: rules (as the store bears it out) or model (worded by one, each sentence checked against the facts).
        route: the model's.
        note: why it was not worded by a model that was asked for, or what of its words was not shown.
        cut: what is left out, and why; nothing if the brief is whole.
    """

    since: int
    until: int
    read: int
    sentences: list[Sentence]
    written: str = "rules"
    route: str = ""
    note: str = ""
    cut: list[str] = []


class BriefOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    principal: Principal
    _recent: Recent | None = None

    @operation(
        path="GET /brief",
        command="brief",
        changes=False,
        next=(("read_brief", "say that you have read it"), ("write_brief", "the same worded by a model")),
    )
    async def brief(self, since: int = 0) -> BriefView:
        """Tell what was decided and why, what changed, what was unusual and what needs you, since you last read (or since a
        time in milliseconds; the last day if you never did). Each sentence has links to what it is about; a brief that
        could not look at everything says so in ``cut``."""
        view, facts = await self._told(since)
        view.sentences = [plainly(fact) for fact in facts]
        return view

    @operation(
        path="POST /brief",
        command="brief --model",
        again=False,
        errors=("model.unknown", "models.none"),
        next=(("read_brief", "say that you have read it"),),
    )
    async def write_brief(self, since: int = 0, route: str = "") -> BriefView:
        """Have a model word the brief, in an agent of yours whose calls are in the ledger. ``route``: whom to ask; the one
        called ``brief`` by default. A sentence that the facts do not bear out is replaced by the facts, and so is everything
        if no answer comes in time: nothing is left out, whatever the model says."""
        permit_scope(self.principal, READ)
        gateway = self.worker.models
        if route and gateway is not None:
            gateway.directory.route(route)
        view, facts = await self._told(since)
        view.sentences = [plainly(fact) for fact in facts]
        route = route or briefs.ROUTE
        if gateway is None or route not in gateway.directory.routes:
            view.note = f"There is no route {route!r}; declare one, or name another."
        elif facts:
            await self._put_in_words(view, facts, route)
        return view

    @operation(path="POST /brief/read", command="brief read", next=(("brief", "what comes after it"),))
    async def read_brief(self, until: int = 0) -> Done:
        """Say that you have read what happened, up to the ``until`` of a brief, or now: the next one begins there."""
        until = until or self.worker.clock.now_ms()
        read = int(msgspec.msgpack.decode(await self._ask(self._mine, "briefed", [until], "")))
        return Done(note="read", count=read)

    # -- parts --------------------------------------------------------------------------------------------------

    async def _told(self, since: int) -> tuple[BriefView, list[Fact]]:
        now = self.worker.clock.now_ms()
        kept = (await self.store.state(self._mine)).get(desk.BRIEFED)
        read = int(reading.plain(kept.value, self.worker) or 0) if kept is not None else 0
        since = since or read or now - _DAY_MS
        if self._recent is None:
            self._recent = Recent(self.store, self.worker.clock, self.worker.seal)
        gathering = Gathering(self.store, self.worker, self.principal, self._fleet, self._errors, self._recent)
        facts, cut = await gathering.facts(since, now)
        return BriefView(since=since, until=now, read=read, sentences=[], cut=cut), facts

    async def _put_in_words(self, view: BriefView, facts: list[Fact], route: str) -> None:
        """Put a model's words in, as far as they hold."""
        view.route = route
        who = self.principal
        shown = [briefs.Shown(fact.id, fact.kind, fact.text) for fact in facts]
        payload = encode(([route, shown], {}), "arguments")
        message = self._message(briefs.address_of(who.actor, who.home), "word", payload)
        message.labels = tuple(sorted({*message.labels, UNTRUSTED}))
        try:
            async with asyncio.timeout(briefs.PATIENCE_SECONDS):
                _, outcome = await self.flow.accept(message, wait=True)
                await self.saw(short(message.to))  # who asked for it need not be told that it is done
        except TimeoutError:
            view.note = f"{route} did not answer within {briefs.PATIENCE_SECONDS:g} s."
            return
        except HoldfastError as error:
            view.note = f"{route} gave no answer: {error.code}."
            return
        if outcome is None or outcome.failure is not None:
            view.note = f"{route} gave no answer: {outcome.failure.code if outcome and outcome.failure else 'lost'}."
            return
        worded = _WORDED.decode(outcome.value, "what was worded")
        if worded.written is None:
            view.note = f"{route} answered in another form than was asked for."
            return
        found = checked(worded.written, facts)
        view.sentences = found.sentences
        view.written = "model" if any(s.by == "model" for s in found.sentences) else "rules"
        if found.refused:
            view.note = f"{len(found.refused)} of the model's sentences did not hold: {found.refused[0]}."

    @property
    def _mine(self) -> Address:
        return desk.address_of(self.principal.actor, self.principal.home)

    flow: Flow
    _fleet: Callable[[], Awaitable[Fleet]]
    _errors: Callable[[Any], Awaitable[dict[str, str]]]
    _message: Callable[..., Any]

    async def saw(self, address: str = "", until: int = 0) -> Done:
        """See ``CommandCenterOperations``."""
        raise NotImplementedError

    async def _ask(self, to: Address, handler: str, args: list[Any], key: str) -> Any:
        raise NotImplementedError


__all__ = ["BriefOperations", "BriefView"]
