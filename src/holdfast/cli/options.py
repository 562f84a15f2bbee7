"""Options that many commands share, declared once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """How results are written."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    yaml = "yaml"


def _remember(value: Format) -> Format:
    CHOSEN[0] = value
    return value


CHOSEN: list[Format] = [Format.table]
"""The format of this run, for errors that are raised before or after the command's own code."""

TOKEN: list[str] = [""]
"""The token of this run, if one was given."""

DRY_RUN: list[bool] = [False]
"""Whether this run only tells what it would change."""

Output = Annotated[Format, typer.Option("-o", "--output", help="How to write the result.", callback=_remember)]
Url = Annotated[
    str,
    typer.Option("--url", envvar="HOLDFAST_URL", help="The server.", show_envvar=True, metavar="URL", show_default=False),
]
StoreUrl = Annotated[
    str, typer.Option("--store", help="Open this store instead of asking a server.", metavar="URL", show_default=False)
]


def complete_address(ctx: typer.Context, incomplete: str) -> list[str]:
    """Addresses that begin like this, if a server answers at once."""
    from .session import quick

    return quick(ctx.params.get("url") or "", incomplete)


Address = Annotated[
    str, typer.Argument(help="name/key, or tenant/name/key.", metavar="ADDRESS", autocompletion=complete_address)
]
