"""``simulate: true``: what an action would do is known to people and to the journal before it happens, or it does not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from heart_world import World, until
from holdfast import Agent, Context, Rejected
from holdfast.domain.principal import Principal
from holdfast.gate.rules import compile_policy, read_documents
from holdfast.models.routes import Models, Target
from holdfast.testing.models import Call, Reply, Vendor
from holdfast.tools.tool import tool


class Office:
    """Deletes, and says beforehand what that would be."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.tried: list[str] = []
        self.agent = agent = Agent("office")

        async def delete(path: str) -> str:
            self.deleted.append(path)
            return "gone"

        def would(path: str) -> dict[str, Any]:
            self.tried.append(path)
            if path == "/broken":
                raise OSError("cannot look")
            return {"files": 3, "under": path}

        @agent.handler
        async def clean(ctx: Context, path: str) -> str:
            return await ctx.run(delete, path, simulate=would)

        @agent.handler
        async def plain(ctx: Context, path: str) -> str:
            return await ctx.run(delete, path)

        self.clean, self.plain = clean, plain


def ruled(tmp_path: Path, *rules: dict[str, Any]) -> dict[str, Any]:
    (tmp_path / "p.json").write_text(json.dumps({"kind": "Policy", "name": "p", "spec": {"rules": list(rules)}}))
    return {"policies": (str(tmp_path / "p.json"),)}


ASKING = {"name": "look", "does": "run delete", "then": "ask", "simulate": True, "approval": {"to": ["ops"]}}
ALLOWING = {"name": "look", "does": "run delete", "then": "allow", "simulate": True}
OPS = Principal("person", "olga", "default", frozenset(("read", "approve")), ("ops",))


async def test_who_is_asked_sees_what_it_would_do_and_a_restart_does_not_try_again(world: World, tmp_path: Path) -> None:
    office, rules = Office(), ruled(tmp_path, ASKING)
    async with world.runtime(office.agent, **rules) as runtime:
        await runtime.send(office.clean["1"], "/tmp")
        (question,) = await until(runtime.approvals)
        assert 'tried before: {"files": 3, "under": "/tmp"}' in question.approval.reasons
        assert (office.tried, office.deleted) == (["/tmp"], [])
    async with world.runtime(office.agent, **rules) as runtime:
        (question,) = await until(runtime.approvals)
        await runtime.operations.acting_for(OPS).approve(question.id)
        await until(lambda: _reached(office.deleted, 1))
        assert (office.tried, office.deleted) == (["/tmp"], ["/tmp"])
        (note,) = [e for e in await runtime.journal("office/1") if e.verb == "simulation"]
        assert note.value["text"] == '{"files": 3, "under": "/tmp"}'


async def test_what_is_tried_are_the_arguments_that_a_rule_left(world: World, tmp_path: Path) -> None:
    office = Office()
    moved = {"name": "move", "does": "run delete", "then": "transform", "transform": {"set": {"0": "'/safe' + args['0']"}}}
    async with world.runtime(office.agent, **ruled(tmp_path, ALLOWING, moved)) as runtime:
        assert await runtime.call(office.clean["1"], "/tmp") == "gone"
        why = await runtime.operations.why("office/1")
    assert office.tried == office.deleted == ["/safe/tmp"]
    assert any(reason.startswith("tried before:") for reason in why.reasons)


@pytest.mark.parametrize(("handler", "path", "told"), [("clean", "/broken", "OSError"), ("plain", "/tmp", "no simulate=")])
async def test_what_nobody_can_tell_does_not_happen(
    world: World, tmp_path: Path, handler: str, path: str, told: str
) -> None:
    office = Office()
    async with world.runtime(office.agent, **ruled(tmp_path, ALLOWING)) as runtime:
        with pytest.raises(Rejected, match=told) as refused:
            await runtime.call(getattr(office, handler)["1"], path)
    assert refused.value.code == "gate.not_simulated" and not office.deleted


async def test_a_tool_is_tried_before_the_model_gets_it(tmp_path: Path, world: World) -> None:
    sent: list[str] = []

    def preview(to: str) -> str:
        return f"a mail to {to} and 3 others"

    @tool(simulate=preview)
    async def mail(to: str) -> str:
        """Send a mail."""
        sent.append(to)
        return "sent"

    def script(call: Call) -> Reply:
        if any(m["role"] == "tool" for m in call.messages):
            return Reply("done")
        return Reply(tool_calls=[("c1", "mail", {"to": "ada@x.example"})])

    agent = Agent("mind", model="m", instructions="Be kind.", tools=[mail])
    rules = ruled(tmp_path, {**ASKING, "does": "tool mail"})
    async with Vendor(script) as vendor:
        models = Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m1")])
        async with world.runtime(agent, models=models, **rules) as runtime:
            answer = asyncio.create_task(runtime.call(agent["1"].chat, "Write to ada@x.example"))
            (question,) = await until(runtime.approvals)
            assert "tried before: a mail to ada@x.example and 3 others" in question.approval.reasons and not sent
            await runtime.operations.acting_for(OPS).approve(question.id)
            assert await answer == "done" and sent == ["ada@x.example"]


@pytest.mark.parametrize(
    ("words", "told"),
    [("does: tool, then: deny", "simulate belongs to"), ("does: send, then: ask", "only tools and steps can be tried")],
)
def test_what_cannot_be_tried_is_refused_when_it_is_read(words: str, told: str) -> None:
    text = f"kind: Policy\nname: p\nspec: {{rules: [{{name: r, {words}, simulate: true}}]}}"
    with pytest.raises(Rejected, match=told):
        compile_policy(read_documents(text)[0])


async def test_a_rehearsal_by_the_agent_opens_the_act(world: World, tmp_path: Path) -> None:
    """``simulate_first``: the agent has to have tried it itself, with the same arguments, and with success."""
    agent, done = Agent("office"), list[Any]()

    async def wipe(path: str, dry_run: bool) -> str:
        if path == "/broken":
            raise OSError("cannot look")
        done.append((path, dry_run))
        return "ok"

    @agent.handler
    async def clean(ctx: Context, path: str, dry_run: bool) -> str:
        return await ctx.run(wipe, path, dry_run)

    rules = ruled(tmp_path, {"name": "r", "does": "run wipe", "simulate_first": {"argument": "1"}})
    async with world.runtime(agent, **rules) as runtime:
        for path in ("/a", "/broken"):
            with pytest.raises(Rejected, match="not simulated before"):
                await runtime.call(clean["1"], path, False)
        assert await runtime.call(clean["1"], "/a", True) == "ok"
        with pytest.raises(Exception, match="cannot look"):
            await runtime.call(clean["1"], "/broken", True)
        for path in ("/b", "/broken"):
            with pytest.raises(Rejected, match="not simulated before"):
                await runtime.call(clean["1"], path, False)
    async with world.runtime(agent, **rules) as runtime:
        assert await runtime.call(clean["1"], "/a", False) == "ok", "a restart remembers"
    assert done == [("/a", True), ("/a", False)]


async def _reached(found: list[str], many: int) -> bool:
    return len(found) >= many
