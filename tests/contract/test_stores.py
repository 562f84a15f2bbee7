"""The public store contract over every store that ships with Holdfast."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from holdfast.adapters.postgres import PostgresStore
from holdfast.adapters.sqlite import SqliteStore
from holdfast.domain.limits import Limits
from holdfast.ports.store import Store
from holdfast.testing.contracts import StoreContract


class TestMemory(StoreContract):
    """memory://, honest about losing everything."""

    volatile = True

    async def make(self, limits: Limits) -> Store:
        store = SqliteStore("memory://", limits)
        await store.open()
        return store


class TestSqlite(StoreContract):
    """One file, one process."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    async def make(self, limits: Limits) -> Store:
        store = SqliteStore(f"sqlite:///{self.folder}/store.db", limits)
        await store.open()
        return store


_SCHEMAS = itertools.count(1)


class TestPostgres(StoreContract):
    """One schema, any number of processes."""

    @pytest.fixture(autouse=True)
    def _server(self, postgres_url: str) -> None:
        separator = "&" if "?" in postgres_url else "?"
        self.url = f"{postgres_url}{separator}schema=contract_{next(_SCHEMAS)}"

    async def make(self, limits: Limits) -> Store:
        store = PostgresStore(self.url, limits)
        await store.open()
        return store

    async def another(self, store: Store) -> Store:
        assert isinstance(store, PostgresStore)
        other = PostgresStore(store.url, store.limits)
        await other.open()
        return other
