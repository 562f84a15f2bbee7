"""What somebody wants there to be: documents with a kind, a name and a spec, as they come out of YAML or JSON.

A document says what it is about (``kind``, ``name``, perhaps ``tenant`` and ``labels``, directly or under ``metadata``); all
the rest, or what stands under ``spec``, is what it is to be.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ...domain.errors import Rejected
from ...ports.resources import Named, Resource

OWN = "holdfast/"
"""How the labels begin that are kept here and not in anybody's files."""
APPLIED = OWN + "applied"
"""Key of the artifact with the document that was applied last: what a three-way merge compares with."""
SET = OWN + "set"
"""Which set of files a resource belongs to; pruning removes what is no longer in its set."""

_ABOUT = ("kind", "name", "tenant", "labels")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")


class Wanted(msgspec.Struct):
    """One document. ``place`` says where it was found, for messages."""

    kind: str
    name: str
    tenant: str
    labels: dict[str, str]
    spec: dict[str, Any]
    place: str = ""

    @property
    def key(self) -> Named:
        """Which resource it is about."""
        return self.kind, self.name, self.tenant


class _About(msgspec.Struct):
    name: str
    tenant: str = ""
    labels: dict[str, str] = {}


def read_documents(documents: list[dict[str, Any]], sources: list[str]) -> list[Wanted]:
    """Documents as somebody wrote them. Raises ``Rejected(resource.malformed)``, ``Rejected(resource.twice)``."""
    found: dict[Named, Wanted] = {}
    for number, document in enumerate(documents):
        wanted = _read(document, sources[number] if number < len(sources) else f"document {number + 1}")
        twin = found.setdefault(wanted.key, wanted)
        if twin is not wanted:
            raise Rejected(
                "resource.twice",
                f"Both {twin.place} and {wanted.place} describe {wanted.kind} {wanted.name!r}. Leave one of them.",
                kind=wanted.kind,
                name=wanted.name,
            )
    return list(found.values())


def _read(document: Any, place: str) -> Wanted:
    if not isinstance(document, dict):
        raise malformed(place, "it is no mapping; write kind, name and the rest")
    return _of_mapping(cast("dict[str, Any]", document), place)


def _of_mapping(document: dict[str, Any], place: str) -> Wanted:
    kind = document.get("kind")
    if not isinstance(kind, str) or not kind:
        raise malformed(place, "it has no kind; write `kind: Agent`, a name, and what it is to be")
    given: dict[str, Any] = {}
    for part in (document.get("metadata"), {k: document[k] for k in _ABOUT[1:] if k in document}):
        if isinstance(part, Mapping):
            given |= cast("dict[str, Any]", part)
    try:
        about = msgspec.convert(given, _About)
    except msgspec.ValidationError as error:
        raise malformed(f"{place}: {kind}", str(error)) from error
    if not _NAME.match(about.name):
        raise malformed(f"{place}: {kind}", f"{about.name!r} is no name; write letters, digits, '_', '.' and '-'")
    if own := next((label for label in about.labels if label.startswith(OWN)), ""):
        raise malformed(
            f"{place}: {kind} {about.name}", f"labels that begin with {OWN!r} are kept by Holdfast itself ({own})"
        )
    return Wanted(kind, about.name, about.tenant, about.labels, _spec(document, f"{place}: {kind} {about.name}"), place)


def _spec(document: dict[str, Any], place: str) -> dict[str, Any]:
    rest = {key: value for key, value in document.items() if key not in (*_ABOUT, "metadata", "spec")}
    if "spec" not in document:
        return rest
    spec = document["spec"]
    if rest:
        raise malformed(place, f"{min(map(str, rest))!r} stands beside spec; it belongs under it")
    if not isinstance(spec, dict | None):
        raise malformed(place, "spec is no mapping")
    return cast("dict[str, Any]", spec or {})


def malformed(place: str, why: str) -> Rejected:
    """The error for a document that makes no sense."""
    return Rejected("resource.malformed", f"{place}: {why}.", place=place)


def canonical(value: Any) -> bytes:
    """JSON that is the same for the same content."""
    return msgspec.json.encode(value, order="deterministic")


def digest_of(value: Any) -> str:
    """A digest of content, whatever the order of its names."""
    return hashlib.sha256(canonical(value)).hexdigest()


def in_effect(row: Resource) -> str:
    """Key of the artifact that says: what this version wanted was put where it holds. Who dies in between leaves none."""
    return digest_of(["in effect", *row.key, row.revision])


def theirs(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels that people gave."""
    return {key: value for key, value in labels.items() if not key.startswith(OWN)}
