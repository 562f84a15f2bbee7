"""Tenants are apart: whatever operation somebody of one tenant calls, with whatever addresses, ids and names of another
tenant's, it sees nothing of it and changes nothing of it."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec
import pytest

from holdfast import Agent, Context, Runtime
from holdfast.control.identity.scopes import NEEDS
from holdfast.control.operations import Operations
from holdfast.domain.errors import HoldfastError
from holdfast.domain.principal import Principal
from holdfast.journal.codec import encode

MARK = "SECRET-OF-ACME"
desk = Agent("desk")


@desk.handler
async def note(ctx: Context, text: str) -> str:
    await ctx.state.set("note", text)
    return text


@desk.handler
async def wait(ctx: Context, text: str) -> str:
    return await ctx.ask(text, to="ops")


@desk.handler
async def fail(ctx: Context, text: str) -> None:
    raise ValueError(text)


@desk.handler
async def hear(ctx: Context, text: str) -> None:
    await ctx.state.set("heard", text)


@desk.handler
async def join(ctx: Context) -> None:
    await ctx.subscribe("news", "hear")


@desk.handler
async def pass_on(ctx: Context, key: str) -> None:
    await ctx.call(desk[key].note, MARK)
    await ctx.send(desk[f"{key}-sent"].note, MARK)


@desk.handler
async def reach(ctx: Context, to: str) -> str:
    tenant, _, key = to.split("/")
    return await ctx.call(desk.of(key, tenant).note, MARK)


ACME = Principal("person", "ada", "acme", frozenset({"*"}))
GLOBEX = Principal("person", "eve", "globex", frozenset({"*"}))


class World:
    """A runtime with data of the tenant acme, and the operations of both tenants' people."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.acme = runtime.operations.acting_for(ACME)
        self.globex = runtime.operations.acting_for(GLOBEX)
        self.names: list[Any] = []

    async def fill(self) -> None:
        acme = self.acme
        await acme.call("desk/1", "note", encode(((MARK,), {})))
        await acme.call("desk/1", "join", encode(((), {})))
        await acme.send("desk/2", "wait", encode(((MARK,), {})))
        await acme.send("desk/3", "fail", encode(((MARK,), {})))
        await acme.schedule("mark", "desk/1", "note", encode(((MARK,), {})), every_seconds=3600)
        await acme.set_budget("mark", "agent:desk", "day", usd=5, note=MARK)
        token = await acme.create_token("desk/1", note=MARK)
        await acme.trip_breaker("tool", "mark", MARK)
        await acme.add_hold(MARK, "desk/1")
        await acme.apply([{"kind": "Group", "name": "mark", "members": [MARK]}], MARK)
        async with asyncio.timeout(10):
            while not (asks := await acme.asks()) or not (dead := await acme.dead()):
                await asyncio.sleep(0.01)
        self.names = [
            (await acme.breakers())[0].name,
            "acme/desk/1",
            "acme/desk/2",
            "acme/desk/",
            "acme/",
            "acme",
            asks[0].id,
            dead[0].id,
            -dead[0].id,
            "mark",
            "acme/mark",
            token.id,
            token.secret,
            "tenant:acme",
            "acme/agent:desk",
            "acme/holdfast.token/" + token.id,
            "acme/holdfast.schedule/mark",
        ]

    async def look(self) -> str:
        """All that there is of acme, as text."""
        acme, seen = self.acme, dict[str, Any]()
        for address in ("desk/1", "desk/2", "desk/3", *(f"holdfast.token/{t.id}" for t in await acme.tokens())):
            seen[address] = (await acme.journal(address), await acme.state(address), await described(acme, address))
        seen["lists"] = (
            [a.address for a in await acme.agents()],
            await acme.asks(),
            await acme.dead(),
            await acme.schedules(),
            await acme.budgets(),
            await acme.tokens(),
            await acme.stats(),
            await acme.breakers(),
            await acme.holds(),
            await acme.resources(),
            await acme.resource_history("Group", "mark"),
        )
        return text_of(seen)


