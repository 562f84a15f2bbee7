"""A folder with agents, and its processes ended afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder with agents and no server yet."""
    place = Place(tmp_path)
    try:
        yield place
    finally:
        place.close()
