"""Rules change what is sent, called, published, kept and taken in: what is changed is what arrives, and all that is kept."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from heart_world import World, until
from holdfast import Agent, Context, HoldfastError, Rejected, Runtime
from holdfast.domain.principal import Principal

CARD = "1234567812345678"
HIDDEN = "card [redacted]"


FIVE = {"does": "send tell", "transform": {"cap": {"order.amount": 5}}}


class Order(msgspec.Struct):
    item: str
    amount: int
    note: str = ""


class Shop:
    """A seller that sends, calls, publishes and keeps; a desk that hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.seller, self.desk = seller, desk = Agent("seller"), Agent("desk")

        @desk.handler
        async def tell(ctx: Context, customer: str, order: Order, note: str = "") -> str:
            self.heard.append((customer, order, note))
            return f"{order.amount} {note}"

        @desk.handler
        async def listen(ctx: Context) -> None:
            await ctx.subscribe("orders.*", "hear")

        @desk.handler
        async def hear(ctx: Context, *args: Any) -> None:
            self.heard.append(args)

        @desk.handler
        async def waits(ctx: Context) -> Any:
            return await ctx.wait("paid")

        @seller.handler
        async def send(ctx: Context, amount: int) -> None:
            await ctx.send(tell["1"], "ada", Order("tea", amount, f"card {CARD}"), note=f"card {CARD}")

        @seller.handler
        async def call(ctx: Context, amount: int) -> str:
            return await ctx.call(tell["1"], "ada", Order("tea", amount), f"card {CARD}")

        @seller.handler
        async def publish(ctx: Context) -> None:
            await ctx.publish("orders.new", "ada", {"note": f"card {CARD}"})

        @seller.handler
        async def signal(ctx: Context) -> None:
            await ctx.send(desk["w"].event("paid"), {"note": f"card {CARD}"})

        @seller.handler
        async def keep(ctx: Context) -> list[str]:
            await ctx.state.set("note", f"card {CARD}")
            first = await ctx.state.get("note")
            await ctx.sleep(0.01)
            return [first, await ctx.state.get("note")]

        self.send, self.call, self.publish, self.signal, self.keep = send, call, publish, signal, keep
        self.listen, self.waits, self.tell = listen, waits, tell


def ruled(tmp_path: Path, *rules: dict[str, Any]) -> dict[str, Any]:
    given = [{"name": f"r{n}", "then": "transform", **rule} for n, rule in enumerate(rules)]
    (tmp_path / "p.json").write_text(json.dumps({"kind": "Policy", "name": "p", "spec": {"rules": given}}))
    return {"policies": (str(tmp_path / "p.json"),)}


def redact(does: str, *where: str) -> dict[str, Any]:
    return {"does": does, "transform": {"redact": dict.fromkeys(where, r"\d{16}")}}


async def kept(runtime: Runtime) -> str:
    """All that the store has, as text."""
    found = [await runtime.journal(agent.address) for agent in await runtime.agents()]
    return repr(found)


async def test_what_is_sent_is_what_a_rule_made_of_it(world: World, tmp_path: Path) -> None:
    shop = Shop()
    rules = ruled(tmp_path, redact("send tell", "order.note", "note"), FIVE)
    async with world.runtime(shop.seller, shop.desk, **rules) as runtime:
        await runtime.call(shop.send["1"], 9)
        await until(lambda: _heard(shop, 1))
        assert shop.heard == [("ada", Order("tea", 5, HIDDEN), HIDDEN)]
        (sent,) = [e for e in await runtime.journal("seller/1") if e.verb == "send"]
        assert sent.decision["verdict"] == "transform" and sent.decision["rules"] == ["p/r0", "p/r1"]
        assert sent.decision["before"]["note"] == "card [withheld]"
        assert CARD not in await kept(runtime)
        why = await runtime.operations.why("seller/1")
        assert (why.verdict, why.changed["note"]) == ("transform", HIDDEN)
        assert why.args["order"] == {"item": "tea", "amount": 5, "note": HIDDEN}
        looked = await runtime.operations.dry_run_policy((tmp_path / "p.json").read_text())
        assert looked.outcomes["transform"] == 1


async def test_what_is_called_is_changed_and_its_answer_is_for_that(world: World, tmp_path: Path) -> None:
    shop = Shop()
    rules = ruled(tmp_path, redact("call tell", "note"), {"does": "call", "transform": {"cap": {"order.amount": 5}}})
    async with world.runtime(shop.seller, shop.desk, **rules) as runtime:
        assert await runtime.call(shop.call["1"], 9) == f"5 {HIDDEN}"
        assert CARD not in await kept(runtime)


