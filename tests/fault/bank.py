"""A bank whose processes die: transfers between accounts, fees that must not be taken twice, and a log of every effect.

Run as ``python bank.py URL FOLDER NAME ORDERS``: a worker that first gives the orders nobody has acknowledged yet (none for
``ORDERS`` 0), then works until no order is open. ``FOLDER`` keeps what the bank did to the outside world.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import holdfast
from holdfast import NOT_DONE, Agent, Context

ACCOUNTS, START = 7, 1_000

account, teller = Agent("account"), Agent("teller")


def note(name: str, line: str) -> None:
    """One whole line at the end of a file, whoever else writes there."""
    fd = os.open(Path(os.environ["BANK"]) / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(fd, f"{line}\n".encode())
    finally:
        os.close(fd)


def lines(name: str) -> list[str]:
    """What was noted."""
    path = Path(os.environ["BANK"]) / name
    return path.read_text().splitlines() if path.exists() else []


async def ring(what: str) -> None:
    """An effect that may happen again."""
    note("rings", f"{holdfast.step_key()} {what}")
    await asyncio.sleep(0.002)


async def take_fee(order: int) -> int:
    """An effect that must not."""
    note("fees", f"{holdfast.step_key()} {order}")
    await asyncio.sleep(0.002)
    return order


async def fee_taken(order: int) -> object:
    """Whether it happened."""
    return order if f"{holdfast.step_key()} {order}" in lines("fees") else NOT_DONE


@account.handler
async def move(ctx: Context, amount: int) -> int:
    balance = await ctx.state.get("balance", START) + amount
    await ctx.state.set("balance", balance)
    return balance


@teller.handler
async def transfer(ctx: Context, order: int) -> None:
    """Money from one account to another, in a few steps that a process can die between."""
    amount = order % 90 + 1
    await ctx.run(ring, "begin")
    await ctx.run(take_fee, order, idempotent=False, verify=fee_taken)
    await ctx.call(account[str(order % ACCOUNTS)].move, -amount)
    await ctx.sleep(0.05)
    await ctx.gather(
        ctx.call(account[str((order * 5 + 1) % ACCOUNTS)].move, amount),
        ctx.run(ring, "end"),
    )


def expected(orders: int) -> dict[str, int]:
    """What the accounts must have when all orders are done."""
    have = dict.fromkeys(map(str, range(ACCOUNTS)), START)
    for order in range(orders):
        have[str(order % ACCOUNTS)] -= order % 90 + 1
        have[str((order * 5 + 1) % ACCOUNTS)] += order % 90 + 1
    return have


async def give(runtime: holdfast.Client, orders: int) -> None:
    """Send what was not acknowledged, under the same keys."""
    known = {int(n) for n in lines("accepted")}

    async def one(order: int) -> None:
        await runtime.options(key=f"order-{order}").send(teller[str(order % 40)].transfer, order)
        note("accepted", str(order))

    await asyncio.gather(*[one(n) for n in range(orders) if n not in known])


async def work(url: str, name: str, orders: int) -> None:
    """See the module."""
    async with holdfast.Runtime([account, teller], url, name=name, lease_seconds=2.0) as runtime:
        await give(runtime, orders)
        while True:
            stats = await runtime.stats()
            if not (stats["queued"] or stats["running"] or stats["waiting"]) and len(lines("accepted")) >= orders:
                break
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    os.environ["BANK"] = sys.argv[2]
    asyncio.run(work(sys.argv[1], sys.argv[3], int(sys.argv[4])))
