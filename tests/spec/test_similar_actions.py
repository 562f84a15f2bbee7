"""Similar actions are let through beforehand: within bounds, counted among all workers, by whoever could have answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from approval_ground import Office, acting, asked, person
from heart_world import World, is_doing, until
from holdfast import NotFound, Rejected
from holdfast.control.similar import Similar
from holdfast.journal.codec import encode
from holdfast.ports.resources import Change

ANN = person("ann", "finance")
SMALL = Similar(at_most={"1": 50}, any=["2"], uses=2)


async def test_a_similar_action_within_the_bounds_is_not_asked_about_and_says_by_whom(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    async with office.runtime() as runtime:
        first = asyncio.ensure_future(runtime.call(office.cashier["1"].pay, "ada", 40, "books"))
        question = (await asked(runtime))[0]
        done = await acting(runtime, ANN).approve(question.id, similar=SMALL, why="small ones are fine")
        assert await first == "paid 40"
        [granted] = await runtime.grants()
        assert granted.name in done.note
        assert (granted.by, granted.reason) == (["default/person:ann"], "small ones are fine")
        assert (granted.equal, granted.at_most, granted.any, granted.uses) == ({"0": "ada"}, {"1": 50}, ["2"], 2)
        assert granted.approval == "default/cashier/1#1.1" and granted.rules == ["money/payments"]

        assert await runtime.call(office.cashier["1"].pay, "ada", 50, "pens") == "paid 50"
        why = await runtime.why("cashier/1")
        assert why.verdict == "allow"
        assert why.rules == ["money/payments", f"grant:{granted.name}"]
        assert why.reasons[-1] == f"allowed by grant {granted.name} of default/person:ann"
        used = await runtime.grant(granted.name)
        assert (used.used, used.found[0].args, used.found[0].then) == (1, {"0": "ada", "1": 50, "2": "pens"}, "granted")
    assert office.paid == [("ada", 40, "books"), ("ada", 50, "pens")]


@pytest.mark.parametrize(("to", "cents"), [("eve", 40), ("ada", 51), ("ada", -1)])
async def test_whatever_lies_beyond_them_is_asked_about_as_before(world: World, tmp_path: Path, to: str, cents: int) -> None:
    office = Office(world, tmp_path)
    async with office.runtime() as runtime:
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        await acting(runtime, ANN).approve((await asked(runtime))[0].id, similar=SMALL)
        await until(lambda: is_doing(runtime, "cashier/1", "idle"))
        await runtime.send(office.cashier["1"].pay, to, cents)
        await until(lambda: is_doing(runtime, "cashier/1", "waiting for person"))
        await runtime.send(office.cashier["2"].pay, "ada", 40)  # another agent
        await asked(runtime, 2)
    assert office.paid == [("ada", 40, "")]


async def test_uses_and_amounts_are_counted_among_all_workers(postgres_url: str, tmp_path: Path) -> None:
    world = World(f"{postgres_url}?schema=grants_two")
    office = Office(world, tmp_path)
    async with office.runtime(name="one") as one, office.runtime(name="two") as two:
        await one.send(office.cashier["0"].pay, "ada", 10)
        many = Similar(agents="cashier/*", total={"1": 100})
        await acting(one, ANN).approve((await asked(one))[0].id, similar=many)
        [granted] = await two.grants()
        await until(lambda: _knows(two, granted.name))
        for n in range(1, 16):
            await (one if n % 2 else two).send(office.cashier[str(n)].pay, "ada", 10)
        waiting = await asked(one, 5)
        await until(lambda: _paid(office, 11))
        assert len(waiting) == 5
        assert "more than the 100" in " ".join(waiting[0].approval.reasons)
        assert (await one.grant(granted.name)).amounts == {"1": 100.0}
    assert len(office.paid) == 11


async def _paid(office: Office, n: int) -> bool:
    return len(office.paid) == n


async def _knows(runtime: object, name: str) -> bool:
    from holdfast import Runtime

    assert isinstance(runtime, Runtime)
    return runtime.engine.worker.resources.get("Grant", name, "default") is not None


async def test_what_is_taken_back_is_asked_about_again(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    async with office.runtime() as runtime:
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        await acting(runtime, ANN).approve((await asked(runtime))[0].id, similar=Similar())
        [granted] = await runtime.grants()
        assert await runtime.call(office.cashier["1"].pay, "ada", 40) == "paid 40"
        await acting(runtime, ANN).drop_grant(granted.name, "no more")
        with pytest.raises(NotFound):
            await runtime.drop_grant(granted.name)
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        await asked(runtime)
        history = await runtime.resource_history("Grant", granted.name, "default")
        assert [(v.author, v.reason, v.deleted) for v in history] == [
            ("default/person:ann", "no more", True),
            ("default/person:ann", "", False),
        ]


async def test_what_it_would_have_covered_is_shown_before_it_is_granted(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    async with office.runtime() as runtime:
        for cents, verdict in ((10, "approve"), (45, "deny"), (500, "approve")):
            await runtime.send(office.cashier["1"].pay, "ada", cents)
            await runtime.approve(question=(await asked(runtime))[0].id, verdict=verdict, by="ann")
            await until(lambda: is_doing(runtime, "cashier/1", "idle"))
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        question = (await asked(runtime))[0].id
        seen = await acting(runtime, ANN).preview_grant(question, Similar(at_most={"1": 50}))
        assert (seen.asked, seen.covered, seen.refused) == (3, 2, 1)
        assert [(c.args["1"], c.then, c.by) for c in seen.found] == [(45, "refused", []), (10, "asked", ["ann"])]
        assert seen.grant.by == ["default/person:ann"]
        assert await runtime.grants() == [] and len(await runtime.approvals()) == 1, "it has only looked"


WIDER = [
    (Similar(any=["0"]), "unseen ones"),
    (Similar(at_most={"1": 30}), "which is no number from 0 to 30"),
    (Similar(at_most={"2": 30}), "which is no number"),
    (Similar(any=["7"]), "no argument '7'"),
    (Similar(agents="other/*"), "it can be for"),
    (Similar(agents="*/*"), "it can be for"),
    (Similar(seconds=0), "is no time"),
    (Similar(seconds=400 * 86_400), "is no time"),
    (Similar(at_most={"1": 50}, any=["1"]), "both bounded and free"),
]


async def test_nothing_wider_than_what_was_asked_can_be_granted(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    async with office.runtime() as runtime:
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        question = (await asked(runtime))[0].id
        for similar, why in WIDER:
            for ask in (runtime.operations.preview_grant(question, similar), _approved(runtime, question, similar)):
                with pytest.raises(Rejected, match=why) as caught:
                    await ask
                assert caught.value.code == "approval.similar"
        with pytest.raises(Rejected, match="deny says nothing"):
            await runtime.operations.approve(question, "deny", similar=Similar())
        assert await runtime.grants() == [] and len(await runtime.approvals()) == 1
        await _approved(runtime, question, Similar(any=["0"], unseen=True))
        await until(lambda: is_doing(runtime, "cashier/1", "idle"))
        assert await runtime.call(office.cashier["1"].pay, "eve", 40) == "paid 40"


async def _approved(runtime: object, question: str, similar: Similar) -> None:
    from holdfast import Runtime

    assert isinstance(runtime, Runtime)
    await acting(runtime, ANN).approve(question, similar=similar)


async def test_who_granted_something_does_not_get_it_without_asking_others(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    async with office.runtime() as runtime:
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        await acting(runtime, ANN).approve((await asked(runtime))[0].id, similar=SMALL)
        await until(lambda: is_doing(runtime, "cashier/1", "idle"))
        sends = acting(runtime, person("ann", "finance", scopes="read send"))
        await sends.send("cashier/1", "pay", encode((["ada", 40], {})))
        question = (await asked(runtime))[0]
        with pytest.raises(Rejected) as caught:
            await acting(runtime, ANN).approve(question.id)
        assert caught.value.code == "approval.requester"
    assert office.paid == [("ada", 40, "")]


async def test_whom_a_question_was_handed_to_answers_this_one_alone(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    async with office.runtime() as runtime:
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        question = (await asked(runtime))[0].id
        await acting(runtime, ANN).approve(question, "delegate", to=["ben"])
        ben = acting(runtime, person("ben"))
        with pytest.raises(Rejected, match="for similar ones finance may") as caught:
            await ben.approve(question, similar=Similar())
        assert caught.value.code == "approval.not_yours"
        await ben.approve(question)
        await until(lambda: is_doing(runtime, "cashier/1", "idle"))
        assert await runtime.grants() == []


async def test_a_rule_that_asks_others_now_is_not_answered_by_what_was_granted_before(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    async with office.runtime() as runtime:
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        await acting(runtime, ANN).approve((await asked(runtime))[0].id, similar=Similar())
        await until(lambda: is_doing(runtime, "cashier/1", "idle"))
    office.ask("{to: [board]}")
    async with office.runtime() as runtime:
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        assert (await asked(runtime))[0].approval.who == ["board"]


async def test_of_four_eyes_all_have_to_say_the_same_about_similar_ones(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path, "{to: [finance], needed: 2}")
    bob = person("bob", "finance")
    async with office.runtime() as runtime:
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        question = (await asked(runtime))[0].id
        told = await acting(runtime, ANN).approve(question, similar=SMALL)
        assert "1 more needed" in told.note and await runtime.grants() == []
        told = await acting(runtime, bob).approve(question)
        assert "asked about as before" not in told.note and await runtime.grants() == []
        await until(lambda: is_doing(runtime, "cashier/1", "idle"))

        await runtime.send(office.cashier["1"].pay, "ada", 40)
        question = (await asked(runtime))[0].id
        await acting(runtime, ANN).approve(question, similar=SMALL)
        await acting(runtime, bob).approve(question, similar=SMALL)
        [granted] = await runtime.grants()
        assert granted.by == ["default/person:ann", "default/person:bob"]
        await until(lambda: is_doing(runtime, "cashier/1", "idle"))
        assert await runtime.call(office.cashier["1"].pay, "ada", 41) == "paid 41"


async def test_a_grant_may_be_for_a_group_of_agents_as_it_is_now(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    group = [{"kind": "Group", "name": "tills", "tenant": "default", "members": ["cashier/1", "cashier/2"]}]
    async with office.runtime() as runtime:
        await runtime.apply(documents=group)
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        await acting(runtime, ANN).approve((await asked(runtime))[0].id, similar=Similar(agents="group:tills"))
        assert await runtime.call(office.cashier["2"].pay, "ada", 40) == "paid 40"
        await runtime.send(office.cashier["3"].pay, "ada", 40)
        await asked(runtime)
        group[0]["members"] = ["cashier/1"]
        await runtime.apply(documents=group)
        await runtime.send(office.cashier["2"].pay, "ada", 40)
        await asked(runtime, 2)


async def test_a_grant_is_seen_and_taken_back_in_its_own_tenant_only(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    async with office.runtime() as runtime:
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        await acting(runtime, ANN).approve((await asked(runtime))[0].id, similar=Similar())
        [granted] = await acting(runtime, ANN).grants()
        eve = acting(runtime, person("eve", "finance", tenant="acme"))
        assert await eve.grants() == []
        with pytest.raises(NotFound):
            await eve.drop_grant(granted.name)
        shown = await runtime.resource("Grant", granted.name, "default")
        assert shown.spec["equal"] == {"0": "ada", "1": 40, "2": ""}


async def test_a_grant_that_cannot_be_read_lifts_nothing(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    office = Office(world, tmp_path)
    async with office.runtime() as runtime:
        await runtime.store.apply_resources([Change("Grant", "odd", "default", b'{"agent": 7}')], "x", "", 1)
        await runtime.engine.worker.resources.load()
        await runtime.send(office.cashier["1"].pay, "ada", 40)
        await asked(runtime)
        assert await runtime.grants() == []
    assert "cannot be read and lifts nothing" in caplog.text
