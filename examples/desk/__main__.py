"""Two tickets: one is answered across a restart, one is cancelled. ``python -m examples.desk``"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from examples.desk.agents import Ticket, archive, counter, desk, handle
from holdfast import Runtime

DEADLINE_SECONDS = 20


async def show(folder: Path) -> None:
    """The story, in two processes' worth of runtimes over one store."""
    store, purse = f"sqlite:///{folder / 'desk.db'}", folder / "purse.txt"
    async with Runtime([desk, counter, archive], store) as runtime:
        await runtime.send(handle["ada"], Ticket("Ada", "17", 40, str(purse)))
        print("desk/ada asks:  ", (await question(runtime, "desk/ada")).question)
        for entry in await runtime.journal("desk/ada"):
            print(
                f"   journal {entry.seq}: {entry.verb} {entry.name}"
                + (f", attempts {entry.attempts}" * (entry.attempts > 1))
            )
    print("The runtime is closed; the question waits in", Path(store).name)

    async with Runtime([desk, counter, archive], store) as runtime:
        waiting = await question(runtime, "desk/ada")
        await runtime.answer(waiting.id, "yes", by="the person at the desk")
        resolution = await ended(runtime, "desk/ada")
        print("desk/ada ended: ", resolution)

        await runtime.send(handle["bob"], Ticket("Bob", "18", 950, str(purse)))
        print("desk/bob asks:  ", (await question(runtime, "desk/bob")).question)
        await runtime.cancel("desk/bob", why="Bob called it off")
        await ended(runtime, "desk/bob")
        print("desk/bob was cancelled; what it had set aside is released")
        print("archive/all:    ", (await runtime.state("archive/all"))["kept"])
    print("purse:          ", "; ".join(purse.read_text().splitlines()))


async def question(runtime: Runtime, address: str) -> Any:
    """The question that an agent asks, as soon as it does."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            for asked in await runtime.asks():
                if asked.address == address:
                    return asked
            await asyncio.sleep(0.01)


async def ended(runtime: Runtime, address: str) -> Any:
    """Wait until an agent has nothing to do; how its last turn ended."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while (await runtime.describe(address)).doing != "idle":
            await asyncio.sleep(0.01)
    return (await runtime.journal(address))[-1].value


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="holdfast-desk-") as place:
        asyncio.run(show(Path(place)))
