"""From snapshots to agents, several versions side by side in one process.

Each version's modules have names of their own (``_holdfast_<version>.agents``) and an ``import`` of their own, which finds
the project's modules in the same snapshot: two versions never see each other's code, not even by an import inside a
function. Everything else (the standard library, installed packages) is shared.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import importlib.machinery
import linecache
import sys
import traceback
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..domain.errors import HoldfastError, Rejected
from ..sdk.agent import Agent
from .snapshot import Snapshot, Source, syntax

_PREFIX = "_holdfast_"


class Loaded:
    """A version in memory: its agents, and what it takes to forget it."""

    def __init__(self, snapshot: Snapshot, agents: list[Agent], prefix: str) -> None:
        self.snapshot = snapshot
        self.version = snapshot.version
        self.agents = agents
        self._prefix = prefix

    def defines(self, agent: Agent) -> bool:
        """Whether the agent is written in the entry module itself, not imported into it."""
        entry = f"{self._prefix}.{self.snapshot.entry}"
        return agent.module == entry or any(s.fn.__module__ == entry for s in agent.definition.handlers.values())

    def unload(self) -> None:
        """Let go of the modules; what still runs of them goes on."""
        for name in [n for n in sys.modules if n == self._prefix or n.startswith(self._prefix + ".")]:
            del sys.modules[name]
        _FINDER.versions.pop(self._prefix, None)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules of versions by their own names."""

    def __init__(self) -> None:
        self.versions: dict[str, tuple[Snapshot, bool]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See ``importlib``."""
        prefix, _, name = fullname.partition(".")
        if prefix not in self.versions:
            return None
        snapshot, archived = self.versions[prefix]
        source = Source("", True, b"") if not name else snapshot.modules.get(name)
        if source is None:
            return None
        origin = str(Path(snapshot.root) / source.path) if source.path else None
        if archived and origin:
            origin = f"{origin}@{snapshot.version}"
        loader = _Loader(prefix, snapshot, source)
        return importlib.machinery.ModuleSpec(fullname, loader, origin=origin, is_package=source.package)


class _Loader(importlib.abc.Loader):
    """Runs a module's text under its version's own ``import``."""

    def __init__(self, prefix: str, snapshot: Snapshot, source: Source) -> None:
        self._prefix, self._snapshot, self._source = prefix, snapshot, source

    def exec_module(self, module: types.ModuleType) -> None:
        """See ``importlib``."""
        file = module.__spec__.origin if module.__spec__ else None
        name = file or f"<{module.__name__}>"
        if file:
            module.__file__ = file.partition("@")[0]
        own = dict(vars(builtins))
        own["__import__"] = _import_of(self._prefix, self._snapshot)
        module.__dict__["__builtins__"] = own
        text = self._source.text
        lines = text.decode("utf-8", "replace").splitlines(keepends=True)
        linecache.cache[name] = (len(text), None, lines, name)
        exec(compile(text, name, "exec", dont_inherit=True), module.__dict__)


_FINDER = _Finder()
sys.meta_path.insert(0, _FINDER)


def _import_of(prefix: str, snapshot: Snapshot) -> Any:
    """``__import__`` that finds the project's modules in the snapshot."""

    def find(
        name: str,
        globals: dict[str, Any] | None = None,
        locals: dict[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if level or not _own(snapshot, name):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = importlib.import_module(f"{prefix}.{name}")
        if fromlist:
            for item in fromlist:
                if f"{name}.{item}" in snapshot.modules:
                    importlib.import_module(f"{prefix}.{name}.{item}")
            return module
        return sys.modules[f"{prefix}.{name.partition('.')[0]}"]

    return find


def _own(snapshot: Snapshot, name: str) -> bool:
    return name.partition(".")[0] in snapshot.modules


def load(snapshot: Snapshot, *, archived: bool = False) -> Loaded:
    """Run a snapshot and find its agents. The same snapshot again is loaded anew.

    Raises ``Rejected(agents.syntax)``, ``Rejected(agents.import_failed)`` with the place in the user's code, and
    ``Rejected(agents.none)``.
    """
    prefix = f"{_PREFIX}{snapshot.version}"
    _FINDER.versions[prefix] = (snapshot, archived)
    try:
        module = importlib.import_module(f"{prefix}.{snapshot.entry}")
        agents = [v for v in vars(module).values() if isinstance(v, Agent)]
        if not agents:
            raise Rejected(
                "agents.none",
                f'{snapshot.entry} defines no agent. Write `desk = Agent("desk")` at its top level, and handlers with '
                "@desk.handler.",
            )
    except BaseException as error:
        Loaded(snapshot, [], prefix).unload()
        if isinstance(error, HoldfastError) or not isinstance(error, Exception):
            raise
        raise _failed(snapshot, error) from error
    unique = list({id(a): a for a in agents}.values())
    if snapshot.root not in sys.path:
        sys.path.append(snapshot.root)  # plug-ins that are imported by name at run time
    for agent in unique:
        agent.definition.version = snapshot.version
        agent.definition.source = snapshot.digest
    return Loaded(snapshot, unique, prefix)


def _framework(frames: list[traceback.FrameSummary]) -> str | None:
    """The framework in whose room an import failed, if it was in one: a module may have another name than its package."""
    below = Path(__file__).resolve().parents[1] / "frameworks"
    inside = [Path(f.filename) for f in frames if Path(f.filename).is_relative_to(below)]
    return inside[-1].relative_to(below).parts[0] if inside else None


def _failed(snapshot: Snapshot, error: Exception) -> Rejected:
    if isinstance(error, SyntaxError):
        return syntax(error.filename or snapshot.entry, error)
    frames = traceback.extract_tb(error.__traceback__)
    mine = [f for f in frames if f.filename.partition("@")[0].startswith(snapshot.root)]
    where = f" at {Path(mine[-1].filename).name}, line {mine[-1].lineno}" if mine else ""
    if isinstance(error, ModuleNotFoundError):
        if (framework := _framework(frames)) is not None:
            extra = framework.replace("_", "-")
            return Rejected(
                "frameworks.not_installed",
                f"{snapshot.entry} builds on holdfast.frameworks.{framework}, whose framework is not installed ({error}). "
                f"Install it: pip install 'holdfast[{extra}]'.",
                extra=extra,
            )
        hint = f"Install {error.name}, or put it beside the file."
    else:
        hint = "Correct it and try again."
    return Rejected(
        "agents.import_failed",
        f"{snapshot.entry} cannot be loaded: {type(error).__name__}: {error}{where}. {hint}",
        type=type(error).__name__,
    )
