"""The agents of `holdfast demo`: orders that take from the stock, charge, ask a person, sleep, and ship; and a clerk
that thinks (its model is a recording)."""

from __future__ import annotations

import asyncio
import os

from holdfast import Agent, Context, step_key

stock = Agent("stock")
order = Agent("order")


@stock.handler
async def take(ctx: Context, amount: int) -> int:
    """Take from the shelf; what is left."""
    left = await ctx.state.get("left", 1_000) - amount
    await ctx.state.set("left", left)
    return left


@stock.handler(shared=True)
async def count(ctx: Context) -> int:
    """What is left."""
    return await ctx.state.get("left", 1_000)


@order.handler
async def place(ctx: Context, item: str, price: int, ledger: str) -> str:
    """One order, start to end."""
    left = await ctx.call(stock[item].take, 1)
    await ctx.run(charge, ledger, ctx.key, price)
    if price > 100:
        answer = await ctx.ask(f"Ship order {ctx.key} for {price} EUR?", choices=["yes", "no"], timeout=3600)
        if answer == "no":
            return f"order {ctx.key} was refused"
    await ctx.sleep(1)
    return f"order {ctx.key} shipped, {left} left"


def charge(ledger: str, key: str, price: int) -> None:
    """An effect on the world outside: one line in a file. The step's key lets the outside recognise a repetition."""
    with open(ledger, "ab", buffering=0) as file:
        file.write(f"{key} {price} {step_key()}\n".encode())
        os.fsync(file.fileno())


CLERK = "You are the clerk of a small bookshop. Look orders up before you promise anything."


async def find_order(number: int) -> dict[str, object]:
    """Look an order up."""
    return {"number": number, "item": "a book", "cents": 4_000, "state": "delivered, damaged"}


async def send_back(number: int, cents: int) -> str:
    """Send a customer's money back. Slow, as banks are."""
    await asyncio.sleep(2)
    return f"{cents / 100:.2f} EUR for order {number} are on their way"


clerk = Agent("clerk", model="recorded", instructions=CLERK, tools=[find_order, send_back])
