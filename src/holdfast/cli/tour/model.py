"""The tour's model: recorded conversations over HTTP, in a process of its own, so that it can be away for a while.

``python -m holdfast.cli.tour.model PORT`` serves the shipped recording, and the airline's where its data is at hand.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from ...models.cassette import Cassette
from ...models.dialects import DIALECTS
from ...testing.models import Call, Reply, Vendor, WrongKey

RECORDING = Path(__file__).parents[1] / "demo_recording.jsonl"
_SLOW_SECONDS = 0.15
_PIECES = 8


def recorded() -> Cassette:
    """All recordings that are at hand."""
    lines = Cassette.load(RECORDING).lines
    try:
        from examples.airline.data import MissingData, load_conversations
        from examples.airline.recorded import cassette_of
    except ImportError:
        return Cassette(lines)
    try:
        return Cassette([*lines, *cassette_of(load_conversations()).lines])
    except MissingData:
        return Cassette(lines)


async def serve(port: int) -> None:
    """Answer until the process ends."""
    cassette, dialect = recorded(), DIALECTS["openai-chat"]

    def answer(call: Call) -> Any:
        found = cassette.find(dialect.read_prompt(call.body), "place")
        if found is None:
            return WrongKey()
        calls = [(c.id, c.name, c.arguments) for c in found.calls]
        usage = found.usage
        slow = _SLOW_SECONDS * (1 + len(found.text) % 5)
        return Reply(found.text, calls, chunks=_PIECES, delay=slow, input_tokens=usage.input, output_tokens=usage.output)

    async with Vendor(answer, port=port, record=False) as vendor:
        print(vendor.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
