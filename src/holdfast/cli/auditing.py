"""Auditing: seal, export, verify, query."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..insight.audit.verify import Report
    from ..sdk.client import Client
    from .output import Column

audit = typer.Typer(help="Signed proof of what happened, and the search in it.", rich_markup_mode=None, no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(audit, name="audit")


@audit.command()
def seal(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Sign everything that happened since the last segment, and tell the witnesses."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.audit_seal(), url, store), output)


@audit.command()
def roots(
    after: Annotated[int, typer.Option("--after", help="Only those after this number.")] = 0,
    limit: Annotated[int, typer.Option("--limit", "-n")] = 100,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """List the signed roots."""
    from . import session
    from .output import clock, show

    columns: list[Column] = [
        ("NUMBER", lambda r: r.number),
        ("SIGNED", lambda r: clock(r.at)),
        ("ENTRIES", lambda r: r.entries),
        ("TOTAL", lambda r: r.total),
        ("ROOT", lambda r: r.root),
        ("KEY", lambda r: r.key),
    ]
    rows = session.run(lambda c: c.audit_roots(after=after, limit=limit), url, store)
    show(rows, columns, output, "nothing is signed yet (holdfast audit seal)")


@audit.command("export")
def export_(
    target: Annotated[Path, typer.Argument(help="A folder that does not exist yet, or is empty.", metavar="DIR")],
    after: Annotated[int, typer.Option("--after", help="Only segments after this number.")] = 0,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Write journals with proof: JSON lines, signed roots, public keys."""
    from ..control.views import Done
    from . import session
    from .output import say, show_one
    from .writing_exports import Export

    async def work(client: Client) -> int:
        with Export(target) as into:
            async for piece in client.channel.stream("audit_export", after=after):
                into.take(piece)
            return into.bytes

    written = session.run(work, url, store)
    say(f"holdfast audit verify {target}    needs neither this server nor its store")
    show_one(Done(note=f"wrote {target}, {written:,} bytes", count=written), output)


@audit.command()
def verify(
    export: Annotated[Path, typer.Argument(help="What holdfast audit export wrote.", metavar="DIR")],
    key: Annotated[
        list[str] | None, typer.Option("--key", help="A key id that you trust; others are refused.", metavar="ID")
    ] = None,
    roots: Annotated[
        str, typer.Option("--roots", help="Roots kept elsewhere: a file, bucket or database.", metavar="PLACE")
    ] = "",
    output: Output = Format.table,
) -> None:
    """Check an export, offline; names the first bad entry and exits with 1."""
    from ..insight.audit.verify import verify as check
    from .output import show_one

    report = check(export, trusted=key or (), witnessed=_witnessed(roots))
    if output is not Format.table:
        show_one(report, output)
    else:
        _tell(report, export)
    if not report.ok:
        raise typer.Exit(1)


def _witnessed(place: str) -> dict[int, bytes]:
    if not place:
        return {}
    import asyncio

    from ..bootstrap.witnesses import make_witness

    async def read() -> dict[int, bytes]:
        witness = make_witness(place)
        found = {n: await witness.kept(n) for n in range(1, await witness.last() + 1)}
        return {n: root for n, root in found.items() if root is not None}

    return asyncio.run(read())


def _tell(report: Report, export: Path) -> None:
    from .output import clock, say

    bad = report.problem
    if bad is not None:
        where = f"entry {bad.seq} of {bad.agent}" if bad.seq else bad.file
        print(f"BAD   {where}{f', segment {bad.segment}' if bad.segment else ''}: {bad.what}")
        return
    print(f"good  {report.entries:,} entries of {report.agents:,} agents in {report.segments:,} segments")
    print(f"      signed {clock(report.first_at)} to {clock(report.last_at)} by {', '.join(report.keys)}")
    if report.removed or report.lost:
        print(f"      {report.removed:,} entries were removed by retention since they were signed, {report.lost:,} before")
    if not report.trusted:
        say("The keys come from the export itself: give --key with what you know to be yours.")
    if not report.witnessed:
        say("That nothing newer exists was not checked: give --roots with a place that keeps them.")


@audit.command()
def query(
    by: Annotated[str, typer.Option("--by", help="Whoever sent the message that led to it.", metavar="WHO")] = "",
    agent: Annotated[str, typer.Option("--agent", help="Addresses that begin like this.", metavar="PREFIX")] = "",
    verb: Annotated[str, typer.Option("--verb", help="run, tool, model, call, send, ...")] = "",
    name: Annotated[str, typer.Option("--name", help="Part of the name of the step or tool.")] = "",
    text: Annotated[str, typer.Option("--text", help="Anywhere in the arguments.")] = "",
    since: Annotated[str, typer.Option("--since", help="How long ago at most: 7d, 12h.", metavar="AGE")] = "",
    until: Annotated[str, typer.Option("--until", help="How long ago at least.", metavar="AGE")] = "",
    decision: Annotated[str, typer.Option("--decision", help="allow, transform, ask, deny, hold.")] = "",
    after: Annotated[int, typer.Option("--after", help="Go on after this id.")] = 0,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Deeds at most.")] = 100,
    ocsf: Annotated[bool, typer.Option("--ocsf", help="As OCSF events, one JSON line each.")] = False,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Search who did what: by principal, agent, verb, name, arguments, time and decision."""
    from . import session
    from .durations import seconds
    from .output import clock, line, short, show

    async def work(client: Client) -> list[Any]:
        now = await client.now()
        ages = {k: now - int(seconds(v) * 1000) for k, v in (("since", since), ("until", until)) if v}
        found: list[Any] = []
        place = after
        while len(found) < limit:
            page = await client.audit_query(
                by=by,
                agent=agent,
                verb=verb,
                name=name,
                text=text,
                decision=decision,
                after=place,
                limit=limit - len(found),
                **ages,
            )
            found += page.deeds
            place = page.after
            if not page.more:
                break
        return found

    deeds = session.run(work, url, store)
    if ocsf:
        from .. import __version__
        from ..insight.audit.ocsf import event

        for deed in deeds:
            line(event(deed, __version__))
        return
    columns: list[Column] = [
        ("ID", lambda d: d.id),
        ("AT", lambda d: clock(d.at)),
        ("BY", lambda d: d.by),
        ("AGENT", lambda d: d.agent),
        ("STEP", lambda d: f"{d.turn}.{d.path}"),
        ("WHAT", lambda d: f"{d.verb} {d.name}".strip()),
        ("DECISION", lambda d: d.decision),
        ("ARGUMENTS", lambda d: short(d.error or d.arguments, 80) if d.error or d.arguments is not None else ""),
    ]
    show(deeds, columns, output, "nobody did anything like that")
