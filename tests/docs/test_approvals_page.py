"""What docs/approvals.md shows is what there is: its policy passes its tests, its resources apply, its commands exist."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path
from typing import Any

import typer.main
import yaml

from holdfast import Agent, Runtime
from holdfast.cli.main import app
from holdfast.control.notices.forms import signature
from holdfast.domain.notice import EVENTS
from holdfast.gate.rules import read_documents
from holdfast.gate.rules.trial import run_tests

PAGE = (Path(__file__).parents[2] / "docs" / "approvals.md").read_text()
YAML = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^\$ (holdfast .*?)(?:\s{2,}#.*)?$", PAGE, re.MULTILINE)


def test_its_policy_passes_its_tests() -> None:
    [text] = [text for text in YAML if text.startswith("kind: Policy")]
    (document,) = read_documents(text)
    results = run_tests(document)
    assert results and all(result.passed for result in results), results


async def test_its_resources_can_be_applied() -> None:
    documents: list[Any] = [yaml.safe_load(text) for text in YAML]
    async with Runtime([Agent("any")], "memory://") as runtime:
        await runtime.apply(documents=documents)
        assert sorted(r.kind for r in await runtime.resources()) == sorted(d["kind"] for d in documents)


def test_its_commands_take_what_it_gives_them() -> None:
    assert len(COMMANDS) > 8
    root: Any = typer.main.get_command(app)
    for line in COMMANDS:
        group, words = root, shlex.split(line)[1:]
        while hasattr(group, "commands"):
            name = words.pop(0)
            group = group.get_command(None, name) or group.commands[name]
        group.make_context(line, words, resilient_parsing=False)


def test_its_signature_is_ours() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    made: dict[str, Any] = {}
    exec(compile(code, "docs/approvals.md", "exec"), made)
    now = int(time.time())
    assert made["is_signed"]("key", signature("key", now, b"body"), b"body", now)
    assert not made["is_signed"]("key", signature("key", now, b"body"), b"bodY", now)
    assert not made["is_signed"]("key", signature("key", now - 900, b"body"), b"body", now)


def test_it_names_every_event() -> None:
    assert [event for event in EVENTS if f"`{event}`" not in PAGE] == []
