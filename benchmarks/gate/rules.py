"""A hundred rules as a company would have them, and the acts that they judge.

A fifth is about everything, or about every change; the others are each about one tool or step. Thirty look back over
windows, ten look at labels or at where values came from, seventy have CEL conditions.
"""

from __future__ import annotations

from typing import Any

from holdfast.domain.intent import Declared, Done, Intent
from holdfast.gate.past import History
from holdfast.gate.provenance import Heard
from holdfast.gate.rules import Rulebook, compile_policy, from_resource

AT = 1_750_000_000_000
TOOLS = [f"tool_{n}" for n in range(25)]
PAST = 400


def _everywhere() -> list[dict[str, Any]]:
    """Twenty that are about every action, every change or everything that is sent."""
    rules: list[dict[str, Any]] = [
        {"name": "no-secrets-out", "does": "any sending", "after": {"read": "secret*"}, "then": "deny"},
        {"name": "strangers", "does": "any sending", "when": "untrusted && !endorsed", "then": "ask"},
        {"name": "steady", "does": "any change", "at_most": {"count": 100_000, "per": "hour"}},
        {"name": "calm", "does": "any action", "at_most": {"count": 1_000_000, "per": "day"}},
    ]
    for n in range(8):
        rules.append(
            {
                "name": f"team-{n}",
                "does": "any change",
                "who": {"agent": f"team{n}", "tags": {"team": f"t{n}"}},
                "when": "args.amount > 1000",
                "then": "ask",
            }
        )
    for n in range(8):
        condition = f"'class:{n}' in labels && hour >= 22"
        rules.append({"name": f"night-{n}", "does": "any action", "when": condition, "then": "deny"})
    return rules


def _of_tools() -> list[dict[str, Any]]:
    """Eighty that are each about one tool, one step or one receiver."""
    rules: list[dict[str, Any]] = []
    for tool in TOOLS:
        act = f"tool {tool}"
        window = {"count": 10_000, "per": "day", "by": "args.customer"}
        rules.append(
            {"name": f"{tool}-large", "does": act, "when": "args.amount > 500 || args.customer == ''", "then": "ask"}
        )
        rules.append({"name": f"{tool}-often", "does": act, "at_most": window})
        rules.append({"name": f"{tool}-where", "does": act, "unless": "args.to.endsWith('@example.com')", "then": "deny"})
    for n in range(4):
        seen = {"done": f"tool {TOOLS[n]}", "same": "customer", "within": "1d"}
        rules.append({"name": f"order-{n}", "does": "tool tool_0", "before": seen, "then": "allow"})
    rules.append({"name": "steps", "does": "run nothing", "when": "args['0'] < 0", "then": "deny"})
    return rules


def rulebook() -> Rulebook:
    """The hundred, as one policy each of twenty-five."""
    rules = _everywhere() + _of_tools()
    assert len(rules) == 100, len(rules)
    groups = [rules[n : n + 4] for n in range(0, 100, 4)]
    return Rulebook([compile_policy(from_resource(f"policy-{n}", {"rules": group})) for n, group in enumerate(groups)])


def past(length: int = PAST) -> History:
    """What the agent did: every tool in turn, for a day and a half."""
    found = History()
    for n in range(length):
        given = {"amount": n % 90, "customer": f"c{n % 7}", "to": "ada@example.com"}
        done = Done(AT - (length - n) * 300_000, n // 10, "trace", "tool", TOOLS[n % len(TOOLS)], "", given)
        found.begin(n // 10, str(n), done)
        found.finish(n // 10, str(n), ("user", "tool:x"), False)
    return found


def heard() -> Heard:
    """What a turn has read: what the principal said, and what a tool brought from strangers."""
    found = Heard()
    found.add("Please write to ada@example.com about the order, and look at what others said", ("user",))
    for n in range(20):
        found.add({"row": n, "text": f"what a stranger wrote, number {n}"}, ("tool:search", "untrusted"))
    return found


def intents(count: int = 2_000) -> list[Intent]:
    """Acts of many agents: tools with arguments by role, and data of which the origin is known value by value."""
    roles = {"to": "destination", "amount": "amount", "body": "content"}
    labels = frozenset(("user", "agent:default/other/1", "untrusted", "tool:search"))
    before, sources = past(), heard()
    found: list[Intent] = []
    for n in range(count):
        given = {"amount": n % 90, "customer": f"c{n % 7}", "to": "ada@example.com", "body": "a text " * 60}
        found.append(
            Intent(
                agent=f"default/team{n % 12}/{n % 200}",
                turn=n % 50,
                path="3",
                verb="tool",
                name=TOOLS[n % len(TOOLS)],
                args=(given,),
                labels=labels,
                sender="user:ada",
                declared=Declared(True, False, roles),
                tags={"team": f"t{n % 12}", "customer": f"c{n % 7}"},
                trace="trace",
                at=AT,
                sources=sources,
                past=before,
            )
        )
    return found
