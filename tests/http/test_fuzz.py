"""Nothing that a client can send makes the server fail: schemathesis against our own OpenAPI document, and what it found."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from api_ground import site

LEFT_OUT = "^(call_)?(drain|backup|follow|watch|pulse|audit_export)$"
"""What ends the server, writes files where it is told to, or goes on for ever."""


@pytest.mark.long
async def test_no_request_makes_it_fail(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        await s.do("call", to="add/a", handler="plus", payload=[1])
        await s.do("send", to="add/a", handler="fail", payload=[])
        url = str(s.client.base_url).rstrip("/")
        program = f"{Path(sys.executable).parent}/schemathesis"
        checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
        command = [program, "run", f"{url}/api/openapi.json", "--checks", checks, "--exclude-operation-id-regex", LEFT_OUT]
        command += ["-n", "3", "--phases", "coverage,fuzzing", "--seed", "1", "--request-timeout", "6", "--no-color"]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False
        )
        assert done.returncode == 0, done.stdout[-5_000:]


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("compact", b'{"older_than_seconds": 6.987121575400611e+16}'),
        ("compact", b'{"older_than_seconds": -3.5e+16}'),
        ("compact", b'{"older_than_seconds": 1e999}'),
        ("schedule", b'{"name": "x", "to": "add/a", "handler": "plus", "payload": [1], "every_seconds": 1e308}'),
        ("journal", b'{"address": "add/a", "after": 1e30}'),
        ("journal", b'{"address": "add/a", "limit": 99999999999999999999}'),
        ("agents", b'{"like": "\\u0000"}'),
        ("agents", b'{"like": "\\ud800"}'),
        ("publish", b'{"topic": "a.b", "payload": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
    ],
)
async def test_what_it_found_stays_found(tmp_path: Path, operation: str, body: bytes) -> None:
    async with site(tmp_path) as s:
        await s.do("call", to="add/a", handler="plus", payload=[1])
        path = f"/api/v1/operations/{operation}"
        answer = await s.client.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code < 500, answer.text
