"""The gateway against real servers on loopback that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from holdfast.adapters.system import SystemClock, SystemRandom
from holdfast.adapters.upstream import HttpUpstream
from holdfast.domain.conversation import Assembly, Event, Prompt, Said, Text
from holdfast.domain.errors import HoldfastError, NotFound, Rejected
from holdfast.models.gateway import Gateway, NoTarget
from holdfast.models.job import Facts, Job
from holdfast.models.routes import Models, Price, Route, Rule, Target
from holdfast.testing import models as bad
from holdfast.testing.models import Reply, Vendor, always, first


class Watch:
    """Puts an answer together as it comes, and can begin anew if ``may``."""

    def __init__(self, may: bool = True) -> None:
        self.may = may
        self.restarts = 0
        self.events: list[Event] = []
        self.told: list[Facts] = []

    def answering(self, facts: Facts) -> None:
        self.told.append(facts)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def restart(self) -> bool:
        self.restarts += 1
        if self.may:
            self.events.clear()
        return self.may

    @property
    def text(self) -> str:
        assembly = Assembly()
        for event in self.events:
            assembly.add(event)
        return assembly.answer().text


@asynccontextmanager
async def gateway(*scripts: Any, **route: Any) -> AsyncGenerator[tuple[Gateway, list[Vendor]]]:
    """A route ``r`` over one target per script, named t0, t1, ... with small limits."""
    vendors = [Vendor(script) for script in scripts]
    given = dict(route)
    targets: list[Target] = []
    for number, vendor in enumerate(vendors):
        await vendor.__aenter__()
        own: dict[str, Any] = given.pop(f"t{number}", {})
        limits: dict[str, Any] = {
            "first_token_seconds": 0.5,
            "stall_seconds": 0.5,
            "answer_seconds": 1.0,
            "connect_seconds": 1.0,
        }
        price = Price(input=1.0, output=2.0)
        options: dict[str, Any] = {
            "name": f"t{number}",
            "vendor": "v",
            "url": vendor.url,
            "model": f"m{number}",
            "price": price,
        }
        targets.append(Target(**options | limits | own))
    made_of: dict[str, Any] = {"name": "r", "targets": [t.name for t in targets], **given}
    made = Gateway(Models(targets=targets, routes=[Route(**made_of)]), HttpUpstream(), SystemClock(), SystemRandom())
    try:
        yield made, vendors
    finally:
        await made.close()
        for vendor in vendors:
            await vendor.__aexit__(None, None, None)


def job(text: str = "hello", **options: Any) -> Job:
    return Job("r", prompt=Prompt("r", [Said("user", [Text(text)])]), **options)


def outcomes(facts: Any) -> list[tuple[str, str]]:
    return [(a.target, a.outcome) for a in facts.attempts]


async def test_an_answer_with_its_cost() -> None:
    async with gateway(always(Reply("hi", input_tokens=1_000, output_tokens=500))) as (gate, (vendor,)):
        watch = Watch()
        reply = await gate.ask(job(), watch)
        assert reply.answer.text == watch.text == "hi"
        assert reply.facts.nanos == 1_000 * 1_000 + 500 * 2_000 and reply.facts.priced
        assert reply.facts.target == "t0" and outcomes(reply.facts) == [("t0", "ok")]
        assert len(vendor.calls) == 1 and vendor.calls[0].streamed


async def test_a_request_in_the_vendors_dialect_goes_through_as_it_is() -> None:
    async with gateway(always(Reply("hi"))) as (gate, (vendor,)):
        body = {"model": "r", "messages": [{"role": "user", "content": "x"}], "unheard_of": 7}
        reply = await gate.ask(Job("r", dialect="openai-chat", body=body))
        assert reply.body is not None and reply.body["choices"][0]["message"]["content"] == "hi"
        assert vendor.calls[0].body["unheard_of"] == 7 and vendor.calls[0].model == "m0"


FAILING_OVER: list[tuple[str, Any, int]] = [
    ("429 for ever", always(bad.RateLimited(form="none")), 2),
    ("503 for ever", always(bad.ServerError(503)), 2),
    ("reset", always(bad.Reset()), 2),
    ("never answered", always(bad.NoAnswer()), 1),
    ("slow first token", always(bad.SlowFirstToken(20.0)), 1),
    ("cut", always(bad.Cut(3)), 2),
    ("stall", always(bad.Stall(3)), 1),
    ("malformed chunk", always(bad.MalformedChunk(3)), 2),
    ("html", always(bad.Html()), 2),
    ("wrong key", always(bad.WrongKey()), 1),
]


@pytest.mark.parametrize(("name", "script", "most"), FAILING_OVER, ids=[f[0] for f in FAILING_OVER])
async def test_what_one_target_does_wrong_another_makes_good(name: str, script: Any, most: int) -> None:
    async with gateway(script, always(Reply("from elsewhere"))) as (gate, (ill, well)):
        watch = Watch()
        reply = await gate.ask(job(), watch)
        assert reply.answer.text == watch.text == "from elsewhere"
        assert reply.facts.target == "t1" and 1 <= len(ill.calls) <= most and len(well.calls) == 1
        assert len(reply.facts.attempts) <= 6


async def test_an_error_once_is_asked_again() -> None:
    async with gateway(first(1, bad.ServerError(500), then=Reply("fine")), always(Reply("elsewhere"))) as (gate, vendors):
        reply = await gate.ask(job(), Watch())
        assert reply.answer.text == "fine" and [len(v.calls) for v in vendors] == [2, 0]


async def test_retry_after_is_honoured() -> None:
    async with gateway(first(1, bad.RateLimited(0.4), then=Reply("fine"))) as (gate, (vendor,)):
        reply = await gate.ask(job(), Watch())
        assert reply.answer.text == "fine" and len(vendor.calls) == 2
        assert vendor.calls[1].at_monotonic - vendor.calls[0].at_monotonic >= 0.4


async def test_a_stream_without_its_end_mark_is_whole() -> None:
    async with gateway(always(bad.NoEnd(reply=Reply("all of it")))) as (gate, (vendor,)):
        reply = await asyncio.wait_for(gate.ask(job(), Watch()), 5)
        assert reply.answer.text == "all of it" and reply.facts.usage.output > 0 and len(vendor.calls) == 1


async def test_too_long_goes_to_a_larger_context_only() -> None:
    async with gateway(
        always(bad.ContextLength()),
        always(Reply("small")),
        always(Reply("large")),
        t0={"context": 10_000},
        t1={"context": 8_000},
        t2={"context": 99_000},
    ) as (gate, vendors):
        reply = await gate.ask(job(), Watch())
        assert reply.answer.text == "large" and [len(v.calls) for v in vendors] == [1, 0, 1]
    async with gateway(always(bad.ContextLength())) as (gate, vendors):
        with pytest.raises(HoldfastError) as caught:
            await gate.ask(job(), Watch())
        assert caught.value.code == "model.too_long" and len(vendors[0].calls) == 1


async def test_a_filter_is_final() -> None:
    async with gateway(always(bad.ContentFilter()), always(Reply("x"))) as (gate, vendors):
        with pytest.raises(Rejected) as caught:
            await gate.ask(job(), Watch())
        assert caught.value.code == "model.filtered" and [len(v.calls) for v in vendors] == [1, 0]


async def test_a_target_that_takes_no_prefill_is_asked_without() -> None:
    async with gateway(always(bad.ServerError(503)), always(bad.NoPrefill(reply=Reply("anew")))) as (gate, _):
        prompt = Prompt("r", [Said("user", [Text("x")]), Said("assistant", [Text("I be")])])
        reply = await gate.ask(Job("r", prompt=prompt), Watch())
        assert reply.answer.text == "anew" and reply.facts.repeated


async def test_what_was_given_on_is_not_taken_back() -> None:
    async with gateway(always(bad.Cut(3)), always(Reply("elsewhere"))) as (gate, _):
        with pytest.raises(HoldfastError) as caught:
            await gate.ask(job(), Watch(may=False))
        assert caught.value.code == "model.cut_off"


async def test_nobody_left_says_so_and_stops_asking() -> None:
    async with gateway(always(bad.ServerError(503)), patience_seconds=0.0) as (gate, (vendor,)):
        with pytest.raises(NoTarget) as caught:
            await gate.ask(job(), Watch())
        assert caught.value.details["attempts"] and len(vendor.calls) <= 3
        asked = len(vendor.calls)
        for _ in range(20):
            with pytest.raises(NoTarget):
                await gate.ask(job(), Watch(), patience_seconds=0.0)
        assert len(vendor.calls) <= asked + 3  # the breaker lets probes through, not everybody


async def test_a_breaker_closes_when_the_target_is_back() -> None:
    up = False

    def script(call: Any) -> Any:
        return Reply("back") if up else bad.ServerError(503)

    recovered: list[str] = []
    async with gateway(script, always(Reply("fallback"))) as (gate, _):
        gate.recovered = recovered.append
        for _ in range(4):
            assert (await gate.ask(job(), Watch())).answer.text == "fallback"
        assert gate.health("t0").open
        up = True
        async with asyncio.timeout(10):
            while (await gate.ask(job(), Watch())).facts.target != "t0":
                await asyncio.sleep(0.05)
        assert not gate.health("t0").open and recovered == ["t0"]


async def test_rules_prices_and_limits_choose() -> None:
    rules = [Rule(when="tokens > 50", targets=["t1"])]
    async with gateway(always(Reply("small")), always(Reply("large")), rules=rules) as (gate, _):
        assert (await gate.ask(job(), Watch())).facts.target == "t0"
        reply = await gate.ask(job("x" * 1_000), Watch())
        assert reply.facts.target == "t1" and "rule" in reply.facts.reason
    dear = {"price": Price(input=900.0, output=900.0)}
    async with gateway(always(Reply("dear")), always(Reply("cheap")), strategy="cheapest", t0=dear) as (gate, _):
        assert (await gate.ask(job(), Watch())).answer.text == "cheap"
    async with gateway(always(Reply("dear")), max_cost=0.0001, t0=dear) as (gate, _):
        with pytest.raises(Rejected, match="would cost"):
            await gate.ask(job(), Watch())
    async with gateway(always(Reply("no idea")), always(Reply("42")), escalate="answer.text != 'no idea'") as (
        gate,
        vendors,
    ):
        assert (await gate.ask(job(), Watch())).answer.text == "42" and len(vendors[0].calls) == 1
    with pytest.raises(Rejected, match="cannot be read"):
        async with gateway(always(Reply("x")), rules=[Rule(when="tokens >", targets=["t0"])]):
            pass


async def test_an_answer_that_fails_its_check_is_never_seen() -> None:
    check = "answer.text != 'no idea'"
    async with gateway(always(Reply("no idea")), always(Reply("42")), escalate=check) as (gate, _):
        watch = Watch(may=False)
        assert (await gate.ask(job(), watch)).answer.text == watch.text == "42"
    async with gateway(always(Reply("no idea")), escalate=check) as (gate, _):
        watch = Watch(may=False)
        assert (await gate.ask(job(), watch)).answer.text == watch.text == "no idea"  # better than nothing


@pytest.mark.parametrize("streamed", [True, False])
async def test_urgent_work_asks_a_second_target(streamed: bool) -> None:
    slow, quick = always(Reply("slow", delay=3.0)), always(Reply("quick"))
    async with gateway(slow, quick, hedge_seconds=0.1, t0={"first_token_seconds": 30.0, "answer_seconds": 30.0}) as (
        gate,
        vendors,
    ):
        watch = Watch() if streamed else None
        began = asyncio.get_running_loop().time()
        reply = await gate.ask(job(urgent=True), watch)
        assert reply.facts.target == "t1" and "hedge" in reply.facts.reason
        assert asyncio.get_running_loop().time() - began < 2.0
        if watch is not None:
            assert watch.text == "quick"
        await vendors[0].until(lambda: vendors[0].calls[0].cancelled_by_client, 5)
        assert (await gate.ask(job("not urgent", urgent=False), Watch())).facts.target == "t0"


async def test_a_hedge_helps_when_the_first_fails_late() -> None:
    late = always(bad.ServerError(503, reply=Reply("x", delay=0.3)))
    async with gateway(late, always(Reply("fine", delay=0.4)), hedge_seconds=0.1) as (gate, _):
        reply = await gate.ask(job(urgent=True), Watch())
        assert reply.answer.text == "fine"


async def test_a_target_at_its_limit_leaves_work_to_the_next() -> None:
    slow = always(Reply("slow", delay=0.3))
    async with gateway(slow, always(Reply("next")), t0={"concurrency": 1}) as (gate, _):
        both = await asyncio.gather(gate.ask(job(), Watch()), gate.ask(job(), Watch()))
        assert sorted(r.answer.text for r in both) == ["next", "slow"]


async def test_the_same_question_is_answered_from_memory_where_the_route_says_so() -> None:
    async with gateway(always(Reply("hi")), cache_seconds=60.0) as (gate, (vendor,)):
        one, two = [await gate.ask(job(), Watch()) for _ in range(2)]
        assert two.facts.cached and two.facts.nanos == 0 and not one.facts.cached and len(vendor.calls) == 1
        await gate.ask(job("something else"), Watch())
        assert len(vendor.calls) == 2


async def test_who_gives_up_cuts_the_vendor_off() -> None:
    async with gateway(always(bad.NoAnswer()), t0={"first_token_seconds": 30.0}) as (gate, (vendor,)):
        asking = asyncio.create_task(gate.ask(job(), Watch()))
        async with asyncio.timeout(5):
            while not vendor.calls:
                await asyncio.sleep(0.01)
        asking.cancel()
        async with asyncio.timeout(5):
            while not vendor.calls[0].cancelled_by_client:
                await asyncio.sleep(0.01)


def test_unknown_names_are_told() -> None:
    with pytest.raises(Rejected, match="which there is not"):
        Gateway(Models(routes=[Route(name="r", targets=["nowhere"])]), HttpUpstream(), SystemClock(), SystemRandom())
    gate = Gateway(Models(), HttpUpstream(), SystemClock(), SystemRandom())
    with pytest.raises(NotFound, match="no model or route"):
        gate.directory.route("x")


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_that_is_no_text_is_gone_round(streamed: bool) -> None:
    """JSON in which a string is no UTF-8: decoders tell this apart from what is no JSON."""
    body = b'{"choices": [{"message": {"role": "assistant", "content": "\xff\xfe"}, "finish_reason": "stop"}]}'

    async def garbled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        writer.write(head + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(garbled, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with gateway(always(Reply("never asked")), always(Reply("fine")), t0={"url": url}) as (gate, (unasked, _)):
            reply = await gate.ask(job(), Watch() if streamed else None)
    assert reply.answer.text == "fine" and reply.facts.attempts[0].outcome == "malformed" and not unasked.calls
