"""What happened since you last looked: brief, and having read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..sdk.client import Client

brief = typer.Typer(
    help="What happened since you last looked, and what needs you.", invoke_without_command=True, rich_markup_mode=None
)
_HEADS = {"needs-you": "needs you", "decided": "decided", "changed": "changed", "unusual": "unusual"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(brief, name="brief")


@brief.callback()
def tell(
    ctx: typer.Context,
    since: Annotated[
        str, typer.Option("--since", help="So far back (2h, 7d); by default to when you last read.", show_default=False)
    ] = "",
    model: Annotated[
        str, typer.Option("--model", help="Have this route's model word it.", metavar="ROUTE", show_default=False)
    ] = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Tell what was decided, what changed, what was unusual and what needs you."""
    if ctx.invoked_subcommand:
        return
    from . import session
    from .durations import seconds
    from .output import say, show_one

    async def work(client: Client) -> Any:
        begin = int(await client.now()) - int(seconds(since) * 1000) if since else 0
        return await (client.write_brief(since=begin, route=model) if model else client.brief(since=begin))

    found = session.run(work, url, store)
    if output is not Format.table:
        show_one(found, output)
        return
    _write(found)
    for left in found.cut:
        say(f"(left out: {left})")
    if found.note:
        say(f"({found.note})")


@brief.command()
def read(
    until: Annotated[
        int, typer.Option("--until", help="Up to this time in milliseconds (a brief's until); now by default.")
    ] = 0,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Say that you have read what happened: the next brief begins there."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.read_brief(until=until), url, store, built_in=True), output)


def _write(found: Any) -> None:
    from .output import clock

    by = f"by {found.route}, checked" if found.written == "model" else "by the rules"
    print(f"since {clock(found.since)}, {by}")
    if not found.sentences:
        print("nothing happened, and nothing needs you")
    head = ""
    for sentence in found.sentences:
        if sentence.kind != head:
            head = sentence.kind
            print(f"\n{_HEADS[head]}")
        print(f"  {sentence.text}")
        print(f"      {'  '.join(_place(link) for link in sentence.links)}")


def _place(link: Any) -> str:
    """How a link is looked up here."""
    if link.what == "question":
        return f"holdfast answer {link.id}"
    if link.what == "entry":
        return f"{link.agent}#{link.seq}"
    if link.what == "resource":
        return f"{link.kind}/{link.name} v{link.version}"
    return link.agent or link.id
