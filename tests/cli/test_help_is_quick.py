"""Help loads next to nothing: a command's file is imported when the command runs, and what it needs when it needs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "apsw",
    "asyncpg",
    "uvicorn",
    "rich",
    "mcp",
    "msgspec",
    "opentelemetry",
    "joserfc",
    "yaml",
    "prometheus_client",
    "genai_prices",
)
ALWAYS = {
    "holdfast",
    "holdfast.cli",
    "holdfast.cli.main",
    "holdfast.cli.contents",
    "holdfast.cli.options",
    "holdfast.domain",
    "holdfast.domain.errors",
}
PROGRAM = """
import sys
from holdfast.cli.main import app
try:
    app(prog_name="holdfast", args=sys.argv[1:])
except SystemExit:
    pass
print("\\n".join(sys.modules), file=sys.stderr)
"""


def loaded(*args: str) -> set[str]:
    """The modules that a run of the command line has loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *args], capture_output=True, text=True, check=True, timeout=30, env={}
    )
    assert "Usage" in done.stdout
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("args", "more"),
    [
        (("--help",), set[str]()),
        (("ps", "--help"), {"holdfast.cli.looking"}),
        (("policy", "test", "--help"), {"holdfast.cli.policies"}),
    ],
    ids=["all", "one", "below"],
)
def test_help_loads_the_file_of_the_command_at_most(args: tuple[str, ...], more: set[str]) -> None:
    found = loaded(*args)
    assert {m for m in found if m.partition(".")[0] == "holdfast"} == ALWAYS | more
    assert {m.partition(".")[0] for m in found} & set(HEAVY) == set()
