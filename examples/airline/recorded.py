"""The recorded model: what gpt-4o said in the recordings, as a cassette, served over HTTP by a process of its own.

``python -m examples.airline.recorded --conversations FILE --port 0`` prints its address. On SIGTERM it writes to ``--log``
when it was asked and what: ``[[seconds since 1970, key of the question], ...]``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

from examples.airline.agents import instructions_for
from examples.airline.data import Conversation, load_conversations
from holdfast.domain.conversation import Answer, Part, Prompt, Said, Text, ToolCall, Usage
from holdfast.models.cassette import Cassette, key_of
from holdfast.models.dialects import DIALECTS
from holdfast.testing.models import Call, Reply, Vendor, WrongKey


def cassette_of(conversations: list[Conversation]) -> Cassette:
    """Every answer of the model, found again by its conversation and its place there. A recording may end with a tool
    call, after which the model is asked once more."""
    cassette = Cassette()
    for number, conversation in enumerate(conversations):
        said = [Said("system", [Text(instructions_for(str(number)))])]
        for message in conversation.messages:
            if message["role"] == "assistant":
                cassette.add(Prompt("recorded", list(said)), answer_of(message))
                said.append(Said("assistant", answer_of(message).parts))
        cassette.add(Prompt("recorded", list(said)), Answer([Text("(Here the recording ends.)")]))
    return cassette


def questions_of(number: int, conversation: Conversation) -> list[str]:
    """The keys of a conversation's questions to the model, in order; see ``cassette_of``."""
    found: list[str] = []
    said = [Said("system", [Text(instructions_for(str(number)))])]
    for message in conversation.messages:
        if message["role"] == "assistant":
            found.append(key_of(Prompt("recorded", list(said)), "place"))
            said.append(Said("assistant", answer_of(message).parts))
    return [*found, key_of(Prompt("recorded", list(said)), "place")]


def answer_of(message: dict[str, Any]) -> Answer:
    """A recorded message of the assistant."""
    parts: list[Part] = [Text(message["content"])] if message.get("content") else []
    calls = [ToolCall(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls") or ()]
    usage = Usage(input=1_000, output=len(json.dumps(message)) // 4)
    return Answer([*parts, *calls], "tool_calls" if calls else "stop", usage, "gpt-4o")


def words_of(conversation: Conversation) -> list[str]:
    """What the customer said, as far as the model answered it."""
    messages = conversation.messages
    last = max((n for n, m in enumerate(messages) if m["role"] == "assistant"), default=-1)
    return [m["content"] for m in messages[:last] if m["role"] == "user"]


async def serve(cassette: Cassette, port: int, log: Path | None, delay_seconds: float) -> None:
    """Serve until SIGTERM."""
    asked: list[tuple[float, str]] = []
    dialect = DIALECTS["openai-chat"]

    def script(call: Call) -> Any:
        prompt = dialect.read_prompt(call.body)
        answer = cassette.find(prompt, "place")
        asked.append((time.time(), key_of(prompt, "place")))
        if answer is None:
            return WrongKey()
        calls = [(c.id, c.name, c.arguments) for c in answer.calls]
        usage = answer.usage
        return Reply(answer.text, calls, chunks=4, delay=delay_seconds, input_tokens=usage.input, output_tokens=usage.output)

    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    async with Vendor(script, port=port, record=False) as vendor:
        print(vendor.url, flush=True)
        await over.wait()
    if log is not None:
        log.write_text(json.dumps(asked))


def main() -> None:
    """Parse and serve."""
    parser = argparse.ArgumentParser(prog="python -m examples.airline.recorded", description=__doc__)
    parser.add_argument("--conversations", type=Path, help="a file of recorded conversations")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.1, help="seconds before an answer begins")
    parser.add_argument("--log", type=Path, help="write there how often it was asked")
    parser.add_argument("--limit", type=int, default=0, help="only so many conversations")
    given = parser.parse_args()
    conversations = load_conversations(given.conversations)
    asyncio.run(serve(cassette_of(conversations[: given.limit or None]), given.port, given.log, given.delay))


if __name__ == "__main__":
    main()
