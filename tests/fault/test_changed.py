"""What a rule made of an action is decided once: after a kill -9 the same is sent again, whatever the rules say by then."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import holdfast
from fault import changed
from holdfast.testing.models import Call, Reply, Vendor

HIDDEN = "my card is [redacted]"


def rule(tmp_path: Path, does: str, words: dict[str, Any]) -> str:
    place = tmp_path / "policy.json"
    rules = [{"name": "r", "does": does, "then": "transform", "transform": words}]
    place.write_text(json.dumps({"kind": "Policy", "name": "p", "spec": {"rules": rules}}))
    return str(place)


async def killed(url: str, vendor: str, policy: str, tmp_path: Path, what: str, when: Callable[[], bool]) -> None:
    """A process that is killed as soon as it is in the middle of it."""
    child = await asyncio.create_subprocess_exec(sys.executable, changed.__file__, url, vendor, policy, str(tmp_path), what)
    async with asyncio.timeout(60):
        while not when():
            await asyncio.sleep(0.01)
    child.kill()
    assert await child.wait() == -signal.SIGKILL


async def at_rest(runtime: holdfast.Runtime, address: str) -> Any:
    async with asyncio.timeout(60):
        while (view := await runtime.describe(address)).doing != "idle":
            await asyncio.sleep(0.02)
    return view


async def test_a_changed_prompt_is_sent_again_as_it_was(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    slow = True

    def script(call: Call) -> Reply:
        return Reply("hello", delay=60.0 if slow else 0.0)

    async with Vendor(script) as vendor:
        policy = rule(tmp_path, "model", {"redact": {"user": r"\d{16}"}, "cap": {"max_tokens": 77}})
        await killed(url, vendor.url, policy, tmp_path, "mind", lambda: len(vendor.calls) > 0)
        rule(tmp_path, "model", {"redact": {"user": "card"}, "cap": {"max_tokens": 9}})
        slow = False
        async with changed.runtime(url, vendor.url, policy, changed.agents(tmp_path)) as runtime:
            await at_rest(runtime, "mind/1")
            entries = await runtime.journal("mind/1")
        first, second = vendor.calls
        assert first.text == second.text == HIDDEN
        assert first.body == second.body and second.body["max_tokens"] == 77
        asked = [e for e in entries if e.verb == "model"]
        assert [e.kind for e in asked] == ["intent", "step"]
        assert asked[0].decision["args"] == {"user": {"0": HIDDEN}, "max_tokens": 77}
        assert asked[0].decision["before"]["user"] == {"0": "my card is [withheld]"}
        assert asked[0].detail["asked"] == asked[1].detail["asked"], "the digest is that of what was sent"


async def test_a_rule_that_denies_by_then_stops_what_would_be_sent_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    async with Vendor(lambda call: Reply("hello", delay=60.0)) as vendor:
        policy = rule(tmp_path, "model", {"redact": {"user": r"\d{16}"}})
        await killed(url, vendor.url, policy, tmp_path, "mind", lambda: len(vendor.calls) > 0)
        shut = {"kind": "Policy", "name": "p", "spec": {"rules": [{"name": "shut", "does": "model", "then": "deny"}]}}
        Path(policy).write_text(json.dumps(shut))
        async with changed.runtime(url, vendor.url, policy, changed.agents(tmp_path)) as runtime:
            await at_rest(runtime, "mind/1")
            assert any("gate.denied" in e.error or "denied" in e.error for e in await runtime.journal("mind/1"))
        assert len(vendor.calls) == 1


async def test_a_changed_step_is_done_again_as_it_was(tmp_path: Path) -> None:
    url, paid = f"sqlite:///{tmp_path}/s.db", tmp_path / "paid"
    policy = rule(tmp_path, "run pay", {"cap": {"0": 500}, "redact": {"1": r"\d{16}"}})
    await killed(url, "http://127.0.0.1:1", policy, tmp_path, "work", paid.exists)
    rule(tmp_path, "run pay", {"cap": {"0": 100}})
    (tmp_path / "mended").touch()
    async with changed.runtime(url, "http://127.0.0.1:1", policy, changed.agents(tmp_path)) as runtime:
        await at_rest(runtime, "cashier/1")
        assert paid.read_text().splitlines() == ["500 card [redacted]"] * 2


async def test_what_is_in_doubt_is_verified_by_what_was_done(tmp_path: Path) -> None:
    url, paid = f"sqlite:///{tmp_path}/s.db", tmp_path / "paid"
    policy = rule(tmp_path, "run pay", {"cap": {"0": 500}, "redact": {"1": r"\d{16}"}})
    await killed(url, "http://127.0.0.1:1", policy, tmp_path, "wire", paid.exists)
    async with changed.runtime(url, "http://127.0.0.1:1", policy, changed.agents(tmp_path)) as runtime:
        await at_rest(runtime, "cashier/1")
        assert (tmp_path / "verified").read_text() == "500 card [redacted]"
        assert len(paid.read_text().splitlines()) == 1
