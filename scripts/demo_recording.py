"""Write the recording that the model of `holdfast demo` is: ``python scripts/demo_recording.py``."""

from __future__ import annotations

from pathlib import Path

from holdfast.cli.demo_agents import CLERK
from holdfast.domain.conversation import Answer, Prompt, Said, Text, ToolCall, Usage
from holdfast.models.cassette import Cassette

ANSWERS = [
    Answer([ToolCall("call_1", "find_order", '{"number": 7}')], "tool_calls", Usage(210, 18)),
    Answer([ToolCall("call_2", "send_back", '{"number": 7, "cents": 4000}')], "tool_calls", Usage(260, 24)),
    Answer([Text("I am sorry about that. I have sent your 40.00 EUR back.")], "stop", Usage(300, 20)),
    Answer([Text("Within three working days. Keep the book, if you can still read it.")], "stop", Usage(340, 22)),
]


def main() -> None:
    """Write it beside the demo."""
    cassette = Cassette()
    said = [Said("system", [Text(CLERK)])]
    for answer in ANSWERS:
        cassette.add(Prompt("recorded", list(said)), answer)
        said.append(Said("assistant", answer.parts))
    cassette.save(Path(__file__).parent.parent / "src/holdfast/cli/demo_recording.jsonl")


if __name__ == "__main__":
    main()