async def described(acting: Operations, address: str) -> Any:
    """An agent without where it is in memory, which changes by itself."""
    return msgspec.structs.replace(await acting.describe(address), owner="")


def text_of(value: Any) -> str:
    return msgspec.msgpack.encode(value, enc_hook=repr).decode("latin-1")


@asynccontextmanager
async def world(url: str) -> AsyncGenerator[World]:
    async with Runtime([desk], url) as runtime:
        found = World(runtime)
        await found.fill()
        yield found


def _given(method: Any, names: list[Any]) -> list[dict[str, Any]]:
    """Every operation with every name in every place where one fits."""
    parameters = [p for p in inspect.signature(method).parameters.values() if p.name != "self"]
    usual: dict[str, Any] = {
        "payload": encode((("x",), {})),
        "handler": "note",
        "event": "go",
        "topic": "news",
        "value": "yes",
        "scope": "agent:desk",
        "per": "day",
        "usd": 1.0,
        "cron": "",
        "every_seconds": 60.0,
        "name": "mine",
        "to": "desk/9",
        "address": "desk/9",
        "question": "desk/9",
        "id": 1,
        "subject_token": "x",
        "target": "/nowhere",
        "older_than_seconds": 0.0,
        "kind": "Group",
    }
    plain = {p.name: usual[p.name] for p in parameters if p.name in usual and (p.default is p.empty or p.name == "usd")}
    if any(p.name == "id" and p.annotation == "str" for p in parameters):
        plain["id"] = "0000"
    if any(p.name == "every_seconds" for p in parameters):
        plain["every_seconds"] = 60.0
    for p in parameters:
        if p.default is p.empty and p.name not in plain:
            kind = str(p.annotation)
            plain[p.name] = {} if kind.startswith("dict") else [] if kind.startswith("list") else 1 if kind == "int" else "x"
    found = [plain]
    for parameter in parameters:
        kind = str(parameter.annotation)
        for name in names:
            if ("str" in kind and isinstance(name, str)) or (kind == "int" and isinstance(name, int)):
                value: Any = {"tenant": name} if kind.startswith("dict") else [name] if kind.startswith("list") else name
                found.append({**plain, parameter.name: value})
    if {"scope", "per"} <= {p.name for p in parameters}:
        found += [
            {**plain, "name": n, "scope": s} for n, s in itertools.product(("mark", "acme/mark"), ("tenant:acme", "system"))
        ]
    return found


async def _tried(acting: Operations, name: str, given: dict[str, Any]) -> str:
    """What came of it, as text; streams give what they have within a moment."""
    try:
        done: Any = acting.allowed(name)(**given)
        if inspect.isasyncgen(done):
            return await _first(done)
        async with asyncio.timeout(5):
            return text_of(await done)
    except HoldfastError as error:
        return f"refused: {error.code} {error.details}"


async def _first(stream: Any) -> str:
    seen: list[Any] = []
    async with aclosing(stream) as items:
        try:
            async with asyncio.timeout(0.15):
                async for item in items:
                    seen.append(item)
        except TimeoutError:
            pass
    return text_of(seen)


@pytest.mark.long
async def test_nobody_sees_or_changes_anything_of_another_tenant(store_url: str) -> None:
    async with world(store_url) as w:
        before = await w.look()
        assert MARK in before
        tried = 0
        for name in sorted(NEEDS):
            for given in _given(getattr(w.globex, name), w.names):
                said = await _tried(w.globex, name, given)
                tried += 1
                assert MARK not in said, (name, given)
                assert "acme/desk/3" not in said, (name, given)  # which no input names
                if NEEDS[name].system:
                    assert said.startswith("refused: auth.scope"), name
            assert await w.look() == before, name
        assert tried > 300


