"""Stores with journals in them, and exports of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from holdfast import Agent, Context, Runtime
from holdfast.adapters.system import SystemClock
from holdfast.domain.limits import Limits
from holdfast.insight.audit.exporting import export, files
from holdfast.insight.audit.sealing import Sealing
from holdfast.journal.codec import Seal
from holdfast.ports.store import Store
from holdfast.ports.witness import Witness
from seeded_signer import SeededSigner

clerk = Agent("clerk")
LATER = 1 << 52


async def pay(to: str, amount: int) -> str:
    return f"paid {amount} to {to}"


async def look(what: str) -> str:
    return f"{what}: nothing unusual"


@clerk.handler
async def work(ctx: Context, item: str, rounds: int) -> int:
    for n in range(rounds):
        await ctx.run(look, f"{item} {n}")
        await ctx.run(pay, f"supplier-{n % 3}", 10 * n)
    await ctx.state.set("done", item)
    return rounds


@clerk.handler(shared=True)
async def idle(ctx: Context) -> None:
    await ctx.wait("never")


def sealing_of(store: Store, signer: SeededSigner | None = None, witnesses: Sequence[Witness] = ()) -> Sealing:
    """An auditor of a store."""
    return Sealing(store, signer or SeededSigner(), SystemClock(), witnesses)


async def worked(runtime: Runtime, sealing: Sealing, agents: int = 4, segments: int = 3, rounds: int = 3) -> None:
    """Let agents work, with a segment after each round of it."""
    for n in range(segments):
        for key in range(agents):
            await runtime.call(clerk[f"{key}"].work, f"job {n}", rounds)
        await sealing.seal()


def runtime_of(url: str, seal: Seal | None = None) -> Runtime:
    """A runtime with clerks."""
    return Runtime([clerk], url, seal=seal, limits=Limits())


async def forget(runtime: Runtime) -> None:
    """Let retention have everything that has ended."""
    while await runtime.store.compact(LATER, 1_000):
        pass


async def write_export(sealing: Sealing, folder: Path, after: int = 0) -> Path:
    """Export to a folder, as the command line does."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in files():
        (folder / name).touch()
    async for piece in export(sealing, after):
        with (folder / piece.file).open("ab") as file:
            file.write(piece.body)
    return folder
