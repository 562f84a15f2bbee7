"""Policies from the command line: what is wrong, what tests say, what is in force, what would have been, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from processes import Place

GOOD = """\
kind: Policy
name: adding
spec:
  description: Nobody adds much.
  rules:
    - name: not much
      does: set
      when: args['0'] > 100
      then: deny
  tests:
    - name: little
      given: {set: total, args: [5]}
      expect: allow
    - name: much
      given: {set: total, args: [500]}
      expect: {outcome: deny, rule: not much}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "adding.yaml").write_text(GOOD)
    return tmp_path / "adding.yaml"


def test_check_and_test(place: Place, file: Path) -> None:
    done = place.run("policy", "check", str(file))
    assert done.code == 0 and "adding" in done.out and "Nobody adds much" in done.out
    done = place.run("policy", "test", str(file))
    assert done.code == 0 and "2 passed, 0 failed" in done.err
    file.write_text(GOOD.replace("expect: allow", "expect: ask"))
    done = place.run("policy", "test", str(file))
    assert done.code == 1
    assert "FAILED adding: little" in done.out and "- expected ask" in done.out and "+ got allow" in done.out
    assert f"{file}, line 11" in done.out
    found = json.loads(place.run("policy", "test", str(file), "-o", "json").out)
    assert [result["passed"] for result in found] == [False, True]


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("args['0'] > 100", "arg > 100", "policy.expression"),
        ("when:", "whn:", "policy.malformed"),
        ("kind: Policy", "kind: Police", "policy.malformed"),
        ("kind: Policy", "- [", "policy.malformed"),
    ],
)
def test_what_is_broken_is_refused_with_its_place(place: Place, file: Path, before: str, after: str, code: str) -> None:
    file.write_text(GOOD.replace(before, after))
    for command in (["check", str(file)], ["test", str(file)]):
        assert str(file) in place.run("policy", *command).failed(code).err


def test_files_that_are_none(place: Place, tmp_path: Path, file: Path) -> None:
    place.run("policy", "check", str(tmp_path / "none.yaml")).failed("policy.file")
    (tmp_path / "empty").mkdir()
    place.run("policy", "check", str(tmp_path / "empty")).failed("policy.file")
    (tmp_path / "twin.yaml").write_text(GOOD)
    place.run("policy", "check", str(tmp_path)).failed("policy.twice")
    place.run("policy", "check", str(file), "--lookups", "no.such.module").failed("policy.plugin")


def test_a_server_tells_what_is_in_force_and_why(served: Place, file: Path) -> None:
    assert "everything is allowed" in served.run("policy", "list").err
    served.run("policy", "show", "adding").failed("policy.unknown")
    served.run("call", "counter/1", "add", "5")
    served.run("why", "counter/none").failed("agent.unknown")
    text = GOOD.replace("does: set", "does: any action")
    file.write_text(text)
    done = served.run("policy", "dry-run", str(file), "--since", "1h")
    assert done.code == 0 and "recorded actions" in done.err and "A journal does not tell" in done.err


def test_what_is_in_force_is_tested_and_what_it_decided_is_listed(place: Place, file: Path) -> None:
    (place.folder / "writing.py").write_text(
        "import holdfast\n\nwriter = holdfast.Agent('writer')\n\n\nasync def write(n: int) -> int:\n    return n\n\n\n"
        "@writer.handler\nasync def note(ctx: holdfast.Context, n: int) -> int:\n    return await ctx.run(write, n)\n"
    )
    file.write_text(GOOD.replace("does: set", "does: run write").replace("set: total", "run: write"))
    place.up(str(place.folder / "writing.py"), "--policies", str(file), "--no-reload")
    assert "2 passed, 0 failed" in place.run("policy", "test", "--name", "adding").err
    assert "2 passed, 0 failed" in place.run("policy", "test").err
    place.run("policy", "test", "--name", "nothing").failed("policy.unknown")
    assert "let everything pass" in place.run("decisions").err
    assert place.run("call", "writer/1", "note", "5").code == 0
    assert place.run("call", "writer/1", "note", "500").code == 1
    listed = place.run("decisions", "--outcome", "deny", "--rule", "not much", "--agent", "writer/")
    assert listed.code == 0 and "writer/1#" in listed.out and "adding/not much" in listed.out
    [decision] = place.run("decisions", "-o", "json").json["found"]
    assert (decision["outcome"], decision["verb"], decision["name"]) == ("deny", "run", "write")
    assert "let everything pass" in place.run("decisions", "--outcome", "ask").err
