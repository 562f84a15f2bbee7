"""People are told what happens: once, signed, however often the receiver or the teller is away, and without secrets."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from approval_ground import Office, acting, asked, person
from heart_world import World, is_doing, until
from holdfast import Agent, Context, HoldfastError, Runtime
from holdfast.control.notices import forms
from holdfast.testing.webhook import Receiver, receiver

KEY = "a key that nobody guesses"


def notifier(hook: Receiver, **more: Any) -> dict[str, Any]:
    return {"kind": "Notifier", "name": "hook", "url": hook.url, **more}


async def told(hook: Receiver, type: str, number: int = 1) -> list[dict[str, Any]]:
    async def enough() -> list[dict[str, Any]]:
        found = hook.of(type)
        return found if len(found) >= number else []

    return await until(enough, 20)


async def test_a_question_is_told_as_a_signed_cloud_event(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_KEY", KEY)
    office = Office(world, tmp_path)
    async with receiver() as hook, office.runtime() as runtime:
        await runtime.apply(documents=[notifier(hook, secret="env:HOOK_KEY")])
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        [event] = await told(hook, "approval.asked")
        headers, body = hook.requests[0]
        assert headers["content-type"].startswith("application/cloudevents+json")
        assert forms.is_signed(KEY, headers["holdfast-signature"], body, int(time.time()))
        assert not forms.is_signed(KEY, headers["holdfast-signature"], body + b" ", int(time.time()))
        assert not forms.is_signed(KEY, headers["holdfast-signature"], body, int(time.time()) + 3_600)
        assert (event["specversion"], event["subject"]) == ("1.0", "default/cashier/1")
        assert event["data"]["args"] == {"0": "ada", "1": 40, "2": ""}
        assert event["data"]["rules"] == ["money/payments"]
        assert "answer" not in event["data"], "nobody said how people reach this server"
        await asyncio.sleep(0.2)
        assert len(hook.requests) == 1


async def test_links_go_to_those_that_may_answer_and_never_to_who_asked(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    group = {"kind": "Group", "name": "finance", "members": ["person:ann", "person:zoe"]}
    approvers = ["person:ann", "person:bob", "person:zoe"]
    async with receiver() as hook, office.runtime() as runtime:
        await runtime.apply(documents=[group, notifier(hook, link="https://holdfast.example/", approvers=approvers)])
        zoe = acting(runtime, person("zoe", scopes="send"))
        from holdfast.journal.codec import encode

        await zoe.send("cashier/1", "pay", encode((["ada", 40], {})))
        [event] = await told(hook, "approval.asked")
        assert list(event["data"]["answer"]) == ["default/person:ann"]
        assert event["data"]["answer"]["default/person:ann"].startswith("https://holdfast.example/answer/")
        assert event["data"]["page"] == "https://holdfast.example/inbox"


async def test_it_is_tried_until_the_receiver_has_it_and_a_restart_loses_nothing(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    async with receiver() as hook:
        hook.answers = [500]
        async with office.runtime() as runtime:
            await runtime.apply(documents=[notifier(hook)])
            await runtime.send(office.cashier["1"].pay, "ada", 40)
            await until(lambda: _refused(hook))
            assert hook.requests == []
        async with office.runtime() as runtime:  # what it waits for is a row
            [event] = await told(hook, "approval.asked")
            assert event["subject"] == "default/cashier/1"


async def _refused(hook: Receiver) -> bool:
    return not hook.answers


async def test_what_is_refused_for_good_is_a_dead_letter_and_tells_nobody_of_itself(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    async with receiver() as hook, office.runtime() as runtime:
        hook.answers = [410]
        await runtime.apply(documents=[notifier(hook)])
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        [letter] = await until(runtime.dead)
        assert letter.address.startswith("holdfast.notifier/") and "refused" in letter.error
        await runtime.redeliver(id=letter.id)
        await told(hook, "approval.asked")
        assert len(hook.requests) == 1


async def test_failures_kills_and_breakers_are_told_once_by_whoever_hears_of_them(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    faulty = Agent("faulty")

    @faulty.handler
    async def fail(ctx: Context) -> None:
        raise ValueError("no such book")

    async with receiver() as hook, world.runtime(office.cashier, faulty, policies=(str(office.file),)) as runtime:
        await runtime.apply(documents=[notifier(hook)])
        await runtime.send(faulty["1"].fail)
        [dead] = await told(hook, "message.dead")
        assert dead["subject"] == "default/faulty/1" and "no such book" in dead["data"]["error"]
        await runtime.trip_breaker("tool", "wire", reason="complaints", by="ann")
        await runtime.reset_breaker("tool:wire", reason="settled", by="bob")
        [tripped], [reset] = await told(hook, "breaker.tripped"), await told(hook, "breaker.reset")
        assert tripped["data"]["text"] == "tool:wire is switched off (deny) by ann: complaints"
        assert (reset["data"]["by"], reset["data"]["reason"]) == ("bob", "settled")
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        await asked(runtime)
        await runtime.kill(address="cashier/1", why="compromised")
        [killed] = await told(hook, "agent.killed")
        assert killed["data"]["reason"] == "compromised"
        await until(lambda: is_doing(runtime, "cashier/1", "idle"))
        assert sorted(e["type"] for e in hook.events) == sorted(
            f"holdfast.{t}" for t in ("message.dead", "breaker.tripped", "breaker.reset", "approval.asked", "agent.killed")
        )


async def test_a_spent_budget_is_told_once_for_its_window(world: World, tmp_path: Path) -> None:
    from holdfast.models.routes import Models, Price, Target
    from holdfast.testing.models import Reply, Vendor

    mind = Agent("mind", model="m", instructions="Be kind.")
    async with Vendor(lambda call: Reply("hello")) as vendor, receiver() as hook:
        price = Price(input=1_000, output=1_000)
        models = Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m1", price=price, max_output=1_000)])
        async with world.runtime(mind, models=models) as runtime:
            await runtime.apply(documents=[notifier(hook, events=["budget.*"])])
            await runtime.set_budget("small", scope="agent:mind", per="day", usd=0.0001)
            await runtime.send(mind["1"].chat, "hi")
            await runtime.send(mind["2"].chat, "hi")
            [event] = await told(hook, "budget.spent")
            assert event["subject"] == "small" and event["data"]["scope"] == "agent:mind"
            await asyncio.sleep(0.3)
            assert len(hook.requests) == 1


async def test_a_tenants_receiver_hears_of_its_own_only(world: World, tmp_path: Path) -> None:
    from holdfast.journal.codec import encode

    office = Office(world, tmp_path)
    async with receiver() as all_of_it, receiver() as acme, office.runtime() as runtime:
        await runtime.apply(documents=[notifier(all_of_it), {**notifier(acme), "name": "acme", "tenant": "acme"}])
        await runtime.operations.send("acme/cashier/1", "pay", encode((["ada", 1], {})))
        await runtime.send(office.cashier["1"].pay, "ada", 2)
        await told(all_of_it, "approval.asked", 2)
        assert [e["subject"] for e in await told(acme, "approval.asked")] == ["acme/cashier/1"]
        assert len(acme.requests) == 1


async def test_no_secret_is_in_what_is_told_and_none_in_the_journal(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(world, tmp_path)
    async with receiver("/hooks/T0KEN-of-the-chat") as hook:
        monkeypatch.setenv("HOOK_KEY", KEY)
        monkeypatch.setenv("HOOK_URL", hook.url)
        async with office.runtime() as runtime:
            await runtime.apply(documents=[notifier(hook, secret="env:HOOK_KEY") | {"url": "env:HOOK_URL"}])
            await runtime.engine.secrets.revealed("env:HOOK_KEY")
            await runtime.send(office.cashier["1"].pay, "ada", 40, f"the key is {KEY}")
            [event] = await told(hook, "approval.asked")
            assert event["data"]["args"]["2"] == "the key is [env:HOOK_KEY]"
            kept = b"".join([row.body for row in await runtime.store.history(0, 1_000)])
            assert b"T0KEN" not in kept


REFUSED = [
    ({"url": "ftp://x"}, "url is"),
    ({"secret": "word"}, "never the key itself"),
    ({"events": ["approval.*", "weather"]}, "no event is called"),
    ({"approvers": ["person:ann"]}, "need link"),
    ({"link": "https://x", "approvers": ["desk/1"]}, "nobody who could answer"),
    ({"link": "https://x", "approvers": ["acme/person:eve"], "tenant": "default"}, "of the same tenant"),
    ({"link": "nowhere"}, "how people reach"),
    ({"link": "https://x", "people": {"U1": "person:ann"}}, "signing_secret"),
    ({"attempts": 0}, "attempts between"),
]


@pytest.mark.parametrize(("wrong", "why"), REFUSED)
async def test_a_notifier_that_makes_no_sense_is_refused(tmp_path: Path, wrong: dict[str, Any], why: str) -> None:
    async with Runtime([Agent("x")], "memory://") as runtime:
        with pytest.raises(HoldfastError, match=why):
            await runtime.apply(documents=[{"kind": "Notifier", "name": "hook", "url": "https://x/hook", **wrong}])


TRIPS = """
import asyncio, os, sys
from holdfast import Agent, Context, Runtime