async def test_an_argument_that_is_left_out_has_its_default(world: World, tmp_path: Path) -> None:
    shop = Shop()
    rules = ruled(tmp_path, {"does": "call tell", "transform": {"drop": ["note"]}})
    async with world.runtime(shop.seller, shop.desk, **rules) as runtime:
        assert await runtime.call(shop.call["1"], 9) == "9 "


async def test_what_is_published_and_what_is_signalled_is_changed(world: World, tmp_path: Path) -> None:
    shop = Shop()
    rules = ruled(tmp_path, redact("publish orders.*", "1"), redact("send paid", "0"))
    async with world.runtime(shop.seller, shop.desk, **rules) as runtime:
        await runtime.call(shop.listen["1"])
        await runtime.call(shop.publish["1"])
        await until(lambda: _heard(shop, 1))
        assert shop.heard == [("ada", {"note": HIDDEN})]
        waiting = asyncio.create_task(runtime.call(shop.waits["w"]))
        await runtime.call(shop.signal["1"])
        assert await waiting == {"note": HIDDEN}
        assert CARD not in await kept(runtime)


async def test_what_is_kept_is_changed_and_a_replay_reads_the_same(world: World, tmp_path: Path) -> None:
    shop = Shop()
    rules = ruled(tmp_path, redact("set note", "0"))
    async with world.runtime(shop.seller, shop.desk, **rules) as runtime:
        assert await runtime.call(shop.keep["1"]) == [HIDDEN, HIDDEN]
        assert CARD not in await kept(runtime)


async def test_what_comes_in_is_changed_before_anything_of_it_is_kept(world: World, tmp_path: Path) -> None:
    shop = Shop()
    rules = ruled(tmp_path, redact("accept tell", "note", "order.note"), redact("accept paid", "0"))
    async with world.runtime(shop.seller, shop.desk, **rules) as runtime:
        assert await runtime.call(shop.tell["1"], "ada", Order("tea", 1, f"card {CARD}"), f"card {CARD}") == f"1 {HIDDEN}"
        assert shop.heard == [("ada", Order("tea", 1, HIDDEN), HIDDEN)]
        waiting = asyncio.create_task(runtime.call(shop.waits["w"]))
        await runtime.signal("desk/w", "paid", f"card {CARD}")
        assert await waiting == HIDDEN


@pytest.mark.parametrize("verb", ["send", "call", "accept"])
async def test_what_the_receiver_does_not_take_any_more_is_refused_before_it_is_sent(
    world: World, tmp_path: Path, verb: str
) -> None:
    shop = Shop()
    rules = ruled(tmp_path, {"does": f"{verb} tell", "transform": {"set": {"order": "'gone'"}}})
    async with world.runtime(shop.seller, shop.desk, **rules) as runtime:
        with pytest.raises(Rejected, match="do not fit") as refused:
            if verb == "accept":
                await runtime.call(shop.tell["1"], "ada", Order("tea", 1))
            else:
                target: Any = (shop.send if verb == "send" else shop.call)["1"]
                await runtime.call(target, 9)
        assert refused.value.code == "gate.unfit"
        assert not shop.heard
        if verb != "accept":
            (entry,) = [e for e in await runtime.journal("seller/1") if e.verb == verb]
            assert entry.error is not None and "do not fit" in entry.error


async def test_a_change_that_cannot_be_made_denies(world: World, tmp_path: Path) -> None:
    shop = Shop()
    rules = ruled(tmp_path, {"does": "send", "transform": {"cap": {"customer": 5}}})
    async with world.runtime(shop.seller, shop.desk, **rules) as runtime:
        with pytest.raises(HoldfastError) as refused:
            await runtime.call(shop.send["1"], 9)
        assert refused.value.code == "gate.error" and not shop.heard


async def test_who_approves_sees_the_change_and_what_was_approved_is_sent(world: World, tmp_path: Path) -> None:
    shop = Shop()
    asking = {"does": "send tell", "then": "ask", "reason": "look at it", "approval": {"to": ["desk"]}}
    rules = ruled(
        tmp_path,
        asking,
        redact("send tell", "note", "order.note"),
        FIVE,
    )
    boss = Principal("person", "boss", "default", frozenset(("read", "approve")), ("desk",))
    async with world.runtime(shop.seller, shop.desk, **rules) as runtime:
        await runtime.send(shop.send["1"], 9)
        (question,) = await until(runtime.approvals)
        approval = question.approval
        assert approval.named["order"]["amount"] == 5 and approval.named_before["order"]["amount"] == 9
        assert (approval.named["note"], approval.named_before["note"]) == (HIDDEN, "card [withheld]")
        assert CARD not in repr(question), "nobody is shown what is blacked out"
        await runtime.operations.acting_for(boss).approve(question.id)
        await until(lambda: _heard(shop, 1))
    assert shop.heard == [("ada", Order("tea", 5, HIDDEN), HIDDEN)]


async def _heard(shop: Shop, many: int) -> bool:
    return len(shop.heard) >= many
