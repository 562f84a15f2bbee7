"""Searching the entries of all agents; searches that somebody gave a name, and watching them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..sdk.client import Client
    from .output import Column

searches = typer.Typer(help="Saved searches (holdfast search --save).", no_args_is_help=True, rich_markup_mode=None)

SearchName = Annotated[str, typer.Argument(help="The search's name.", metavar="NAME")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(search)
    app.add_typer(searches, name="searches")


def search(
    text: Annotated[
        str, typer.Argument(help='Words that are all there; "in this order", begin*, -without.', show_default=False)
    ] = "",
    agent: Annotated[
        str, typer.Option("--agent", help="Only of this name or address, or name/begin*.", show_default=False)
    ] = "",
    verb: Annotated[str, typer.Option("--verb", help="Only these steps: model, tool, call, ...", show_default=False)] = "",
    failed: Annotated[bool, typer.Option("--failed", help="Only steps that failed.")] = False,
    by: Annotated[str, typer.Option("--by", help="Only what this person or agent is behind.", show_default=False)] = "",
    save: Annotated[
        str,
        typer.Option(
            "--save", help="Give it this name, to ask it again and to watch it.", show_default=False, metavar="NAME"
        ),
    ] = "",
    notify: Annotated[
        str, typer.Option("--notify", help="With --save: tell of new hits: inbox, or topic:NAME.", show_default=False)
    ] = "",
    before: Annotated[int, typer.Option("--before", help="Go on before this entry.", show_default=False)] = 0,
    limit: Annotated[int, typer.Option("--limit", help="Rows at most.")] = 50,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Search the entries of all agents, the newest first."""
    from . import session
    from .output import clock, say, show, show_one

    given: dict[str, Any] = {"text": text, "agent": agent, "verb": verb, "by": by, "failed": failed}
    if save or notify:
        show_one(session.run(lambda c: c.save_search(name=save, notify=notify, **given), url, store), output)
        return
    page = session.run(lambda c: c.search(**given, before=before, limit=limit), url, store)
    if output is not Format.table:
        show_one(page, output)
        return
    columns: list[Column] = [
        ("AT", lambda f: clock(f.at)),
        ("ADDRESS", lambda f: f.address),
        ("SEQ", lambda f: f.seq),
        ("WHAT", lambda f: f"{f.verb} {f.name}"),
        ("WORDS", lambda f: f.error or f.words),
    ]
    show(page.found, columns, output, "nothing was found")
    if page.before:
        say(f"(there is more: --before {page.before})")


@searches.command("list")
def list_searches(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """List the searches that you have saved."""
    from . import session
    from .output import show

    columns: list[Column] = [
        ("NAME", lambda s: s.name),
        ("WORDS", lambda s: s.text),
        ("AGENT", lambda s: s.agent),
        ("STEPS", lambda s: " ".join(part for part in (s.verb, "failed" if s.failed else "") if part)),
        ("BY", lambda s: s.by),
        ("TELLS", lambda s: s.notify),
    ]
    show(session.run(lambda c: c.searches(), url, store), columns, output, "no saved searches")


@searches.command("watch")
def watch_search(
    name: SearchName,
    after: Annotated[int, typer.Option("--after", help="Go on after this entry.", show_default=False)] = 0,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Follow what a saved search finds, as it comes."""
    from . import session
    from .output import clock, line

    async def work(client: Client) -> None:
        async for hit in client.channel.stream("watch_search", name=name, after=after):
            if output is not Format.table:
                line(hit)
                continue
            print(f"{clock(hit.at)}  {hit.address}  {hit.verb} {hit.name}  {hit.error or hit.words}", flush=True)

    session.run(work, url, store)


@searches.command("remove")
def remove_search(name: SearchName, output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Forget a saved search."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.drop_search(name), url, store), output)
