"""The policy on docs/guards.md is read, and its tests pass."""

from __future__ import annotations

import re
from pathlib import Path

from holdfast.gate.guards import GUARDS
from holdfast.gate.rules import read_documents
from holdfast.gate.rules.trial import run_tests

PAGE = (Path(__file__).parents[2] / "docs" / "guards.md").read_text()


def test_its_policy_passes_its_tests() -> None:
    (text,) = re.findall(r"```yaml\n(kind: Policy\n.*?)```", PAGE, re.DOTALL)
    (document,) = read_documents(text)
    results = run_tests(document, lookups=GUARDS)
    assert len(results) == 3
    for result in results:
        assert result.passed, result


def test_it_names_every_guard() -> None:
    assert {name for name in GUARDS if f"{name}(" not in PAGE} == set()
