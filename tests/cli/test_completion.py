"""Completion, by a real bash that reads the script which Holdfast prints for it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from processes import Place, until

BASH = shutil.which("bash")
SCRIPT = """
eval "$(_HOLDFAST_COMPLETE=source_bash holdfast)"
COMP_WORDS=({words}) COMP_CWORD={last}
_holdfast_completion holdfast
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(line: str, place: Place | None = None) -> list[str]:
    """What a press of the tab key at the end of this line offers."""
    assert BASH is not None, "bash is missing"
    words = [*shlex.split(line), *([""] if line.endswith(" ") else [])]
    script = SCRIPT.format(words=" ".join(shlex.quote(w) for w in words), last=len(words) - 1)
    environment = place.environment() if place else dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run([BASH, "-c", script], capture_output=True, text=True, timeout=60, env=environment, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("holdfast pa", ["pause"]),
        ("holdfast breaker t", ["trip"]),
        ("holdfast --dry", ["--dry-run"]),
        ("holdfast --dry-run --ver", ["--version"]),
        ("holdfast up --otl", ["--otlp"]),
        ("holdfast ps -o y", ["yaml"]),
        ("holdfast error gate.trip", ["gate.tripped"]),
        ("holdfast do create_tok", ["create_token"]),
    ],
)
def test_words_are_completed(line: str, offered: list[str]) -> None:
    assert completed(line) == offered


def test_every_command_is_offered() -> None:
    assert {"up", "ps", "breaker", "fleet", "doctor"} <= set(completed("holdfast "))


def test_addresses_come_from_the_server(served: Place) -> None:
    served.run("call", "counter/completed", "add", "1")
    until(lambda: completed("holdfast describe counter/comp", served) == ["counter/completed"], "an address")
