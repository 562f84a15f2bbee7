"""Letting actions through, now and beforehand, and what turns wait for: approvals, approve, grant, waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from .output import Column


grant = typer.Typer(help="What needs no more asking, and who said so.", rich_markup_mode=None, no_args_is_help=True)

Question = Annotated[str, typer.Argument(help="Its id (holdfast approvals), or the address if it has only one.")]
AtMost = Annotated[
    list[str] | None,
    typer.Option("--at-most", help="A number may be anything from 0 to this.", metavar="NAME=N", show_default=False),
]
Free = Annotated[
    list[str] | None, typer.Option("--any", help="An argument may be anything.", metavar="NAME", show_default=False)
]
Total = Annotated[
    list[str] | None,
    typer.Option("--total", help="All of them together may come to this.", metavar="NAME=N", show_default=False),
]
Uses = Annotated[int, typer.Option("--uses", help="How many similar ones; 0 for any number.", min=0)]
For = Annotated[str, typer.Option("--for", help="For how long similar ones are let through.")]
Agents = Annotated[
    str, typer.Option("--agents", help="Not this agent alone: desk/*, or group:NAME.", metavar="WHOSE", show_default=False)
]
Unseen = Annotated[bool, typer.Option("--unseen", help="Also to destinations that were not shown.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (approvals, approve, waits):
        app.command()(command)
    app.add_typer(grant, name="grant")


def approvals(
    limit: Annotated[int, typer.Option("--limit", help="Rows at most.")] = 100,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """List the actions that wait for people to let them through, with their exact arguments."""
    from . import session
    from .output import age, short, show

    rows, now = session.timed(lambda c: c.approvals(limit=limit), url, store)
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
    question: Question,
    deny: Annotated[bool, typer.Option("--deny", help="Refuse it.")] = False,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="Hand the question on to somebody else.", show_default=False)
    ] = None,
    why: Annotated[str, typer.Option("--why", help="The reason, kept with it.", show_default=False)] = "",
    by: Annotated[str, typer.Option("--by", help="Who says so.")] = "person",
    similar: Annotated[bool, typer.Option("--similar", help="Similar ones need no asking from now on.")] = False,
    at_most: AtMost = None,
    free: Free = None,
    total: Total = None,
    uses: Uses = 0,
    seconds: For = "7d",
    agents: Agents = "",
    unseen: Unseen = False,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Let an action through, refuse it, or hand the question on; what is approved is exactly what was shown.

    With --similar the options say what else is let through from now on: nothing differs but what they name. Look first:
    holdfast grant preview.
    """
    from . import session
    from .output import show_one

    verdict = "delegate" if to else "deny" if deny else "approve"
    given: dict[str, Any] = {"question": question, "verdict": verdict, "why": why, "by": by, "to": to}
    if similar:
        given["similar"] = _similar(at_most, free, total, uses, seconds, agents, unseen)
    show_one(session.run(lambda c: c.approve(**given), url, store), output)


