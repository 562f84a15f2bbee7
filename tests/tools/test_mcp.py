"""Tools of real MCP servers, over pipes and over HTTP."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from holdfast import Agent, HoldfastError
from holdfast.adapters.system import SystemClock
from holdfast.tools import McpServer
from holdfast.tools.host import ToolHost
from tool_ground import alive, calling, command, free_port, log, offered, over_http, pids, results, running, until


@pytest.fixture(params=["pipes", "http", "http-json"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The fixture server, reached in each way."""
    if request.param == "pipes":
        yield command(tmp_path)
        return
    if request.param == "http-json":
        (tmp_path / "json").touch()
    with over_http(tmp_path, free_port()) as url:
        yield url


async def test_an_agent_uses_a_servers_tools(server: Any, tmp_path: Path) -> None:
    agent = Agent("a", model="m", mcp=[server])
    script = calling(("add", {"a": 2, "b": 3}), ("fail", {"why": "rain"}), ("add", {"a": "x"}), ("only_structured", {}))
    async with running([agent], script) as (runtime, vendor):
        assert await runtime.call(agent["1"].chat, "go") == "done"
        first, failed, wrong, structured = results(vendor)
        assert first == "5"
        assert failed.startswith("Error: ") and "cannot: rain" in failed
        assert wrong.startswith("Error: ") and "add" in wrong
        assert structured == '{"answer": 42}'
        schema = next(t["function"] for t in vendor.calls[0].body["tools"] if t["function"]["name"] == "add")
        assert schema["description"] == "Add two numbers."
        assert schema["parameters"]["required"] == ["a", "b"]
        steps = [(r.verb, r.name) for r in await runtime.journal("a/1") if r.verb == "tool" and r.kind == "step"]
        assert steps == [("tool", "add"), ("tool", "fail"), ("tool", "add"), ("tool", "only_structured")]
    assert [line for line in log(tmp_path) if line.startswith("add")] == ["add 2 3"]


async def test_pictures_and_resources_reach_the_model(server: Any) -> None:
    agent = Agent("a", model="m", mcp=[server])
    async with running([agent], calling(("picture", {}))) as (runtime, vendor):
        await runtime.call(agent["1"].chat, "go")
        seen = str(vendor.calls[-1].messages)
        assert "one pixel" in seen and "[more](file:///more.txt): the rest" in seen and "a note" in seen
        assert "iVBORw0KGgo" in seen
        entry = next(r for r in await runtime.journal("a/1") if r.verb == "tool")
        kinds = [part["type"] for part in entry.value["parts"]]
        assert kinds == ["text", "media", "text", "text", "media"]


