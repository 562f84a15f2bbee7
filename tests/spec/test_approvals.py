"""Who may answer what is asked about, how many of them, until when, and who then: through the operations that people use."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from approval_ground import Office, acting, asked, person
from heart_world import World, is_doing, until
from holdfast import Rejected, Runtime
from holdfast.domain.principal import Principal
from holdfast.journal.codec import encode

FINANCE = {"kind": "Group", "name": "finance", "tenant": "default", "members": ["person:ann", "group:leads"]}
LEADS = {"kind": "Group", "name": "leads", "tenant": "default", "members": ["person:lea", "group:finance"]}


async def begun(runtime: Runtime, office: Office, key: str = "1") -> str:
    await runtime.send(office.cashier[key].pay, "ada", 40)
    found: list[Any] = await asked(runtime)
    return found[-1].id


async def refused(runtime: Runtime, who: Principal, question: str, code: str, **more: Any) -> None:
    with pytest.raises(Rejected) as caught:
        await acting(runtime, who).approve(question, **more)
    assert caught.value.code == code


async def paid(runtime: Runtime, office: Office, by: list[str]) -> None:
    await until(lambda: is_doing(runtime, "cashier/1", "idle"))
    assert [p[:2] for p in office.paid] == [("ada", 40)]
    notes = [e for e in await runtime.journal("cashier/1") if e.verb == "approval"]
    assert notes[-1].value["by"] == by


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (person("ann"), True),
        (person("lea"), True),  # through a group in the group
        (person("oda", "finance"), True),  # her login says so
        (person("bob"), False),
        (Principal("service", "ann", "default", frozenset({"approve"})), False),
    ],
)
async def test_a_group_answers_whether_a_login_or_a_resource_says_who_is_in_it(
    world: World, tmp_path: Path, who: Principal, may: bool
) -> None:
    office = Office(world, tmp_path)
    async with office.runtime() as runtime:
        await runtime.apply(documents=[FINANCE, LEADS])
        question = await begun(runtime, office)
        if may:
            await acting(runtime, who).approve(question)
            await paid(runtime, office, [who.subject])
        else:
            await refused(runtime, who, question, "approval.not_yours")
            assert office.paid == []


async def test_a_group_as_it_is_when_somebody_answers_counts(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    async with office.runtime() as runtime:
        question = await begun(runtime, office)
        await refused(runtime, person("ann"), question, "approval.not_yours")
        await runtime.apply(documents=[{**FINANCE, "members": ["person:ann"]}])
        await acting(runtime, person("ann")).approve(question)
        await paid(runtime, office, ["default/person:ann"])


async def test_a_tenant_adds_nobody_to_a_group_of_the_installation(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path, "{to: [admins]}")
    everywhere = {"kind": "Group", "name": "admins", "members": ["person:root"]}
    own = {"kind": "Group", "name": "admins", "tenant": "acme", "members": ["person:eve"]}
    async with office.runtime() as runtime:
        await runtime.apply(documents=[everywhere, own])
        await runtime.operations.send("acme/cashier/1", "pay", encode((["ada", 40, ""], {})))
        question = (await asked(runtime))[0].id
        await refused(runtime, person("eve", tenant="acme"), question, "approval.not_yours")
        await refused(runtime, person("root", tenant="acme"), question, "approval.not_yours")  # is called alike, and no more
        await acting(runtime, person("root", tenant="*")).approve(question)
        await until(lambda: is_doing(runtime, "acme/cashier/1", "idle"))
    assert len(office.paid) == 1


@pytest.mark.parametrize("what", ["approve", "deny", "delegate"])
async def test_who_asked_for_it_does_not_answer_not_even_in_the_group(world: World, tmp_path: Path, what: str) -> None:
    office = Office(world, tmp_path)
    ann = person("ann", "finance", scopes="read send approve")
    async with office.runtime() as runtime:
        await runtime.apply(documents=[FINANCE, LEADS])
        await acting(runtime, ann).send("cashier/1", "pay", encode((["ada", 40], {})))
        question = (await asked(runtime))[0].id
        await refused(runtime, ann, question, "approval.requester", verdict=what, to=["lea"])
        await acting(runtime, person("lea")).approve(question)
        await paid(runtime, office, ["default/person:lea"])


async def test_nor_does_whoever_it_is_done_for_however_long_the_chain(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path)
    ann = person("ann", "finance")
    through = Principal("person", "ann", "default", frozenset({"send"}), act=("default/clerk/1", "default/clerk/2"))
    async with office.runtime() as runtime:
        await acting(runtime, through).send("cashier/1", "pay", encode((["ada", 40], {})))
        question = (await asked(runtime))[0]
        assert question.approval.requested_by == "clerk/2"
        await refused(runtime, ann, question.id, "approval.requester")
        for link in ("default/clerk/1", "default/clerk/2"):
            clerk = Principal("agent", link, "default", frozenset({"approve"}), ("finance",))
            await refused(runtime, clerk, question.id, "approval.requester")
        for acts in (person("bob", "finance"), Principal("agent", "default/clerk/3", scopes=frozenset({"approve"}))):
            bob = Principal(acts.kind, acts.id, "default", frozenset({"approve"}), ("finance",), act=("default/clerk/1",))
            await refused(runtime, bob, question.id, "approval.acting")
        await acting(runtime, person("bob", "finance")).approve(question.id)
        await paid(runtime, office, ["default/person:bob"])


async def test_four_eyes_are_two_people_of_the_group_and_one_no_is_enough(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path, "{to: [finance], needed: 2}")
    ann, bob = person("ann", "finance"), person("bob", "finance")
    async with office.runtime() as runtime:
        question = await begun(runtime, office)
        await acting(runtime, ann).approve(question)
        await refused(runtime, ann, question, "approval.again")
        await refused(runtime, person("eve"), question, "approval.not_yours")
        assert office.paid == []
        await acting(runtime, bob).approve(question)
        await paid(runtime, office, ["default/person:ann", "default/person:bob"])
        await runtime.send(office.cashier["2"].pay, "ada", 40)
        question = (await asked(runtime))[0].id
        await acting(runtime, ann).approve(question)
        await acting(runtime, bob).approve(question, "deny", why="not twice")
        await until(lambda: is_doing(runtime, "cashier/2", "idle"))
        assert len(office.paid) == 1


async def test_it_is_handed_on_and_who_handed_it_on_is_out(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path, "{to: [ann]}")
    async with office.runtime() as runtime:
        question = await begun(runtime, office)
        await refused(runtime, person("ben"), question, "approval.not_yours")
        await refused(runtime, person("ann"), question, "approval.word", verdict="delegate")
        await acting(runtime, person("ann")).approve(question, "delegate", to=["ben"])
        await acting(runtime, person("ben")).approve(question)
        await paid(runtime, office, ["default/person:ben"])


@pytest.mark.parametrize(("default", "pays"), [("deny", False), ("allow", True)])
async def test_when_the_time_is_over_the_default_holds(world: World, tmp_path: Path, default: str, pays: bool) -> None:
    office = Office(world, tmp_path, f"{{to: [finance], within: 1s, default: {default}}}")
    async with office.runtime() as runtime:
        call = asyncio.ensure_future(runtime.call(office.cashier["1"].pay, "ada", 40))
        question = (await asked(runtime))[0]
        assert question.approval.default == default and question.approval.until > question.since
        if pays:
            assert await call == "paid 40"
        else:
            with pytest.raises(Rejected, match="nobody answered within 1 s") as caught:
                await call
            assert caught.value.code == "gate.not_approved"
        assert len(office.paid) == pays
        with pytest.raises(Exception, match=r"settled|Nothing open"):
            await acting(runtime, person("ann", "finance")).approve(question.id)


async def test_after_half_of_the_time_others_are_asked_too(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path, "{to: [finance], within: 4s, escalate: [board]}")
    boss = person("boss", "board")
    async with office.runtime() as runtime:
        question = await begun(runtime, office)
        await refused(runtime, boss, question, "approval.not_yours")

        async def may() -> bool:
            try:
                await acting(runtime, boss).approve(question)
            except Rejected as error:
                assert error.code == "approval.not_yours"
                return False
            return True

        await until(may)
        await paid(runtime, office, ["default/person:boss"])


async def test_an_open_question_survives_its_worker(world: World, tmp_path: Path) -> None:
    office = Office(world, tmp_path, "{to: [finance], needed: 2}")
    async with office.runtime() as runtime:
        question = await begun(runtime, office)
        await acting(runtime, person("ann", "finance")).approve(question)
    async with office.runtime() as runtime:
        await refused(runtime, person("ann", "finance"), question, "approval.again")
        await acting(runtime, person("bob", "finance")).approve(question)
        await paid(runtime, office, ["default/person:ann", "default/person:bob"])
