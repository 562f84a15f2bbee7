"""What lifts a label: a person, a verified lookup, a rule; nothing else does, and the journal says who. Labels stay with
what is remembered and what is sent, on both stores and over restarts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from holdfast import Agent, Context, Runtime
from holdfast.domain.intent import Declared
from holdfast.turn.run import Options, run

IBAN = "DE02 1203 0000 0000 2020 51"
PAY = Declared(effects=True, roles={"0": "destination"})


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return f"{request.getfixturevalue('postgres_url')}?schema=lifting_{abs(hash(tmp_path))}"


class World:
    """A clerk who reads a stranger's invoice, and a bank; what was paid."""

    def __init__(self, url: str, tmp_path: Path) -> None:
        self.url = url
        self.place = tmp_path / "policy.json"
        self.paid: list[str] = []
        self.clerk = clerk = Agent("clerk")
        self.bank = bank = Agent("bank")

        async def wire(iban: str) -> str:
            self.paid.append(iban)
            return f"paid {len(self.paid)}"

        async def invoice() -> dict[str, str]:
            return {"from": "Acme", "iban": IBAN}

        async def supplier(name: str) -> dict[str, str]:
            return {"name": name, "iban": IBAN}

        async def transfer(ctx: Context, iban: str) -> str:
            return await run(ctx.turn, wire, (iban,), Options("wire", declared=PAY))

        @clerk.handler
        async def pay(ctx: Context, lookup: str = "", twice: bool = False, wait: bool = False) -> str:
            found = await ctx.run(invoice, labels=["tool:mail", "untrusted"])
            if lookup:
                await ctx.run(supplier, lookup, labels=["tool:suppliers"])
            said = await transfer(ctx, found["iban"])
            if wait:
                await ctx.wait("go")
            return await transfer(ctx, found["iban"]) if twice else said

        @clerk.handler
        async def note(ctx: Context, trusted: bool) -> None:
            labels = ["tool:suppliers"] if trusted else ["tool:mail", "untrusted"]
            await ctx.state.set("iban", (await ctx.run(invoice, labels=labels))["iban"])

        @clerk.handler
        async def pay_noted(ctx: Context) -> str:
            await ctx.run(invoice, labels=["tool:mail2", "untrusted"], name="other")
            return await transfer(ctx, await ctx.state.get("iban"))

        @clerk.handler
        async def tell(ctx: Context) -> None:
            found = await ctx.run(invoice, labels=["tool:mail", "untrusted"])
            await ctx.send(bank["1"].take, found["iban"])

        @bank.handler
        async def take(ctx: Context, iban: str) -> str:
            return await transfer(ctx, iban)

    def runtime(self, *rules: dict[str, Any]) -> Runtime:
        self.place.write_text(json.dumps({"kind": "Policy", "name": "p", "spec": {"rules": list(rules)}}))
        return Runtime([self.clerk, self.bank], self.url, policies=[str(self.place)])


async def asked(runtime: Runtime) -> Any:
    async with asyncio.timeout(30):
        while not (found := await runtime.approvals()):
            await asyncio.sleep(0.01)
        return found[0]


async def ended(runtime: Runtime, agent: str) -> Any:
    async with asyncio.timeout(30):
        while not (ends := [e for e in await runtime.journal(agent) if e.verb == "end"]):
            await asyncio.sleep(0.01)
        return ends[-1]


async def decisions(runtime: Runtime, agent: str) -> list[Any]:
    return [e.decision for e in await runtime.journal(agent) if e.name == "wire" and e.kind == "step"]


TRACK = {"name": "track", "does": "run wire", "when": "unendorsed.size() > 5", "then": "deny"}
"""Looks at provenance, so that turns of plain handlers keep what they read."""


