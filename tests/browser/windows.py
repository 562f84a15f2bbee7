"""Windows of a real browser, and the server under them."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, ViewportSize

ROOT = Path(__file__).resolve().parents[2]
WIDE: ViewportSize = {"width": 1440, "height": 900}
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = "async (rules) => (await axe.run(document, {runOnly: rules})).violations"
PHONE: ViewportSize = {"width": 390, "height": 844}


def ask(base: str, operation: str, headers: dict[str, str] | None = None, **given: Any) -> Any:
    """An operation of the server under the browser."""
    sent = {"content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(f"{base}/api/v1/operations/{operation}", json.dumps(given).encode(), sent)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def free_port() -> int:
    """A port that nobody has right now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def eventually(condition: Callable[[], Any], seconds: float) -> Any:
    """The first true value of ``condition``."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.1)
    return found


class Window:
    """A page that remembers what went wrong in it."""

    def __init__(self, base: str, context: BrowserContext) -> None:
        self.base = base
        self.context = context
        self.page: Page = context.new_page()
        self.wrong: list[str] = []
        self.page.on(
            "console", lambda m: self.wrong.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda e: self.wrong.append(str(e)))

    def open(self, path: str) -> Page:
        """Go there and wait until the page has something to show."""
        self.page.goto(self.base + path)
        self.page.wait_for_selector(".head h1")
        self.page.wait_for_selector(".waiting", state="detached")
        return self.page


def violations(window: Window) -> list[str]:
    """What axe finds, in one line each."""
    window.page.evaluate(AXE.read_text())
    found: list[Any] = window.page.evaluate(_RUN, RULES)
    return [f"{v['id']}: {v['help']} {n['target']} {n.get('failureSummary', '')}" for v in found for n in v["nodes"][:3]]