async def test_the_same_operations_do_work_at_home(store_url: str) -> None:
    """Or else the test above would prove nothing."""
    async with world(store_url) as w:
        assert [a.address for a in await w.acme.agents("desk/")] == ["acme/desk/1", "acme/desk/2", "acme/desk/3"]
        assert (await w.acme.state("desk/1"))["note"] == MARK and (await w.acme.stats())["agents"] >= 4
        assert [b.name for b in await w.acme.budgets()] == ["acme/mark"] and [s.name for s in await w.acme.schedules()] == [
            "mark"
        ]
        [asked] = await w.acme.asks()
        await w.acme.answer(asked.id, "fine")
        [dead] = await w.acme.dead()
        await w.acme.discard(dead.id)
        assert await w.acme.dead() == [] and await w.globex.agents() == [] and await w.globex.tokens() == []
        owner = w.runtime.operations
        assert {a.address for a in await owner.agents()} >= {"acme/desk/1"}, "the owner of the process sees all"


async def test_a_topic_is_a_tenants_own(store_url: str) -> None:
    async with world(store_url) as w:
        await w.globex.publish("news", encode((("from globex",), {})))
        with pytest.raises(HoldfastError) as caught:
            await w.globex.publish("news", encode((("from globex",), {})), tenant="acme")
        assert caught.value.code == "tenant.crossed"
        await w.acme.publish("news", encode((("from acme",), {})))
        async with asyncio.timeout(10):
            while (await w.acme.state("desk/1")).get("heard") is None:
                await asyncio.sleep(0.01)
        assert (await w.acme.state("desk/1"))["heard"] == "from acme"


async def test_an_agent_does_not_leave_its_tenant(store_url: str) -> None:
    async with world(store_url) as w:
        outcome = await w.globex.call("desk/7", "reach", encode((("acme/desk/1",), {})))
        assert outcome.failure is not None and outcome.failure.code == "tenant.crossed"
        await w.acme.call("desk/7", "reach", encode((("acme/desk/8",), {})))
        assert (await w.acme.state("desk/8"))["note"] == MARK


async def test_code_that_names_no_tenant_means_its_own(store_url: str) -> None:
    async with world(store_url) as w:
        await w.globex.call("desk/7", "pass_on", encode((("1",), {})))
        async with asyncio.timeout(10):
            while len(await w.globex.agents("desk/")) < 3 or not await w.globex.state("desk/1-sent"):
                await asyncio.sleep(0.01)
        assert [a.address for a in await w.globex.agents()] == ["globex/desk/1", "globex/desk/1-sent", "globex/desk/7"]
        assert await w.runtime.operations.agents("default/desk/") == []


async def test_nobody_talks_to_what_makes_tokens(store_url: str) -> None:
    """Whoever could set a token's agent could be anybody."""
    held = {"kind": "person", "id": "eve", "tenant": "*", "scopes": ["*"]}
    async with world(store_url) as w:
        for name in ("call", "send"):
            with pytest.raises(HoldfastError) as caught:
                await getattr(w.globex, name)("holdfast.token/made-up", "set", encode(((held,), {})))
            assert caught.value.code == "agent.reserved"
        with pytest.raises(HoldfastError) as caught:
            await w.globex.create_token("holdfast.schedule/x")
        assert caught.value.code == "agent.reserved"
        with pytest.raises(HoldfastError) as caught:
            await w.globex.create_token(who="person:eve", tenant="*")
        assert caught.value.code == "tenant.crossed"


async def test_budgets_of_one_tenant_do_not_count_another(store_url: str) -> None:
    from holdfast.mailbox.budgets import scopes_of

    assert "agent:desk" not in scopes_of("globex/desk/1", (), {"team": "x"})
    assert {"globex/agent:desk", "globex/team:x", "tenant:globex"} <= set(scopes_of("globex/desk/1", (), {"team": "x"}))
    assert {"agent:desk", "team:x"} <= set(scopes_of("default/desk/1", ("default/person:ada",), {"team": "x"}))
