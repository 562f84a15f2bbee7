"""Keeping: backup, restore, compact."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from .options import Format, Output, StoreUrl, Url


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (backup, restore, compact):
        app.command()(command)


def backup(
    target: Annotated[str, typer.Argument(help="A file that does not exist yet.")],
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Write a consistent copy of the store, while everything runs."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.backup(target=os.path.abspath(target)), url, store), output)


def restore(
    source: Annotated[str, typer.Argument(help="A file that holdfast backup wrote.")],
    store: Annotated[str, typer.Option("--store", help="A SQLite store that does not exist yet.")] = "sqlite:///holdfast.db",
    output: Output = Format.table,
) -> None:
    """Make a store from a backup."""
    from ..bootstrap.restoring import restore_sqlite
    from .output import show_one

    show_one(restore_sqlite(source, store), output)


def compact(
    older_than: Annotated[str, typer.Option("--older-than", help="Forget turns that ended longer ago: 7d, 12h.")] = "7d",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Forget turns that ended, with their messages and journal entries."""
    from . import session
    from .durations import seconds
    from .output import show_one

    age = seconds(older_than)
    show_one(session.run(lambda c: c.compact(older_than_seconds=age), url, store), output)
