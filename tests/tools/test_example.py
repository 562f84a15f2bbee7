"""The example of an agent with tools from elsewhere does what its page says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_shop_sells_tea() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.tools"], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "for reading only" in done.stdout and "row 3, left" in done.stdout
    assert done.stdout.splitlines()[-1] == "delivered:   [{'article': 'tea', 'to': 'Ada, 1 Mill Lane'}]"


def test_nothing_of_the_protocols_library_is_loaded_before_it_is_needed() -> None:
    code = (
        "import sys; from holdfast import Agent; Agent('a', model='m', mcp=['uvx x', 'https://h/mcp']).seal_version(); "
        "print([m for m in ('mcp', 'mcp_types', 'httpx2', 'pydantic', 'asyncpg', 'urllib.request') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
