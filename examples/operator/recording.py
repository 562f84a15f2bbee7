"""Write what the operator's model says: ``python -m examples.operator.recording``."""

from __future__ import annotations

import json
from typing import Any

from examples.operator.operator import HERE, instructions_of, read_goals
from holdfast.domain.conversation import Answer, Prompt, Said, Text, ToolCall, Usage
from holdfast.models.cassette import Cassette

FILE = HERE / "recording.jsonl"
LINES: list[tuple[str, dict[str, Any]]] = [
    ("diagnose", {}),
    ("journal", {"address": "ledger/1"}),
    ("retry_stuck", {"address": "ledger/1", "dry_run": True}),
    ("retry_stuck", {"address": "ledger/1"}),
    ("redeliver", {"id": 0}),
    ("resume", {"address": "reports/weekly"}),
    ("cancel", {"address": "ledger/1"}),
    ("set_budget", {"name": "chat", "scope": "agent:reports", "per": "day", "calls": 100}),
    ("diagnose", {}),
]
LAST = (
    "The stuck turn of ledger/1 went on, the dead letter of mailer/1 was sent again, and reports/weekly works again. The "
    "budget of agent:reports is spent; raising it is not mine to do: a person has to decide."
)


def main(letter: int) -> None:
    """Write it. ``letter``: the id of the dead letter in the story."""
    goals = read_goals()
    cassette = Cassette()
    said = [Said("system", [Text(instructions_of(goals))])]
    for number, (tool, given) in enumerate(LINES):
        arguments = json.dumps(given if "id" not in given else {"id": letter})
        answer = Answer([ToolCall(f"call_{number}", tool, arguments)], "tool_calls", Usage(900 + 200 * number, 30))
        cassette.add(Prompt(goals.model, list(said)), answer)
        said.append(Said("assistant", answer.parts))
    cassette.add(Prompt(goals.model, list(said)), Answer([Text(LAST)], "stop", Usage(2_900, 70)))
    cassette.save(FILE)


if __name__ == "__main__":
    import sys

    main(int(sys.argv[1]))
