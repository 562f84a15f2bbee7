"""Policies over what a thinking agent does: its requests to models by their cost, its tools by arguments and words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast import Agent, HoldfastError, Runtime
from holdfast.models.routes import Models, Price, Target
from holdfast.testing.models import Call, Reply, Vendor


def policy(tmp_path: Path, *rules: dict[str, Any]) -> list[str]:
    (tmp_path / "p.json").write_text(json.dumps({"kind": "Policy", "name": "p", "spec": {"rules": list(rules)}}))
    return [str(tmp_path / "p.json")]


def models(vendor: Vendor) -> Models:
    price = Price(input=10, output=1_000)
    return Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m1", price=price, max_output=1_000)])


@pytest.mark.parametrize(("dollars", "passes"), [("0.1", False), ("100.0", True)])
async def test_a_request_that_may_cost_too_much_is_refused_before_it_is_made(
    tmp_path: Path, dollars: str, passes: bool
) -> None:
    """1,000 tokens of an answer at 1,000 dollars per million are a dollar."""
    agent = Agent("mind", model="m", instructions="Be kind.")
    rule = {"name": "dear", "does": "model", "when": f"cost > {dollars}", "then": "deny", "reason": "{cost} USD"}
    async with Vendor(lambda call: Reply("hello")) as vendor:
        places = policy(tmp_path, rule)
        async with Runtime([agent], "memory://", models=models(vendor), policies=places) as runtime:
            if passes:
                assert await runtime.call(agent["1"].chat, "hi") == "hello"
            else:
                with pytest.raises(HoldfastError, match="USD"):
                    await runtime.call(agent["1"].chat, "hi")
        assert len(vendor.calls) == passes


async def test_a_tool_is_redacted_and_stopped_by_what_the_principal_said(tmp_path: Path) -> None:
    sent: list[tuple[str, str]] = []

    async def mail(to: str, body: str) -> str:
        """Send a mail."""
        sent.append((to, body))
        return "sent"

    def script(call: Call) -> Reply:
        results = [m for m in call.messages if m["role"] == "tool"]
        if len(results) < 2:
            to = ["ada@x.example", "eve@x.example"][len(results)]
            return Reply(tool_calls=[(f"c{len(results)}", "mail", {"to": to, "body": "pin 1234"})])
        return Reply(str(results[1]["content"]))

    agent = Agent("mind", model="m", instructions="Be kind.", tools=[mail])
    rules = [
        {"name": "digits", "does": "tool mail", "then": "transform", "transform": {"redact": {"body": "[0-9]{4}"}}},
        {
            "name": "named",
            "does": "tool mail",
            "unless": "goal.contains(args.to)",
            "then": "deny",
            "reason": "nobody said {args.to}",
        },
    ]
    places = policy(tmp_path, *rules)
    async with (
        Vendor(script) as vendor,
        Runtime([agent], "memory://", models=models(vendor), policies=places) as runtime,
    ):
        answer = await runtime.call(agent["1"].chat, "Write to ada@x.example")
    assert sent == [("ada@x.example", "pin [redacted]")]
    assert "nobody said eve@x.example" in answer
