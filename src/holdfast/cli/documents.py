"""Files with resources: YAML or JSON, one file, a folder, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

from ..control.resources.texts import read_text
from ..domain.errors import NotFound, Rejected

_ENDINGS = (".yaml", ".yml", ".json")


def read(places: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """The documents of these places, and where each stands. Raises ``NotFound(resource.no_file)``,
    ``Rejected(resource.malformed)``."""
    documents: list[dict[str, Any]] = []
    sources: list[str] = []
    for place in places:
        for name, folder, text in _texts(place):
            for written in read_text(text, name):
                _with_schema(written.document, folder, written.source)
                documents.append(written.document)
                sources.append(written.source)
    return documents, sources


def _texts(place: str) -> list[tuple[str, Path, str]]:
    """Name, folder and content of each file of a place; of a folder all that end as such files do."""
    if place == "-":
        return [("standard input", Path(), sys.stdin.read())]
    path = Path(place)
    try:
        if path.is_dir():
            files = sorted(p for p in path.rglob("*") if p.suffix in _ENDINGS and p.is_file() and not _hidden(p, path))
            files = [p for p in files if not (p.suffix == ".json" and '"kind"' not in p.read_text("utf-8"))]  # schemas
        elif path.is_file():
            files = [path]
        else:
            raise NotFound("resource.no_file", f"There is no file or folder {place!r}.", path=place)
        return [(str(p), p.parent, p.read_text(encoding="utf-8")) for p in files]
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound("resource.no_file", f"{place} cannot be read: {error}.", path=place) from error


def _hidden(path: Path, below: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(below).parts)


def _with_schema(document: dict[str, Any], folder: Path, place: str) -> None:
    """An agent's file may name the file of a schema beside it; what is applied has the schema itself."""
    spec = cast("dict[str, Any]", document["spec"]) if isinstance(document.get("spec"), dict) else document
    output = spec.get("output")
    if document.get("kind") != "Agent" or not isinstance(output, str):
        return
    import json

    try:
        spec["output"] = json.loads((folder / output).read_text())
    except (OSError, ValueError) as error:
        raise Rejected("resource.malformed", f"{place}: the schema {output!r} cannot be read: {error}.") from error
