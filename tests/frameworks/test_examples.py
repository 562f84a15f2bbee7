"""The examples as a newcomer starts them: a real kill -9, and a model that counts what it is asked."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDS = {"langgraph": "langgraph", "pydantic_ai": "pydantic_ai", "openai_agents": "agents", "crewai": "crewai"}


@pytest.mark.long
@pytest.mark.parametrize("name", NEEDS)
def test_a_killed_worker_is_taken_over(name: str) -> None:
    if importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is in another environment: docs/frameworks.md")
    done = subprocess.run(
        [sys.executable, "-m", f"examples.frameworks.{name}"], cwd=ROOT, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert "kill -9" in said and "the model was asked once; another worker goes on" in said
    assert said.count("tool lookup(17)") == 1 and said.count("tool carrier(17)") == 2
    assert "it is in Lyon." in said and f"asked {3 if name == 'crewai' else 2} times in all" in said
