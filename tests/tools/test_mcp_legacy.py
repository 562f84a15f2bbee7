"""Servers of 2025-11-25, which another program than the library speaks: handshake, sessions, pages, notifications."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast import Agent
from tool_ground import calling, free_port, log, offered, over_http, results, running

PROGRAM = str(Path(__file__).with_name("mcp_legacy.py"))


@pytest.fixture(params=["pipes", "http"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """It, reached in each way."""
    if request.param == "pipes":
        yield [sys.executable, PROGRAM, str(tmp_path)]
        return
    with over_http(tmp_path, free_port(), PROGRAM) as url:
        yield url


async def test_its_tools_are_used_and_listed_again_when_they_change(server: Any, tmp_path: Path) -> None:
    agent = Agent("a", model="m", mcp=[server])
    script = calling(("echo", {"text": "hello"}), ("echo", {"text": "grow"}), ("more", {}))
    async with running([agent], script) as (runtime, vendor):
        assert await runtime.call(agent["1"].chat, "go") == "done"
        assert results(vendor) == ["hello", "grow", "Error: no more"]
        assert offered(vendor, 0) == ["echo"] and offered(vendor) == ["echo", "more"]
    assert log(tmp_path).count("initialize 2025-11-25") == 1


async def test_a_session_that_the_server_forgot_is_begun_anew_and_the_call_made_once(tmp_path: Path) -> None:
    with over_http(tmp_path, free_port(), PROGRAM) as url:
        agent = Agent("a", model="m", mcp=[url])
        async with running([agent], calling(("echo", {"text": "hello"}))) as (runtime, vendor):
            await runtime.call(agent["1"].chat, "go")
            (tmp_path / "forget").touch()
            await runtime.call(agent["1"].chat, "go")
            assert results(vendor) == ["hello", "hello"]
        assert log(tmp_path).count("echo hello") == 2 and log(tmp_path).count("initialize 2025-11-25") == 2
        assert log(tmp_path)[-1] == "session ended"
