"""What agents did in a window of time, and how one turn came about: lanes and causes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Address, Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..sdk.client import Client
    from .output import Column


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(lanes)
    app.command()(causes)


def lanes(
    since: Annotated[str, typer.Option("--since", help="How far back: 10m, 2h; or milliseconds since 1970.")] = "10m",
    until: Annotated[
        str, typer.Option("--until", help="Up to so long ago, or milliseconds since 1970.", show_default=False)
    ] = "",
    agent: Annotated[
        str, typer.Option("--agent", help="Only of this name or address, or name/begin*.", show_default=False)
    ] = "",
    limit: Annotated[int, typer.Option("--limit", help="Entries at most; more are sampled.")] = 4_000,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Show what agents did in a window of time, and what caused it."""
    from . import session
    from .output import clock, say, show, show_one

    async def work(client: Client) -> Any:
        now = int(await client.now())
        begin, end = _moment(since, now), _moment(until, now) if until else now + 1
        return await client.lanes(since=begin, until=end, agent=agent, limit=limit)

    found = session.run(work, url, store)
    if output is not Format.table:
        show_one(found, output)
        return
    if not found.sampled:
        show(found.spans, _SPANS, output, "nothing happened then")
        if found.complete > found.since:
            say(f"(complete since {clock(found.complete)} only: narrow the window, or raise --limit)")
        return
    activity: list[Column] = [
        ("AGENT", lambda lane: lane.agent),
        ("ENTRIES", lambda lane: f"~{sum(lane.slots):,}"),
        ("OVER TIME", lambda lane: _bars(lane.slots)),
    ]
    show(found.lanes, activity, output, "nothing happened then")
    for sign in found.signs[:20]:
        say(f"{clock(sign.at)}  {sign.kind:6}  {sign.agent}#{sign.turn}  {sign.name}")
    say(f"(one of {found.sampled:,} entries was looked at: narrow the window to see turns)")


def causes(
    address: Address,
    turn: Annotated[int, typer.Argument(help="The turn's number.", metavar="TURN")],
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Walk back from a turn to what caused it, across agents."""
    from . import session
    from .output import show

    show(session.run(lambda c: c.causes(address, turn), url, store), _SPANS, output, "nothing caused it")


def _moment(text: str, now: int) -> int:
    from .durations import seconds

    return int(text) if text.isdigit() and len(text) > 9 else now - int(seconds(text) * 1000)


def _bars(slots: list[int]) -> str:
    """Forty columns, as tall as what they stand for."""
    wide = -(-len(slots) // 40)
    sums = [sum(slots[n : n + wide]) for n in range(0, len(slots), wide)]
    most = max(sums) or 1
    return "".join(" ▁▂▃▄▅▆▇█"[-(-n * 8 // most)] for n in sums).rstrip()


def _began(span: Any) -> str:
    from .output import clock

    return clock(span.began) if span.began else "before"


def _took(span: Any) -> str:
    return f"{(span.ended - span.began) / 1000:.2f}s" if span.began and span.ended else ""


def _because(span: Any) -> str:
    cause = span.cause
    return f"{cause.agent}#{cause.turn}.{cause.path}" if cause is not None else span.sender or "outside"


_SPANS: list[Column] = [
    ("BEGAN", _began),
    ("TOOK", _took),
    ("AGENT", lambda s: s.agent),
    ("TURN", lambda s: s.turn),
    ("HANDLER", lambda s: s.handler),
    ("STATE", lambda s: s.state if not s.failures or s.error else f"{s.state}, {s.failures} failed"),
    ("STEPS", lambda s: len(s.steps)),
    ("BECAUSE OF", _because),
]
