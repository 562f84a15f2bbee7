"""What the tests of identity share: a store of each kind."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

_SCHEMAS = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Tenants are apart on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    url: str = request.getfixturevalue("postgres_url")
    return f"{url}{'&' if '?' in url else '?'}schema=identity_{next(_SCHEMAS)}"
