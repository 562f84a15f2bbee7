"""The reference pages say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec

from holdfast import Limits

ROOT = Path(__file__).resolve().parents[2]


def test_the_generated_pages_are_current() -> None:
    script = ROOT / "scripts" / "api_reference.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_limit_is_in_the_table_with_its_default() -> None:
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE))
    assert shown == {name: str(value) for name, value in msgspec.structs.asdict(Limits()).items()}
