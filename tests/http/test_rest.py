"""REST: things have places, lists come in pages, readings have tags, changes can be rehearsed and made conditional."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from api_ground import site
from holdfast.control.operations import Operations
from holdfast.control.registry import registry_of


async def test_things_have_places(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        called = await s.client.post("/api/v1/agents/add/a/call", json={"handler": "plus", "payload": [4]})
        assert called.json()["value"] == 4
        agent = (await s.client.get("/api/v1/agents/add/a")).json()
        assert (agent["address"], agent["doing"]) == ("add/a", "idle")
        assert (await s.client.get("/api/v1/agents/add/a/state")).json() == {"total": 4}
        await s.client.post("/api/v1/agents/add/a/pause", json={"why": "to look"})
        assert (await s.client.get("/api/v1/agents/add/a")).json()["doing"] == "paused"
        other = await s.client.get("/api/v1/agents/add/a", params={"tenant": "acme"})
        assert (other.status_code, "acme/add/a" in other.json()["detail"]) == (404, True)


async def test_a_question_is_answered_where_it_is(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        await s.client.post("/api/v1/agents/add/q/messages", json={"handler": "wonder", "payload": []})
        asked: list[Any] = []
        for _ in range(200):
            asked = (await s.client.get("/api/v1/questions")).json()["items"]
            if asked:
                break
        place = f"/api/v1/questions/{quote(asked[0]['id'], safe='')}/answer"
        wrong = await s.client.post(place, json={"value": "perhaps"})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "ask.not_a_choice")
        assert (await s.client.post(place, json={"value": "yes"})).status_code == 200


@pytest.mark.parametrize("limit", [1, 3, 7])
async def test_pages_tell_everything_once(tmp_path: Path, limit: int) -> None:
    async with site(tmp_path) as s:
        for n in range(7):
            await s.client.post(f"/api/v1/agents/add/{n}/call", json={"handler": "plus", "payload": [n]})
        for path, field, many in (("agents", "address", 7), ("agents/add/0/journal", "seq", 2)):
            seen: list[str] = []
            query = {"limit": str(limit), **({"like": "add/"} if path == "agents" else {})}
            cursor = None
            while True:
                page = (await s.client.get(f"/api/v1/{path}", params=query | ({"cursor": cursor} if cursor else {}))).json()
                assert 0 < len(page["items"]) <= limit
                seen += [str(i[field]) for i in page["items"]]
                cursor = page["next"]
                if cursor is None:
                    break
            assert len(seen) == len(set(seen)) >= many and seen == sorted(seen)


async def test_a_made_up_cursor_is_refused(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        for cursor in ("x", "é", "AAAA", "kqZhZ2VudHOhYQ=", "x" * 5000):
            bad = await s.client.get("/api/v1/waits", params={"cursor": cursor})
            assert (bad.status_code, bad.json()["code"]) == (400, "http.cursor"), cursor


async def test_what_the_client_has_is_not_sent_again(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        await s.client.post("/api/v1/agents/add/a/call", json={"handler": "plus", "payload": [1]})
        first = await s.client.get("/api/v1/agents/add/a/state")
        tag = first.headers["etag"]
        again = await s.client.get("/api/v1/agents/add/a/state", headers={"If-None-Match": f'W/"x", {tag}'})
        assert (again.status_code, again.content) == (304, b"")
        await s.client.post("/api/v1/agents/add/a/call", json={"handler": "plus", "payload": [1]})
        changed = await s.client.get("/api/v1/agents/add/a/state", headers={"If-None-Match": tag})
        assert (changed.status_code, changed.json()) == (200, {"total": 2})


async def test_a_change_can_ask_for_what_it_saw(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        await s.client.post("/api/v1/agents/add/a/call", json={"handler": "plus", "payload": [1]})
        tag = (await s.client.get("/api/v1/agents/add/a")).headers["etag"]
        await s.client.post("/api/v1/agents/add/a/call", json={"handler": "plus", "payload": [1]})
        stale = await s.client.post("/api/v1/agents/add/a/pause", json={}, headers={"If-Match": tag})
        assert (stale.status_code, stale.json()["code"]) == (412, "http.changed")
        assert (await s.client.get("/api/v1/agents/add/a")).json()["mode"] == "active"
        tag = (await s.client.get("/api/v1/agents/add/a")).headers["etag"]
        assert (await s.client.post("/api/v1/agents/add/a/pause", json={}, headers={"If-Match": tag})).status_code == 200


async def test_a_rehearsal_says_what_would_happen_and_touches_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        await s.client.post("/api/v1/agents/add/a/call", json={"handler": "plus", "payload": [1]})
        before = await s.do("journal", address="add/a"), await s.do("stats")
        told = (await s.client.post("/api/v1/agents/add/a/pause?dry_run=true", json={"why": "x"})).json()
        assert told == {"operation": "pause", "would": "make add/a paused (person: x)", "on": ["add/a"]}
        told = await s.do("call", to="add/a", handler="plus", payload=[1], dry_run=True)
        assert told["would"] == "send the request 'plus' to add/a"
        wrong = await s.client.post(
            "/api/v1/operations/call", json={"to": "add/a", "handler": "minus", "payload": [], "dry_run": True}
        )
        assert wrong.json()["code"] == "handler.unknown"
        assert (await s.do("journal", address="add/a"), await s.do("stats")) == before


async def test_methods_and_paths_that_are_not_there(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        wrong = await s.client.put("/api/v1/agents/add/a")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
        assert (await s.client.get("/api/v1/nothing")).json()["code"] == "http.not_found"
        assert (await s.client.get("/api/v1/stats", params={"x": "1"})).json()["code"] == "operation.input"
        assert (await s.client.get("/api/v1/agents", params={"limit": "many"})).json()["code"] == "operation.input"
        assert (await s.client.get("/api/v1/agents", params={"limit": "0"})).json()["code"] == "operation.input"


async def test_large_answers_are_packed(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        async with s.client.stream("GET", "/api/openapi.json", headers={"accept-encoding": "gzip"}) as answer:
            raw = b"".join([piece async for piece in answer.aiter_raw()])
        whole = gzip.decompress(raw)
        assert answer.headers["content-encoding"] == "gzip" and len(raw) < len(whole) / 5
        assert json.loads(whole)["openapi"] == "3.1.0"


async def test_the_document_is_valid_and_has_every_operation(tmp_path: Path) -> None:
    from openapi_spec_validator import validate

    async with site(tmp_path) as s:
        document = (await s.client.get("/api/openapi.json")).json()
    validate(document)
    schemas = document["components"]["schemas"]
    assert "words" in schemas["Hit"]["properties"] and "deeds" in schemas["Found"]["properties"]
    named = {p["post"]["x-holdfast"]["operation"] for path, p in document["paths"].items() if "/operations/" in path}
    assert named == set(registry_of(Operations))


async def test_the_whole_store_is_followed_and_gone_on_with(tmp_path: Path) -> None:
    async def read(last: str, until: str) -> tuple[list[str], str]:
        seen: list[str] = []
        headers = {"Last-Event-ID": last} if last else {}
        async with asyncio.timeout(20), s.client.stream("GET", "/api/v1/events", headers=headers) as answer:
            id = ""
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    id = line[4:]
                elif line.startswith("data: "):
                    seen += [event[1] for event in json.loads(line[6:])["events"]]
                    if not until or any(address.endswith(until) for address in seen):
                        return seen, id
        return seen, ""

    async with site(tmp_path) as s:
        _, first = await read("", "")
        await s.do("call", to="add/a", handler="plus", payload=[1])
        seen, at = await read(first, "add/a")
        await s.do("call", to="add/b", handler="plus", payload=[1])
        later, _ = await read(at, "add/b")
        assert seen and all(a.endswith("add/a") for a in seen) and all(a.endswith("add/b") for a in later)


async def test_a_saved_search_is_watched_and_gone_on_with(tmp_path: Path) -> None:
    async def read(last: str, count: int) -> list[tuple[str, str]]:
        seen: list[tuple[str, str]] = []
        headers = {"Last-Event-ID": last}
        async with (
            asyncio.timeout(20),
            s.client.stream("GET", "/api/v1/searches/Why%20not/watch", headers=headers) as answer,
        ):
            id = ""
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    id = line[4:]
                elif line.startswith("data: "):
                    seen.append((id, json.loads(line[6:])["address"]))
                    if len(seen) == count:
                        return seen
        return seen

    async with site(tmp_path) as s:
        saved = await s.client.put("/api/v1/searches/Why%20not", json={"text": "because", "agent": "add"})
        assert (saved.status_code, saved.json()["name"]) == (200, "Why not")
        for key in ("a", "b", "c"):
            await s.do("send", to=f"add/{key}", handler="plus", payload=[1, "because"])
            await s.do("call", to=f"add/{key}", handler="plus", payload=[1])
            await s.do("send", to=f"add/because-{key}", handler="plus", payload=[1])
        seen = await read("1", 3)
        assert len({id for id, _ in seen}) == 3
        rest = await read(seen[0][0], 2)
        assert rest == seen[1:]
        assert (await s.client.get("/api/v1/searches")).json()["items"][0]["agent"] == "add"
        assert (await s.client.delete("/api/v1/searches/Why%20not")).status_code == 200
        gone = await s.client.get("/api/v1/searches/Why%20not/watch")
        assert (gone.status_code, gone.json()["code"]) == (404, "search.unknown")
