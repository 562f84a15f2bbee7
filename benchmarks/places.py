"""Fresh stores for every figure: files in a folder, or schemas in a PostgreSQL database."""

from __future__ import annotations

import importlib
import itertools
import os
from pathlib import Path
from typing import Any, cast

DEFAULT_POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"


class Places:
    """Hands out urls of empty stores and removes what it made."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self._numbers = itertools.count(1)
        self._schemas: list[str] = []
        self.base = os.environ.get("HOLDFAST_TEST_POSTGRES", DEFAULT_POSTGRES)

    async def __aenter__(self) -> Places:
        return self

    def fresh(self) -> str:
        """The url of a store that nobody has used."""
        n = next(self._numbers)
        if self.kind == "sqlite":
            return f"sqlite:///{self.folder}/store-{n}.db"
        schema = f"bench_{os.getpid()}_{n}"
        self._schemas.append(schema)
        return f"{self.base}{'&' if '?' in self.base else '?'}schema={schema}"

    async def __aexit__(self, *exc: object) -> None:
        if not self._schemas:
            return
        connect = cast(Any, importlib.import_module("asyncpg")).connect
        connection = await connect(self.base.partition("?")[0])
        for schema in self._schemas:
            await connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
        await connection.close()
