"""Files with resources: YAML or JSON, one file, a folder, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

from ..domain.errors import NotFound, Rejected

_ENDINGS = (".yaml", ".yml", ".json")


def read(places: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """The documents of these places, and where each stands. Raises ``NotFound(resource.no_file)``,
    ``Rejected(resource.malformed)``."""
    documents: list[dict[str, Any]] = []
    sources: list[str] = []
    for place in places:
        for name, folder, text in _texts(place):
            for line, document in _documents(text, name):
                _with_schema(document, folder, f"{name}:{line}")
                documents.append(document)
                sources.append(f"{name}:{line}")
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


def _documents(text: str, name: str) -> list[tuple[int, dict[str, Any]]]:
    import yaml

    loader: Any = _loader()(text)
    found: list[tuple[int, dict[str, Any]]] = []
    try:
        while loader.check_node():
            node: Any = loader.get_node()
            document: Any = loader.construct_document(node)
            if document is None:
                continue
            if not isinstance(document, dict):
                line = node.start_mark.line + 1
                raise Rejected("resource.malformed", f"{name}:{line}: this is no mapping; write kind, name and the rest.")
            found.append((node.start_mark.line + 1, cast("dict[str, Any]", document)))
    except (yaml.YAMLError, RecursionError) as error:
        raise Rejected("resource.malformed", f"{name} is not YAML: {' '.join(str(error).split())}.", path=name) from error
    finally:
        loader.dispose()
    return found


def _loader() -> Any:
    """YAML as people mean it: a date is text, and so are ``on``, ``off``, ``yes`` and ``no``; only true and false are
    true and false."""
    import re

    import yaml

    class Loader(yaml.SafeLoader):
        pass

    meant = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool"}
    resolvers: dict[str, list[tuple[str, Any]]] = yaml.SafeLoader.yaml_implicit_resolvers
    Loader.yaml_implicit_resolvers = {
        first: [(tag, rule) for tag, rule in rules if tag not in meant] for first, rules in resolvers.items()
    }
    truth = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
    add: Any = Loader.add_implicit_resolver  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    add("tag:yaml.org,2002:bool", truth, list("tTfF"))
    return Loader


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
