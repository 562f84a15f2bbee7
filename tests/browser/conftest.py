"""A real Chromium on a real `holdfast demo --tour`: nothing of what it shows is made for the tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from windows import PHONE, ROOT, WIDE, Window, ask, free_port

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
_START_SECONDS = 120.0


@pytest.fixture(scope="session")
def bundle() -> None:
    """The command center, built from the sources as they are."""
    subprocess.run([sys.executable, str(ROOT / "scripts" / "web_bundle.py")], check=True)


@pytest.fixture(scope="session")
def tour(bundle: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a tour that has been going on for a while: some ask, some failed, some are done."""
    port = free_port()
    log = tmp_path_factory.mktemp("tour") / "log"
    command = [sys.executable, "-m", "holdfast", "demo", "--tour", "--http", str(port), "--pace", "3"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_for_life(process, base, log)
        yield base
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(60)


def _wait_for_life(process: subprocess.Popen[bytes], base: str, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError(f"the tour ended:\n{log.read_text()}")
        try:
            counts = ask(base, "fleet", limit=0)["counts"]
            if counts.get("input", 0) >= 3 and counts.get("failed") and counts.get("finished", 0) > 10:
                return
        except OSError:
            pass
        time.sleep(0.3)
    raise AssertionError(f"the tour did not come to life:\n{log.read_text()}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def window(browser: Browser, tour: str, request: pytest.FixtureRequest) -> Iterator[Window]:
    """A window; indirect parameters: (theme, viewport)."""
    look: tuple[Literal["dark", "light"], ViewportSize] = getattr(request, "param", ("dark", WIDE))
    theme, viewport = look
    context = browser.new_context(viewport=viewport, color_scheme=theme, has_touch=viewport == PHONE)
    window = Window(tour, context)
    try:
        yield window
    finally:
        context.close()
    assert not window.wrong, window.wrong
