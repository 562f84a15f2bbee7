"""Briefs: what is told is what happened, to whom it may be told, in time; and read by each for themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import holdfast
from holdfast import Agent, Context, Rejected
from holdfast.control.briefing import BriefView
from holdfast.control.operations import Operations
from holdfast.domain.principal import Principal

teller = Agent("teller")


@teller.handler
async def wonder(ctx: Context, question: str) -> str:
    return await ctx.ask(question, choices=["yes", "no"])


@teller.handler
async def work(ctx: Context, fail: str = "") -> str:
    async def step() -> str:
        if fail:
            raise ValueError(fail)
        return "done"

    return await ctx.run(step, name="pay")


def person(name: str, tenant: str = "default", *scopes: str) -> Principal:
    """Somebody with these scopes, or all."""
    return Principal("person", name, tenant, frozenset(scopes or ("*",)))


@pytest.fixture
async def runtime() -> AsyncIterator[holdfast.Runtime]:
    async with holdfast.Runtime([teller], "memory://") as made:
        yield made


async def until(operations: Operations, kind: str, words: str, **given: Any) -> BriefView:
    """The brief once it says these words."""
    async with asyncio.timeout(20):
        while True:
            view = await operations.brief(**given)
            if any(s.kind == kind and words in s.text for s in view.sentences):
                return view
            await asyncio.sleep(0.02)


def told(view: BriefView, kind: str) -> list[str]:
    """What it says of a kind."""
    return [s.text for s in view.sentences if s.kind == kind]


async def test_nothing_happened(runtime: holdfast.Runtime) -> None:
    view = await runtime.operations.brief(since=await runtime.operations.now())
    assert (view.sentences, view.cut, view.written) == ([], [], "rules")


async def test_each_sentence_leads_to_what_it_is_about(runtime: holdfast.Runtime) -> None:
    operations = runtime.operations
    await runtime.send(teller["1"].wonder, "Ship it?")
    await runtime.send(teller["2"].work, "the bank said “no”")
    await until(operations, "needs-you", "teller/2 has 1 message")
    view = await until(operations, "needs-you", "teller/1 asks “Ship it?”")
    [asks] = [s for s in view.sentences if "Ship it?" in s.text]
    assert (asks.links[0].what, asks.links[0].id) == ("question", (await operations.asks())[0].id)
    assert asks.strangers and asks.by == "rules"
    [failed] = [s for s in view.sentences if s.kind == "unusual" and "run pay" in s.text]
    assert '“the bank said "no"”' in failed.text
    link = failed.links[0]
    [entry] = await operations.journal(link.agent, after=link.seq - 1, limit=1)
    assert (link.what, entry.verb, entry.name) == ("entry", "run", "pay") and "the bank" in entry.error

    await operations.answer(asks.links[0].id, "yes")
    view = await until(operations, "decided", "answered “yes” to teller/1, which asked “Ship it?”")
    assert not any("Ship it?" in text for text in told(view, "needs-you"))
    await until(operations, "changed", "1 agent finished something, teller/1 last.")


async def test_what_was_declared_is_told_with_author_and_reason(runtime: holdfast.Runtime) -> None:
    ada = runtime.operations.acting_for(person("ada"))
    await ada.trip_breaker("agent", "teller/9", reason="it spends too much")
    document = {"kind": "Group", "metadata": {"name": "payers"}, "spec": {"members": ["person:ada"]}}
    await ada.apply([document], reason="who pays")
    view = await ada.brief()
    assert any(t.startswith("ada switched agent:default/teller/9 off: “it spends") for t in told(view, "decided"))
    [declared] = [s for s in view.sentences if s.kind == "changed" and "payers" in s.text]
    assert declared.text == "ada declared Group payers: “who pays”."
    assert (declared.links[0].kind, declared.links[0].name, declared.links[0].version) == ("Group", "payers", 1)


async def test_everybody_reads_for_themselves(runtime: holdfast.Runtime) -> None:
    ada, ben = (runtime.operations.acting_for(person(name)) for name in ("ada", "ben"))
    await ada.trip_breaker("agent", "teller/9", reason="halt")
    view = await ada.brief()
    assert view.read == 0 and told(view, "decided")
    assert (await ada.read_brief(view.until + 1)).count == view.until + 1
    after = await ada.brief()
    assert (after.since, after.read, told(after, "decided")) == (view.until + 1, view.until + 1, [])
    assert told(await ben.brief(), "decided") and (await ben.brief()).read == 0
    assert (await ada.read_brief(5)).count == view.until + 1, "reading is not taken back"
    mine = runtime.operations
    await mine.read_brief()
    assert (await mine.brief()).read > 0 and (await ben.brief()).read == 0


async def test_nobody_is_told_of_another_tenant(runtime: holdfast.Runtime) -> None:
    await runtime.send(teller["1"].wonder, "Ship it?")
    await until(runtime.operations, "needs-you", "Ship it?")
    other = runtime.operations.acting_for(person("eve", "acme"))
    view = await other.brief()
    assert not any("teller/1" in s.text or "Ship" in s.text for s in view.sentences)
    with pytest.raises(Rejected, match="read"):
        await runtime.operations.acting_for(person("bot", "default", "models")).write_brief()
