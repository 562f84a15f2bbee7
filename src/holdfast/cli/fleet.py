"""The fleet as the command center shows it: fleet and view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Address, Format, Output, Url

if TYPE_CHECKING:
    from ..sdk.client import Client
    from .output import Column

fleet = typer.Typer(help="All agents by how much they need a person.", no_args_is_help=True, rich_markup_mode=None)
view = typer.Typer(help="Saved views of the fleet.", no_args_is_help=True, rich_markup_mode=None)

ViewName = Annotated[str, typer.Argument(help="The view's name.", metavar="NAME")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(fleet, name="fleet")
    app.add_typer(view, name="view")


@fleet.command("list")
def list_fleet(
    text: Annotated[str, typer.Argument(help="Words of the address or the handler.", metavar="[TEXT]")] = "",
    state: Annotated[list[str] | None, typer.Option("--state", help="Only in this state.", show_default=False)] = None,
    order: Annotated[str, typer.Option("--order", help="need, name, recent, cost or entries.")] = "need",
    owner: Annotated[str, typer.Option("--owner", help="Only this owner's; - for nobody's.", show_default=False)] = "",
    team: Annotated[str, typer.Option("--team", help="Only this team's; - for no team's.", show_default=False)] = "",
    group: Annotated[
        str, typer.Option("--group", help="Put together by state, kind, owner or team.", show_default=False)
    ] = "",
    limit: Annotated[int, typer.Option("--limit", help="Rows at most.")] = 100,
    output: Output = Format.table,
    url: Url = "",
) -> None:
    """List agents by how much they need a person."""
    from . import session
    from .output import age, show, show_one

    given: dict[str, Any] = {"text": text, "states": state, "order": order, "limit": limit}
    given |= {"owner": owner, "team": team, "group": group}
    found = session.run(lambda c: c.fleet(**given), url)
    if output is not Format.table:
        show_one(found, output)
        return
    columns: list[Column] = [
        ("ADDRESS", lambda r: r.address),
        ("STATE", lambda r: r.state),
        ("ABOUT", lambda r: r.doing),
        ("SINCE", lambda r: age(r.since, found.at)),
        ("USD", lambda r: f"{r.usd:.4f}"),
        ("TOKENS", lambda r: r.tokens),
        ("OWNER", lambda r: r.owner),
        ("TEAM", lambda r: r.team),
        ("VERSION", lambda r: r.version[:7]),
    ]
    show(found.rows, columns, output, "no agents")


@fleet.command("watch")
def watch_fleet(
    after: Annotated[int, typer.Option("--after", help="Go on after this entry.")] = 0,
    output: Output = Format.table,
    url: Url = "",
) -> None:
    """Follow the whole store: new journal entries of all agents, as they come."""
    from . import session
    from .output import line

    async def work(client: Client) -> None:
        async for beat in client.channel.stream("pulse", after=after):
            if output is not Format.table:
                line(beat)
                continue
            for event in beat.events:
                print(" ".join(str(part) for part in (event.address, event.verb, event.name) if part), flush=True)

    session.run(work, url)


@fleet.command("show")
def show_agent(address: Address, output: Output = Format.table, url: Url = "") -> None:
    """Tell what an agent's page shows first: its state, its newest turns, what it can be sent."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.glance(address), url), output)


@fleet.command("seen")
def seen(
    address: Annotated[str, typer.Argument(help="Only what this agent finished; all of it by default.")] = "",
    output: Output = Format.table,
    url: Url = "",
) -> None:
    """Mark what agents finished as seen by you."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.saw(address=address), url), output)


@fleet.command("readers")
def readers(address: Address, output: Output = Format.table, url: Url = "") -> None:
    """Tell who has read what an agent finished last."""
    from . import session
    from .output import clock, show

    columns: list[Column] = [
        ("WHO", lambda r: r.who),
        ("READ IT", lambda r: "yes" if r.read else "no"),
        ("LOOKED", lambda r: clock(r.until)),
    ]
    show(session.run(lambda c: c.readers(address), url), columns, output, "nobody has looked")


@view.command("list")
def list_views(output: Output = Format.table, url: Url = "") -> None:
    """List the saved views."""
    from . import session
    from .output import show

    columns: list[Column] = [
        ("NAME", lambda v: v.name),
        ("PAGE", lambda v: v.page),
        ("QUERY", lambda v: v.query),
        ("BY", lambda v: v.by),
    ]
    show(session.run(lambda c: c.views(), url), columns, output, "no views")


@view.command("save")
def save_view(
    name: ViewName,
    query: Annotated[str, typer.Argument(help="As in the page's address.")],
    page: Annotated[str, typer.Option("--page", help="Where it belongs: fleet.")] = "fleet",
    output: Output = Format.table,
    url: Url = "",
) -> None:
    """Give a way to look a name; the same name on the same page again replaces it."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.save_view(name=name, page=page, query=query), url), output)


@view.command("remove")
def remove_view(name: ViewName, output: Output = Format.table, url: Url = "") -> None:
    """Forget a saved view."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.drop_view(name=name), url), output)
