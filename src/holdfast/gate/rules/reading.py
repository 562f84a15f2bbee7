"""From text to policies: YAML with the place of everything, so that what is wrong is told with file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, cast

import msgspec

from ...domain.errors import Rejected
from .words import WORDS, PolicyWords

Path = tuple[str | int, ...]
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]|\[\.\.\.\]")
_RULE_NAME = re.compile(r"[^\s/|][^/|\n]{0,99}(?<!\s)\Z")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_ABOUT = ("tenant", "labels", "metadata")
_MOST_DEEP, _MOST_PARTS = 40, 100_000
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Document:
    """A policy as it was written, and where each part of it stands."""

    name: str
    words: PolicyWords
    source: str = ""
    lines: Mapping[Path, int] = field(default_factory=dict[Path, int], compare=False, repr=False)
    tenant: str = ""

    def place(self, path: Path) -> str:
        """Where a part stands, for messages: file, line and the names on the way to it."""
        line = line_of(self.lines, path)
        where = f"{self.source or 'policy ' + self.name}{f', line {line}' if line else ''}"
        return f"{where} ({_named(path)})" if path else where


def _named(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of a part, or of what it is in."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)


def read_documents(text: str, source: str = "") -> list[Document]:
    """The policies in a YAML or JSON text, with ``---`` between several. Raises ``Rejected(policy.malformed)``."""
    import yaml  # loaded for who has policies only

    try:
        compose: Any = yaml.compose_all  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        nodes: list[Any] = [node for node in compose(text, Loader=yaml.SafeLoader) if node is not None]
    except (yaml.YAMLError, RecursionError) as error:
        raise malformed(f"{source or 'The policy'} is not YAML: {' '.join(str(error).split())}", source) from error
    return [_document(node, source) for node in nodes]


def _document(node: Any, source: str) -> Document:
    lines: dict[Path, int] = {}
    raw: Any = _value(node, (), lines, source)
    first = node.start_mark.line + 1
    if not isinstance(raw, dict):
        raise malformed(f"{source or 'The policy'}, line {first}: a policy has kind, name and spec.", source)
    body = cast("dict[str, Any]", raw)
    if body.get("kind") != "Policy":
        raise malformed(f"{source or 'The policy'}, line {first}: kind is {body.get('kind')!r}, not 'Policy'.", source)
    extra = set(body) - {"kind", "name", "spec", *_ABOUT}
    if extra:
        where = f"{source or 'The policy'}, line {line_of(lines, (min(extra),))}"
        raise malformed(f"{where}: a policy has kind, name and spec, no {min(extra)!r}.", source)
    about: dict[str, Any] = {**cast("dict[str, Any]", body.get("metadata") or {}), **body}
    below = {path[1:]: line for path, line in lines.items() if path[:1] == ("spec",)}
    found = from_resource(str(about.get("name") or ""), body.get("spec"), source, below or {(): first})
    return replace(found, tenant=str(about.get("tenant") or ""))


def from_resource(name: str, spec: Any, source: str = "", lines: Mapping[Path, int] | None = None) -> Document:
    """A policy from the body of a resource. Raises ``Rejected(policy.malformed)``."""
    known = lines or {}
    if not is_name(name):
        where = f"{source}: " if source else ""
        raise malformed(f"{where}{name!r} is no name of a policy; write letters, digits, '-', '_' and '.'.", source)
    try:
        return Document(name, msgspec.convert(_without_traps(spec), PolicyWords), source, known)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at `$")
        path = _path(at.rstrip("`"))
        if unknown := _UNKNOWN.search(message):
            path = (*path, unknown[1])
            near = get_close_matches(unknown[1], WORDS, 1)
            message = f"there is no word {unknown[1]!r} here{f'; did you mean {near[0]!r}?' if near else ''}"
        place = Document(name, PolicyWords(), source, known).place(path)
        raise malformed(f"{place}: {message[0].lower()}{message[1:]}. docs/policies.md has all words.", source) from error


def is_name(text: str) -> bool:
    """Whether a policy or a rule may be called so."""
    return _NAME.match(text) is not None


def is_rule_name(text: str) -> bool:
    """Whether a rule may be called so: a few words."""
    return _RULE_NAME.match(text) is not None


def malformed(message: str, source: str = "") -> Rejected:
    """The error for a policy whose words are wrong."""
    return Rejected("policy.malformed", message, source=source)


def _path(text: str) -> Path:
    return tuple(m[1] or int(m[2] or 0) for m in _STEP.finditer(text))


def _without_traps(spec: Any) -> Any:
    """``on`` may be written for ``does``. YAML takes a bare ``on`` for true, so a reader other than ours gives us that."""
    if not isinstance(spec, dict):
        return {} if spec is None else spec
    body = _renamed(cast("dict[Any, Any]", spec))
    if isinstance(body.get("rules"), list):
        rules = cast("list[Any]", body["rules"])
        body["rules"] = [_renamed(cast("dict[Any, Any]", rule)) if isinstance(rule, dict) else rule for rule in rules]
    return body


def _renamed(words: dict[Any, Any]) -> dict[str, Any]:
    return {"does" if key is True or key in ("on", "true") else str(key): value for key, value in words.items()}


def _value(node: Any, path: Path, lines: dict[Path, int], source: str) -> Any:
    import yaml

    lines[path] = node.start_mark.line + 1
    if len(path) > _MOST_DEEP or len(lines) > _MOST_PARTS:  # an alias may stand for itself, or for a thousand others
        raise malformed(
            f"{source or 'The policy'}, line {node.start_mark.line + 1}: it is nested too deeply or too large.", source
        )
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        written: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name == "<<":  # YAML's way to take the words of another map, which those written here override
                merged = _value(value, (*path, name), lines, source)
                if not isinstance(merged, dict):
                    place = f"{source or 'The policy'}, line {key.start_mark.line + 1}"
                    raise malformed(f"{place}: '<<' takes the words of another map, and this is none.", source)
                found = {**cast("dict[str, Any]", merged), **found}
                continue
            if name in written:
                raise malformed(
                    f"{source or 'The policy'}, line {key.start_mark.line + 1}: {name!r} is there twice.", source
                )
            written.add(name)
            found[name] = _value(value, (*path, name), lines, source)
            lines[(*path, name)] = key.start_mark.line + 1
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, number), lines, source) for number, item in enumerate(node.value)]
    kind = node.tag.rpartition(":")[2]
    if kind == "timestamp" or (kind == "bool" and node.value.lower() not in ("true", "false")):
        return node.value  # a date is text in every argument that a model writes, and so are yes, no, on and off
    try:
        loader: Any = yaml.SafeLoader("")
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:  # such as !!int x
        raise malformed(f"{source or 'The policy'}, line {node.start_mark.line + 1}: {error}", source) from error
