"""``Snapshot``: the source of an agent module and of the project's own modules that it imports, as one value.

Its hash is the version of the agents in it. What a worker runs is always a snapshot, never the files as they happen to be
at the moment; so a snapshot taken from the store's archive runs exactly as the files did then.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
import zlib
from pathlib import Path

import msgspec

from ..domain.errors import NotFound, Rejected
from ..sdk.declared import Document, module_of, module_of_documents

_DECLARED = (".yaml", ".yml")
_FOREIGN = frozenset(sys.stdlib_module_names) | {"holdfast"}


class Source(msgspec.Struct, frozen=True, array_like=True):
    """One module: where it was, whether it is a package, its text."""

    path: str
    package: bool
    text: bytes


class Snapshot(msgspec.Struct, frozen=True):
    """Modules by name; ``entry`` is the one that defines the agents, ``root`` the folder that they were found in."""

    entry: str
    root: str
    modules: dict[str, Source]

    @property
    def digest(self) -> str:
        """Content hash over names and texts; the folder plays no part."""
        digest = hashlib.sha256(self.entry.encode())
        for name in sorted(self.modules):
            text = self.modules[name].text
            digest.update(b"\0%s\0%d\0" % (name.encode(), len(text)) + text)
        return digest.hexdigest()

    @property
    def version(self) -> str:
        """The short form of the digest."""
        return self.digest[:12]

    @property
    def files(self) -> list[str]:
        """The files it was read from."""
        return [str(Path(self.root) / s.path) for s in self.modules.values() if s.path]

    def pack(self) -> bytes:
        """An archive."""
        return zlib.compress(msgspec.msgpack.encode(self), 6)


def unpack(archive: bytes) -> Snapshot:
    """A snapshot from its archive."""
    return msgspec.msgpack.decode(zlib.decompress(archive), type=Snapshot)


def take(place: str) -> Snapshot:
    """The snapshot of a file (``agents.py``) or module (``shop.agents``) as it is now.

    Raises ``NotFound(agents.not_found)`` and ``Rejected(agents.syntax)``.
    """
    if not place.endswith(_DECLARED):
        root, entry = _find(place)
        return _gather(root, entry, {}, [entry])
    root, entry = _find_declared(place)
    path = Path(place).resolve()
    return _of_module(root, entry, Source(path.name, False, module_of(path)))


def of_document(document: Document, root: Path) -> Snapshot:
    """The snapshot of an agent that was applied as a resource. Its functions are looked for in ``root``."""
    entry = "declared_" + "".join(c if c.isalnum() else "_" for c in document.name)
    return _of_module(root, entry, Source("", False, module_of_documents([document], f"the resource {document.name}")))


def _of_module(root: Path, entry: str, source: Source) -> Snapshot:
    return _gather(root, entry, {entry: source}, _imports(source, entry))


def _gather(root: Path, entry: str, modules: dict[str, Source], wanted: list[str]) -> Snapshot:
    """A module with the project's own modules that it needs."""
    while wanted:
        name = wanted.pop()
        if name in modules:
            continue
        source = _read(root, name) if name == entry or _may_be_own(name) else None
        if source is None:
            continue
        modules[name] = source
        parent = name.rpartition(".")[0]
        if parent:
            wanted.append(parent)
        wanted.extend(_imports(source, name))
    return Snapshot(entry, str(root), modules)


def _find_declared(place: str) -> tuple[Path, str]:
    """The folder of a YAML file, and the name of the module that it becomes."""
    path = Path(place).resolve()
    if not path.is_file():
        raise _missing(place, "there is no such file")
    return path.parent, "".join(c if c.isalnum() else "_" for c in path.stem)


def _find(place: str) -> tuple[Path, str]:
    """The folder that the project's imports start from, and the module's dotted name."""
    path = Path(place)
    if place.endswith(".py") or path.exists():
        if path.is_dir():
            path = path / "__init__.py"
        if not path.is_file():
            raise _missing(place, "there is no such file")
        path = path.resolve()
        parts = [] if path.name == "__init__.py" else [path.stem]
        folder = path.parent
        while (folder / "__init__.py").is_file():
            parts.insert(0, folder.name)
            folder = folder.parent
        if not parts or not all(p.isidentifier() for p in parts):
            raise _missing(place, "a module's name has only letters, digits and '_'")
        if parts[0] in _FOREIGN:  # a file that ships with Holdfast is nobody's project
            return path.parent, parts[-1]
        return folder, ".".join(parts)
    here = Path.cwd()
    if _read(here, place) is not None:
        return here, place
    try:
        spec = importlib.util.find_spec(place)
    except (ImportError, ValueError, AttributeError):
        spec = None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise _missing(place, "there is no file and no importable module of this name")
    folder = Path(spec.origin).parent
    for _ in range(place.count(".") + (1 if spec.submodule_search_locations else 0)):
        folder = folder.parent
    return folder, place


def _may_be_own(name: str) -> bool:
    return name != "" and name.partition(".")[0] not in _FOREIGN


def _read(root: Path, name: str) -> Source | None:
    """A module of the project; None if it is not one of its own."""
    base = root.joinpath(*name.split("."))
    for path, package in ((base.with_suffix(".py"), False), (base / "__init__.py", True)):
        if path.is_file():
            return Source(str(path.relative_to(root)), package, path.read_bytes())
    if base.is_dir() and any(base.glob("*.py")):
        return Source("", True, b"")  # a namespace package
    return None


def _imports(source: Source, name: str) -> list[str]:
    """The dotted names that a module could import, relative ones resolved."""
    try:
        tree = ast.parse(source.text, source.path)
    except (SyntaxError, ValueError) as error:
        raise syntax(source.path, error) from error
    package = name if source.package else name.rpartition(".")[0]
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            found.append(base)
            found.extend(f"{base}.{alias.name}" for alias in node.names)
    return found


def syntax(path: str, error: Exception) -> Rejected:
    """The error for a file that Python cannot read."""
    line = getattr(error, "lineno", None)
    where = f"{path}, line {line}" if line else path
    text = (getattr(error, "text", None) or "").strip()
    return Rejected(
        "agents.syntax",
        f"{where} is not Python: {getattr(error, 'msg', error)}{f' in `{text}`' if text else ''}. Correct it and try again.",
        path=path,
        line=line,
    )


def _missing(place: str, why: str) -> NotFound:
    return NotFound(
        "agents.not_found",
        f"{place!r} cannot be loaded: {why}. Name a Python file (my_agents.py), a module (shop.agents) or a YAML file.",
        place=place,
    )
