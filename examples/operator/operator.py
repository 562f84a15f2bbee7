"""From goals and limits to an agent."""

from __future__ import annotations

from pathlib import Path

import msgspec

from holdfast import Agent, McpServer

HERE = Path(__file__).parent


class Limits(msgspec.Struct, forbid_unknown_fields=True):
    """How far it may go. ``scopes`` are its token's, ``tools`` all that it is shown, ``policies`` a file for its gate."""

    scopes: list[str]
    tools: list[str]
    policies: str
    rounds: int = 20


class Goals(msgspec.Struct, forbid_unknown_fields=True):
    """What a person wants of it."""

    name: str
    model: str
    goals: list[str]
    limits: Limits


def read_goals(file: Path = HERE / "goals.yaml") -> Goals:
    """The file that a person wrote."""
    return msgspec.yaml.decode(file.read_bytes(), type=Goals)


def instructions_of(goals: Goals) -> str:
    """What it is told."""
    listed = "\n".join(f"- {goal}" for goal in goals.goals)
    return (
        "You keep a Holdfast installation well. Your tools are its operations; `diagnose` says what is wrong, and each "
        "result says in `next` what can be done about it. Look before you act, act on one thing at a time, and look again "
        f"afterwards. What is refused stays refused: say so and go on.\n\nYour goals:\n{listed}"
    )


def make_operator(goals: Goals, url: str, token: str) -> Agent:
    """The agent. Its token is in its header alone; what it may do there, the server decides."""
    operations = McpServer(
        url=f"{url}/mcp",
        headers={"Authorization": f"Bearer {token}"},
        name="holdfast",
        tools=goals.limits.tools,
        trusted=True,
    )
    return Agent(
        goals.name,
        description="Keeps an installation well.",
        model=goals.model,
        instructions=instructions_of(goals),
        mcp=[operations],
        rounds=goals.limits.rounds,
    )


__all__ = ["Goals", "instructions_of", "make_operator", "read_goals"]
