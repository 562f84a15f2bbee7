"""The policies on docs/policies.md are read, their tests pass, and its Python is Python that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfast import Runtime
from holdfast.gate.guards import GUARDS
from holdfast.gate.rules import read_documents
from holdfast.gate.rules.facts import VARIABLES
from holdfast.gate.rules.trial import run_tests
from holdfast.gate.rules.words import WORDS

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
POLICIES = re.findall(r"```yaml\n(kind: Policy\n.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", POLICIES)
def test_its_policies_pass_their_tests(text: str) -> None:
    (document,) = read_documents(text)
    results = run_tests(document, lookups=GUARDS)
    assert results, "each shows how it is tested"
    for result in results:
        assert result.passed, result


def test_it_has_every_word_and_every_variable() -> None:
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    told = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]+)`", prose))))
    assert {*WORDS, *VARIABLES} - told == set()


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    made: dict[str, object] = {}
    exec(compile(code, "docs/policies.md", "exec"), made)
    runtime = made["runtime"]
    assert callable(runtime)
    assert isinstance(runtime(), Runtime)
