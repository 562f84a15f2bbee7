"""A server shared by a module, or a folder without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import Place


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A running server, shared by a module's tests."""
    place = Place(tmp_path_factory.mktemp("hf"))
    try:
        place.up("--no-reload")
        yield place
    finally:
        place.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder with agents and no server yet."""
    place = Place(tmp_path)
    try:
        yield place
    finally:
        place.close()
