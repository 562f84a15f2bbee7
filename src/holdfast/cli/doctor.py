"""What is wrong with an installation, and how to mend it: doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Format, Output, Url

if TYPE_CHECKING:
    from ..sdk.client import Client


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    store: Annotated[str, typer.Option("--store", help="The store that a server here uses.")] = "sqlite:///holdfast.db",
    port: Annotated[int, typer.Option("--port", help="Its port.")] = 7433,
    output: Output = Format.table,
    url: Url = "",
) -> None:
    """Say what is wrong with this installation and what runs on it, and how to mend it; 1 if something is broken."""
    from ..bootstrap.checkup import Check, checks
    from .output import show

    found = [*checks(store, port, port + 1), *_server(url)]
    if output is Format.table:
        _print(found)
    else:
        show(found, [], output)
    if any(isinstance(c, Check) and c.state == "broken" for c in found):
        raise typer.Exit(1)


def _print(found: list[Any]) -> None:
    """Each check in as many lines as it needs: what is told is often a sentence, and no sentence fits into a column."""
    import shutil
    import textwrap

    from .output import tinted

    name_width = max(len(check.name) for check in found)
    indent = " " * (len("warning") + name_width + 4)
    width = max(shutil.get_terminal_size().columns, len(indent) + 40)
    for check in found:
        lines = textwrap.wrap(check.what, width - len(indent), break_on_hyphens=False)
        if check.mend:
            lines += textwrap.wrap(f"-> {check.mend}", width - len(indent), break_on_hyphens=False)
        print(f"{tinted(f'{check.state:<7}')}  {check.name:<{name_width}}  {lines[0] if lines else ''}")
        print("".join(f"{indent}{line}\n" for line in lines[1:]), end="")


def _server(url: str) -> list[Any]:
    """What a running server says of itself and of the agents of its store."""
    import time

    from ..bootstrap.checkup import Check, has_extra, lacking
    from ..domain.errors import HoldfastError
    from . import session

    async def work(client: Client) -> tuple[Any, int, list[Any], bool]:
        return await client.info(), await client.now(), await client.diagnose(), bool(await client.behaviour())

    try:
        info, now, findings, learns = session.run(work, url)
    except HoldfastError as error:
        return [Check("server", "warning", error.message, "Start one: holdfast up my_agents.py")]
    rows = [Check("server", "ok", f"{info.name} {info.version} with {', '.join(info.serves) or 'no agents'}")]
    skew = abs(now / 1000 - time.time())
    if skew > 2:
        rows.append(Check("clocks", "warning", f"The server's clock differs from this one by {skew:.0f} s", "Set both."))
    if learns and not has_extra("behaviour"):
        rows.append(lacking("behaviour", "What agents usually do (volumes are not judged without it)"))
    for found in findings:
        state = "broken" if found.severity == "broken" else "warning"
        mend = "; ".join(f"{then.operation}: {then.why}" for then in found.mend)
        rows.append(Check(f"{found.kind} {found.about}", state, found.what, mend))
    if not findings:
        rows.append(Check("agents", "ok", "nothing is stuck, dead, paused, spent or waiting for a model"))
    return rows
