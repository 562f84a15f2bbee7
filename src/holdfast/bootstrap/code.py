"""``Code``: which versions of which agents this process has loaded, and why.

New turns begin on what the files say now. Turns in flight need what they began on: it is taken from the store's archive
after a restart, kept beside the new code after a reload, and let go when no open turn needs it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec

from ..domain.errors import HoldfastError, NotFound, Rejected
from ..mailbox.worker import Worker
from ..ports import store as ports
from ..sdk.declared import Document
from ..turn.definition import Definition, Registry
from . import loader, snapshot
from .loader import Loaded
from .snapshot import Snapshot

log = logging.getLogger("holdfast")

_DECLARED = "resource:"
"""How the places begin of agents that are resources."""


class Change(msgspec.Struct, frozen=True):
    """What a reload found. ``agents`` are the names that new turns run on the new version; ``error`` kept the old one."""

    place: str
    version: str = ""
    before: str = ""
    agents: tuple[str, ...] = ()
    error: HoldfastError | None = None


class Versions(Registry):
    """A registry that notices when a version is asked for that it does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted = asyncio.Event()

    def find(self, name: str, version: str = "") -> Definition | None:
        """See ``Registry``."""
        found = super().find(name, version)
        if found is None and version:
            self.wanted.set()
        return found


