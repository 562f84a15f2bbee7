"""Briefs: what is told is what happened, to whom it may be told, in time; and read by each for themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import holdfast
from holdfast import Agent, Context, Rejected
from holdfast.control import gathering
from holdfast.control.briefing import BriefView
from holdfast.control.gathering import Gathering
from holdfast.control.operations import Operations
from holdfast.domain.principal import OWNER, Principal
from holdfast.insight.briefs import Recent
from holdfast.insight.fleet import Fleet
from holdfast.insight.indexing import Indexing
from holdfast.insight.words import terms_of
from holdfast.journal.codec import decode_entry

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


async def test_entries_are_found_with_an_index_and_without_and_within_a_bound(runtime: holdfast.Runtime) -> None:
    for n in range(6):
        await runtime.send(teller[f"t{n}"].work, f"no {n}")
    operations, store, clock = runtime.operations, runtime.store, runtime.engine.worker.clock
    await until(operations, "unusual", "failed 6 times")
    failed = [terms_of("", failed=True, verb="run")]
    whole = await Recent(store, clock, None).look(failed, 1, 100)
    ids = [seen.row.id for seen in whole.of[0]]
    assert len(ids) == 6 and ids == sorted(ids, reverse=True) and not whole.cut and not whole.read_from
    few = await Recent(store, clock, None).look(failed, 1, 4)
    assert [seen.row.id for seen in few.of[0]] == ids[:4] and few.cut == {0}
    bounded = await Recent(store, clock, None, most=await store.newest() - ids[2]).look(failed, 1, 100)
    assert [seen.row.id for seen in bounded.of[0]] == ids[:2] and bounded.read_from
    later = whole.of[0][0].entry.at + 1
    assert (await Recent(store, clock, None).look(failed, later, 100)).of == [[]]
    third = whole.of[0][2]
    begin = await Recent(store, clock, None).begin(third.entry.at)
    assert begin < third.row.id and all(
        entry.at < third.entry.at for entry in [decode_entry(row.body) for row in await store.history(0, begin)][:begin]
    )
    indexing = Indexing(store)
    while (await store.indexed())[0] < await store.newest():
        await indexing.go_on()
    indexed = await Recent(store, clock, None, most=1).look(failed, 1, 100)
    assert [seen.row.id for seen in indexed.of[0]] == ids and not indexed.read_from
    part = await Recent(store, clock, None).look(failed, third.entry.at, 100)
    assert [s.row.id for s in part.of[0]] == [s.row.id for s in whole.of[0] if s.entry.at >= third.entry.at]


async def test_a_brief_that_runs_out_of_time_says_what_is_missing(runtime: holdfast.Runtime) -> None:
    await runtime.send(teller["1"].wonder, "Ship it?")
    await until(runtime.operations, "needs-you", "Ship it?")
    worker, never = runtime.engine.worker, asyncio.Event()

    async def no_fleet() -> Fleet:
        await never.wait()
        raise AssertionError

    async def no_errors(members: Any) -> dict[str, str]:
        return {}

    recent = Recent(runtime.store, worker.clock, None)
    slow = Gathering(runtime.store, worker, OWNER, no_fleet, no_errors, recent, seconds=0.3)
    async with asyncio.timeout(10):
        facts, cut = await slow.facts(1, await runtime.operations.now())
    assert facts[0].kind == "needs-you" and "Ship it?" in facts[0].text, "what needs somebody comes first"
    assert "agents that stand still: not all was looked at, 0.3 s were over" in cut


async def test_of_many_questions_some_are_told_and_all_are_counted(
    runtime: holdfast.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_QUESTIONS", 10)
    for n in range(15):
        await runtime.send(teller[f"k{n:02}"].wonder, f"number {n}?")
    view = await until(runtime.operations, "needs-you", "There are 7 more questions.")
    assert sum("asks “number" in text for text in told(view, "needs-you")) == 8
    assert view.cut == ["questions: the oldest of 10 out of more, the first by their agents' names"]
