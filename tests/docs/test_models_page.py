"""The code of docs/models.md and of the README's thinking agent runs, and the YAML there describes agents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfast import Agent
from holdfast.bootstrap.models import read_models
from holdfast.models.routes import Directory
from holdfast.sdk.declared import read

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "models.md").read_text()
README = (ROOT / "README.md").read_text()


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("code", [*blocks(PAGE, "python"), *(b for b in blocks(README, "python") if "model=" in b)])
def test_its_agents_can_be_made(code: str) -> None:
    made: dict[str, object] = {}
    exec(compile(code, "docs/models.md", "exec"), made)
    agents = [a for a in made.values() if isinstance(a, Agent)]
    assert agents and all("chat" in a.definition.handlers for a in agents)


def test_its_yaml_is_read(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "resolution.json").write_text('{"type": "object"}')
    agent, models = blocks(PAGE, "yaml")
    (tmp_path / "support.yaml").write_text(agent)
    (document,) = read(tmp_path / "support.yaml")
    assert document.name == "support" and len(document.tools) == 2 and document.output == {"type": "object"}
    (tmp_path / "models.yaml").write_text(models)
    assert set(Directory(read_models(str(tmp_path / "models.yaml"))).routes) >= {"smart", "frugal"}
