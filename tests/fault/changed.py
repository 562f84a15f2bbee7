"""A mind and a cashier under a policy that changes what they do: ``python changed.py URL VENDOR POLICY FOLDER WHAT``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import holdfast
from holdfast import Agent, Context
from holdfast.models.routes import Models, Target

CARD = "1234567812345678"


def agents(folder: Path) -> tuple[Agent, Agent]:
    mind, cashier = Agent("mind", model="m", instructions="Be kind."), Agent("cashier")

    async def pay(amount: int, note: str) -> str:
        with (folder / "paid").open("a") as file:
            file.write(f"{amount} {note}\n")
        if not (folder / "mended").exists():
            await asyncio.sleep(60)
        return f"paid {amount}"

    def was_paid(amount: int, note: str) -> str:
        (folder / "verified").write_text(f"{amount} {note}")
        return "it was"

    @cashier.handler
    async def work(ctx: Context) -> str:
        return await ctx.run(pay, 900, f"card {CARD}")

    @cashier.handler
    async def wire(ctx: Context) -> str:
        return await ctx.run(pay, 900, f"card {CARD}", idempotent=False, verify=was_paid)

    return mind, cashier


def runtime(url: str, vendor: str, policy: str, both: tuple[Agent, Agent]) -> holdfast.Runtime:
    models = Models(targets=[Target(name="m", vendor="v", url=vendor, model="m1")])
    return holdfast.Runtime(both, url, models=models, policies=[policy], lease_seconds=2.0)


async def main(url: str, vendor: str, policy: str, folder: str, what: str) -> None:
    """Begin one of both, and wait."""
    mind, cashier = both = agents(Path(folder))
    async with runtime(url, vendor, policy, both) as running:
        if what == "mind":
            await running.call(mind["1"].chat, f"my card is {CARD}")
        else:
            await running.call(getattr(cashier["1"], what))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
