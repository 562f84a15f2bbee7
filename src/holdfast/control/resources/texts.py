"""Documents as text: YAML or JSON, read with the line of everything, so that what is wrong is told where it stands."""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec

from ...domain.errors import HoldfastError, LimitExceeded, Rejected

Path = tuple[str | int, ...]
_LARGEST = 1_000_000
_MOST_DEEP, _MOST_PARTS = 60, 100_000
_MISREAD = (ValueError, LookupError, TypeError, AttributeError)
"""What YAML's reader raises for a value that is not what its tag says: ``!!int x``."""
_STEP = re.compile(r"([A-Za-z_][\w-]*)|\[(\d+)\]")
_AT = re.compile(r" - at `\$\.?([^`]*)`|\(((?:[A-Za-z_][\w-]*)(?:[.\[][^()\s]*)?)\):")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`|there is no word '([^']*)'")


class Written(msgspec.Struct):
    """A document of a text: ``source`` says where it begins, ``lines`` where each part of it stands."""

    document: dict[str, Any]
    source: str
    line: int
    lines: dict[Path, int]

    def line_of(self, path: Path) -> int:
        """The line of a part, or of what it is in; what is not there itself may stand under ``spec``."""
        for whole in (path, ("spec", *path), ("metadata", *path)):
            if whole in self.lines:
                return self.lines[whole]
        return self.line_of(path[:-1]) if path else self.line


def read_text(text: str, name: str = "") -> list[Written]:
    """The documents of a text, or of the file of this name. Raises ``Rejected(resource.malformed)``."""
    import yaml  # loaded for who has files only

    loader: Any = None
    found: list[Written] = []
    try:
        loader = _loader()(text)
        while loader.check_node():
            node: Any = loader.get_node()
            line: int = node.start_mark.line + 1
            lines: dict[Path, int] = {}
            source = f"{name}:{line}" if name else f"line {line}"
            _mark(node, (), lines, source)
            document: Any = loader.construct_document(node)
            if document is None:
                continue
            if not isinstance(document, dict):
                raise _wrong(f"{source}: this is no mapping; write kind, name and the rest.", source, line)
            found.append(Written(cast("dict[str, Any]", document), source, line, lines))
    except (yaml.YAMLError, RecursionError, *_MISREAD) as error:
        mark: Any = getattr(error, "problem_mark", None)
        told = f"{name or 'The text'} is not YAML: {' '.join(str(error).split())}."
        raise _wrong(told, name, mark.line + 1 if mark is not None else 0) from error
    finally:
        if loader is not None:
            loader.dispose()
    return found


def read_given(text: str) -> list[Written]:
    """The documents of a text that somebody sent. Raises ``Rejected(resource.malformed)``,
    ``LimitExceeded(resource.too_large)``."""
    if len(text) > _LARGEST:
        raise LimitExceeded("resource.too_large", f"More than {_LARGEST:,} characters of documents at once.")
    if found := read_text(text):
        return found
    raise _wrong("There is no document in this text; write kind, name and the rest.", "", 1)


def write_text(documents: list[dict[str, Any]]) -> str:
    """Documents as YAML, as ``read_text`` reads them; what has a name begins with it."""
    import yaml

    dump: Any = yaml.safe_dump  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return "---\n".join(
        dump({k: _named_first(v) for k, v in d.items()}, sort_keys=False, allow_unicode=True, width=110) for d in documents
    )


def _named_first(value: Any) -> Any:
    if isinstance(value, list):
        return [_named_first(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    known = cast("dict[str, Any]", value)
    return {k: _named_first(known[k]) for k in sorted(known, key=lambda k: k != "name")}


def place(error: HoldfastError, written: list[Written]) -> None:
    """Note in an error about one of these documents in which ``line`` it is."""
    told = f"{error.details.get('place', '')} {error.message}"
    about = [w for w in written if re.search(rf"{re.escape(w.source)}(?!\d)", told)]
    if not about:
        name, kind = error.details.get("policy") or error.details.get("name"), error.details.get("kind")
        about = [w for w in written if name == w.document.get("name") and kind in (None, w.document.get("kind"))]
    if about:
        error.details["line"] = _line(error, about[-1])


def _line(error: HoldfastError, written: Written) -> int:
    if tests := cast("list[str]", error.details.get("tests")):
        places = [n for n, test in enumerate(_tests(written.document)) if test in tests]
        return written.line_of(("tests", *places[:1]))
    at = _AT.search(error.message)
    path: Path = tuple(m[1] or int(m[2]) for m in _STEP.finditer(at[1] or at[2] or "")) if at else ()
    if (unknown := _UNKNOWN.search(error.message)) and path[-1:] != (unknown[1] or unknown[2],):
        path = (*path, unknown[1] or unknown[2])
    return written.line_of(path)


def _tests(document: dict[str, Any]) -> list[str]:
    spec = document.get("spec", document)
    tests: Any = cast("dict[str, Any]", spec).get("tests") if isinstance(spec, dict) else None
    return [str(cast("dict[str, Any]", t).get("name")) for t in cast("list[Any]", tests or []) if isinstance(t, dict)]


def _mark(node: Any, path: Path, lines: dict[Path, int], source: str) -> None:
    """Note where everything stands. An alias may stand for itself, or for a thousand others: that ends somewhere."""
    import yaml

    lines.setdefault(path, node.start_mark.line + 1)
    if len(path) > _MOST_DEEP or len(lines) > _MOST_PARTS:
        raise _wrong(f"{source}: it is nested too deeply or too large.", source, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines[(*path, str(key.value))] = key.start_mark.line + 1
            _mark(value, (*path, str(key.value)), lines, source)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _mark(item, (*path, number), lines, source)


def _loader() -> Any:
    """YAML as people mean it: a date is text, and so are ``on``, ``off``, ``yes`` and ``no``; only true and false are
    true and false."""
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


def _wrong(message: str, name: str, line: int) -> Rejected:
    return Rejected("resource.malformed", message, place=name, line=line)


__all__ = ["Written", "place", "read_given", "read_text", "write_text"]
