"""What models cost, and what agents may spend: cost, budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..sdk.client import Client
    from .output import Column

budget = typer.Typer(help="Limits on what agents may spend.", no_args_is_help=True, rich_markup_mode=None)

By = Annotated[
    str,
    typer.Option("--by", help="agent, name, model, vendor, target, route, day, hour, minute, root, or a label."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(cost)
    app.add_typer(budget, name="budget")


def cost(
    by: By = "name",
    since: Annotated[str, typer.Option("--since", help="How far back: 7d, 24h.")] = "30d",
    where: Annotated[list[str] | None, typer.Option("--where", help="model=gpt-6, team=search.", show_default=False)] = None,
    forecast: Annotated[bool, typer.Option("--forecast", help="What this month will cost.")] = False,
    export: Annotated[
        str, typer.Option("--export", help="Write every call to this file: .csv, .jsonl or .parquet.", show_default=False)
    ] = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Show what models cost: holdfast cost --by team,model --since 7d."""
    from . import session
    from .durations import seconds
    from .exporting import write
    from .output import say, show, show_one

    chosen = {key: value for key, _, value in (pair.partition("=") for pair in where or ())}

    async def start(client: Client) -> int:
        return int(await client.now()) - int(seconds(since) * 1000)

    if forecast:
        show_one(session.run(lambda c: c.forecast(where=chosen), url, store), output)
        return
    if export:

        async def save(client: Client) -> int:
            return await write(client, export, await start(client))

        say(f"wrote {session.run(save, url, store):,} calls to {export}")
        return
    keys = [key.strip() for key in by.split(",") if key.strip()]

    async def work(client: Client) -> list[Any]:
        return await client.cost(by=keys, since=await start(client), where=chosen)

    columns: list[Column] = [(key.upper(), _key(place)) for place, key in enumerate(keys)]
    sums: list[Column] = [
        ("USD", lambda r: f"{r.usd:.6f}"),
        ("CALLS", lambda r: r.calls),
        ("INPUT", lambda r: r.input),
        ("CACHED", lambda r: r.cached),
        ("OUTPUT", lambda r: r.output),
        ("REASONING", lambda r: r.reasoning),
        ("SECONDS", lambda r: f"{r.seconds:.1f}"),
    ]
    show(session.run(work, url, store), [*columns, *sums], output, "nothing was spent in that time")


def _key(place: int) -> Callable[[Any], Any]:
    def key(row: Any) -> Any:
        return row.keys[place]

    return key


@budget.command("set")
def set_budget(
    name: Annotated[str, typer.Argument(help="Its name; the same name again changes it.")],
    scope: Annotated[
        str, typer.Argument(help="system, tenant:NAME, agent:NAME, agent:NAME/KEY, or a label such as team:search.")
    ],
    per: Annotated[str, typer.Option("--per", help="turn, hour, day, month or ever.")] = "month",
    usd: Annotated[float | None, typer.Option("--usd", help="US dollars.", show_default=False)] = None,
    tokens: Annotated[int | None, typer.Option("--tokens", help="Tokens in and out.", show_default=False)] = None,
    calls: Annotated[int | None, typer.Option("--calls", help="Calls of models.", show_default=False)] = None,
    zone: Annotated[str, typer.Option("--zone", help="Whose days and months.")] = "UTC",
    note: Annotated[str, typer.Option("--note", help="What it is for.", show_default=False)] = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Bound what may be spent: holdfast budget set small agent:desk --per day --usd 5."""
    from . import session
    from .output import show

    async def work(client: Client) -> Any:
        given: dict[str, Any] = {"usd": usd, "tokens": tokens, "calls": calls, "zone": zone, "note": note}
        return await client.set_budget(name, scope, per, **given)

    show([session.run(work, url, store)], _columns(), output)


@budget.command("list")
def list_budgets(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """List limits, and what is spent of them."""
    from . import session
    from .output import show

    show(session.run(lambda c: c.budgets(), url, store), _columns(), output, "no budgets")


@budget.command("remove")
def remove(
    name: Annotated[str, typer.Argument(help="Its name.")],
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Remove a limit."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.drop_budget(name), url, store), output)


def _forecast(budget: Any) -> str:
    """How much of it is used when its window ends, and when it runs out."""
    from .output import clock

    if budget.forecast_share is None:
        return ""
    out = f", runs out {clock(budget.runs_out)}" if budget.runs_out else ""
    return f"{budget.forecast_share:.0%} by {clock(budget.ends)}{out}"


def _columns() -> list[Column]:
    def bound(value: Any, unit: str) -> str:
        return "" if value is None else f"{value:g} {unit}"

    def limit(b: Any) -> str:
        parts = (bound(b.limit_usd, "USD"), bound(b.limit_tokens, "tokens"), bound(b.limit_calls, "calls"))
        return ", ".join(p for p in parts if p)

    return [
        ("NAME", lambda b: b.name),
        ("SCOPE", lambda b: b.scope),
        ("PER", lambda b: b.per),
        ("LIMIT", limit),
        ("SPENT", lambda b: f"{b.spent_usd:.6f} USD, {b.spent_tokens:,} tokens, {b.spent_calls:,} calls"),
        ("FORECAST", _forecast),
        ("ZONE", lambda b: b.zone),
        ("NOTE", lambda b: b.note),
    ]
