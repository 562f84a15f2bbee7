"""Each write action of the recorded model passes the airline's policy before it happens; then the labels are looked at.

The policy sees the action, the database as the conversation has left it, and what the customer has said so far. The labels
(which actions were right, and whether the database ended as it should) are read afterwards and by the comparison alone. An
action is judged in the state in which the model made it: what was denied is carried out all the same, so that what comes
after it is judged as it was recorded.

* **right**: one of the task's expected actions with the same arguments, each once; or any in a conversation with reward 1,
  whose database ended as expected.
* **wrong**: every other action that changed the database.
* **caught** is what would not have happened by itself: denied, or asked about (``*_asked``).
* What the tool itself refused changed nothing, and counts as neither (``failed_*``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from examples.airline.data import Conversation, load_conversations
from examples.airline.database import Airline
from examples.airline.rules import LOOKUPS, airline_of
from examples.airline.tools import TOOLS
from holdfast.bootstrap.policies import read_policies
from holdfast.domain.intent import Decision, Declared, Done, Intent, Verdict
from holdfast.gate.rules import Rulebook, compile_policy
from holdfast.gate.rules.history import Remembered

KEYS = ("wrong_caught", "wrong_total", "right_passed", "right_total")
POLICY = Path(__file__).parents[2] / "examples" / "airline" / "policy.yaml"
_AT = 1_715_803_200_000
"""2024-05-15 15:00 EST."""


class Said:
    """``Sources`` of a recorded conversation: the customer's words, the last first, as a turn hears them."""

    def __init__(self, messages: list[str]) -> None:
        self._words = "\n".join(" ".join(text.lower().split()) for text in reversed(messages))

    def words(self) -> str:
        """See ``Sources``."""
        return self._words

    def labels_of(self, value: Any) -> frozenset[str]:
        """See ``Sources``."""
        return frozenset(("user",))

    def endorsed(self, value: Any) -> str:
        """See ``Sources``."""
        return "user" if str(value).lower() in self._words else ""

    def referred(self, value: Any) -> str:
        """See ``Sources``."""
        return "named" if self.endorsed(value) else ""

    def copied(self, value: Any) -> bool:
        """See ``Sources``."""
        return False


@dataclass
class Action:
    """A write action, what the policy said, and whether it changed anything."""

    name: str
    arguments: dict[str, Any]
    decision: Decision
    failed: bool

    @property
    def caught(self) -> bool:
        """Whether it would not have happened by itself."""
        return self.decision.verdict >= Verdict.ASK


@dataclass
class Counts:
    """What came out."""

    totals: Counter[str] = field(default_factory=Counter[str])
    rules: Counter[str] = field(default_factory=Counter[str])
    shown: list[str] = field(default_factory=list[str])

    def add(self, kind: str, action: Action, where: str) -> None:
        """One action that the labels call ``kind``."""
        self.totals[f"{kind}_total"] += 1
        self.totals[f"{kind}_{'caught' if action.caught else 'passed'}"] += 1
        self.totals[f"{kind}_{action.decision.verdict.name.lower()}"] += 1
        if action.caught:
            self.rules.update(f"{kind}: {rule}" for rule in action.decision.rules)
        if action.caught == (kind == "right"):
            why = "; ".join(action.decision.reasons)
            self.shown.append(f"{where}, {kind}: {action.name}{f' denied: {why}' if action.caught else ' passed'}")


def judged(book: Rulebook, conversation: Conversation, agent: str) -> Iterator[Action]:
    """The write actions of a conversation, each judged before it happens."""
    said: list[str] = []
    past: list[Done] = []
    answers = iter(conversation.calls())
    for message in conversation.messages:
        if message["role"] == "user":
            said.append(str(message["content"] or ""))
        if message["role"] != "tool":
            continue
        call = next(answers)
        tool = TOOLS.get(call.name)
        arguments = _read(call.arguments)
        if tool is None or arguments is None:
            continue
        intent = Intent(
            agent=agent,
            turn=len(said),
            path=str(len(past)),
            verb="tool",
            name=call.name,
            args=(arguments,),
            labels=frozenset(("user", *(f"tool:{done.name}" for done in past))),
            sender="user:customer",
            declared=Declared(tool.changes, True),
            at=_AT,
            sources=Said(said),
            past=Remembered(past),
        )
        decision = book.decide(intent)
        before = airline_of(intent)
        answer = tool.call(_copy(before), arguments)
        failed = answer.startswith("Error")
        if tool.changes:
            yield Action(call.name, arguments, decision, failed)
        past.append(Done(_AT - 1, len(said), "", "tool", call.name, "", arguments, frozenset(), failed, tool.changes))


def _copy(airline: Airline) -> Airline:
    return Airline.from_changes(airline.base, airline.changes())


def _read(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def compare(conversation: Conversation, actions: list[Action], counts: Counts) -> None:
    """Judge the judge, by the labels."""
    expected = Counter(_key(name, arguments) for name, arguments in conversation.expected)
    where = f"task {conversation.task_id} trial {conversation.trial}"
    for action in actions:
        key = _key(action.name, action.arguments)
        if action.failed:
            counts.add("failed", action, where)
        elif expected[key] > 0 or conversation.reward == 1.0:
            expected[key] -= 1
            counts.add("right", action, where)
        else:
            counts.add("wrong", action, where)


def _key(name: str, arguments: dict[str, Any]) -> str:
    return f"{name} {json.dumps(arguments, sort_keys=True)}"


def run(file: Path | None) -> dict[str, Any]:
    """See the module."""
    conversations = load_conversations(file)
    book = Rulebook([compile_policy(document, LOOKUPS) for document in read_policies([str(POLICY)])], lookups=LOOKUPS)
    counts = Counts()
    for number, conversation in enumerate(conversations):
        compare(conversation, list(judged(book, conversation, f"default/airline/{number}")), counts)
    return {
        **{key: counts.totals[key] for key in KEYS},
        "conversations": len(conversations),
        "failed_total": counts.totals["failed_total"],
        "failed_caught": counts.totals["failed_caught"],
        "wrong_asked": counts.totals["wrong_ask"],
        "right_asked": counts.totals["right_ask"],
        "right_denied": counts.totals["right_deny"],
        "rules": dict(counts.rules.most_common()),
        "errors": [line for line in counts.shown if "failed" not in line],
    }
