"""Bodies that take the short way: what is on the wire is the same, whichever way a request went."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.protocols.http.models import ModelEndpoints
from holdfast.protocols.http.posted import Posted
from tests.http.http_front import Front, front

_ENDPOINT = "/v1/chat/completions"


def _request(secret: str, text: str, *headers: str, model: str = "smart") -> bytes:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    lines = [f"POST {_ENDPOINT} HTTP/1.1", "host: here", f"authorization: Bearer {secret}", *headers]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


async def _answers(one: Front, data: bytes, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Write all of it at once, read so many answers: status line and JSON."""
    host, port = one.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    found: list[tuple[str, dict[str, Any]]] = []
    try:
        writer.write(data)
        async with asyncio.timeout(20):
            for _ in range(count):
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(int(line.split(":")[1]) for line in head.lower().split("\r\n") if "content-length" in line)
                found.append((head.split("\r\n")[0], json.loads(await reader.readexactly(length))))
    finally:
        writer.close()
    return found


def _said(answer: dict[str, Any]) -> str:
    return answer["choices"][0]["message"]["content"]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each body that was offered to the short way, whether it was taken."""
    found: list[bool] = []
    at_once = ModelEndpoints.at_once

    def seen(self: ModelEndpoints, posted: Posted) -> bool:
        found.append(at_once(self, posted))
        return found[-1]

    monkeypatch.setattr(ModelEndpoints, "at_once", seen)
    return found


async def test_the_first_request_of_a_token_goes_the_ordinary_way_and_the_next_ones_the_short_one(
    tmp_path: Path, taken: list[bool]
) -> None:
    async with front(tmp_path, None) as (one, _):
        for n in range(3):
            [(status, answer)] = await _answers(one, _request(one.secret, f"word {n}"), 1)
            assert (status, _said(answer)) == ("HTTP/1.1 200 OK", f"word {n}")
    assert taken == [False, True, True]


async def test_pipelined_requests_are_answered_in_their_order(tmp_path: Path, taken: list[bool]) -> None:
    async with front(tmp_path, None) as (one, _):
        await _answers(one, _request(one.secret, "known now"), 1)
        asked = [_request(one.secret, f"number {n}") for n in range(4)]
        found = await _answers(one, b"".join([*asked[:2], b"GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n", *asked[2:]]), 5)
    told = [answer if "ok" in answer else _said(answer) for _, answer in found]
    assert told == ["number 0", "number 1", {"ok": True}, "number 2", "number 3"]
    assert True in taken


async def test_a_body_in_pieces_a_large_one_and_one_that_waits_to_be_asked_for(tmp_path: Path, taken: list[bool]) -> None:
    large = "x" * (3 << 20)
    async with front(tmp_path, None) as (one, _):
        await _answers(one, _request(one.secret, "known now"), 1)
        [(_, answer)] = await _answers(one, _request(one.secret, large), 1)
        assert _said(answer) == large
        host, port = one.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        whole = _request(one.secret, "in pieces")
        for at in range(0, len(whole), 40):
            writer.write(whole[at : at + 40])
            await writer.drain()
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        reader, writer = await asyncio.open_connection(host, int(port))
        head, _, body = _request(one.secret, "later", "expect: 100-continue").partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert taken == [False, True]


async def test_what_is_wrong_is_told_alike_and_the_connection_goes_on(tmp_path: Path, taken: list[bool]) -> None:
    async with front(tmp_path, None) as (one, _):
        await _answers(one, _request(one.secret, "known now"), 1)
        asked = [
            _request(one.secret, "no such", model="nobody"),
            _request("hf_unknown", "who"),
            _request(one.secret, "well"),
        ]
        found = await _answers(one, b"".join(asked), 3)
    assert [status for status, _ in found] == ["HTTP/1.1 404 Not Found", "HTTP/1.1 401 Unauthorized", "HTTP/1.1 200 OK"]
    assert taken[:2] == [False, False]


async def test_close_is_obeyed_and_a_client_that_hangs_up_harms_nobody(tmp_path: Path, taken: list[bool]) -> None:
    async with front(tmp_path, None) as (one, vendors):
        await _answers(one, _request(one.secret, "known now"), 1)
        host, port = one.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(_request(one.secret, "last", "connection: close"))
        whole = await reader.read()
        assert b"connection: close" in whole and b"last" in whole
        writer.close()
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(_request(one.secret, "gone"))
        await writer.drain()
        writer.close()
        await vendors[0].until(lambda: vendors[0].answered >= 3, 10.0)
        [(status, _)] = await _answers(one, _request(one.secret, "still here"), 1)
    assert status == "HTTP/1.1 200 OK"
    assert taken == [False, True, True, True]


async def test_blanks_around_a_header_are_none_of_its_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    at_once = ModelEndpoints.at_once

    def noted(self: ModelEndpoints, posted: Posted) -> bool:
        seen.append(posted.header(b"x-note"))
        return at_once(self, posted)

    monkeypatch.setattr(ModelEndpoints, "at_once", noted)
    async with front(tmp_path, None) as (one, _):
        [(status, answer)] = await _answers(one, _request(one.secret, "hi", "x-note: \t two words \t "), 1)
    assert (status.split()[1], _said(answer), seen) == ("200", "hi", ["two words"])
