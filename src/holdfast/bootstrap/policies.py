"""The policies of a process: from files, from the store's resources, and from Python that is installed beside it.

A change takes effect as a whole or not at all. A policy that this process cannot use (the store has it, but a function that
it calls is not installed here) stays as it was before; if it never was anything here, every action is denied until it is:
what nobody can judge must not pass.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec

from ..domain.errors import HoldfastError, Rejected
from ..domain.intent import Decision, Intent, Verdict
from ..gate.gatekeeper import Gatekeeper
from ..gate.guards import GUARDS, check_installed
from ..gate.rules import Document, Lookup, Plugin, Policy, Rulebook, compile_policy, from_resource, read_documents
from ..mailbox.resources import Mirror
from ..ports.resources import Resource

log = logging.getLogger("holdfast")

KIND = "Policy"
_SUFFIXES = (".yaml", ".yml", ".json")


def read_policies(places: Sequence[str]) -> list[Document]:
    """The policies in files and folders. Raises ``Rejected``: policy.file, policy.malformed, policy.twice."""
    found: list[Document] = []
    for place in places:
        path = Path(place)
        try:
            files = sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES) if path.is_dir() else [path]
        except OSError as error:
            raise Rejected("policy.file", f"{place} cannot be read: {error.strerror}.", path=place) from error
        if not files:
            raise Rejected(
                "policy.file", f"{place} holds no policies: files that end in {', '.join(_SUFFIXES)}.", path=place
            )
        for file in files:
            try:
                text = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise Rejected("policy.file", f"{file} cannot be read: {error}.", path=str(file)) from error
            documents = read_documents(text, str(file))
            if not documents:
                raise Rejected("policy.file", f"{file} holds no policy.", path=str(file))
            found += documents
    check_names(found)
    return found


def stamp(places: Sequence[str]) -> tuple[tuple[str, int, int], ...]:
    """What there is at these places, and of when it is."""
    found: list[tuple[str, int, int]] = []
    for place in places:
        path = Path(place)
        for file in sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES) if path.is_dir() else [path]:
            try:
                told = file.stat()
            except OSError:
                continue
            found.append((str(file), told.st_mtime_ns, told.st_size))
    return tuple(found)


def check_names(documents: Sequence[Document]) -> None:
    """Every name is there once. Raises ``Rejected(policy.twice)``."""
    seen: dict[str, Document] = {}
    for document in documents:
        other = seen.setdefault(document.name, document)
        if other is not document:
            where = " and ".join(d.source or "resources" for d in (other, document))
            raise Rejected("policy.twice", f"There are two policies named {document.name!r}: {where}.", name=document.name)


def installed(group: str) -> dict[str, Any]:
    """The functions that are installed under a group. Raises ``Rejected(policy.plugin)``."""
    found: dict[str, Any] = {}
    for point in entry_points(group=group):
        try:
            function = point.load()
        except Exception as error:
            raise Rejected("policy.plugin", f"{point.value} ({group}, {point.name}) cannot be loaded: {error}.") from error
        if not callable(function):
            raise Rejected("policy.plugin", f"{point.value} ({group}, {point.name}) is no function.")
        found[point.name] = function
    return found


def named_lookups(module: str) -> dict[str, Lookup]:
    """The functions under ``LOOKUPS`` in a module. Raises ``Rejected(policy.plugin)``."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # as for files with agents
    try:
        found: Any = getattr(import_module(module), "LOOKUPS")  # noqa: B009 - whatever the module has
    except Exception as error:  # whatever a module of somebody else raises when it is loaded
        raise Rejected("policy.plugin", f"{module} has no LOOKUPS: {error}.", module=module) from error
    if not isinstance(found, Mapping):
        raise Rejected("policy.plugin", f"LOOKUPS in {module} is no map of functions.", module=module)
    return dict(found)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


class Policies:
    """See the module. Puts a new ``Rulebook`` into a gate whenever something changes.

    Args:
        gate: whose rules they are.
        places: files and folders; ``look`` reads them again.
        plugins, lookups: given by the program, beside those that are installed.
    """

    def __init__(
        self,
        gate: Gatekeeper,
        places: Sequence[str] = (),
        plugins: Mapping[str, Plugin] | None = None,
        lookups: Mapping[str, Lookup] | None = None,
    ) -> None:
        self.gate = gate
        self.plugins = installed("holdfast.policies") | dict(plugins or {})
        self.lookups = GUARDS | installed("holdfast.lookups") | dict(lookups or {})
        self._places = tuple(places)
        self._seen = stamp(self._places)
        self._fixed = self._read()
        self._applied: dict[tuple[str, str], Policy] = {}
        self._unusable: dict[tuple[str, str], str] = {}
        self._renew()

    def follow(self, mirror: Mirror) -> None:
        """Take what the store's resources say, now and whenever they change."""
        mirror.on_change(KIND, self._changed)

    def look(self) -> None:
        """Read the files again if they have changed. What is broken changes nothing, and is told in the log."""
        seen = stamp(self._places)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._fixed = self._read()
        except HoldfastError as error:
            log.error("the policies stay as they were: %s", error)
            return
        self._renew()
        log.info("policies in force: %s", ", ".join(p.name for p in self._fixed) or "none")

    def _read(self) -> list[Policy]:
        return [self._compiled(document) for document in read_policies(self._places)]

    def _compiled(self, document: Document, tenant: str = "") -> Policy:
        if self.lookups["secrets_in"] is GUARDS["secrets_in"]:
            check_installed(msgspec.json.encode(document.words.rules).decode())
        return compile_policy(document, self.lookups, tenant)

    def check(self, name: str, body: Any, tenant: str = "") -> Policy:
        """A policy as it would be in force here. Raises ``Rejected`` for what is wrong with it."""
        spec: Any = body.get("spec") if isinstance(body, dict) and "spec" in body else body  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        return self._compiled(from_resource(name, spec), tenant)

    def _changed(self, kind: str, changed: list[Resource]) -> None:
        for resource in changed:
            key = (resource.tenant, resource.name)
            self._unusable.pop(key, None)
            if resource.deleted:
                self._applied.pop(key, None)
                continue
            try:
                self._applied[key] = self.check(resource.name, msgspec.json.decode(resource.body), resource.tenant)
            except (HoldfastError, msgspec.DecodeError) as error:
                log.error("policy %s cannot be used here: %s", resource.name, error)
                if key not in self._applied:
                    self._unusable[key] = str(error)
        self._renew()

    def _renew(self) -> None:
        plugins = dict(self.plugins)
        if self._unusable:
            plugins["policies"] = _deny_all(dict(self._unusable))
        self.gate.rules = Rulebook([*self._fixed, *self._applied.values()], plugins=plugins, lookups=self.lookups)


def _deny_all(unusable: dict[tuple[str, str], str]) -> Plugin:
    def deny(intent: Intent) -> Decision:
        told = "; ".join(f"policy {name} cannot be used here: {why}" for (_, name), why in unusable.items())
        return Decision(Verdict.DENY, (told,), ("policies",), code="gate.error")

    return deny
