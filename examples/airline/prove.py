"""Prove the tools against recorded conversations: ``python -m examples.airline.prove``; ``--help`` tells the rest.

Each conversation's calls are repeated, in order, on a database of its own. Each answer is compared with the recorded one
byte for byte, and the state at the end with what the recording's grader found.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from examples.airline.data import Base, Call, Conversation, MissingData, load_base, load_conversations
from examples.airline.database import Airline
from examples.airline.tools import call

RENAMED = "one key renamed (recorded state, here province)"
REORDERED = "the same JSON, its keys in another order"
UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Difference:
    """An answer that is not the recorded one."""

    call: Call
    answer: str
    reason: str


@dataclass(frozen=True)
class Replay:
    """A conversation's calls, repeated."""

    conversation: Conversation
    equal: list[Call]
    differences: list[Difference]
    airline: Airline
    """The database as the conversation left it."""


@dataclass
class Proof:
    """What came out for all conversations."""

    conversations: int = 0
    equal: Counter[str] = field(default_factory=Counter[str])
    """By tool: answers that are the recorded ones."""
    total: Counter[str] = field(default_factory=Counter[str])
    """By tool: all answers."""
    reasons: Counter[str] = field(default_factory=Counter[str])
    graded: int = 0
    """Conversations of which the recording has the digest of the expected state."""
    expected_reached: int = 0
    """Of these: the calls that would have been right lead to the expected digest."""
    verdict_same: int = 0
    """Of these: the state at the end has the expected digest exactly if the recording says so."""
    digests: list[tuple[int, int, str]] = field(default_factory=list[tuple[int, int, str]])
    """For each conversation: task, trial, and the digest of the state at its end."""

    @property
    def holds(self) -> bool:
        """Whether every difference is explained and every graded state is right."""
        return not self.reasons[UNEXPLAINED] and self.graded == self.expected_reached == self.verdict_same


def replay(base: Base, conversation: Conversation) -> Replay:
    """Repeat a conversation's calls on a database of its own."""
    done = Replay(conversation, [], [], Airline(base))
    for recorded in conversation.calls():
        answer = call(done.airline, recorded.name, recorded.arguments)
        if answer == recorded.output:
            done.equal.append(recorded)
        else:
            done.differences.append(Difference(recorded, answer, explain(recorded.output, answer)))
    return done


def explain(recorded: str, answer: str) -> str:
    """Why an answer is not the recorded one."""
    if recorded.replace('"state": ', '"province": ') == answer:
        return RENAMED
    try:
        return REORDERED if json.loads(recorded) == json.loads(answer) else UNEXPLAINED
    except json.JSONDecodeError:
        return UNEXPLAINED


def prove(base: Base, conversations: Iterable[Conversation]) -> Proof:
    """Repeat all conversations and count."""
    proof = Proof()
    for conversation in conversations:
        done = replay(base, conversation)
        digest = done.airline.digest()
        proof.conversations += 1
        proof.equal.update(one.name for one in done.equal)
        proof.total.update(one.name for one in [*done.equal, *(difference.call for difference in done.differences)])
        proof.reasons.update(difference.reason for difference in done.differences)
        proof.digests.append((conversation.task_id, conversation.trial, digest))
        if conversation.expected_digest:
            proof.graded += 1
            proof.expected_reached += expected_state(base, conversation).digest() == conversation.expected_digest
            proof.verdict_same += (digest == conversation.expected_digest) == conversation.as_expected
    return proof


def expected_state(base: Base, conversation: Conversation) -> Airline:
    """The database after the calls that would have been right."""
    airline = Airline(base)
    for name, arguments in conversation.expected:
        call(airline, name, arguments)
    return airline


def show(proof: Proof) -> None:
    """Print it as a table."""
    print(f"conversations               {proof.conversations:>5,}")
    print(f"tool outputs equal          {proof.equal.total():>5,} of {proof.total.total():,}")
    for name, total in proof.total.most_common():
        print(f"  {name:<30}  {proof.equal[name]:>5,} of {total:,}")
    print(f"differences                 {proof.reasons.total():>5,}")
    for reason, count in proof.reasons.most_common():
        print(f"  {count:>5,}  {reason}")
    print(f"expected states reached     {proof.expected_reached:>5,} of {proof.graded:,} whose digest is recorded")
    print(f"final states as graded      {proof.verdict_same:>5,} of {proof.graded:,}")
    print(f"different final states      {len({digest for _, _, digest in proof.digests}):>5,}")


def main() -> int:
    """Parse, prove, print; 0 if it holds."""
    parser = argparse.ArgumentParser("python -m examples.airline.prove", description="Prove the airline's tools.")
    parser.add_argument("--conversations", type=Path, metavar="FILE", help="recorded conversations, .json or .json.gz")
    parser.add_argument("--digests", action="store_true", help="print the final state's digest of each conversation, too")
    given = parser.parse_args()
    try:
        proof = prove(load_base(), load_conversations(given.conversations))
    except MissingData as missing:
        sys.exit(str(missing))
    show(proof)
    for task_id, trial, digest in proof.digests if given.digests else []:
        print(f"task {task_id:>3} trial {trial}  {digest}")
    return 0 if proof.holds else 1


if __name__ == "__main__":
    sys.exit(main())
