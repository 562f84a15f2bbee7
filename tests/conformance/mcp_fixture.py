"""A server with what the official MCP conformance suite asks for, behind our own endpoint: ``python mcp_fixture.py [port]``.

What carries it (``McpEndpoint``, ``HttpServer``) is what carries the operations; the tools, resources and prompts are the
suite's. It prints its address and serves until it is killed. Run the suite against it:

    npx @modelcontextprotocol/conformance server --url URL --requirements 2026-07-28
"""

from __future__ import annotations

import asyncio
import base64
import struct
import sys
import zlib
from types import SimpleNamespace
from typing import Any, cast

import mcp_types as types
from mcp.server.mcpserver import Context, MCPServer

import mcp_asking
from holdfast.protocols.http.requests import Request
from holdfast.protocols.http.server import HttpServer
from holdfast.protocols.mcp.endpoint import PATH, McpEndpoint
from holdfast.protocols.mcp.tools import Acting


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG_BYTES = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00"))
    + _chunk(b"IEND", b"")
)
PNG = base64.b64encode(PNG_BYTES).decode()
WAV = base64.b64encode(
    b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8) + b"data\0\0\0\0"
).decode()

server = MCPServer("conformance")
mcp_asking.register(server)


def _resource(uri: str, kind: str, text: str) -> types.EmbeddedResource:
    return types.EmbeddedResource(type="resource", resource=types.TextResourceContents(uri=uri, mime_type=kind, text=text))


@server.tool()
def test_simple_text() -> str:
    """Text."""
    return "This is a simple text response for testing."


@server.tool(structured_output=False)
def test_image_content() -> list[types.ContentBlock]:
    """An image."""
    return [types.ImageContent(type="image", data=PNG, mime_type="image/png")]


@server.tool(structured_output=False)
def test_audio_content() -> list[types.ContentBlock]:
    """A sound."""
    return [types.AudioContent(type="audio", data=WAV, mime_type="audio/wav")]


@server.tool(structured_output=False)
def test_embedded_resource() -> list[types.ContentBlock]:
    """A resource."""
    return [_resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")]


@server.tool(structured_output=False)
def test_multiple_content_types() -> list[types.ContentBlock]:
    """All three."""
    return [
        types.TextContent(type="text", text="Multiple content types test:"),
        types.ImageContent(type="image", data=PNG, mime_type="image/png"),
        _resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ]


@server.tool()
def test_error_handling() -> str:
    """Fails."""
    raise ValueError("This tool intentionally returns an error for testing")


@server.tool()
async def test_tool_with_progress(ctx: Context[Any, Any]) -> str:
    """Tells how far it is."""
    for progress in (0, 50, 100):
        await ctx.report_progress(progress, 100)
        await asyncio.sleep(0.05)
    return "done"


@server.tool()
async def test_tool_with_logging(ctx: Context[Any, Any]) -> str:
    """Logs."""
    for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.session.send_log_message(  # pyright: ignore[reportDeprecated] - the suite still asks for it
            "info", text, related_request_id=ctx.request_id
        )
        await asyncio.sleep(0.05)
    return "done"


@server.tool()
async def test_sampling(prompt: str, ctx: Context[Any, Any]) -> str:
    """Asks the client's model."""
    said = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=prompt))
    made: Any = await ctx.session.create_message(  # pyright: ignore[reportDeprecated] - the suite still asks for it
        [said], max_tokens=100, related_request_id=ctx.request_id
    )
    return f"LLM response: {made.content.text}"


@server.tool()
async def test_elicitation(message: str, ctx: Context[Any, Any]) -> str:
    """Asks the client's person."""
    text = {"type": "string"}
    schema = {"type": "object", "properties": {"username": text, "email": text}, "required": ["username", "email"]}
    found = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
    return f"User response: action: {found.action}, content: {found.content}"


@server.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """Text."""
    return "This is the content of the static text resource."


@server.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """An image."""
    return PNG_BYTES


@server.resource("test://template/{id}/data", mime_type="application/json")
def template(id: str) -> str:
    """Data."""
    return f'{{"id":"{id}","templateTest":true,"data":"Data for ID: {id}"}}'


@server.prompt()
def test_simple_prompt() -> str:
    """Says something."""
    return "This is a simple prompt for testing."


@server.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """Says it with arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@server.prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list[Any]:  # noqa: N803 - the suite calls it so
    """Shows a resource."""
    shown = _resource(resourceUri, "text/plain", "Embedded resource content for testing.")
    return [
        {"role": "user", "content": shown.model_dump(by_alias=True, mode="json", exclude_none=True)},
        {"role": "user", "content": {"type": "text", "text": "Please process the embedded resource above."}},
    ]


@server.prompt()
def test_prompt_with_image() -> list[Any]:
    """Shows an image."""
    return [
        {"role": "user", "content": {"type": "image", "data": PNG, "mimeType": "image/png"}},
        {"role": "user", "content": {"type": "text", "text": "Please analyze the image above."}},
    ]


@server.completion()
async def complete(
    ref: types.PromptReference | types.ResourceTemplateReference,
    argument: types.CompletionArgument,
    context: types.CompletionContext | None,
) -> types.Completion:
    """Completes."""
    return types.Completion(values=[v for v in ("paris", "park", "party") if v.startswith(argument.value)], has_more=False)


async def _nobody(request: Request) -> Acting:
    return cast(Acting, None)  # the suite's tools act for nobody


async def main(port: int) -> None:
    """Serve."""
    carried = McpEndpoint(lambda: server, _nobody)
    no_models = SimpleNamespace(at_once=lambda posted: False)  # pyright: ignore[reportUnknownLambdaType]
    front = HttpServer(cast(Any, no_models), cast(Any, None), "127.0.0.1", port)
    front.mount(PATH, carried.answer, carried.stop)
    await front.start()
    print(f"{front.url}{PATH}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
