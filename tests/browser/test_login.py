"""A server that wants to know who one is: the door, a wrong token, the right one, and live after it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, expect

from windows import WIDE, free_port

SECRET = "hf_0123456789abcdefghijklmnopqrstuvwxyzABCDEF"
AGENTS = """from holdfast import Agent

counter = Agent("counter")
"""


def test_the_door(browser: Browser, bundle: None, tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(AGENTS)
    port = free_port()
    command = [sys.executable, "-m", "holdfast", "up", "agents.py", "--auth", "--unix", "wire", "--http", str(port)]
    log = tmp_path / "log"
    with log.open("wb") as out:
        environment = os.environ | {"HOLDFAST_ADMIN_TOKEN": SECRET}
        server = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=out, stderr=out)
    try:
        until = time.monotonic() + 30
        while "open" not in log.read_text():
            assert server.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        page = browser.new_context(viewport=WIDE).new_page()
        page.goto(f"http://127.0.0.1:{port}/inbox")
        page.get_by_label("Token").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("not known here")
        page.get_by_label("Token").fill(SECRET)
        page.keyboard.press("Enter")
        expect(page.locator(".head h1")).to_have_text("Inbox")
        expect(page.get_by_text("Nothing waits for you")).to_be_visible()
        expect(page.locator(".live")).to_have_text("Live")
        assert SECRET not in page.content()
    finally:
        server.terminate()
        server.wait(20)
