"""Resources from the command line: what is wrong with files, versions side by side, rollbacks foreseen, what drifts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from processes import Place

BUDGET = "kind: Budget\nname: small\nscope: agent:counter\nper: day\nusd: 5\n"


@pytest.fixture
def file(place: Place) -> Path:
    path = place.folder / "small.yaml"
    path.write_text(BUDGET)
    place.up("--no-reload")
    return path


def test_all_that_is_wrong_with_files_is_told_at_once(place: Place, file: Path) -> None:
    assert "nothing is wrong" in place.run("plan", "-f", str(file), "--check").err
    file.write_text(f"{BUDGET.replace('5', 'five')}---\nkind: Budgie\nname: a\n")
    done = place.run("plan", "-f", str(file), "--check")
    assert done.code == 1
    assert f"{file}:1" in done.out and "$.usd" in done.out
    assert f"{file}:7" in done.out and "no kind 'Budgie'" in done.out
    codes = [f["code"] for f in json.loads(place.run("plan", "-f", str(file), "--check", "-o", "json").out)]
    assert codes == ["resource.malformed", "resource.kind"]


def test_versions_are_compared_and_a_rollback_is_foreseen(place: Place, file: Path) -> None:
    assert place.run("apply", "-f", str(file), "-m", "small").code == 0
    file.write_text(BUDGET.replace("5", "50"))
    assert place.run("apply", "-f", str(file), "-m", "large").code == 0
    for which in ("2", "1..2"):
        shown = place.run("history", "Budget/small", "--diff", which)
        assert "- usd: 5.0\n+ usd: 50.0" in shown.out and "--- Budget/small version 1" in shown.out
    assert place.run("history", "Budget/small", "--diff", "x").code == 2
    assert place.run("get", "Budget/small", "--version", "1", "-o", "json").json["spec"]["usd"] == 5.0

    preview = place.run("rollback", "Budget/small", "--preview")
    assert preview.code == 2 and "usd: 50.0 -> 5.0" in preview.out
    digest = preview.err.rpartition(" ")[2].strip()
    assert place.run("get", "Budget/small", "-o", "json").json["version"] == 2, "looking changed nothing"
    place.run("rollback", "Budget/small", "--plan", "0" * 16).failed("plan.stale")
    assert place.run("rollback", "Budget/small", "--plan", digest, "-m", "too dear").code == 0
    assert place.run("get", "Budget/small", "-o", "json").json["reason"] == "too dear"

    strayed = place.run("get", "--drift")
    assert "usd: 50.0 -> 5.0" in strayed.out and "too dear" in strayed.out
    assert "nothing drifts" in place.run("get", "Group", "--drift").err
    assert place.run("rollback", "Budget/small", "--to", "3", "--preview").code == 0, "it is so already"
