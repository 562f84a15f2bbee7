"""Telemetry against a real OTLP receiver: an HTTP server that decodes what arrives with OpenTelemetry's own messages."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from holdfast.bootstrap.logs import JsonLines
from holdfast.bootstrap.server import Server, Settings
from holdfast.domain.conversation import Usage
from holdfast.domain.entry import Begin, Entry, StoredEntry
from holdfast.domain.message import Message
from holdfast.insight.tailing import Seen
from holdfast.insight.telemetry import names
from holdfast.insight.telemetry.spans import Spans, span_id, trace_id
from holdfast.journal.codec import decode_entry, encode_entry
from holdfast.link import Endpoint
from holdfast.models.job import Facts

AGENTS = '''
    """A desk that asks a clerk, who fails the second time."""

    import logging

    import holdfast

    clerk = holdfast.Agent("clerk", description="Looks things up.")
    desk = holdfast.Agent("desk", description="Asks the clerk.")


    @clerk.handler
    async def look(ctx: holdfast.Context, n: int) -> int:
        """Look up."""
        if n > 1:
            raise ValueError("too many")
        return await ctx.run(lambda: n * 2, name="double")


    @desk.handler
    async def handle(ctx: holdfast.Context, n: int) -> int:
        """Handle."""
        logging.getLogger("desk").warning("asked for %d", n)
        return await ctx.call(clerk["c"].look, n)
'''


class Receiver:
    """Takes spans as a collector does."""

    def __init__(self) -> None:
        self.spans: dict[str, Any] = {}
        self.resource: dict[str, str] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
                receiver.take(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            self.resource |= {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans[span.span_id.hex()] = span

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


async def test_turns_steps_and_messages_arrive_as_one_trace(tmp_path: Path, receiver: Receiver) -> None:
    code = tmp_path / "asking.py"
    code.write_text(dedent(AGENTS))
    server = Server(
        Settings(
            places=(str(code),),
            store=f"sqlite:///{tmp_path / 's.db'}",
            listen=Endpoint("", 0, str(tmp_path / "wire")),
            otlp=receiver.url,
        )
    )
    await server.start()
    try:
        trace = "0af7651916cd43dd8448eb211c80319c"
        given = {"to": "desk/1", "handler": "handle", "trace": trace}
        await server.operations.invoke("call", given | {"payload": [1]})
        await server.operations.invoke("call", given | {"payload": [2]})
        async with asyncio.timeout(20):
            while len([s for s in receiver.spans.values() if s.name.startswith(names.INVOKE_AGENT)]) < 4:
                await asyncio.sleep(0.05)
    finally:
        await server.stop()
    spans = receiver.spans
    assert receiver.resource["service.name"] == "holdfast"
    assert {s.trace_id.hex() for s in spans.values()} == {trace}
    desk = spans[span_id("default/desk/1", 1, "")]
    step = spans[span_id("default/desk/1", 1, "1")]
    clerk = next(s for s in spans.values() if s.name == "invoke_agent clerk" and s.parent_span_id == step.span_id)
    run = next(s for s in spans.values() if s.name == "run double")
    assert step.parent_span_id == desk.span_id and run.parent_span_id == clerk.span_id
    assert desk.start_time_unix_nano <= step.start_time_unix_nano <= clerk.end_time_unix_nano <= desk.end_time_unix_nano
    told = {a.key: a.value.string_value for a in desk.attributes}
    assert (told[names.OPERATION], told[names.AGENT_ID], told[names.AGENT_NAME]) == ("invoke_agent", "desk/1", "desk")
    failed = [s for s in spans.values() if s.status.code == 2]
    assert {s.name for s in failed} >= {"invoke_agent clerk", "invoke_agent desk"}


async def test_a_receiver_that_is_not_there_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    code = tmp_path / "asking.py"
    code.write_text(dedent(AGENTS))
    server = Server(
        Settings(
            places=(str(code),),
            store=f"sqlite:///{tmp_path / 's.db'}",
            listen=Endpoint("", 0, str(tmp_path / "wire")),
            otlp="http://127.0.0.1:9",
        )
    )
    await server.start()
    try:
        told = await server.operations.invoke("call", {"to": "desk/1", "handler": "handle", "payload": [1]})
        assert told.failure is None
    finally:
        async with asyncio.timeout(10):
            await server.stop()


async def test_a_model_call_is_a_chat_with_its_usage() -> None:
    facts = Facts("smart", "t0", "bedrock", "m0", Usage(input=11, output=7, cached=3), nanos=5_000_000)
    step = decode_entry(encode_entry(Entry(0, "1", "model", "smart", 2_000, "hi", detail={"facts": facts}, took=500)))
    begun = decode_entry(encode_entry(Entry(2, "", "", "", 1_000, begin=Begin(1, "handle", b"", "v1", "me"))))

    async def begin_of(address: str, turn: int) -> StoredEntry | None:
        return begun

    async def message_of(id: int) -> Message | None:
        return None

    [span] = await Spans(message_of, begin_of).of(Seen(9, "default/desk/1", 2, 1, step))
    assert (span.name, span.kind, span.end - span.start) == ("chat m0", "client", 500_000_000)
    assert span.attributes["gen_ai.provider.name"] == "aws.bedrock" and span.attributes["gen_ai.request.model"] == "m0"
    assert span.attributes["gen_ai.usage.input_tokens"] == 11 and span.attributes["gen_ai.usage.output_tokens"] == 7
    assert span.attributes["holdfast.cost.usd"] == 0.005


def test_a_trace_of_ours_becomes_one_of_theirs() -> None:
    assert trace_id("0af7651916cd43dd8448eb211c80319c") == "0af7651916cd43dd8448eb211c80319c"
    for other in ("abc", "", "0" * 32, "Z" * 32):
        assert len(trace_id(other)) == 32 and int(trace_id(other), 16) != 0


async def test_logs_say_in_which_turn(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonLines().format(record)))

    logger, handler = logging.getLogger("desk"), Keeping()
    logger.addHandler(handler)
    code = tmp_path / "asking.py"
    code.write_text(dedent(AGENTS))
    server = Server(
        Settings(places=(str(code),), store=f"sqlite:///{tmp_path / 's.db'}", listen=Endpoint("", 0, str(tmp_path / "wire")))
    )
    await server.start()
    try:
        await server.operations.invoke("call", {"to": "desk/1", "handler": "handle", "payload": [1], "trace": "t1"})
    finally:
        await server.stop()
        logger.removeHandler(handler)
    first = lines[0]
    assert (first["message"], first["level"], first["trace"], first["agent"]) == (
        "asked for 1",
        "warning",
        "t1",
        "default/desk/1",
    )
