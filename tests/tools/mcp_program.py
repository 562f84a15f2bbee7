"""A server of tools for tests, a program of its own: ``python mcp_program.py FOLDER [PORT]``; pipes without a port.

What happens to it is written to ``FOLDER/log``, line by line. ``FOLDER/block`` holds up ``work``; with ``FOLDER/deaf`` it
goes on living when its input has ended and somebody asks it to stop.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1])
if (FOLDER / "broken").exists():  # before the imports, which take a while
    sys.exit("no database: check DATABASE_URL")

import mcp_types as types  # noqa: E402
from mcp.server.mcpserver import Context, MCPServer  # noqa: E402
from mcp.server.mcpserver.exceptions import ToolError  # noqa: E402

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
READS = types.ToolAnnotations(read_only_hint=True)
TWICE = types.ToolAnnotations(idempotent_hint=True)

server = MCPServer("fixture", log_level="ERROR")


def log(line: str) -> None:
    with (FOLDER / "log").open("a") as file:
        file.write(line + "\n")


@server.tool(annotations=READS)
def add(a: int, b: int) -> int:
    """Add two numbers."""
    log(f"add {a} {b}")
    return a + b


@server.tool(annotations=READS, structured_output=False)
def picture() -> list[Any]:
    """A picture, and what is in it."""
    image = types.ImageContent(type="image", data=base64.b64encode(PIXEL).decode(), mime_type="image/png")
    link = types.ResourceLink(type="resource_link", name="more", uri="file:///more.txt", description="the rest")
    note = types.TextResourceContents(uri="note://1", text="a note", mime_type="text/plain")
    blob = types.BlobResourceContents(uri="data://1/a.bin", blob=base64.b64encode(b"\0\1").decode(), mime_type="x/y")
    resources = [types.EmbeddedResource(type="resource", resource=r) for r in (note, blob)]
    return ["one pixel", image, link, *resources]


@server.tool(annotations=READS, structured_output=False)
def only_structured() -> types.CallToolResult:
    """A value and no words."""
    return types.CallToolResult(content=[], structured_content={"answer": 42})


@server.tool()
def fail(why: str) -> str:
    """Never works."""
    raise ToolError(f"cannot: {why}")


@server.tool()
async def work(name: str) -> str:
    """Changes something; whether it may be done twice is not said."""
    log(f"begin {name}")
    while (FOLDER / "block").exists():
        await asyncio.sleep(0.01)
    log(f"end {name}")
    return f"did {name}"


@server.tool(annotations=TWICE)
async def put(name: str) -> str:
    """Changes something; twice is the same as once."""
    return await work(name)


@server.tool()
async def hang() -> str:
    """Never answers."""
    log("hang")
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        log("hang was cancelled")
        raise
    return "woke"


@server.tool()
def crash() -> str:
    """Takes the server with it."""
    log("crash")
    os._exit(3)


@server.tool(annotations=TWICE)
def crash_once() -> str:
    """Takes the server with it, the first time."""
    if not (FOLDER / "crashed").exists():
        (FOLDER / "crashed").touch()
        os._exit(3)
    return "alive"


@server.tool(annotations=READS)
async def steps(context: Context) -> str:
    """Tells how far it is."""
    await context.report_progress(1, 2, "half")
    await context.report_progress(2, 2, "whole")
    return "there"


@server.tool()
async def grow(context: Context) -> str:
    """Gives the server one more tool."""

    def grown(context: Context) -> str:
        """New."""
        return "grown up"

    server.add_tool(grown, annotations=READS)
    if context.protocol_version and context.protocol_version < "2026":
        await context.session.send_tool_list_changed()
    else:
        await context.notify_tools_changed()
    return "grew"


@server.tool(annotations=READS)
def pid() -> str:
    """Who it is."""
    return str(os.getpid())


@server.tool(name="odd.name/with-" + "x" * 70, annotations=READS)
def odd() -> str:
    """Has a name that no vendor takes."""
    return "odd"


@server.tool(annotations=READS)
def secrets() -> str:
    """What it was given."""
    return f"{os.environ.get('GIVEN')} {os.environ.get('OPENAI_API_KEY')}"


@server.tool(annotations=READS)
def long() -> str:
    """Talks a lot."""
    return "x" * 200_000


if __name__ == "__main__":
    log(f"pid {os.getpid()}")
    if len(sys.argv) > 2:
        server.run("streamable-http", port=int(sys.argv[2]), json_response=(FOLDER / "json").exists())
    else:
        server.run("stdio")
    if (FOLDER / "deaf").exists():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(3600)