@pytest.fixture(params=["pipes", "http"])
def attentive(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The same; over HTTP with streams, since a plain JSON answer carries no progress and its server does not notice that
    nobody waits any more."""
    if request.param == "pipes":
        yield command(tmp_path)
        return
    with over_http(tmp_path, free_port()) as url:
        yield url


async def test_progress_goes_to_whoever_looks(attentive: Any) -> None:
    agent = Agent("a", model="m", mcp=[attentive])
    async with running([agent], calling(("steps", {}))) as (runtime, _):
        seen: list[Any] = []
        stop = runtime.engine.worker.feed.listen(agent["1"].address, lambda trace, path, what: seen.append(what))
        await runtime.call(agent["1"].chat, "go")
        stop()
        told: list[dict[str, Any]] = [w for w in seen if isinstance(w, dict) and "progress" in w]
        assert [(t["tool"], t["progress"], t["of"], t["text"]) for t in told] == [
            ("steps", 1.0, 2.0, "half"),
            ("steps", 2.0, 2.0, "whole"),
        ]


async def test_a_list_that_changes_is_asked_for_again(server: Any) -> None:
    agent = Agent("a", model="m", mcp=[server])

    def script(call: Any) -> Any:
        turn = calling(("grow", {})) if call.text == "grow" else calling()
        return turn(call)

    async with running([agent], script) as (runtime, vendor):
        await runtime.call(agent["1"].chat, "hello")
        assert "grown" not in offered(vendor)
        await runtime.call(agent["1"].chat, "grow")
        async with asyncio.timeout(20):
            while "grown" not in offered(vendor):
                await runtime.call(agent["1"].chat, "hello")


async def test_a_call_has_a_deadline_and_may_or_may_not_have_happened(attentive: Any, tmp_path: Path) -> None:
    where: dict[str, Any] = {"url": attentive} if isinstance(attentive, str) else {"command": attentive}
    agent = Agent("a", model="m", mcp=[McpServer(**where, timeout_seconds=1.0)])
    async with running([agent], calling(("hang", {}), ("add", {"a": 1, "b": 1}))) as (runtime, vendor):
        await runtime.call(agent["1"].chat, "go")
        late, after = results(vendor)
        assert "did not answer within 1 s" in late and "not known" in late
        assert after == "2"
    await until(lambda: "hang was cancelled" in log(tmp_path))


async def test_cancelling_a_turn_cancels_the_call(attentive: Any, tmp_path: Path) -> None:
    agent = Agent("a", model="m", mcp=[attentive])
    async with running([agent], calling(("hang", {}))) as (runtime, _):
        await runtime.send(agent["1"].chat, "go")
        await until(lambda: "hang" in log(tmp_path))
        await runtime.cancel("a/1")
        await until(lambda: "hang was cancelled" in log(tmp_path))


async def test_a_server_that_dies_is_started_again(tmp_path: Path) -> None:
    agent = Agent("a", model="m", mcp=[command(tmp_path)])
    script = calling(("crash", {}), ("crash_once", {}), ("add", {"a": 1, "b": 1}))
    async with running([agent], script) as (runtime, vendor):
        await runtime.call(agent["1"].chat, "go")
        crashed, once, added = results(vendor)
        assert "was lost" in crashed and "not known" in crashed, "it is not called again: nobody said that it may be"
        assert once == "alive", "it may be called twice, so it was"
        assert added == "2"
        assert len(pids(tmp_path)) == 3 and log(tmp_path).count("crash") == 1
    for pid in pids(tmp_path):
        assert not alive(pid)


async def test_a_server_that_comes_back_over_http_is_found_again(tmp_path: Path) -> None:
    port = free_port()
    agent = Agent("a", model="m", mcp=[f"http://127.0.0.1:{port}/mcp"])
    async with running([agent], calling(("add", {"a": 1, "b": 1}))) as (runtime, vendor):
        with over_http(tmp_path, port):
            await runtime.call(agent["1"].chat, "go")
        with over_http(tmp_path, port):
            await runtime.call(agent["1"].chat, "go")
        assert results(vendor) == ["2", "2"]
        assert len(pids(tmp_path)) == 2


async def test_a_tool_that_cannot_be_reached_and_is_not_required_tells_the_model(tmp_path: Path) -> None:
    port = free_port()
    server = McpServer(url=f"http://127.0.0.1:{port}/mcp", connect_seconds=2, required=False)
    agent = Agent("a", model="m", mcp=[server])
    up = ExitStack()
    up.enter_context(over_http(tmp_path, port))

    def script(call: Any) -> Any:
        if len(vendor.calls) == 2:
            up.close()
        return calling(("work", {"name": "x"}), ("work", {"name": "x"}))(call)

    with up:
        async with running([agent], script) as (runtime, vendor):
            await runtime.call(agent["1"].chat, "go")
            assert results(vendor)[0] == "did x" and "cannot be reached" in results(vendor)[-1]
            assert log(tmp_path).count("begin x") == 1


async def test_one_process_serves_all_agents_of_a_worker_and_ends_with_it(tmp_path: Path) -> None:
    (tmp_path / "deaf").touch()
    server = command(tmp_path)
    one = Agent("one", model="m", mcp=[server])
    two = Agent("two", model="m", mcp=[McpServer(server, prefix="my_", tools=["add"])])

    def script(call: Any) -> Any:
        mine = "my_add" in [t["function"]["name"] for t in call.body["tools"]]
        return calling(("my_add" if mine else "add", {"a": 1, "b": 1}))(call)

    async with running([one, two], script) as (runtime, vendor):
        turns = [runtime.call(agent[str(n)].chat, "go") for n in range(5) for agent in (one, two)]
        assert await asyncio.gather(*turns) == ["done"] * 10
        (pid,) = pids(tmp_path)
        assert alive(pid)
        assert {tuple(t["function"]["name"] for t in c.body["tools"])[:1] for c in vendor.calls} == {("add",), ("my_add",)}
        assert any(offered(vendor, n) == ["my_add"] for n in range(len(vendor.calls)))
    assert not alive(pid)


async def test_names_clashes_bounds_and_what_a_server_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", "s3cret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-others")

    def add(a: int, b: int) -> str:
        """Mine."""
        return "mine"

    server = McpServer(command(tmp_path), name="sums", env={"GIVEN": "env:THE_TOKEN"}, output_characters=1000)
    agent = Agent("a", model="m", tools=[add], mcp=[server])
    script = calling(("add", {"a": 1, "b": 1}), ("sums_add", {"a": 1, "b": 1}), ("secrets", {}), ("long", {}))
    async with running([agent], script) as (runtime, vendor):
        await runtime.call(agent["1"].chat, "go")
        mine, theirs, given, long = results(vendor)
        assert (mine, theirs, given) == ("mine", "2", "[env:THE_TOKEN] None"), "it was given, and taken out of its answer"
        assert len(long) < 1200 and "199,000 more characters" in long
        odd = [name for name in offered(vendor) if name.startswith("odd_name_with-x")]
        assert len(odd) == 1 and len(odd[0]) == 64


async def test_hints_say_what_happens_in_doubt_and_only_who_is_trusted_says_what_reads(tmp_path: Path) -> None:
    host = ToolHost(SystemClock())
    plain, told = McpServer(command(tmp_path)), McpServer(command(tmp_path), trusted=True, reads=["work"])
    found = {tool.name: tool for tool in await plain.open(host).tools()}
    sure = {tool.name: tool for tool in await told.open(host).tools()}
    await host.close()
    assert (found["add"].effects, found["add"].idempotent) == (True, True)
    assert (sure["add"].effects, sure["add"].idempotent, sure["add"].trusted) == (False, True, True)
    assert (found["put"].effects, found["put"].idempotent) == (True, True)
    assert (found["work"].effects, found["work"].idempotent, found["work"].trusted) == (True, False, False)
    assert (sure["work"].effects, sure["work"].idempotent) == (False, True)


async def test_a_server_that_can_never_start_says_why(tmp_path: Path) -> None:
    cases = [
        (McpServer("no-such-program-here"), "mcp.no_program", "'no-such-program-here'"),
        (McpServer(command(tmp_path), env={"X": "env:NOT_SET_ANYWHERE"}), "tool.secret", "NOT_SET_ANYWHERE"),
    ]
    for n, (server, code, why) in enumerate(cases):
        agent = Agent("a", model="m", mcp=[server])
        async with running([agent], calling()) as (runtime, vendor):
            with pytest.raises(HoldfastError) as caught:
                await runtime.call(agent[str(n)].chat, "go")
            assert caught.value.code == code and why in caught.value.message, caught.value
            assert not vendor.calls


def test_what_is_no_server_is_refused() -> None:
    with pytest.raises(HoldfastError):
        McpServer(url="ftp://x")
    nothing: list[str] = []
    for wrong in ("", nothing):
        with pytest.raises(HoldfastError) as caught:
            Agent("a", model="m", mcp=[wrong])
        assert caught.value.code == "mcp.malformed"
