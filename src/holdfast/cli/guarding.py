"""Guarding: breakers, stopping everything, what agents usually do, legal holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from .output import Column

breaker = typer.Typer(help="What is switched off, and switching it.", rich_markup_mode=None, no_args_is_help=True)
behaviour = typer.Typer(help="What agents usually do, and whether it matters.", rich_markup_mode=None, no_args_is_help=True)
hold = typer.Typer(help="Legal holds: what retention must leave alone.", rich_markup_mode=None, no_args_is_help=True)

Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for whoever finds it.")]
AgentOption = Annotated[str, typer.Option("--agent", help="An agent's address.", metavar="ADDRESS", show_default=False)]
TenantOption = Annotated[str, typer.Option("--tenant", help="A whole tenant.", metavar="NAME", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(breaker, name="breaker")
    app.add_typer(behaviour, name="behaviour")
    app.add_typer(hold, name="hold")
    app.command(name="stop-all")(stop_all)


@breaker.command("list")
def list_breakers(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """List what is switched off, why and by whom."""
    from . import session
    from .output import clock, show

    columns: list[Column] = [
        ("NAME", lambda b: b.name),
        ("STATE", lambda b: b.state),
        ("DOES", lambda b: b.action),
        ("FOR", lambda b: b.tenant or "everybody"),
        ("BY", lambda b: b.by),
        ("SINCE", lambda b: clock(b.at)),
        ("REASON", lambda b: b.reason),
    ]
    show(session.run(lambda c: c.breakers(), url, store), columns, output, "nothing is switched off")


@breaker.command()
def trip(
    scope: Annotated[str, typer.Argument(help="system, tenant, definition, agent, tool or destination.")],
    what: Annotated[str, typer.Argument(help="Which one; nothing for the system.", metavar="[WHAT]")] = "",
    reason: Reason = "",
    action: Annotated[str, typer.Option("--action", help="deny, hold or kill.", show_default=False)] = "",
    tenant: Annotated[str, typer.Option("--tenant", help="Only its actions, for tools and destinations.")] = "",
    probe: Annotated[str, typer.Option("--probe", help="Try one action after this long, and close if it is good.")] = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Switch something off, on every worker before its next effect."""
    from . import session
    from .durations import seconds
    from .output import show_one

    after = seconds(probe) if probe else 0.0
    show_one(
        session.run(
            lambda c: c.trip_breaker(
                scope=scope, what=what, reason=reason, action=action, tenant=tenant, probe_seconds=after
            ),
            url,
            store,
        ),
        output,
    )


@breaker.command()
def reset(
    name: Annotated[str, typer.Argument(help="As holdfast breaker list shows it.")],
    reason: Reason = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Switch something on again; what was held goes on where it was."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.reset_breaker(name=name, reason=reason), url, store), output)


def stop_all(
    agent: AgentOption = "",
    tenant: TenantOption = "",
    reason: Reason = "",
    kill: Annotated[bool, typer.Option("--kill", help="End the turns for good instead of holding them.")] = False,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Stop everything (or an agent, or a tenant) before the next effect of every turn. `holdfast breaker reset` lets it go
    on."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.stop_all(reason=reason, agent=agent, tenant=tenant, kill=kill), url, store), output)


@behaviour.command("show")
def show_behaviour(
    kind: Annotated[str, typer.Argument(help="Only this kind of agent.", metavar="[KIND]")] = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Show what agents usually do."""
    from . import session
    from .output import clock, show

    columns: list[Column] = [
        ("KIND", lambda b: b.kind),
        ("ACTION", lambda b: b.action),
        ("TIMES", lambda b: b.times),
        ("SINCE", lambda b: clock(b.since)),
        ("A MINUTE", lambda b: b.minute_most),
        ("AN HOUR", lambda b: b.hour_most),
        ("DESTINATIONS", lambda b: b.destinations),
        ("P99", lambda b: ", ".join(f"{name} {value:,.6g}" for name, value in b.p99.items())),
    ]
    rows = session.run(lambda c: c.behaviour(kind=kind), url, store)
    show(rows, columns, output, "nothing is known yet (holdfast behaviour rebuild learns from the journals)")


@behaviour.command()
def rebuild(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Learn everything anew from the journals."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.rebuild_behaviour(), url, store), output)


@behaviour.command("on")
def switch_on(
    alarms: Annotated[float, typer.Option("--alarms-per-day", help="False alarms that a kind of agent may raise.")] = 1.0,
    minimum: Annotated[int, typer.Option("--minimum", help="Samples before a check says anything.")] = 50,
    trip: Annotated[
        list[str] | None,
        typer.Option("--trip", help="Kinds of anomalies that stop the agent instead of asking.", show_default=False),
    ] = None,
    ask: Annotated[list[str] | None, typer.Option("--ask", help="Who is asked.", show_default=False)] = None,
    reason: Reason = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Judge what agents do by what they usually do."""
    from ..domain.intent import Approval
    from ..gate.behaviour import Behaviour
    from . import session
    from .output import show_one

    settings = Behaviour(alarms_per_day=alarms, minimum=minimum, trip=tuple(trip or ()), ask=Approval(to=tuple(ask or ())))
    show_one(session.run(lambda c: c.set_behaviour(settings=settings, reason=reason), url, store), output)


@behaviour.command("off")
def switch_off(reason: Reason = "", output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Judge nobody by what is usual."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.set_behaviour(reason=reason), url, store), output)


@hold.command("list")
def list_holds(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """List the legal holds."""
    from . import session
    from .output import clock, show

    columns: list[Column] = [
        ("WHAT", lambda h: h.what),
        ("SINCE", lambda h: clock(h.at)),
        ("BY", lambda h: h.by),
        ("REASON", lambda h: h.reason),
    ]
    show(session.run(lambda c: c.holds(), url, store), columns, output, "nothing is held")


@hold.command()
def add(
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it has to be said.")],
    agent: AgentOption = "",
    tenant: TenantOption = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Keep the journals of an agent or of a tenant, however old they are."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.add_hold(reason=reason, agent=agent, tenant=tenant), url, store), output)


@hold.command()
def remove(
    reason: Reason = "",
    agent: AgentOption = "",
    tenant: TenantOption = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Let retention have them again."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.remove_hold(reason=reason, agent=agent, tenant=tenant), url, store), output)
