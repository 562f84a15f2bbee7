"""Looking: ps, describe, journal, state, asks, stats, versions, workers, and the pages of error codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Address, Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..sdk.client import Client
    from .output import Column

_PAGE, _LOOK_AT_MOST = 500, 50_000

versions = typer.Typer(
    help="Versions of code, and who still needs which.", invoke_without_command=True, rich_markup_mode=None
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (ps, describe, journal, state, asks, stats, agents, version, error):
        app.command()(command)
    app.add_typer(versions, name="versions")


def ps(
    prefix: Annotated[str, typer.Argument(help="Only addresses that begin like this.", metavar="[PREFIX]")] = "",
    all: Annotated[bool, typer.Option("--all", "-a", help="Idle agents too.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every second.")] = False,
    limit: Annotated[int, typer.Option("--limit", help="Rows at most.")] = 200,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """List agents: what they do, what they wait for, since when."""
    import asyncio

    from . import session
    from .output import age, say, short, show

    async def look(client: Client) -> tuple[list[Any], bool, int]:
        found: list[Any] = []
        after, seen = "", 0
        while len(found) < limit and seen < _LOOK_AT_MOST:
            rows = await client.agents(like=prefix, after=after, limit=_PAGE)
            seen += len(rows)
            found += [r for r in rows if all or (r.doing != "idle" and not r.address.split("/")[-2].startswith("holdfast."))]
            if len(rows) < _PAGE:
                return found[:limit], len(found) > limit, await client.now()
            after = rows[-1].address if rows[-1].address.count("/") == 2 else f"default/{rows[-1].address}"
        return found[:limit], True, await client.now()

    def write(rows: list[Any], more: bool, now: int) -> None:
        columns: list[Column] = [
            ("ADDRESS", lambda r: r.address),
            ("DOING", lambda r: r.doing),
            ("SINCE", lambda r: age(r.since, now)),
            ("WAITS FOR", lambda r: short(r.waits_for, 60)),
            ("QUEUED", lambda r: r.queued),
            ("ENTRIES", lambda r: r.entries),
        ]
        show(rows, columns, output, "no agent is busy; --all shows idle ones" if not all else "no agents")
        if more:
            say(f"(the first {len(rows)}; give a prefix or a larger --limit)")

    async def work(client: Client) -> None:
        while True:
            found = await look(client)
            if watch and sys.stdout.isatty():
                print("\033[H\033[2J", end="")
            write(*found)
            if not watch:
                return
            await asyncio.sleep(1)

    session.run(work, url, store)


def describe(address: Address, output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Tell everything about one agent's present."""
    from . import session
    from .output import age, clock, plain, short, show_one

    async def work(client: Client) -> tuple[Any, dict[str, Any], int]:
        return await client.describe(address=address), await client.state(address=address), await client.now()

    view, kept, now = session.run(work, url, store)
    if output is not Format.table:
        show_one({**plain(view), "state": plain(kept)}, output)
        return
    print(f"address   {view.address}")
    print(f"doing     {view.doing}{f' ({view.reason})' if view.reason else ''}")
    print(f"queued    {view.queued}")
    print(f"journal   {view.entries} entries, since {clock(view.created)}")
    if view.owner:
        print(f"held by   {view.owner}")
    for turn in view.turns:
        print(f"turn {turn.turn}    {turn.handler}, {turn.status}, version {turn.version or '-'}, message {turn.id}")
        for wait in turn.waits:
            due = f", due {age(wait.due, now)}" if wait.due else ""
            print(f"  waits   {wait.verb} {wait.name} (step {wait.path or '-'}), for {age(wait.since, now)}{due}")
            if wait.detail:
                print(f"          {short(wait.detail, 160)}")
    if kept:
        print("state")
        for key, value in kept.items():
            print(f"  {key} = {short(value, 160)}")


