"""``holdfast --help`` loads next to nothing: what a command needs, it imports when it runs."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "apsw",
    "asyncpg",
    "uvicorn",
    "rich",
    "mcp",
    "opentelemetry",
    "joserfc",
    "yaml",
    "prometheus_client",
    "genai_prices",
)
INSIDE = ("holdfast.control.operations", "holdfast.bootstrap", "holdfast.turn", "holdfast.models", "holdfast.gate")


def test_nothing_heavy_is_loaded() -> None:
    program = "import sys; import holdfast.cli.main; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    loaded = done.stdout.split()
    assert [m for m in loaded if m.partition(".")[0] in HEAVY or m.startswith(INSIDE)] == []
