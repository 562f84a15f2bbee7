"""``Mirror``: the resources as this worker knows them, so that nothing on the way of a message asks the store for them.

Loaded before a worker begins, and brought up to date when the store says that there is a newer revision: only what is
newer is read. Whoever acts on resources registers for their kind and is called with what there is, and with every change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..domain.errors import HoldfastError
from ..ports.resources import Named, Resource

if TYPE_CHECKING:
    from .worker import Worker

log = logging.getLogger("holdfast")

Listener = Callable[[str, list[Resource]], None]
"""Called with a kind and what has changed of it; what was deleted says so. It must not wait, and should not raise."""

_PAGE = 1000


class Mirror:
    """See the module. ``revision`` is the store's as far as it is known to be in here."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.revision = 0
        self._current: dict[Named, Resource] = {}
        self._listeners: dict[str, list[Listener]] = {}
        self._wanted = 0
        self._reading = asyncio.Lock()

    def get(self, kind: str, name: str, tenant: str = "") -> Resource | None:
        """One resource, if it is there."""
        return self._current.get((kind, name, tenant))

    def all(self, kind: str, tenant: str | None = None) -> list[Resource]:
        """All of a kind, of one tenant if given, by name."""
        found = [r for r in self._current.values() if r.kind == kind and tenant in (None, r.tenant)]
        return sorted(found, key=lambda r: (r.name, r.tenant))

    def on_change(self, kind: str, listener: Listener) -> None:
        """Call ``listener`` with what there is of a kind (if there is anything), and whenever some of it changes."""
        self._listeners.setdefault(kind, []).append(listener)
        if found := self.all(kind):
            self._tell(listener, kind, found)

    def heard(self, revision: int) -> None:
        """The store has this revision."""
        if revision > max(self.revision, self._wanted):
            self._wanted = revision
            self.look_again()

    def look_again(self) -> None:
        """Read what is newer, beside everything else: news may have been missed while there was no session to hear it."""
        self.worker.spawn(self._catch_up())

    async def _catch_up(self) -> None:
        try:
            await self.worker.insist(self.load)
        except HoldfastError as error:
            self._wanted = self.revision  # whoever hears of it next, tries again
            log.warning("the resources could not be read: %s", error)

    async def load(self) -> None:
        """Read everything that is newer than what is here."""
        async with self._reading:
            wanted = self._wanted
            changed: list[Resource] = []
            while page := await self.worker.store.resources(after=self.revision, limit=_PAGE):
                changed += self._take(page)
                if len(page) < _PAGE:
                    break
            self.revision = max(self.revision, wanted)  # its newest change may have been deletions of what was never here
            self._tell_all(changed)

    def _take(self, page: Iterable[Resource]) -> list[Resource]:
        """Keep what is new; returns what is news here, which the end of something that was never here is not."""
        news: list[Resource] = []
        for resource in page:
            known = self._current.pop(resource.key, None)
            if not resource.deleted:
                self._current[resource.key] = resource
            if known is not None or not resource.deleted:
                news.append(resource)
            self.revision = resource.revision
        return news

    def _tell_all(self, changed: list[Resource]) -> None:
        kinds: dict[str, dict[Named, Resource]] = {}
        for resource in changed:  # what changed twice meanwhile counts as it is now
            kinds.setdefault(resource.kind, {})[resource.key] = resource
        for kind, of in kinds.items():
            for listener in self._listeners.get(kind, ()):
                self._tell(listener, kind, list(of.values()))

    def _tell(self, listener: Listener, kind: str, changed: list[Resource]) -> None:
        try:
            listener(kind, changed)
        except Exception:  # one that does not understand a resource must not keep the others from theirs
            log.exception("a change of %s did not take effect here: %s", kind, ", ".join(r.name for r in changed))
