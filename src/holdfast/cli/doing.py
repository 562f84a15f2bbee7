"""Any operation by its name: do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from .options import Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..sdk.client import Client
    from .output import Column


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="do")(do)


def complete_operation(incomplete: str) -> list[tuple[str, str]]:
    """The operations whose names begin like this, with their summaries."""
    from ..control.operations import Operations
    from ..control.registry import registry_of

    return [(n, o.summary) for n, o in registry_of(Operations).items() if n.startswith(incomplete)]


def do(
    operation: Annotated[
        str, typer.Argument(help="Its name; without one, all are listed.", autocompletion=complete_operation)
    ] = "",
    given: Annotated[str, typer.Argument(help="Its inputs as a JSON object.", metavar="[JSON]")] = "{}",
    output: Output = Format.json,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Call any operation by its name, as programs do: holdfast do describe '{"address": "desk/42"}'."""
    from ..control.operations import Operations
    from ..control.registry import find, plain, registry_of
    from ..domain.errors import Rejected
    from . import session
    from .arguments import value
    from .output import line, show, show_value

    if not operation:
        columns: list[Column] = [("OPERATION", lambda o: o.name), ("SUMMARY", lambda o: o.summary)]
        show(list(registry_of(Operations).values()), columns, Format.table)
        return
    what, inputs = find(Operations, operation), value(given)
    if not isinstance(inputs, dict):
        raise Rejected("operation.input", f'{operation}: the inputs are one JSON object: \'{{"address": "desk/42"}}\'.')
    rest, dry = what.rehearsed(cast("dict[str, Any]", inputs))

    async def work(client: Client) -> Any:
        if what.streams:
            async for item in client.channel.stream(operation, **what.inputs(rest)):
                line(item)
            return None
        return await client.channel.request(operation, **what.inputs(rest), **({"dry_run": True} if dry else {}))

    found = session.run(work, url, store)
    if not what.streams:
        show_value(plain(found), output)
