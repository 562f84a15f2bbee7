"""The heart's tests run on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from heart_world import World

_SCHEMAS = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """Every promise holds on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return World(f"sqlite:///{tmp_path}/store.db")
    url: str = request.getfixturevalue("postgres_url")
    return World(f"{url}{'&' if '?' in url else '?'}schema=heart_{next(_SCHEMAS)}")
