"""Letting actions through, and what turns wait for: approvals, approve, waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..sdk.client import Client
    from .output import Column


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (approvals, approve, waits):
        app.command()(command)


def approvals(
    limit: Annotated[int, typer.Option("--limit", help="Rows at most.")] = 100,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """List the actions that wait for people to let them through, with their exact arguments."""
    from . import session
    from .output import age, short, show

    async def work(client: Client) -> tuple[list[Any], int]:
        return await client.approvals(limit=limit), await client.now()

    rows, now = session.run(work, url, store)
    columns: list[Column] = [
        ("ID", lambda q: q.id),
        ("AGENT", lambda q: q.approval.agent),
        ("WANTS", lambda q: f"{q.approval.verb} {q.approval.name}"),
        ("ARGUMENTS", lambda q: short(q.approval.args, 60)),
        ("RULES", lambda q: q.approval.rules),
        ("SINCE", lambda q: age(q.since, now)),
        ("UNTIL", lambda q: age(q.approval.until, now)),
    ]
    show(rows, columns, output, "nothing waits to be let through")


def approve(
    question: Annotated[str, typer.Argument(help="Its id (holdfast approvals), or the address if it has only one.")],
    deny: Annotated[bool, typer.Option("--deny", help="Refuse it.")] = False,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="Hand the question on to somebody else.", show_default=False)
    ] = None,
    why: Annotated[str, typer.Option("--why", help="The reason, kept with it.", show_default=False)] = "",
    by: Annotated[str, typer.Option("--by", help="Who says so.")] = "person",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Let an action through, refuse it, or hand the question on; what is approved is exactly what was shown."""
    from . import session
    from .output import show_one

    verdict = "delegate" if to else "deny" if deny else "approve"
    given: dict[str, Any] = {"question": question, "verdict": verdict, "why": why, "by": by, "to": to}
    show_one(session.run(lambda c: c.approve(**given), url, store), output)


def waits(
    verb: Annotated[str, typer.Argument(help="Only of this kind: sleep, wait, ask, call, ...", metavar="[VERB]")] = "",
    limit: Annotated[int, typer.Option("--limit", help="Rows at most.")] = 100,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """List what turns wait for."""
    from . import session
    from .output import age, show

    async def work(client: Client) -> tuple[list[Any], int]:
        return await client.waits(verb=verb, limit=limit), await client.now()

    rows, now = session.run(work, url, store)
    columns: list[Column] = [
        ("ADDRESS", lambda w: w.address),
        ("TURN", lambda w: w.turn),
        ("STEP", lambda w: w.path),
        ("FOR", lambda w: f"{w.verb} {w.name}"),
        ("SINCE", lambda w: age(w.since, now)),
        ("DUE", lambda w: age(w.due, now)),
    ]
    show(rows, columns, output, "nothing waits")
