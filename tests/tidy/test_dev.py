"""./dev sets up what is missing, once, and never takes a half-made environment for a whole one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ground import ROOT
from scripts.bootstrap import environment_of_uv

# Stands in for the real set-up: makes a .venv whose python only echoes, and marks it finished unless told to break off.
STUB = """
import os, pathlib, sys
level, mark = sys.argv[1:]
print("set up", level, file=sys.stderr)
venv = pathlib.Path(__file__).parent.parent / ".venv"
(venv / "bin").mkdir(parents=True, exist_ok=True)
for name in ("python", "holdfast"):
    program = venv / "bin" / name
    program.write_text('#!/bin/sh\\necho "ran $@"\\n')
    program.chmod(0o755)
if os.environ.get("BREAK_OFF"):
    sys.exit(1)
for done in ("run", "dev") if level == "dev" else ("run",):
    (venv / f".ready-{done}").write_text(mark + "\\n")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "a checkout"
    (root / "scripts").mkdir(parents=True)
    (root / "requirements").mkdir()
    shutil.copy(ROOT / "dev", root / "dev")
    (root / "scripts" / "bootstrap.py").write_text(STUB)
    (root / "pyproject.toml").write_text("")
    (root / "requirements" / "dev.lock").write_text("a==1")
    return root


def dev(checkout: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "dev"), *args],
        env={**os.environ, "PYTHON": sys.executable, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_needs_no_set_up(checkout: Path) -> None:
    for word in ((), ("help",), ("--help",)):
        told = dev(checkout, *word)
        assert told.returncode == 0
        assert "./dev demo" in told.stdout
        assert "./dev test" in told.stdout
    assert not (checkout / ".venv").exists()


def test_the_set_up_is_made_once_and_anew_when_something_changed(checkout: Path) -> None:
    assert (first := dev(checkout, "ps")).stderr == "set up run\n"
    assert first.stdout == "ran ps\n"
    assert dev(checkout, "ps").stderr == ""

    (checkout / "requirements" / "dev.lock").write_text("a==2")
    assert dev(checkout, "ps").stderr == "set up run\n"
    assert dev(checkout, "ps").stderr == ""


def test_developers_tools_are_set_up_when_they_are_asked_for(checkout: Path) -> None:
    dev(checkout, "ps")
    tests = dev(checkout, "test", "-k", "a name")
    assert tests.stderr == "set up dev\n"
    assert tests.stdout == "ran -m pytest -k a name\n"
    assert dev(checkout, "ps").stderr == "", "the tools include what Holdfast needs"


def test_a_set_up_that_broke_off_does_not_count(checkout: Path) -> None:
    assert dev(checkout, "ps", BREAK_OFF="1").returncode == 1
    assert dev(checkout, "ps").stderr == "set up run\n"


def test_a_checkout_that_was_moved_is_set_up_again(checkout: Path) -> None:
    dev(checkout, "ps")
    moved = checkout.rename(checkout.parent / "moved")
    assert dev(moved, "ps").stderr == "set up run\n"


def test_an_old_or_missing_python_is_named(checkout: Path) -> None:
    old = checkout.parent / "python3.8"
    old.write_text('#!/bin/sh\ncase "$2" in *print*) echo 3.8 ;; *) exit 1 ;; esac\n')
    old.chmod(0o755)
    told = dev(checkout, "ps", PYTHON=str(old))
    assert told.returncode == 1
    assert "3.11 or newer" in told.stderr
    assert "python3.8=3.8" in told.stderr
    assert "found: none" in dev(checkout, "ps", PYTHON="no-such-python").stderr


def test_uv_is_told_what_pip_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "7")
    env = environment_of_uv({"index-url": "x://a", "extra-index-url": "x://b\nx://c", "cert": "/ca.pem", "timeout": "9"})
    assert env["UV_DEFAULT_INDEX"] == "x://a"
    assert env["UV_INDEX"] == "x://b x://c"
    assert env["SSL_CERT_FILE"] == "/ca.pem"
    assert env["UV_HTTP_TIMEOUT"] == "7", "what is set for uv itself stays"
