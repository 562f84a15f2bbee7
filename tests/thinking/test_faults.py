"""What vendors do wrong, as a turn of an agent meets it: 16 faults, and none of them is the agent's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import Agent, HoldfastError, Runtime
from holdfast.models.routes import Models, Route, Target
from holdfast.testing import models as bad
from holdfast.testing.models import Reply, Vendor

LONG = Reply("one two three four five six seven", chunks=7, chunk_delay=0.01)
FINE = Reply("fine", model="m1-2026", input_tokens=3, output_tokens=2)

FAULTS: list[tuple[str, Any, str, int]] = [
    ("1 429 with Retry-After", bad.first(1, bad.RateLimited(0.3), then=Reply("primary")), "fine", 1),
    ("2 429 for ever", bad.always(bad.RateLimited(form="none")), "fine", 5),
    ("3 500 once", bad.first(1, bad.ServerError(500), then=Reply("primary")), "primary", 2),
    ("4 503 for ever", bad.always(bad.ServerError(503)), "fine", 5),
    ("5 reset before headers", bad.always(bad.Reset()), "fine", 5),
    ("6 never answered", bad.always(bad.NoAnswer()), "fine", 1),
    ("7 first token after 20 s", bad.always(bad.SlowFirstToken(20.0)), "fine", 1),
    ("8 cut mid-answer", bad.always(bad.Cut(3, reply=LONG)), "fine", 5),
    ("9 stream stalls", bad.always(bad.Stall(3, reply=LONG)), "fine", 1),
    ("10 malformed chunk", bad.always(bad.MalformedChunk(3, reply=LONG)), "fine", 5),
    ("11 no end sentinel", bad.always(bad.NoEnd(reply=LONG)), LONG.text, 1),
    ("14 a fallback that takes no prefill", bad.always(bad.ServerError(503)), "fine", 5),
    ("16 the answer's own name and usage", bad.always(bad.ServerError(503)), "fine", 5),
    ("html instead of JSON", bad.always(bad.Html()), "fine", 5),
    ("a wrong key", bad.always(bad.WrongKey()), "fine", 1),
    ("an unknown model", bad.always(bad.UnknownModel()), "fine", 1),
]


def targets(vendors: list[Vendor], **more: Any) -> Models:
    limits: dict[str, Any] = {"first_token_seconds": 0.5, "stall_seconds": 0.5, "connect_seconds": 1.0, **more}
    made = [Target(name=f"t{n}", vendor="v", url=v.url, model=f"m{n}", **limits) for n, v in enumerate(vendors)]
    return Models(targets=made, routes=[Route(name="m", targets=[t.name for t in made])])


@pytest.mark.parametrize(("name", "script", "answer", "most"), FAULTS, ids=[f[0] for f in FAULTS])
async def test_a_fault_is_not_the_agents(name: str, script: Any, answer: str, most: int) -> None:
    agent = Agent("a", model="m")
    async with asyncio.timeout(20), Vendor(script) as ill, Vendor(bad.always(bad.NoPrefill(reply=FINE))) as well:
        models = targets([ill, well])
        async with Runtime([agent], "memory://", models=models) as runtime:
            assert await runtime.call(agent["1"].chat, "hello") == answer
            (row,) = await runtime.usage()  # one answer is billed, however often it was asked for
            assert row.attempts <= 6 and row.target == ("t0" if answer != "fine" else "t1")
            assert len(ill.calls) <= most
            if answer == "fine":
                assert (row.input, row.output) == (3, 2)
            (entry,) = [e for e in await runtime.journal("a/1") if e.verb == "model"]
            assert [a["outcome"] for a in entry.detail["facts"]["attempts"]][-1] == "ok"


@pytest.mark.parametrize(
    ("fault", "code"), [(bad.ContextLength(), "model.too_long"), (bad.ContentFilter(), "model.filtered")]
)
async def test_12_13_what_the_request_is_to_blame_for_is_not_asked_again(fault: Any, code: str) -> None:
    agent = Agent("a", model="m")
    async with Vendor(bad.always(fault)) as ill, Vendor(bad.always(FINE)) as well:
        models = targets([ill, well], context=1_000)
        async with Runtime([agent], "memory://", models=models) as runtime, asyncio.timeout(20):
            with pytest.raises(HoldfastError) as caught:
                await runtime.call(agent["1"].chat, "hello")
            assert caught.value.code == code and len(ill.calls) == 1 and not well.calls


async def test_15_a_primary_that_flaps_is_used_again_when_it_is_back() -> None:
    up = False

    def script(call: Any) -> Any:
        return Reply("primary") if up else bad.ServerError(503)

    agent = Agent("a", model="m")
    async with asyncio.timeout(60), Vendor(script) as ill, Vendor(bad.always(FINE)) as well:
        models = targets([ill, well])
        async with Runtime([agent], "memory://", models=models) as runtime:
            for n in range(5):
                assert await runtime.call(agent[str(n)].chat, "hello") == "fine"
            (open_,) = [m for m in await runtime.models() if m.route == "m" and m.target == "t0"]
            assert open_.state in ("open", "half-open")
            up = True
            loop = asyncio.get_running_loop()
            back = loop.time()
            while await runtime.call(agent["x"].chat, "hello") != "primary":
                await asyncio.sleep(0.1)
            assert loop.time() - back < 30


async def test_malformed_arguments_go_back_to_the_model() -> None:
    def look(x: int) -> str:
        return str(x)

    broken = bad.MalformedArguments(reply=Reply(tool_calls=[("a", "look", {"x": 1})]))
    agent = Agent("a", model="m", tools=[look])
    async with Vendor(bad.first(1, broken, then=Reply("sorry"))) as vendor:
        async with Runtime([agent], "memory://", models=targets([vendor])) as runtime:
            assert await runtime.call(agent["1"].chat, "hello") == "sorry"
        (told,) = [m["content"] for m in vendor.calls[1].messages if m["role"] == "tool"]
        assert "not valid JSON" in told
