"""Record this release: `python -m tests.replay.record tests/replay/journals-0.1.json`. Run once per release."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from holdfast import Runtime
from tests.replay import recorded_agents as agents


async def record() -> dict[str, object]:
    """Run the recorded turn up to its last wait and read what the store has of it."""
    with tempfile.TemporaryDirectory() as folder:
        async with Runtime([agents.office, agents.helper], f"sqlite:///{folder}/store.db") as runtime:
            id = await runtime.send(agents.day["1"], 21)
            while not await runtime.asks():
                await asyncio.sleep(0.01)
            await runtime.answer("office/1", "yes")
            while (await runtime.describe("office/1")).doing != "waiting for event":
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            stored = await runtime.store.message(id)
            rows = await runtime.store.entries("default/office/1", 0, 1_000)
            state = await runtime.store.state("default/office/1")
            assert stored is not None
            return {
                "message": stored.body.hex(),
                "turn": stored.turn,
                "entries": [[r.seq, r.turn, r.body.hex(), r.hash.hex()] for r in rows],
                "state": {k: r.value.hex() for k, r in state.items() if r.value is not None},
            }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(asyncio.run(record()), indent=1) + "\n")
