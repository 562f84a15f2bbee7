"""Agents in trouble, for the operator to help. Files in a folder decide what works and what does not."""

from __future__ import annotations

import os
from pathlib import Path

from holdfast import Agent, Context

mailer = Agent("mailer", description="Sends mail, if the mail server is there.")
ledger = Agent("ledger", description="Books amounts.")
reports = Agent("reports", description="Writes reports.")


def _there(name: str) -> bool:
    return (Path(os.environ["OPERATED_FOLDER"]) / name).exists()


@mailer.handler
async def deliver(ctx: Context, to: str) -> str:
    """Send a mail."""
    if _there("mail-server-is-down"):
        raise ConnectionError("the mail server does not answer")
    return f"sent to {to}"


@ledger.handler
async def settle(ctx: Context, cents: int) -> str:
    """Set an amount aside, and say so a moment later. A bad release changes its steps: turns under way diverge."""
    name = "take" if _there("bad-release") else "set aside"
    await ctx.run(lambda: cents, name=name)
    await ctx.sleep(0.2)
    return f"{cents} settled"


@reports.handler
async def write(ctx: Context) -> str:
    """Write a report."""
    return "written"
