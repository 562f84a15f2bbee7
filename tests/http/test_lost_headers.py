"""What a vendor could not be told: in the answer's headers, the journal and the ledger."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest

from holdfast.testing import models as bad
from holdfast.testing.models import Reply
from http_front import front

ASKED: Any = {
    "model": "smart",
    "max_tokens": 50,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "hi"}],
    "top_k": 5,
    "metadata": {"user_id": "mara"},
}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_program_is_told_what_the_vendor_was_not(tmp_path: Path, stream: bool) -> None:
    async with front(tmp_path, bad.always(Reply("fine"))) as (f, (vendor,)), httpx.AsyncClient() as client:
        headers = {"x-api-key": f.secret}
        told = await client.post(f"{f.url}/v1/messages", json={**ASKED, "stream": stream}, headers=headers)
        assert told.status_code == 200
        assert told.headers["x-holdfast-lost"] == "top_k"
        assert (told.headers["x-holdfast-target"], told.headers["x-holdfast-attempts"]) == ("t0", "1")
        assert "top_k" not in vendor.calls[0].body and vendor.calls[0].body["user"] == "mara"
        (step,) = [e for e in await f.client.journal("outside/me") if e.verb == "model"]
        assert step.detail["facts"]["lost"] == ["top_k"]
        (row,) = await f.client.usage()
        assert row.reason.endswith("; not told: top_k")


@pytest.mark.parametrize("stream", [False, True])
async def test_nothing_is_lost_where_nothing_is_converted(tmp_path: Path, stream: bool) -> None:
    async with front(tmp_path, bad.always(Reply("fine"))) as (f, (vendor,)), httpx.AsyncClient() as client:
        body = {"model": "smart", "messages": ASKED["messages"], "unheard_of": 7, "stream": stream}
        told = await client.post(f"{f.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {f.secret}"})
        assert told.status_code == 200 and vendor.calls[0].body["unheard_of"] == 7
        assert "x-holdfast-lost" not in told.headers and told.headers["x-holdfast-target"] == "t0"
        (step,) = [e for e in await f.client.journal("outside/me") if e.verb == "model"]
        assert "lost" not in step.detail["facts"]


@pytest.mark.parametrize("stream", [False, True])
async def test_it_is_told_of_the_vendor_that_answered(tmp_path: Path, stream: bool) -> None:
    """The first speaks the client's dialect and is down; what the second is not told is what counts."""
    first = {"dialect": "anthropic"}
    scripts = bad.always(bad.ServerError(503)), bad.always(Reply("fine"))
    async with front(tmp_path, *scripts, t0=first) as (f, _), httpx.AsyncClient() as client:
        told = await client.post(f"{f.url}/v1/messages", json={**ASKED, "stream": stream}, headers={"x-api-key": f.secret})
        assert told.headers["x-holdfast-target"] == "t1" and told.headers["x-holdfast-lost"] == "top_k"
        assert int(told.headers["x-holdfast-attempts"]) > 1
        (step,) = [e for e in await f.client.journal("outside/me") if e.verb == "model"]
        assert len(step.detail["facts"]["attempts"]) == int(told.headers["x-holdfast-attempts"])


async def test_a_prefill_that_is_refused_is_said_to_be_lost(tmp_path: Path) -> None:
    said: Any = [*ASKED["messages"], {"role": "assistant", "content": "I"}]
    async with (
        front(tmp_path, bad.always(bad.NoPrefill(reply=Reply("fine")))) as (f, _),
        anthropic.AsyncAnthropic(base_url=f.url, api_key=f.secret, max_retries=0) as client,
    ):
        told = await client.messages.with_raw_response.create(model="smart", max_tokens=50, messages=said)
    assert told.headers["x-holdfast-lost"] == "prefill"


async def test_a_name_from_outside_cannot_make_a_header_of_its_own(tmp_path: Path) -> None:
    async with front(tmp_path, bad.always(Reply("fine"))) as (f, _), httpx.AsyncClient() as client:
        async with asyncio.timeout(10):
            told = await client.post(
                f"{f.url}/v1/messages", json={**ASKED, "x\r\nset-cookie: a=b": 1}, headers={"x-api-key": f.secret}
            )
    assert told.status_code == 200 and "set-cookie" not in told.headers
    assert told.headers["x-holdfast-lost"] == "top_k, x??set-cookie??a?b"
