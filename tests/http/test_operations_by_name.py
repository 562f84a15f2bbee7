"""Operations by their names over HTTP: JSON in, JSON out, problems, and streams as server-sent events."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from api_ground import Site, site


async def test_a_program_calls_with_arguments_in_order_or_by_name(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        first = await s.do("call", to="add/a", handler="plus", payload=[2])
        second = await s.do("call", to="add/a", handler="plus", payload={"n": 3, "why": "more"})
        assert (first["value"], second["value"]) == (2, 5)
        failed = await s.do("call", to="add/a", handler="fail", payload=[])
        assert failed["failure"] == {"code": "", "message": "on purpose", "type": "ValueError"}
        assert {"add/a"} <= {a["address"] for a in await s.do("agents", like="add/")}


async def test_the_same_key_does_it_once(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        ask = {"to": "add/a", "handler": "plus", "payload": [2]}
        for _ in range(3):
            answer = await s.client.post("/api/v1/operations/call", json=ask, headers={"Idempotency-Key": "k"})
            assert answer.json()["value"] == 2


async def test_what_is_wrong_is_told_as_a_problem_with_a_page(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        unknown = await s.client.post("/api/v1/operations/describe", json={"address": "add/nobody"})
        assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")
        told = unknown.json()
        assert told["code"] == told["title"] == "agent.unknown" and told["status"] == 404 and "add/nobody" in told["detail"]
        page = await s.client.get(told["type"])
        assert page.status_code == 200 and page.text.startswith("# agent.unknown")
        for path, body, kind, code in (
            ("call", b'{"to": "add/a"}', "application/json", "operation.input"),
            ("call", b'{"nothing": 1}', "application/json", "operation.input"),
            ("call", b"{", "application/json", "http.body"),
            ("call", b"[]", "application/json", "http.body"),
            ("call", b'"\xff"', "application/json", "http.body"),
            ("call", b"{}", "text/plain", "http.media_type"),
            ("no_such", b"{}", "application/json", "operation.unknown"),
            ("_check", b"{}", "application/json", "operation.unknown"),
            ("invoke", b"{}", "application/json", "operation.unknown"),
            ("journal", b'{"address": "x"}', "application/json", "address.malformed"),
            ("journal", b'{"address": 3}', "application/json", "operation.input"),
        ):
            bad = await s.client.post(f"/api/v1/operations/{path}", content=body, headers={"content-type": kind})
            assert (bad.json()["code"], bad.status_code < 500) == (code, True), (path, body, bad.text)


async def test_pages_of_other_sites_are_refused(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        url = "/api/v1/operations/stats"
        evil = await s.client.post(url, json={}, headers={"Origin": "https://evil.example"})
        assert (evil.status_code, evil.json()["code"]) == (403, "http.origin")
        own = await s.client.post(url, json={}, headers={"Origin": str(s.client.base_url).rstrip("/")})
        assert own.status_code == 200


async def test_a_journal_is_followed_and_gone_on_with_after_a_lost_connection(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        await s.do("call", to="add/a", handler="plus", payload=[1])
        seen = await _read(s)
        await s.do("call", to="add/a", handler="plus", payload=[1])
        rest = await _read(s, last=seen[-1][0])
        numbers = [int(id) for id, _ in seen + rest]
        assert numbers == list(range(1, len(numbers) + 1))
        assert all(e["seq"] == int(id) for id, e in rest)


async def test_a_stream_that_cannot_begin_is_an_ordinary_problem(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        answer = await s.client.post("/api/v1/operations/follow", json={"address": "add/nobody"})
        assert (answer.status_code, answer.json()["code"]) == (404, "agent.unknown")


async def _read(s: Site, last: str = "") -> list[tuple[str, Any]]:
    """Events of a stream, to the end of a turn; those after ``last`` if it is given."""
    headers = {"Last-Event-ID": last} if last else {}
    found: list[tuple[str, Any]] = []
    async with asyncio.timeout(10):
        async with s.client.stream(
            "POST", "/api/v1/operations/follow", json={"address": "add/a"}, headers=headers
        ) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            id = ""
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    id = line[4:]
                elif line.startswith("data: "):
                    found.append((id, json.loads(line[6:])))
                    if found[-1][1]["kind"] == "end":
                        return found
    return found
