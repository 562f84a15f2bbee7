"""A message's arguments look the same to a rule when it is sent, when the agent looks back, and in a dry run."""

from __future__ import annotations

import pytest

from heart_world import World
from holdfast import Agent, Context, Rejected
from holdfast.domain.address import Address
from holdfast.domain.intent import ALLOW, Decision, Intent, Verdict
from holdfast.gate import Gate
from holdfast.gate.past import History
from holdfast.gate.rules.record import acts
from holdfast.journal.codec import decode_entry
from holdfast.turn.definition import Target

MESSAGES = ("call", "send", "publish")


class Watching(Gate):
    """Notes what it is shown, and refuses what a rule on an argument's name would."""

    def __init__(self) -> None:
        self.seen: list[Intent] = []

    def attends(self, agent: str, to: str) -> bool:
        return True

    def looks_back(self, verb: str, name: str) -> bool:
        return True

    def review(self, intent: Intent) -> Decision:
        self.seen.append(intent)
        if intent.verb == "call" and intent.arguments.get("amount") == 500:
            return Decision(Verdict.DENY, ("too much",), ("cap",))
        return ALLOW


def bank_and_teller() -> tuple[Agent, Agent]:
    bank, teller = Agent("bank"), Agent("teller")

    @bank.handler
    async def pay(ctx: Context, amount: int, to: str = "ada") -> int:
        return amount

    @teller.handler
    async def work(ctx: Context) -> list[int]:
        elsewhere = Target[[int], int](Address("default/bank/elsewhere"), "pay")
        paid = [
            await ctx.call(pay["1"], 1),
            await ctx.call(pay["1"], amount=2, to="bob"),
            await ctx.call(pay["1"], 3, to="bob"),
            await ctx.call(elsewhere, 4),
        ]
        await ctx.send(pay["1"], amount=5)
        await ctx.send(bank["1"].event("rained"), {"amount": 6})
        await ctx.publish("payments", 7)
        return paid

    @teller.handler
    async def splurge(ctx: Context) -> int:
        return await ctx.call(pay["1"], amount=500)

    return bank, teller


SHOWN = [
    {"amount": 1},
    {"amount": 2, "to": "bob"},
    {"amount": 3, "to": "bob"},
    {"0": 4},
    {"amount": 5},
    {"0": {"amount": 6}},
    {"0": 7},
]


async def test_arguments_of_messages_are_shown_by_name_now_later_and_in_a_dry_run(world: World) -> None:
    bank, teller = bank_and_teller()
    gate = Watching()
    async with world.runtime(bank, teller, gate=gate) as runtime:
        assert await runtime.call(teller["1"].work) == [1, 2, 3, 4]
        live = [dict(i.arguments) for i in gate.seen if i.verb in MESSAGES and i.agent.endswith("teller/1")]
        rows = await runtime.engine.store.entries("default/teller/1", 0, 1_000)
        entries = [(row.turn, decode_entry(row.body)) for row in rows]
    assert live == SHOWN
    assert [dict(d.arguments) for d in History.read(entries, whole=True) if d.verb in MESSAGES] == SHOWN
    recorded = [act.intent for act in acts("default/teller/1", entries) if act.intent.verb in MESSAGES]
    assert [dict(i.arguments) for i in recorded] == SHOWN


async def test_a_rule_on_an_arguments_name_sees_keywords(world: World) -> None:
    bank, teller = bank_and_teller()
    async with world.runtime(bank, teller, gate=Watching()) as runtime:
        with pytest.raises(Rejected, match="too much"):
            await runtime.call(teller["1"].splurge)


async def test_the_journal_says_on_whose_behalf_a_turn_acts(world: World) -> None:
    bank, teller = bank_and_teller()
    async with world.runtime(bank, teller) as runtime:
        await runtime.call(teller["1"].work)
        entries = await runtime.journal("bank/1")
        rows = await runtime.engine.store.entries("default/bank/1", 0, 1_000)
    began = next(e for e in entries if e.handler == "pay")
    assert began.sender == "default/teller/1"
    assert "default/teller/1" in began.chain
    intents = [act.intent for act in acts("default/bank/1", [(row.turn, decode_entry(row.body)) for row in rows])]
    assert all(intent.chain == began.chain for intent in intents)


async def test_whoever_delegated_is_found_among_those_behind_a_deed(world: World) -> None:
    bank, teller = Agent("bank"), Agent("teller")
    boss = Agent("boss")

    @bank.handler
    async def pay(ctx: Context, amount: int) -> int:
        return await ctx.run(abs, amount, name="transfer")

    @teller.handler
    async def work(ctx: Context) -> int:
        return await ctx.call(pay["1"], 1)

    @boss.handler
    async def order(ctx: Context) -> int:
        return await ctx.call(work["1"])

    async with world.runtime(bank, teller, boss) as runtime:
        await runtime.call(order["1"])
        [deed] = (await runtime.operations.audit_query(by="boss/1", name="transfer")).deeds
        assert deed.by == "default/teller/1"
        assert deed.chain == ["default/boss/1", "default/teller/1"]
        assert (await runtime.operations.audit_query(by="nobody", name="transfer")).deeds == []
