"""Schedules: messages sent again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Address, Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..sdk.client import Client
    from .output import Column

schedule = typer.Typer(help="Messages sent again and again.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(schedule, name="schedule")


def _columns(now: int) -> list[Column]:
    from .output import age, short

    return [
        ("NAME", lambda s: s.name),
        ("WHEN", lambda s: s.when),
        ("TO", lambda s: f"{s.to} {s.handler}"),
        ("ARGUMENTS", lambda s: short(s.kwargs or s.args, 40)),
        ("NEXT", lambda s: age(s.next, now)),
        ("LAST", lambda s: age(s.last, now)),
        ("RAN", lambda s: s.ran),
        ("MISSED", lambda s: s.missed),
    ]


@schedule.command("add", context_settings={"ignore_unknown_options": True})
def add(
    name: Annotated[str, typer.Argument(help="Its name; the same name again changes it.")],
    address: Address,
    handler: Annotated[str, typer.Argument(help="The handler's name.")],
    args: Annotated[list[str] | None, typer.Argument(help="Arguments, as for call.", metavar="[ARG]...")] = None,
    cron: Annotated[str, typer.Option("--cron", help="'0 9 * * mon-fri': minute hour day month weekday.")] = "",
    every: Annotated[str, typer.Option("--every", help="30s, 10m, 2h, 1d.")] = "",
    zone: Annotated[str, typer.Option("--zone", help="The cron expression's time zone: Europe/Berlin.")] = "UTC",
    missed: Annotated[str, typer.Option("--missed", help="Runs that were missed: skip, once or all.")] = "once",
    output: Output = Format.table,
    url: Url = "",
) -> None:
    """Send a message again and again, by a cron expression or an interval."""
    from . import session
    from .durations import seconds
    from .output import show
    from .talking import _payload  # pyright: ignore[reportPrivateUsage]

    async def work(client: Client) -> tuple[Any, int]:
        done = await client.channel.request(
            "schedule",
            name=name,
            to=address,
            handler=handler,
            payload=await _payload(client, address, handler, args),
            cron=cron,
            every_seconds=seconds(every) if every else 0.0,
            zone=zone,
            missed=missed,
        )
        return done, await client.now()

    done, now = session.run(work, url)
    show([done], _columns(now), output)


@schedule.command("list")
def list_schedules(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """List schedules and when they run next."""
    from . import session
    from .output import show

    rows, now = session.timed(lambda c: c.schedules(), url, store)
    show(rows, _columns(now), output, "no schedules")


@schedule.command("remove")
def remove(name: Annotated[str, typer.Argument(help="Its name.")], output: Output = Format.table, url: Url = "") -> None:
    """Remove a schedule."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.unschedule(name=name), url), output)