@grant.command("list")
def list_grants(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """List what people have said yes to beforehand."""
    from . import session
    from .output import age, show

    rows, now = session.timed(lambda c: c.grants(), url, store)
    columns: list[Column] = [
        ("NAME", lambda g: g.name),
        ("AGENT", lambda g: g.agent),
        ("MAY", lambda g: f"{g.verb} {g.action}"),
        ("BOUNDS", _bounds),
        ("RULES", lambda g: g.rules),
        ("BY", lambda g: g.by),
        ("UNTIL", lambda g: "over" if g.over else age(g.until, now)),
    ]
    show(rows, columns, output, "nothing is granted beforehand")


@grant.command("show")
def show_grant(
    name: Annotated[str, typer.Argument(help="As holdfast grant list shows it.")],
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Show what a grant is for, and what happened under it."""
    from . import session
    from .output import show_one

    found = session.run(lambda c: c.grant(name=name), url, store)
    if output is not Format.table:
        show_one(found, output)
        return
    _tell(found.grant)
    sums = "".join(f", {name} {amount:g} in all" for name, amount in found.amounts.items())
    print(f"used      {found.used} times{sums}")
    _list(found.found)


@grant.command()
def preview(
    question: Question,
    at_most: AtMost = None,
    free: Free = None,
    total: Total = None,
    uses: Uses = 0,
    seconds: For = "7d",
    agents: Agents = "",
    unseen: Unseen = False,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Show what approving similar ones, too, would have let through in the last 30 days; nothing is granted."""
    from . import session
    from .output import show_one

    bounds = _similar(at_most, free, total, uses, seconds, agents, unseen)
    found = session.run(lambda c: c.preview_grant(question=question, similar=bounds), url, store)
    if output is not Format.table:
        show_one(found, output)
        return
    _tell(found.grant)
    print(f"before    of {found.asked} that were asked about in the last 30 days, {found.covered} needed no asking")
    if found.refused:
        print(f"          {found.refused} OF THESE WERE REFUSED")
    _list(found.found)


@grant.command()
def drop(
    name: Annotated[str, typer.Argument(help="As holdfast grant list shows it.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why, for whoever looks it up.")] = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Take a grant back: such actions are asked about again."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.drop_grant(name=name, reason=reason), url, store), output)


def _similar(
    at_most: list[str] | None,
    free: list[str] | None,
    total: list[str] | None,
    uses: int,
    lasting: str,
    agents: str,
    unseen: bool,
) -> Any:
    from ..control.similar import Similar
    from .durations import seconds

    return Similar(
        agents=agents,
        at_most=_numbers(at_most),
        any=list(free or ()),
        total=_numbers(total),
        uses=uses,
        seconds=seconds(lasting),
        unseen=unseen,
    )


def _numbers(given: list[str] | None) -> dict[str, float]:
    from ..domain.errors import Rejected

    found: dict[str, float] = {}
    for one in given or ():
        name, _, number = one.partition("=")
        try:
            found[name] = float(number)
        except ValueError:
            raise Rejected("approval.similar", f"{one!r} bounds nothing; write amount=50.") from None
    return found


def _bounds(g: Any) -> str:
    from .output import short

    told = [f"{name} = {short(value, 30)}" for name, value in g.equal.items()]
    told += [f"{name} <= {most:g}" for name, most in g.at_most.items()]
    told += [f"all {name} <= {most:g}" for name, most in g.total.items()]
    told += [f"any {name}" for name in g.any]
    return ", ".join([*told, *([f"{g.uses} times"] if g.uses else [])])


def _tell(g: Any) -> None:
    from .output import clock

    print(f"grant     {g.name} of {', '.join(g.by)}")
    print(f"for       {g.agent}: {g.verb} {g.action}{' to ' + g.to if g.to else ''} ({_bounds(g)}) until {clock(g.until)}")
    print(f"answers   {', '.join(g.rules)}{'; also after reading untrusted data' if g.untrusted else ''}")


def _list(found: list[Any]) -> None:
    from .output import clock, short

    for one in found:
        by = f" by {', '.join(one.by)}" if one.by else ""
        place = f"{one.address.removeprefix('default/')}#{one.turn}.{one.path}"
        print(f"  {clock(one.at)}  {place}  {short(one.args, 60)}  {one.then}{by}")


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

    rows, now = session.timed(lambda c: c.waits(verb=verb, limit=limit), url, store)
    columns: list[Column] = [
        ("ADDRESS", lambda w: w.address),
        ("TURN", lambda w: w.turn),
        ("STEP", lambda w: w.path),
        ("FOR", lambda w: f"{w.verb} {w.name}"),
        ("SINCE", lambda w: age(w.since, now)),
        ("DUE", lambda w: age(w.due, now)),
    ]
    show(rows, columns, output, "nothing waits")