async def main(url):
    async with Runtime([Agent("other")], url, name="tripping") as runtime:
        await runtime.trip_breaker("system", reason="fire", by="ann")
        print("tripped", flush=True)
        os.kill(os.getpid(), 9)

asyncio.run(main(sys.argv[1]))
"""


async def test_a_breaker_is_told_by_another_worker_within_a_second_though_its_own_died(postgres_url: str) -> None:
    url = f"{postgres_url}?schema=notices_two"
    async with receiver() as hook, Runtime([Agent("any")], url, name="here") as runtime:
        await runtime.apply(documents=[notifier(hook, events=["breaker.tripped"])])
        process = await asyncio.to_thread(
            subprocess.Popen, [sys.executable, "-c", TRIPS, url], stdout=subprocess.PIPE, env=os.environ
        )
        assert process.stdout is not None
        try:
            assert await asyncio.to_thread(process.stdout.readline) == b"tripped\n"
            began = time.monotonic()
            [event] = await told(hook, "breaker.tripped")
            assert time.monotonic() - began < 1.0
        finally:
            process.stdout.close()
            process.kill()
            assert await asyncio.to_thread(process.wait) == -signal.SIGKILL
        assert event["subject"] == "system" and event["data"]["by"] == "ann" and event["data"]["reason"] == "fire"
        assert runtime.guarding is not None and runtime.guarding.breakers.stopping
