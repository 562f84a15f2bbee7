"""The wire itself: handshake, bounds, broken connections, and that asking again never does anything twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

import holdfast
from cutting import Cutter
from holdfast import Target, Unavailable
from holdfast.bootstrap.server import Server, Settings
from holdfast.domain.errors import Conflict, HoldfastError, LimitExceeded, Rejected
from holdfast.link import Endpoint, endpoint, frames
from holdfast.link.frames import Frame, Hello, Splitter, pack

AGENTS = """
from holdfast import Agent, Context

counter = Agent("counter")


@counter.handler
async def add(ctx: Context, amount: int) -> int:
    total = await ctx.state.get("total", 0) + amount
    await ctx.state.set("total", total)
    return total


@counter.handler
async def listen(ctx: Context) -> str:
    return await ctx.wait("news")
"""


ANYWHERE = Endpoint(port=0)


def counter(key: str, handler: str = "add") -> Target[..., Any]:
    return Target(f"default/counter/{key}", handler)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def serving(folder: Path, at: Endpoint = ANYWHERE) -> AsyncGenerator[Server]:
    file = folder / "agents.py"
    file.write_text(AGENTS)
    server = Server(Settings(places=(str(file),), store=f"sqlite:///{folder}/store.db", listen=at, retain_seconds=0))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def url_of(server: Server) -> str:
    assert server.listener is not None
    return server.listener.at.url


async def test_a_call_whose_answer_was_lost_is_asked_again_and_done_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        assert server.listener is not None
        cutter = Cutter(server.listener.at)
        async with holdfast.connect(await cutter.start()) as client:
            assert await client.call(counter("a"), 5) == 5
            for n in range(1, 6):
                cutter.cut_next = b"counter/a"
                assert await client.call(counter("a"), 1) == 5 + n
            cutter.cut_next = b"counter/b"
            await client.send(counter("b"), 1)
            assert await client.call(counter("b"), 0) == 1
        assert cutter.cuts == 6
        await cutter.stop()


async def test_a_lost_event_arrives_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        assert server.listener is not None
        cutter = Cutter(server.listener.at)
        async with holdfast.connect(await cutter.start()) as client:
            asked = asyncio.ensure_future(client.call(counter("e", "listen")))
            again = asyncio.ensure_future(client.call(counter("e", "listen")))
            cutter.cut_next = b"signal"
            await client.signal("counter/e", "news", "first")
            await client.signal("counter/e", "news", "second")
            assert await asked == "first" and await again == "second"
        await cutter.stop()


async def test_a_call_outlives_a_restart_of_the_server(tmp_path: Path) -> None:
    at = Endpoint("", 0, str(tmp_path / "hf.sock"))
    async with contextlib.AsyncExitStack() as stack:
        async with serving(tmp_path, at):
            client = await stack.enter_async_context(holdfast.connect(at.url))
            asked = asyncio.ensure_future(client.call(counter("w", "listen")))
            while not await client.agents(like="counter/w"):
                await asyncio.sleep(0.01)
        async with serving(tmp_path, at):
            await client.signal("counter/w", "news", "still here")
            assert await asked == "still here"


async def test_a_server_that_is_gone_is_told_after_the_patience(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with serving(tmp_path) as server:
            client = await stack.enter_async_context(holdfast.connect(url_of(server), patience_seconds=0.2))
            await client.stats()
        with pytest.raises(Unavailable) as caught:
            await client.stats()
        assert caught.value.code == "server.unreachable" and "holdfast up" in caught.value.message


async def test_nobody_there() -> None:
    with pytest.raises(Unavailable) as caught:
        async with holdfast.connect("holdfast://127.0.0.1:1"):
            pass
    assert caught.value.code == "server.unreachable"


async def test_somebody_else_there() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2p1 and more of that kind\r\n")
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    with pytest.raises(Unavailable) as caught:
        async with holdfast.connect(f"holdfast://127.0.0.1:{server.sockets[0].getsockname()[1]}"):
            pass
    assert caught.value.code == "server.not_holdfast"
    server.close()


async def test_a_stranger_is_told_what_this_is(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        assert server.listener is not None
        for words in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", pack(frames.CALL, 1, "stats", {}), b"\0\0\0\4junk"):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.listener.at.port)
            writer.write(bytes(words))
            assert b"Holdfast's own protocol" in await reader.read()
            writer.close()


async def test_another_protocol_number_is_refused_with_who_must_move(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        assert server.listener is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", server.listener.at.port)
        writer.write(bytes(pack(frames.HELLO, frames.PROTOCOL + 1, frames.MAGIC, Hello("9.9.9"))))
        [frame] = list(Splitter().feed(await reader.read()))
        error = frames.decode_problem(frame.body).error()
        assert isinstance(error, Conflict) and error.code == "server.protocol" and "Upgrade the server" in error.message
        writer.close()


async def test_errors_come_back_as_the_same_classes(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, holdfast.connect(url_of(server)) as client:
        for work, kind, code in (
            (client.call(counter("a"), "x"), Rejected, "handler.bad_argument"),
            (client.describe(address="counter/never"), holdfast.NotFound, "agent.unknown"),
            (client.channel.request("frobnicate"), holdfast.NotFound, "operation.unknown"),
            (client.channel.request("stats", deep=True), Rejected, "operation.input"),
            (client.agents(limit="many"), Rejected, "operation.input"),
            (client.call(counter("a"), "x" * (5 << 20)), LimitExceeded, "payload.too_large"),
            (client.call(counter("a"), "x" * (frames.FRAME_BYTES + 1)), LimitExceeded, "frame.too_large"),
        ):
            with pytest.raises(kind) as caught:
                await work
            assert caught.value.code == code
        assert await client.call(counter("a"), 1) == 1


async def test_a_stream_goes_no_faster_than_it_is_read_and_ends_when_left(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, holdfast.connect(url_of(server)) as client:
        for _ in range(150):
            await client.call(counter("s"), 1)
        assert server.listener is not None
        [peer] = server.listener.peers
        seen = 0
        entries = client.channel.stream("follow", address="counter/s")
        async for entry in entries:
            seen += 1
            assert entry.seq == seen
            if seen == 1:
                await asyncio.sleep(0.1)
                assert list(peer.streams.values()) == [0], "it waits for the reader"
            if seen == 300:
                break
        await entries.aclose()  # type: ignore[attr-defined]
        await client.stats()
        await asyncio.sleep(0.01)
        assert not peer.streams


async def test_a_client_that_vanishes_leaves_nothing_behind(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        async with holdfast.connect(url_of(server)) as client:
            asked = asyncio.ensure_future(client.call(counter("v", "listen")))
            await client.stats()
        with pytest.raises(HoldfastError):
            await asked
        async with holdfast.connect(url_of(server)) as client:
            assert server.listener is not None and len(server.listener.peers) == 1
            await client.signal("counter/v", "news", "x")


def test_frames_come_out_whole_however_they_arrive() -> None:
    stream = b"".join(bytes(pack(frames.CALL, n, "op", {"x": "y" * n})) for n in range(50))
    for size in (1, 2, 3, 7, 64, 1000, len(stream)):
        splitter = Splitter()
        found: list[Frame] = []
        for at in range(0, len(stream), size):
            found += list(splitter.feed(stream[at : at + size]))
        assert [f.id for f in found] == list(range(50))


def test_a_frame_beyond_the_bound_is_refused_before_it_is_read() -> None:
    with pytest.raises(LimitExceeded):
        list(Splitter().feed((frames.FRAME_BYTES + 1).to_bytes(4, "big")))


@pytest.mark.parametrize(
    ("url", "back"),
    [
        ("holdfast://127.0.0.1:7433", "holdfast://127.0.0.1:7433"),
        ("holdfast://localhost", "holdfast://localhost:7433"),
        ("holdfast://[::1]:99", "holdfast://[::1]:99"),
        ("holdfast+unix:///tmp/x.sock", "holdfast+unix:///tmp/x.sock"),
    ],
)
def test_addresses_of_servers(url: str, back: str) -> None:
    assert endpoint(url).url == back


@pytest.mark.parametrize(
    "url",
    ["", "holdfast://", "http://127.0.0.1", "holdfast://h:99999", "holdfast://h/path", "holdfast+unix://", "127.0.0.1:1"],
)
def test_malformed_addresses_of_servers(url: str) -> None:
    with pytest.raises(Rejected) as caught:
        endpoint(url)
    assert caught.value.code == "server.url"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_what_others_reach_is_not_local(host: str) -> None:
    assert not Endpoint(host, 1).local
    assert Endpoint("127.0.0.1", 1).local and Endpoint("", 0, "/run/wire").local


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5"])
async def test_nothing_listens_beyond_this_machine_without_encryption(host: str, tmp_path: Path) -> None:
    server = Server(Settings(store=f"sqlite:///{tmp_path}/s.db", listen=Endpoint(host, 0)))
    with pytest.raises(Rejected) as caught:
        await server.start()
    assert caught.value.code == "server.no_tls"


async def test_nothing_listens_beyond_this_machine_without_knowing_anybody(tmp_path: Path) -> None:
    server = Server(Settings(store=f"sqlite:///{tmp_path}/s.db", listen=Endpoint("0.0.0.0", 0), behind_proxy=True))
    with pytest.raises(Rejected) as caught:
        await server.start()
    assert caught.value.code == "server.no_auth"
