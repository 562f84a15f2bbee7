"""Rules change what models are told: what a vendor gets, what is cached and recorded and what the journal says agree."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from holdfast import Agent, Context, HoldfastError, Runtime
from holdfast.bootstrap.models import make_gateway
from holdfast.domain.conversation import Prompt, Said, Settings, Text
from holdfast.domain.principal import Principal
from holdfast.models.cassette import Cassette, key_of
from holdfast.models.routes import Models, Route, Target
from holdfast.testing.models import Call, Reply, Vendor

PIN = "[0-9]{4}"


def policy(tmp_path: Path, *rules: dict[str, Any]) -> list[str]:
    given = [{"name": f"r{n}", "does": "model", "then": "transform", **rule} for n, rule in enumerate(rules)]
    (tmp_path / "p.json").write_text(json.dumps({"kind": "Policy", "name": "p", "spec": {"rules": given}}))
    return [str(tmp_path / "p.json")]


def models(vendor: Vendor, **more: Any) -> Models:
    target = Target(name="m", vendor="v", url=vendor.url, model="m1", max_output=1_000)
    other = Target(name="small", vendor="v", url=vendor.url, model="m2", max_output=100)
    return Models(targets=[target, other], routes=[Route(name="smart", targets=["m"], **more)])


def told(call: Call) -> str:
    return json.dumps(call.body)


async def test_no_vendor_hears_what_is_redacted_whoever_said_it(tmp_path: Path) -> None:
    """The user, the instructions, a tool's result, and in the next request the model's own call and answer."""

    async def look(pin: str) -> str:
        """Look something up."""
        return f"the pin {pin} is of account 4444"

    def script(call: Call) -> Reply:
        if not any(m["role"] == "tool" for m in call.messages):
            return Reply("I try 2222", tool_calls=[("c1", "look", {"pin": "3333"})])
        return Reply("done, 5555")

    agent = Agent("mind", model="smart", instructions="Never say 1111.", tools=[look])
    async with Vendor(script) as vendor:
        places = policy(tmp_path, {"transform": {"redact": {"prompt": PIN}}})
        async with Runtime([agent], "memory://", models=models(vendor), policies=places) as runtime:
            assert await runtime.call(agent["1"].chat, "my pin is 1234") == "done, 5555"
            await runtime.call(agent["1"].chat, "thanks")
            entries = await runtime.journal("mind/1")
    for call in vendor.calls:
        for pin in ("1111", "1234", "2222", "3333", "4444", "5555"):
            assert pin not in told(call)
    last = vendor.calls[-1].messages
    assert [m["content"] for m in last if m["role"] != "assistant"] == [
        "Never say [redacted].",
        "my pin is [redacted]",
        "the pin [redacted] is of account [redacted]",
        "thanks",
    ]
    steps = [e for e in entries if e.verb == "model"]
    assert [e.kind for e in steps] == ["intent", "step"] * 3
    assert steps[0].decision["args"] == {
        "instructions": {"0": "Never say [redacted]."},
        "user": {"0": "my pin is [redacted]"},
    }
    assert "1234" not in repr([e.decision for e in steps]), "what is blacked out is not in what was before either"
    assert [e.decision for e in steps if e.kind == "step"] == [None] * 3


async def test_settings_are_capped_and_a_request_is_sent_elsewhere(tmp_path: Path) -> None:
    agent = Agent("mind")

    @agent.handler
    async def ask(ctx: Context, route: str) -> str:
        settings = Settings(temperature=0.9, seed=7)
        return (await ctx.model(Prompt(route, [Said("user", [Text("hi")])], settings=settings))).text

    rules = [
        {"does": "model smart", "transform": {"set": {"route": "'small'"}}},
        {"transform": {"cap": {"max_tokens": 50, "temperature": 0.2}}},
    ]
    async with Vendor(lambda call: Reply("hello")) as vendor:
        async with Runtime([agent], "memory://", models=models(vendor), policies=policy(tmp_path, *rules)) as runtime:
            assert await runtime.call(agent["1"].ask, "smart") == "hello"
            (step,) = [e for e in await runtime.journal("mind/1") if e.verb == "model" and e.kind == "step"]
            why = await runtime.operations.why("mind/1")
        (call,) = vendor.calls
        assert (call.model, call.body["max_tokens"], call.body["temperature"], call.body["seed"]) == ("m2", 50, 0.2, 7)
        assert step.name == "smart" and step.detail["facts"]["route"] == "small", "asked for one, answered by the other"
        assert why.verdict == "transform" and why.changed == {"route": "small", "max_tokens": 50, "temperature": 0.2}
        assert why.before == {"route": "smart", "max_tokens": 1_000, "temperature": 0.9}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"set": {"route": "'nowhere'"}}, "gate.unfit"),
        ({"set": {"tools": "['rm']"}}, "gate.unfit"),
        ({"set": {"user": "[]"}}, "gate.error"),
        ({"cap": {"user": 5}}, "gate.error"),
    ],
)
async def test_what_no_request_can_be_is_refused_before_anybody_is_asked(
    tmp_path: Path, words: dict[str, Any], code: str
) -> None:
    agent = Agent("mind", model="m", instructions="Be kind.")
    async with Vendor(lambda call: Reply("hello")) as vendor:
        places = policy(tmp_path, {"transform": words})
        async with Runtime([agent], "memory://", models=models(vendor), policies=places) as runtime:
            with pytest.raises(HoldfastError) as refused:
                await runtime.call(agent["1"].chat, "hi")
        assert refused.value.code == code and not vendor.calls


async def test_rules_look_at_what_a_prompt_says(tmp_path: Path) -> None:
    agent = Agent("mind", model="m", instructions="Be kind.")
    rule = {"when": "args.prompt.exists(t, t.contains('secret'))", "then": "deny", "reason": "{size(args.user)} said it"}
    async with Vendor(lambda call: Reply("hello")) as vendor:
        places = policy(tmp_path, rule)
        async with Runtime([agent], "memory://", models=models(vendor), policies=places) as runtime:
            assert await runtime.call(agent["1"].chat, "hi") == "hello"
            with pytest.raises(HoldfastError, match="2 said it"):
                await runtime.call(agent["1"].chat, "a secret")


async def test_the_same_after_the_change_is_the_same_for_cache_and_cassette(tmp_path: Path) -> None:
    agent = Agent("mind")

    @agent.handler
    async def ask(ctx: Context, what: str) -> str:
        return (await ctx.model(what, model="smart")).text

    tape = tmp_path / "tape.jsonl"
    async with Vendor(lambda call: Reply(call.text)) as vendor:
        places, kept = policy(tmp_path, {"transform": {"redact": {"user": PIN}}}), models(vendor, cache_seconds=60)
        async with Runtime([agent], "memory://", models=kept, policies=places) as runtime:
            runtime.engine.use_models(make_gateway(kept, record=str(tape)))
            assert await runtime.call(agent["1"].ask, "pin 1234") == "pin [redacted]"
            assert await runtime.call(agent["1"].ask, "pin 5678") == "pin [redacted]"
        assert len(vendor.calls) == 1
    (line,) = Cassette.load(tape).lines
    assert line.strict == key_of(Prompt("x", [Said("user", [Text("pin [redacted]")])]), "strict")
    assert "1234" not in tape.read_text()


async def test_who_approves_a_prompt_sees_it_and_what_was_changed(tmp_path: Path) -> None:
    agent = Agent("mind", model="m", instructions="Be kind.")
    asking = {"then": "ask", "reason": "look at it", "approval": {"to": ["desk"]}}
    boss = Principal("person", "boss", "default", frozenset(("read", "approve")), ("desk",))
    async with Vendor(lambda call: Reply("hello")) as vendor:
        places = policy(tmp_path, asking, {"transform": {"redact": {"user": PIN}}})
        async with Runtime([agent], "memory://", models=models(vendor), policies=places) as runtime:
            answer = asyncio.create_task(runtime.call(agent["1"].chat, "my pin is 1234"))
            while not (asked := await runtime.approvals()):
                await asyncio.sleep(0.005)
            (question,) = asked
            assert question.approval is not None
            assert question.approval.named["request"]["user"] == ["my pin is [redacted]"]
            assert question.approval.named_before["request"]["user"] == ["my pin is [withheld]"]
            assert "1234" not in repr(question) and not vendor.calls
            await runtime.operations.acting_for(boss).approve(question.id)
            assert await answer == "hello"
        assert [call.text for call in vendor.calls] == ["my pin is [redacted]"]


async def test_the_judge_of_an_action_is_told_no_more_than_any_model(tmp_path: Path) -> None:
    agent = Agent("clerk")

    async def pay(note: str) -> str:
        return note

    @agent.handler
    async def work(ctx: Context) -> str:
        return await ctx.run(pay, "pin 1234")

    judged = {"does": "run pay", "then": "allow", "judge": "m"}
    async with Vendor(lambda call: Reply('{"concern": false, "why": "fine"}')) as vendor:
        places = policy(tmp_path, judged, {"transform": {"redact": {"prompt": PIN}}})
        async with Runtime([agent], "memory://", models=models(vendor), policies=places) as runtime:
            assert await runtime.call(agent["1"].work) == "pin 1234"
        assert len(vendor.calls) == 1 and "1234" not in told(vendor.calls[0])