def journal(
    address: Address,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
    turn: Annotated[int, typer.Option("--turn", help="Only this turn.")] = 0,
    after: Annotated[int, typer.Option("--after", help="Only entries after this number.")] = 0,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Entries at most.")] = 1000,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Read what an agent did and why, step by step."""
    from . import session
    from .output import clock, line, short, show

    def told(e: Any) -> str:
        what = e.error or ("" if e.value is None else short(e.value, 80))
        begin = f"<- {e.sender or 'outside'} " if e.handler else ""
        return f"{begin}{what}"

    columns: list[Column] = [
        ("SEQ", lambda e: e.seq),
        ("TURN", lambda e: e.turn),
        ("AT", lambda e: clock(e.at)),
        ("STEP", lambda e: e.path),
        ("KIND", lambda e: e.kind),
        ("WHAT", lambda e: f"{e.verb} {e.name}".strip()),
        ("RESULT", told),
    ]

    async def work(client: Client) -> list[Any]:
        if not follow:
            return await client.journal(address=address, after=after, limit=limit, turn=turn)
        async for e in client.channel.stream("follow", address=address, after=after, turn=turn):
            if output is Format.table:
                print(
                    f"{e.seq:>5} {clock(e.at)}  {e.path or '-':<8} {e.kind:<7} {e.verb} {e.name}  {told(e)}".rstrip(),
                    flush=True,
                )
            else:
                line(e)
        return []

    rows = session.run(work, url, store)
    if not follow:
        show(rows, columns, output, "no entries")


def state(address: Address, output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Read what an agent keeps."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.state(address=address), url, store), output)


def asks(
    of: Annotated[str, typer.Option("--of", help="Only of this agent.", metavar="ADDRESS", show_default=False)] = "",
    limit: Annotated[int, typer.Option("--limit")] = 100,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """List the questions that wait for a person (holdfast answer ID VALUE)."""
    from . import session
    from .output import age, show

    rows, now = session.timed(lambda c: c.asks_of(of) if of else c.asks(limit=limit), url, store)
    columns: list[Column] = [
        ("ID", lambda q: q.id),
        ("QUESTION", lambda q: q.question),
        ("CHOICES", lambda q: q.choices),
        ("SINCE", lambda q: age(q.since, now)),
        ("DUE", lambda q: age(q.due, now)),
    ]
    show(rows, columns, output, "nobody asks anything")


def stats(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Count agents, messages, journal entries and bytes."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.stats(), url, store), output)


def agents(
    name: Annotated[str, typer.Argument(help="Only this kind.")] = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """List the kinds of agents and how their handlers are called."""
    from . import session
    from .output import show

    rows = session.run(lambda c: c.definitions(name=name), url, store)
    if output is not Format.table:
        show(rows, [], output)
        return
    flat = [(d, h, spec) for d in rows for h, spec in d.handlers.items() if name or not d.name.startswith("holdfast.")]
    columns: list[Column] = [
        ("AGENT", lambda r: r[0].name),
        ("HANDLER", lambda r: r[1] + r[2]["signature"]),
        ("VERSION", lambda r: r[0].version),
        ("SUMMARY", lambda r: r[2].get("summary", "")),
    ]
    show(flat, columns, output, "no agents are known; holdfast up my_agents.py serves some")


@versions.callback()
def list_versions(ctx: typer.Context, output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """List versions, newest first, with the open turns that need each."""
    if ctx.invoked_subcommand:
        return
    from . import session
    from .output import age, show

    rows, now = session.timed(lambda c: c.versions(), url, store)
    columns: list[Column] = [
        ("AGENT", lambda v: v.name),
        ("VERSION", lambda v: v.version),
        ("PUBLISHED", lambda v: age(v.published, now)),
        ("OPEN TURNS", lambda v: v.open_turns),
        ("LATEST", lambda v: v.latest),
        ("LOADED", lambda v: v.loaded),
        ("ARCHIVED", lambda v: v.archived),
    ]
    show(rows, columns, output, "no versions")


@versions.command("adopt")
def adopt(
    address: Address,
    turn: Annotated[int, typer.Option("--turn", help="Only this turn; all open ones by default.")] = 0,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Let a turn that began on an older version go on with the newest code."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.adopt(address=address, turn=turn), url, store), output)


def version(output: Output = Format.table, url: Url = "") -> None:
    """Tell this Holdfast's version, and the server's if one answers."""
    import platform

    from .. import __version__
    from ..domain.errors import Unavailable
    from . import session
    from .output import plain, show_one

    found: dict[str, Any] = {"holdfast": __version__, "python": platform.python_version()}
    try:
        found["server"] = plain(session.run(lambda c: c.info(), url))
    except Unavailable as unreachable:
        found["server"] = None if output is not Format.table else f"none ({unreachable.code})"
    show_one(found, output)


def _codes(incomplete: str) -> list[str]:
    from . import errors

    return [code for code in errors.codes() if code.startswith(incomplete)]


def error(
    code: Annotated[
        str, typer.Argument(help="An error's code; none lists them.", metavar="[CODE]", autocompletion=_codes)
    ] = "",
    output: Output = Format.table,
) -> None:
    """Explain an error's code: what happened, why, what to do next."""
    from ..domain.errors import NotFound
    from . import errors
    from .output import show, show_one

    if not code:
        show(errors.codes(), [("CODE", str)], output)
        return
    text = errors.page(code)
    if text is None:
        raise NotFound("error.unknown", f"There is no page about {code!r}. `holdfast error` lists the codes that have one.")
    if output is Format.table:
        print(text.strip())
    else:
        show_one({"code": code, "page": text}, output)
