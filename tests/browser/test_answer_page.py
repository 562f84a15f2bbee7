"""The page behind a link, on a phone, in a real browser: read, press, done; and nothing runs or is loaded on it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from holdfast.testing.webhook import Receiver, receiver
from windows import PHONE, ask, free_port

AGENTS = """
import holdfast

cashier = holdfast.Agent("cashier")


async def wire(to: str, cents: int, note: str) -> str:
    return f"paid {cents}"


@cashier.handler
async def pay(ctx: holdfast.Context, to: str, cents: int, note: str) -> str:
    return await ctx.run(wire, to, cents, note)
"""
POLICY = """
kind: Policy
name: money
spec:
  rules:
    - {name: cap, does: run wire, when: "args['1'] > 500", then: transform, transform: {cap: {"1": 500}}}
    - {name: payments, does: run wire, then: ask, reason: a person looks at payments, approval: {to: ann}}
"""
NASTY = "<img src=x onerror=document.title='hacked'><script>document.title='hacked'</script>" + "long" * 60


class Hook:
    """A receiver in a thread of its own: the browser's tests are not async."""

    def __init__(self, made: Receiver) -> None:
        self.made = made

    def first(self, seconds: float = 20.0) -> dict[str, Any]:
        """The first event, as soon as it is there."""
        until = time.monotonic() + seconds
        while not self.made.requests:
            assert time.monotonic() < until, "nobody was told"
            time.sleep(0.02)
        return self.made.events[0]


@pytest.fixture
def hook() -> Iterator[Hook]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    opened = receiver()
    made = asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result(10)
    yield Hook(made)
    asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.mark.parametrize("button", ["Approve", "Deny"])
def test_it_is_read_and_answered_with_a_thumb(browser: Browser, hook: Hook, tmp_path: Path, button: str) -> None:
    (tmp_path / "agents.py").write_text(AGENTS)
    (tmp_path / "money.yaml").write_text(POLICY)
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "holdfast", "up", "agents.py", "--unix", "wire", "--http", str(port), "--no-reload"]
    command += ["--policies", "money.yaml", "--notify", hook.made.url, "--notify-approver", "person:ann"]
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=out)
    try:
        until = time.monotonic() + 30
        while "open" not in log.read_text():
            assert server.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        base = f"http://127.0.0.1:{port}"
        ask(base, "send", to="cashier/1", handler="pay", payload=["ada", 900, NASTY])
        event = hook.first()
        link: str = event["data"]["answer"]["default/person:ann"]
        assert link.startswith(f"{base}/answer/")

        page = browser.new_context(viewport=PHONE, java_script_enabled=True).new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        troubles: list[str] = []
        page.on("console", lambda message: troubles.append(message.text))
        page.goto(link)
        expect(page.get_by_role("heading")).to_have_text("a person looks at payments")
        expect(page.locator("del")).to_have_text("900")
        expect(page.locator("ins")).to_have_text("500")
        expect(page.get_by_text("<script>document.title")).to_be_visible()
        assert page.title() == "Approval · Holdfast"
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "it fits"
        for name in ("Approve", "Deny"):
            box = page.get_by_role("button", name=name).bounding_box()
            assert box is not None and box["height"] >= 44, "a thumb hits it"
        if os.environ.get("HOLDFAST_SHOTS"):
            page.screenshot(path=f"{os.environ['HOLDFAST_SHOTS']}/answer.png", full_page=True)
        assert len(ask(base, "approvals")) == 1, "looking changed nothing"
        page.get_by_label("Why").fill("as agreed")
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("heading")).to_contain_text("approved" if button == "Approve" else "denied")
        assert ask(base, "approvals") == []
        page.goto(link)
        expect(page.get_by_role("heading")).to_contain_text("answered, or its time is over")
        assert {url for url in asked if not url.endswith("favicon.ico")} == {link}
        assert not [t for t in troubles if "404" not in t], troubles
    finally:
        os.kill(server.pid, signal.SIGTERM)
        server.wait(20)
