"""Operations that search the journals of all agents, keep searches for whoever asks them again, and watch them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from ..domain.address import short, tenant_of
from ..domain.errors import NotFound, Rejected
from ..domain.principal import Principal
from ..domain.topics import check_topic
from ..insight.search import Hit, Page, Search
from ..insight.watching import Watching
from ..insight.words import terms_of
from ..mailbox.worker import Worker
from ..ports.resources import Change, Resource
from ..ports.store import Store
from . import searches
from .identity.scopes import SEND
from .registry import operation
from .searches import SavedSearch
from .views import Done, View

_LONGEST_NAME, _LONGEST_TEXT = 80, 2_000


class SearchView(View):
    """A saved search. ``notify``: who is told of new hits: nobody, ``inbox``, or ``topic:NAME``."""

    name: str
    text: str
    agent: str
    verb: str
    by: str
    failed: bool
    notify: str
    who: str
    at: int


class SearchOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    principal: Principal
    watching: Watching
    """This process's look at what is new."""
    _searching: Search | None = None

    @operation(path="GET /search", command="search", changes=False, next=(("save_search", "give it a name to watch it by"),))
    async def search(
        self,
        text: str = "",
        agent: str = "",
        verb: str = "",
        by: str = "",
        failed: bool = False,
        before: int = 0,
        limit: int = 100,
    ) -> Page:
        """Search the entries of all agents, the newest first, from ``before`` backwards. ``text``: words that are all there;
        "words in this order", begin*, -without. ``agent``: a name, an address, or name/begin*; ``verb``: model, tool, call,
        ask, ...; ``by``: a person or agent who sent the message of the turn, or delegated its work; ``failed``: steps that
        failed."""
        terms = terms_of(text, self._place(agent), verb, by, failed)
        if self._searching is None:
            self._searching = Search(self.store, self.worker.clock, self.worker.seal)
        return await self._searching.look(terms, before, max(1, min(limit, 500)))

    @operation(path="GET /searches", command="searches list", changes=False, next=(("watch_search", "see what comes"),))
    async def searches(self) -> list[SearchView]:
        """List the searches that you have saved."""
        rows = await self.store.resources(searches.KIND, self.principal.home)
        mine = f"{self._me}/"
        found = [_view(row) for row in rows if row.name.startswith(mine) and searches.read(row) is not None]
        return sorted(found, key=lambda s: s.name.casefold())

    @operation(
        path="PUT /searches/{name}",
        command="search --save",
        errors=("search.malformed", "topic.malformed", "auth.scope"),
        next=(("watch_search", "see what comes"), ("drop_search", "forget it")),
    )
    async def save_search(
        self,
        name: str,
        text: str = "",
        agent: str = "",
        verb: str = "",
        by: str = "",
        failed: bool = False,
        notify: str = "",
    ) -> SearchView:
        """Give a search a name, to ask it again and to watch it; the same name again changes it. ``notify``: also tell of
        new hits: ``inbox`` asks in the inbox, ``topic:NAME`` publishes them to the agents that subscribed to it."""
        who = self.principal
        name = name.strip()
        if not name or len(name) > _LONGEST_NAME or "/" in name or len(text) > _LONGEST_TEXT:
            raise Rejected(
                "search.malformed",
                f"A saved search has a name of up to {_LONGEST_NAME} characters without '/', and up to {_LONGEST_TEXT:,} "
                "characters of words.",
                name=name,
            )
        if not (text.strip() or agent or verb or by or failed):
            raise Rejected(
                "search.malformed", f"{name!r} would find every entry there is; say what it looks for.", name=name
            )
        if notify.startswith(searches.TOPIC):
            check_topic(notify.removeprefix(searches.TOPIC))
            if not who.may(SEND):
                raise Rejected("auth.scope", f"Publishing what is found needs the scope {SEND!r}.", scope=SEND)
        elif notify not in ("", searches.INBOX):
            raise Rejected("search.malformed", f"{notify!r} is nobody to tell: inbox, or topic:NAME.", name=name)
        since = await self.store.newest()
        saved = SavedSearch(name, self._me, text.strip(), agent, self._place(agent), verb, by, failed, notify, since)
        row = Change(searches.KIND, searches.row_name(self._me, name), who.home, msgspec.json.encode(saved))
        await self._keep(row)
        return _view(msgspec.structs.replace(_resource(row), at=self.worker.clock.now_ms()))

    @operation(path="DELETE /searches/{name}", command="searches remove", destroys=True, errors=("search.unknown",))
    async def drop_search(self, name: str) -> Done:
        """Forget a saved search."""
        await self._saved(name)
        await self._keep(Change(searches.KIND, searches.row_name(self._me, name), self.principal.home, None))
        return Done(note=f"forgot {name}")

    @operation(
        path="GET /searches/{name}/watch",
        command="searches watch",
        changes=False,
        page="id",
        errors=("search.unknown",),
    )
    async def watch_search(self, name: str, after: int = 0) -> AsyncIterator[Hit]:
        """Follow what a saved search finds from now on, each entry once, oldest first."""
        saved = await self._saved(name)
        if saved.place:
            self.principal.check_reach(tenant_of(saved.place))
        async for hit in self.watching.watch(searches.terms_of(saved), after):
            yield hit

    @property
    def _me(self) -> str:
        """Whose searches are meant: of an agent or person, not of those on whose behalf they act."""
        return self.principal.actor

    def _place(self, agent: str) -> str:
        """The agents that somebody means, of those in reach. Raises ``Rejected(tenant.crossed)``."""
        who = self.principal
        place = who.within if not agent else agent if agent.count("/") == 2 else f"{who.home}/{agent}"
        if place:
            who.check_reach(tenant_of(place))
        return place

    async def _saved(self, name: str) -> SavedSearch:
        rows = await self.store.resource_versions(searches.KIND, searches.row_name(self._me, name), self.principal.home)
        saved = searches.read(rows[0]) if rows and not rows[0].deleted else None
        if saved is None:
            raise NotFound("search.unknown", f"You have no search {name!r}. `holdfast searches list` shows them.", name=name)
        return saved

    async def _keep(self, change: Change) -> None:
        now = self.worker.clock.now_ms()
        revision = await self.store.apply_resources([change], self._me, "", now)
        self.worker.resources.heard(revision)
        await self.worker.resources.load()


def _resource(change: Change) -> Resource:
    return Resource(change.kind, change.name, change.tenant, body=change.body or b"")


def _view(row: Resource) -> SearchView:
    saved = msgspec.json.decode(row.body, type=SavedSearch)
    return SearchView(
        name=saved.name,
        text=saved.text,
        agent=saved.agent,
        verb=saved.verb,
        by=saved.by,
        failed=saved.failed,
        notify=saved.notify,
        who=short(saved.who),
        at=row.at,
    )


__all__ = ["SearchOperations", "SearchView"]
