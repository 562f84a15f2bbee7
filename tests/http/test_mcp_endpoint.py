"""The operations as an MCP server, with the official client: over HTTP, and over stdio as ``holdfast mcp``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters, stdio_client

from api_ground import Site, site
from holdfast.control.operations import Operations
from holdfast.control.registry import registry_of


def _mcp(s: Site) -> Client:
    return Client(str(s.client.base_url).rstrip("/") + "/mcp")


async def test_every_operation_is_a_tool_that_says_what_it_does(tmp_path: Path) -> None:
    async with site(tmp_path) as s, _mcp(s) as agent:
        tools = {t.name: t for t in (await agent.list_tools()).tools}
        assert tools.keys() == registry_of(Operations).keys()
        for name, operation in registry_of(Operations).items():
            tool, told = tools[name], tools[name].annotations
            assert told is not None and told.read_only_hint == (not operation.changes), name
            assert tool.title == operation.summary.rstrip("."), name
            assert {p.name for p in operation.parameters} <= tool.input_schema["properties"].keys(), name
            assert tool.output_schema is not None and tool.output_schema["type"] == "object", name


async def test_results_are_structured_and_say_what_can_be_done_next(tmp_path: Path) -> None:
    async with site(tmp_path) as s, _mcp(s) as agent:
        called = await agent.call_tool("call", {"to": "add/a", "handler": "plus", "payload": {"n": 4}})
        assert called.structured_content is not None and called.structured_content["result"]["value"] == 4
        await agent.call_tool("pause", {"address": "add/a", "why": "looks odd"})
        seen: Any = (await agent.call_tool("describe", {"address": "add/a"})).structured_content
        assert seen["result"]["mode"] == "paused"
        assert seen["next"][0]["operation"] == "resume" and seen["next"][0]["given"] == {"address": "add/a"}
        rehearsed: Any = (await agent.call_tool("resume", {"address": "add/a", "dry_run": True})).structured_content
        assert rehearsed["result"]["would"] == "make add/a active"
        again: Any = (await agent.call_tool("describe", {"address": "add/a"})).structured_content
        assert again["result"]["mode"] == "paused"


async def test_a_refusal_is_a_result_with_the_page_of_its_error(tmp_path: Path) -> None:
    async with site(tmp_path) as s, _mcp(s) as agent:
        wrong = await agent.call_tool("describe", {"address": "add/nobody"})
        assert wrong.is_error
        told = json.loads(wrong.content[0].text)["error"]  # type: ignore[union-attr]
        assert told["code"] == "agent.unknown" and told["explained"]
        page: Any = await agent.read_resource(told["page"])
        assert page.contents[0].text.startswith("# agent.unknown")


async def test_agents_and_their_journals_are_resources(tmp_path: Path) -> None:
    async with site(tmp_path) as s, _mcp(s) as agent:
        await s.do("call", to="add/a", handler="plus", payload=[1])
        listed = {str(r.uri) for r in (await agent.list_resources()).resources}
        assert {"holdfast://agents/add/a", "holdfast://errors/agent.unknown"} <= listed
        journal: Any = await agent.read_resource("holdfast://agents/add/a/journal")
        assert json.loads(journal.contents[0].text)[0]["handler"] == "plus"


async def test_a_watch_tells_as_it_happens(tmp_path: Path) -> None:
    async with site(tmp_path) as s, _mcp(s) as agent:
        await s.do("call", to="add/a", handler="plus", payload=[1])
        heard: list[str] = []

        async def told(progress: float, total: float | None, message: str | None) -> None:
            heard.append(message or "")

        found: Any = await agent.call_tool(
            "follow", {"address": "add/a", "most": 2, "for_seconds": 10}, progress_callback=told
        )
        items = found.structured_content["result"]
        assert [i["seq"] for i in items] == [1, 2]
        assert [json.loads(h)["seq"] for h in heard] == [1, 2]


async def test_a_client_that_starts_programs_gets_the_same(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        await s.do("call", to="add/a", handler="plus", payload=[1])
        url = f"holdfast+unix://{tmp_path / 'wire'}"
        program = StdioServerParameters(command=sys.executable, args=["-m", "holdfast", "mcp", "--url", url])
        async with Client(stdio_client(program)) as agent:
            assert len((await agent.list_tools()).tools) == len(registry_of(Operations))
            found: Any = (await agent.call_tool("state", {"address": "add/a"})).structured_content
            assert found["result"] == {"total": 1}
            dry: Any = (await agent.call_tool("pause", {"address": "add/a", "dry_run": True})).structured_content
            assert dry["result"]["on"] == ["add/a"]


async def test_other_sites_may_not_reach_it(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        answer = await s.client.post("/mcp", json={}, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403, answer.text