async def test_a_person_lifts_it_for_that_value_and_the_journal_says_who(url: str, tmp_path: Path) -> None:
    world = World(url, tmp_path)
    async with world.runtime(TRACK) as runtime:
        await runtime.send(world.clerk["1"].pay, "", True, True)
        question = await asked(runtime)
        assert question.approval.rules == ["destinations"] and world.paid == []
        await runtime.approve(question.id, by="anna")
        async with asyncio.timeout(30):
            while not world.paid:
                await asyncio.sleep(0.01)
    async with world.runtime(TRACK) as runtime:  # what was approved before the restart is still vouched for
        await runtime.signal("clerk/1", "go")
        assert (await ended(runtime, "clerk/1")).value == "paid 2"
        first, second = await decisions(runtime, "clerk/1")
    assert first["by"] == ["anna"] and second["vouched"] == {"0": "person:anna"}


async def test_a_verified_lookup_lifts_it(url: str, tmp_path: Path) -> None:
    world = World(url, tmp_path)
    async with world.runtime(TRACK) as runtime:
        await runtime.call(world.clerk["1"].pay, "Acme")
        [decision] = await decisions(runtime, "clerk/1")
    assert world.paid == [IBAN] and decision["vouched"] == {"0": "tool:suppliers"}


async def test_a_rule_lifts_it_where_its_condition_holds(url: str, tmp_path: Path) -> None:
    world = World(url, tmp_path)
    rule = {"name": "german", "does": "run wire", "when": "args['0'].startsWith('DE')", "then": "allow", "endorse": "0"}
    async with world.runtime(TRACK, rule) as runtime:
        await runtime.call(world.clerk["1"].pay)
        [decision] = await decisions(runtime, "clerk/1")
    assert world.paid == [IBAN]
    assert decision["vouched"] == {"0": "policy:p/german"} and decision["rules"] == ["p/german"]
    rule["when"] = "args['0'].startsWith('FR')"
    async with world.runtime(TRACK, rule) as runtime:
        await runtime.send(world.clerk["2"].pay)
        assert (await asked(runtime)).approval.rules == ["destinations"]
    assert world.paid == [IBAN]


async def test_an_allowing_rule_alone_lifts_nothing(url: str, tmp_path: Path) -> None:
    world = World(url, tmp_path)
    async with world.runtime(TRACK, {"name": "fine", "does": "run wire", "then": "allow"}) as runtime:
        await runtime.send(world.clerk["1"].pay)
        assert "destinations" in (await asked(runtime)).approval.rules
    assert world.paid == []


@pytest.mark.parametrize("trusted", [True, False])
async def test_what_is_remembered_keeps_its_labels(url: str, tmp_path: Path, trusted: bool) -> None:
    world = World(url, tmp_path)
    async with world.runtime(TRACK) as runtime:
        await runtime.call(world.clerk["1"].note, trusted)
    async with world.runtime(TRACK) as runtime:
        await runtime.send(world.clerk["1"].pay_noted)
        if trusted:
            await ended(runtime, "clerk/1")
            async with asyncio.timeout(30):
                while not (found := await decisions(runtime, "clerk/1")):
                    await asyncio.sleep(0.01)
            assert "0" in found[0]["vouched"] and world.paid == [IBAN]
        else:
            question = await asked(runtime)
            assert {"tool:mail", "untrusted"} <= set(question.approval.labels) and world.paid == []


async def test_what_is_sent_keeps_its_labels_over_a_restart(url: str, tmp_path: Path) -> None:
    world = World(url, tmp_path)
    async with world.runtime(TRACK) as runtime:
        await runtime.call(world.clerk["1"].tell)
        await asked(runtime)
    async with world.runtime(TRACK) as runtime:
        question = await asked(runtime)
        assert question.approval.agent == "bank/1" and world.paid == []
        assert {"agent:default/clerk/1", "tool:mail", "untrusted"} <= set(question.approval.labels)
        await runtime.approve(question.id, by="anna")
        end = await ended(runtime, "bank/1")
        assert world.paid == [IBAN] and "untrusted" in end.labels


async def test_endorse_belongs_to_a_rule_that_allows(tmp_path: Path) -> None:
    world = World("memory://", tmp_path)
    with pytest.raises(Exception, match="endorse"):
        async with world.runtime({"name": "no", "does": "run wire", "then": "ask", "endorse": "0"}):
            pass
