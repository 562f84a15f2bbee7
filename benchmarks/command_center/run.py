"""Real Chromium on a real server: the first view with many agents, and the live journal in a virtual list."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import holdfast
from benchmarks import searching
from benchmarks.command_center.agents import busy, member

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
AGENTS = Path(__file__).with_name("agents.py")
KEYS = ("fps", "dom_rows", "first_view_ms", "search_p95_ms", "agents_listed", "events_per_s")
_WRITERS = 200

_FRAMES = """() => new Promise(done => { let n = 0; const began = performance.now(); const step = () => { n++;
  const t = performance.now() - began; t > 5000 ? done(n / t * 1000) : requestAnimationFrame(step); };
  requestAnimationFrame(step); })"""
_ROWS = "() => document.querySelectorAll('.v-row').length"
_EVENTS = "() => Number(document.querySelector('.fleet-list').dataset.events || 0)"


class Place:
    """A server in a process of its own, on a store that is kept between its starts."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-center-"))
        self.wire = f"holdfast+unix://{self.folder / 'wire'}"
        self.base = ""
        self._server: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "holdfast", "up", str(AGENTS), "--store", f"sqlite:///{self.folder / 's.db'}"]
        command += ["--unix", str(self.folder / "wire"), "--http", "17917", "--no-reload"]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log)
        self.base = "http://127.0.0.1:17917"
        while True:
            try:
                async with holdfast.connect(self.wire):
                    return
            except holdfast.Unavailable:
                await asyncio.sleep(0.1)

    def stop(self) -> None:
        """End it."""
        if self._server is not None:
            self._server.terminate()
            self._server.wait(60)

    def ask(self, operation: str, **given: Any) -> Any:
        """An operation over HTTP."""
        headers = {"content-type": "application/json"}
        body = json.dumps(given).encode()
        request = urllib.request.Request(f"{self.base}/api/v1/operations/{operation}", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


async def fill(place: Place, agents: int) -> None:
    """Make a fleet."""
    async with holdfast.connect(place.wire) as client:
        for first in range(0, agents, 500):
            await asyncio.gather(*(client.send(member[str(n)].work, n) for n in range(first, min(first + 500, agents))))
        while (await client.stats())["queued"] + (await client.stats())["running"]:
            await asyncio.sleep(0.2)


async def watch(place: Place, rate: int) -> dict[str, Any]:
    """What a browser sees."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        began = time.perf_counter()
        await page.goto(place.base + "/")
        await page.wait_for_selector("a.fleet-row")
        first_view_ms = (time.perf_counter() - began) * 1000
        fleet_rows = await page.evaluate(_ROWS)
        await page.goto(place.base + "/search")
        await page.wait_for_selector(".found-head")
        async with holdfast.connect(place.wire) as client:
            steps = rate * 14 // _WRITERS // 2
            for n in range(_WRITERS):
                await client.send(busy[str(n)].hurry, steps, 2 * _WRITERS / rate)
        await asyncio.sleep(3)
        before, at = await page.evaluate(_EVENTS), time.perf_counter()
        fps = await page.evaluate(_FRAMES)
        seen = (await page.evaluate(_EVENTS) - before) / (time.perf_counter() - at)
        rows = max(fleet_rows, await page.evaluate(_ROWS))
        await browser.close()
    return {"fps": round(fps, 1), "dom_rows": rows, "first_view_ms": round(first_view_ms), "events_per_s": round(seen)}


async def _run(quick: bool) -> dict[str, Any]:
    place = Place()
    agents = 10_000 if quick else 100_000
    try:
        await place.start()
        await fill(place, agents)
        place.stop()
        await place.start()  # the first view is the first after a start
        found = await watch(place, 5_000)
        listed = place.ask("fleet", limit=0)["total"]
        return {**found, "agents_listed": listed, "quick": quick}
    finally:
        place.stop()
        shutil.rmtree(place.folder, ignore_errors=True)


def run(quick: bool) -> dict[str, Any]:
    """Everything; the figures."""
    sought = searching.run(quick, "sqlite")
    return asyncio.run(_run(quick)) | {"search_p95_ms": sought["search_p95_ms"], "entries_searched": sought["entries"]}