class Code:
    """See the module. ``places`` are files or modules, as a person named them."""

    def __init__(self, registry: Registry, store: ports.Store, places: Sequence[str], now: Callable[[], int]) -> None:
        self.registry = registry
        self.store = store
        self.places = list(places)
        self.current: dict[str, Loaded] = {}
        self.loaded: dict[str, Loaded] = {}
        self._now = now
        self._stamps: dict[str, dict[str, tuple[int, int]]] = {}
        self._missing: set[tuple[str, str]] = set()

    # -- from files ---------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Load every place. Raises what is wrong with the first bad one."""
        for place in self.places:
            self._take(place, snapshot.take(place))

    def _take(self, place: str, found: Snapshot) -> Loaded:
        loaded = self.loaded.get(found.version)
        if loaded is None or loaded.snapshot.root != found.root:
            loaded = loader.load(found)
        self._check_names(place, loaded)
        self.loaded[found.version] = loaded
        self.current[place] = loaded
        self._stamps[place] = _stamps(found)
        for agent in loaded.agents:
            if self._owner(agent.name) in (None, place) or loaded.defines(agent):
                self.registry.add(agent.definition)
        return loaded

    def _owner(self, name: str) -> str | None:
        for place, loaded in self.current.items():
            if any(a.name == name and loaded.defines(a) for a in loaded.agents):
                return place
        return None

    def _check_names(self, place: str, loaded: Loaded) -> None:
        for agent in loaded.agents:
            owner = self._owner(agent.name)
            if loaded.defines(agent) and owner not in (None, place):
                raise Rejected(
                    "agents.duplicate",
                    f"Both {owner} and {place} define an agent named {agent.name!r}. Rename one.",
                    agent=agent.name,
                )

    def look(self) -> list[Change]:
        """Whether files have changed: load what is new beside what is old. Cheap when nothing did."""
        changes: list[Change] = []
        for place in self.places:
            loaded = self.current[place]
            stamps = _stamps(loaded.snapshot)
            if stamps == self._stamps[place]:
                continue
            self._stamps[place] = stamps
            try:
                found = snapshot.take(place)
                self._stamps[place] = stamps | _stamps(found)
                if found.version == loaded.version:
                    continue
                new = self._take(place, found)
            except HoldfastError as error:
                changes.append(Change(place, before=loaded.version, error=error))
                continue
            names = tuple(sorted(a.name for a in new.agents))
            changes.append(Change(place, new.version, loaded.version, names))
        return changes

    async def publish(self) -> None:
        """Let the store know the definitions and keep the archives of their code."""
        now = self._now()
        rows = [published(d, now) for d in self.registry.latest.values()]
        archives = {c.snapshot.digest: c.snapshot.pack() for c in self.current.values()}
        await self.store.publish(rows, archives)

    # -- from resources -----------------------------------------------------------------------------------------

    def try_declared(self, document: Document) -> Loaded:
        """Load an agent that is, or may become, a resource; nothing runs on it yet. Raises what is wrong with it."""
        found = snapshot.of_document(document, Path.cwd())
        loaded = self.loaded.get(found.version)
        if loaded is None:
            loaded = self.loaded[found.version] = loader.load(found)
        for agent in loaded.agents:
            agent.definition.declared = True
        return loaded

    def take_declared(self, document: Document) -> bool:
        """New turns begin on this; whether that changes anything. Raises what is wrong with it."""
        place = _DECLARED + document.name
        loaded = self.try_declared(document)
        before = self.current.get(place)
        if before is not None and before.version == loaded.version and document.name not in self.registry.closed:
            return False
        self._check_names(place, loaded)
        self.current[place] = loaded
        for agent in loaded.agents:
            if loaded.defines(agent):
                self.registry.add(agent.definition)
        return True

    def close_declared(self, names: Collection[str]) -> bool:
        """Of the agents that were resources only these are any more; whether that changes anything."""
        gone = [
            place for place in self.current if place.startswith(_DECLARED) and place.removeprefix(_DECLARED) not in names
        ]
        for place in gone:
            del self.current[place]
            self.registry.closed.add(place.removeprefix(_DECLARED))
        return bool(gone)

    # -- from the archive ---------------------------------------------------------------------------------------

    async def load_needed(self) -> list[tuple[str, str]]:
        """Load what turns in flight began on. Returns the (name, version) pairs that were loaded."""
        got: list[tuple[str, str]] = []
        served = {name for name, _ in self.registry.versions}
        for name, version, _ in await self.store.versions_in_use():
            if (name, version) in self.registry.versions or name not in served:
                continue
            if await self._from_archive(name, version, latest=False):
                got.append((name, version))
            elif (name, version) not in self._missing:
                self._missing.add((name, version))
                log.warning(
                    "turns of %s need version %s, which has no archive; they wait for a worker with it", name, version
                )
        return got

    async def load_published(self, version: str = "") -> list[str]:
        """Load from the archive: that version, or the newest of everything published. Returns the names.

        Raises ``NotFound(version.unknown)``."""
        seen: set[str] = set()
        for d in await self.store.definitions():
            if d.source and d.name not in seen and version in ("", d.version):
                seen.add(d.name)
                await self._from_archive(d.name, d.version, latest=True)
        if not seen:
            raise NotFound(
                "version.unknown",
                f"The store has no code of version {version!r}. `holdfast versions` lists what there is."
                if version
                else "The store has no archived code yet. Name the file with the agents: holdfast worker my_agents.py.",
                version=version,
            )
        return sorted(seen)

    async def _from_archive(self, name: str, version: str, *, latest: bool) -> bool:
        loaded = self.loaded.get(version)
        if loaded is None:
            rows = await self.store.definitions()
            source = next((d.source for d in rows if d.name == name and d.version == version and d.source), "")
            archive = await self.store.artifact(ports.INSTALLATION, source) if source else None
            if archive is None:
                return False
            try:
                loaded = loader.load(snapshot.unpack(archive), archived=True)
            except (HoldfastError, msgspec.MsgspecError) as error:
                log.warning("version %s of %s cannot be loaded from its archive: %s", version, name, error)
                return False
            self.loaded[version] = loaded
        found = [a for a in loaded.agents if a.name == name]
        for agent in found:
            self.registry.add(agent.definition, latest=latest)
        return bool(found)

    # -- letting go ---------------------------------------------------------------------------------------------

    @property
    def has_old(self) -> bool:
        """Whether anything is loaded that new turns do not use."""
        latest = self.registry.latest
        return any(
            name in self.registry.closed or latest[name].version != version for name, version in self.registry.versions
        )

    async def forget_unneeded(self, worker: Worker) -> list[tuple[str, str]]:
        """Unload versions that no open turn needs. Returns them."""
        needed = {(name, version) for name, version, _ in await self.store.versions_in_use()}
        needed |= {(d.name, d.version) for d in self.registry.latest.values() if d.name not in self.registry.closed}
        needed |= {_running_on(turn) for a in worker.holdings.actives.values() for turn in a.running}
        gone = [pair for pair in self.registry.versions if pair not in needed]
        for name, version in gone:
            self.registry.remove(name, version)
            if name in self.registry.closed and not any(other == name for other, _ in self.registry.versions):
                self.registry.latest.pop(name, None)
        kept = {version for _, version in self.registry.versions} | {c.version for c in self.current.values()}
        for version in [v for v in self.loaded if v not in kept]:
            self.loaded.pop(version).unload()
        return gone


def _running_on(turn: object) -> tuple[str, str]:
    definition: Definition | None = getattr(turn, "definition", None)
    return (definition.name, definition.version) if definition is not None else ("", "")


def published(definition: Definition, now: int) -> ports.Definition:
    """A definition as the store keeps it."""
    handlers = {n: s.describe() for n, s in definition.handlers.items()}
    return ports.Definition(definition.name, definition.version, handlers, now, definition.source)


def _stamps(found: Snapshot) -> dict[str, tuple[int, int]]:
    stamps: dict[str, tuple[int, int]] = {}
    for file in found.files:
        try:
            stat = os.stat(file)
        except OSError:
            stamps[file] = (0, 0)
        else:
            stamps[file] = (stat.st_mtime_ns, stat.st_size)
    return stamps
