"""The desk and its two neighbours. ``holdfast up examples/desk/agents.py`` serves them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from holdfast import Agent, Context, Retry

desk = Agent("desk")
counter = Agent("counter")
archive = Agent("archive")


@dataclass(frozen=True)
class Ticket:
    """What a customer wants. ``purse`` is the file that money is set aside in."""

    customer: str
    order: str
    euros: int
    purse: str


@dataclass(frozen=True)
class Resolution:
    """How it ended."""

    number: int
    order: str
    refunded: bool


@desk.handler
async def handle(ctx: Context, ticket: Ticket) -> Resolution:
    """One ticket, start to end."""
    order = await ctx.run(look_up, ticket.order, retry=Retry(attempts=5, initial_seconds=0.05))
    number = await ctx.call(add["tickets"], 1)
    ctx.compensate(book, ticket.purse, f"{ctx.key} release {ticket.euros}")
    await ctx.run(book, ticket.purse, f"{ctx.key} set aside {ticket.euros}")
    answer = await ctx.ask(f"Refund {ticket.euros} EUR to {ticket.customer} for {order}?", choices=["yes", "no"])
    await ctx.sleep(0.5)
    await ctx.run(book, ticket.purse, f"{ctx.key} {'pay' if answer == 'yes' else 'release'} {ticket.euros}")
    resolution = Resolution(number, order, answer == "yes")
    await ctx.send(keep["all"], resolution)
    return resolution


@counter.handler
async def add(ctx: Context, amount: int) -> int:
    """Count on; the new total."""
    total = await ctx.state.get("total", 0) + amount
    await ctx.state.set("total", total)
    return total


@archive.handler
async def keep(ctx: Context, resolution: Resolution) -> None:
    """File a resolution away."""
    kept = await ctx.state.get("kept", [], type=list[Resolution])
    await ctx.state.set("kept", [*kept, resolution])


_asked: list[str] = []


def look_up(order: str) -> str:
    """The shop's site, which is slow today: it answers the third time."""
    _asked.append(order)
    if _asked.count(order) < 3:
        raise OSError("the shop's site is slow today")
    return f"order {order} (a book)"


def book(purse: str, line: str) -> None:
    """Write a line into the purse, unless it is there: a step may run again after a crash, and does no harm."""
    path = Path(purse)
    lines = path.read_text().splitlines() if path.exists() else []
    if line not in lines:
        path.write_text("".join(f"{each}\n" for each in [*lines, line]))
