"""Snapshots and the loader: what belongs to a version, and that two versions never see each other's code."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from holdfast import NotFound, Rejected
from holdfast.bootstrap import loader, snapshot
from holdfast.bootstrap.loader import Loaded

ENTRY = """
from __future__ import annotations
from dataclasses import dataclass
import json
from holdfast import Agent, Context
from .parts import first
from shop.parts.second import two
import shop.more as more

desk = Agent("desk")


@dataclass
class Ticket:
    text: str
    inner: Inner | None = None


@dataclass
class Inner:
    n: int


@desk.handler
async def handle(ctx: Context, ticket: Ticket) -> Ticket:
    return ticket


def look():
    from shop import late
    from . import later
    import shop.parts.first as again
    return [first.ONE, two(), more.MORE, late.LATE, later.LATER, again.ONE]
"""


def project(folder: Path, mark: str) -> str:
    """A package with every kind of import; ``mark`` is in every value."""
    shop = folder / "shop"
    (shop / "parts").mkdir(parents=True, exist_ok=True)
    files = {
        "__init__.py": "",
        "agents.py": ENTRY,
        "parts/__init__.py": "",
        "parts/first.py": f'ONE = "one {mark}"\n',
        "parts/second.py": f'from . import first\n\n\ndef two():\n    return first.ONE + " two {mark}"\n',
        "more.py": f'MORE = "more {mark}"\n',
        "late.py": f'LATE = "late {mark}"\n',
        "later.py": f'LATER = "later {mark}"\n',
        "unused.py": f'UNUSED = "{mark}"\n',
    }
    for name, text in files.items():
        (shop / name).write_text(text)
    return str(shop / "agents.py")


def looked(loaded: Loaded) -> list[str]:
    fn: Any = loaded.agents[0].definition.handlers["handle"].fn
    return fn.__globals__["look"]()


def test_a_snapshot_holds_what_is_imported_and_nothing_else(tmp_path: Path) -> None:
    found = snapshot.take(project(tmp_path, "a"))
    assert found.entry == "shop.agents"
    assert set(found.modules) == {
        "shop", "shop.agents", "shop.parts", "shop.parts.first", "shop.parts.second", "shop.more", "shop.late", "shop.later",
    }  # fmt: skip


def test_the_version_is_the_content(tmp_path: Path) -> None:
    one = snapshot.take(project(tmp_path / "x", "a"))
    assert snapshot.take(project(tmp_path / "y", "a")).version == one.version, "wherever it is"
    (tmp_path / "x" / "shop" / "unused.py").write_text("CHANGED = 1\n")
    assert snapshot.take(str(tmp_path / "x" / "shop" / "agents.py")).version == one.version
    (tmp_path / "x" / "shop" / "late.py").write_text("LATE = 'changed'\n")
    assert snapshot.take(str(tmp_path / "x" / "shop" / "agents.py")).version != one.version


def test_two_versions_side_by_side(tmp_path: Path) -> None:
    old = loader.load(snapshot.take(project(tmp_path, "old")))
    new = loader.load(snapshot.take(project(tmp_path, "new")))
    assert all("old" in word for word in looked(old)) and all("new" in word for word in looked(new))
    assert old.agents[0].definition.version != new.agents[0].definition.version


def test_an_archive_is_the_same_version_without_the_files(tmp_path: Path) -> None:
    found = snapshot.take(project(tmp_path, "kept"))
    archive = found.pack()
    for path in sorted((tmp_path / "shop").rglob("*.py")):
        path.unlink()
    again = snapshot.unpack(archive)
    assert again.version == found.version
    assert all("kept" in word for word in looked(loader.load(again, archived=True)))


def test_types_are_resolved_in_their_own_version(tmp_path: Path) -> None:
    loaded = loader.load(snapshot.take(project(tmp_path, "t")))
    spec = loaded.agents[0].definition.handlers["handle"]
    shape = spec.parameters[0].shape
    ticket = shape.convert({"text": "x", "inner": {"n": 3}}, "ticket")
    assert (ticket.text, ticket.inner.n) == ("x", 3)


def test_unloading_leaves_nothing_behind(tmp_path: Path) -> None:
    import sys

    before = set(sys.modules)
    loaded = loader.load(snapshot.take(project(tmp_path, "gone")))
    assert looked(loaded)
    loaded.unload()
    assert {n for n in set(sys.modules) - before if n.startswith("_holdfast_")} == set()


def test_loading_is_quick(tmp_path: Path) -> None:
    place = project(tmp_path, "q")
    began = time.perf_counter()
    loader.load(snapshot.take(place))
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("def f(:\n", "agents.syntax", "line 1"),
        ("x = 1\n", "agents.none", "defines no agent"),
        ("\n\nraise OSError('no such luck')\n", "agents.import_failed", "line 3"),
        ("import nowhere_to_be_found\n", "agents.import_failed", "Install nowhere_to_be_found"),
        ("x = '\\x00'\0\n", "agents.syntax", "is not Python"),
    ],
)
def test_what_cannot_be_loaded_says_where(tmp_path: Path, text: str, code: str, says: str) -> None:
    file = tmp_path / "agents.py"
    file.write_text(text)
    with pytest.raises(Rejected) as caught:
        loader.load(snapshot.take(str(file)))
    assert caught.value.code == code and says in caught.value.message


def test_a_module_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path, "m")
    monkeypatch.chdir(tmp_path)
    assert snapshot.take("shop.agents").version == snapshot.take(os.path.join("shop", "agents.py")).version


@pytest.mark.parametrize("place", ["nothing.py", "no.such.module", "not-a-name.py", "/", "json.tool.nope"])
def test_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "not-a-name.py").write_text("")
    with pytest.raises(NotFound) as caught:
        snapshot.take(place)
    assert caught.value.code == "agents.not_found"
