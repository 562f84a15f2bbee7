"""The fixture of the MCP conformance suite serves what the suite looks for, through our endpoint."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from mcp import Client


async def test_the_fixture_serves() -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("mcp_fixture.py")), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert program.stdout is not None
        async with asyncio.timeout(30):
            url = (await program.stdout.readline()).decode().strip()
            async with Client(url) as client:
                names = {t.name for t in (await client.list_tools()).tools}
                assert {"test_simple_text", "test_tool_with_progress", "test_error_handling"} <= names
                found: Any = await client.call_tool("test_simple_text", {})
                assert found.content[0].text == "This is a simple text response for testing."
                assert (await client.call_tool("test_error_handling", {})).is_error
    finally:
        program.kill()
        await program.wait()
