"""Agents and models that are applied take effect in running servers and workers; the command line tells what will be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.domain.conversation import Answer, Prompt, Said, Text, ToolCall, Usage
from holdfast.models.cassette import Cassette
from processes import Place, until

TOOLS = '''
import pathlib, time

def look(number: int) -> str:
    """Look an order up."""
    with open("looked.txt", "a") as log:
        log.write(f"{number}\\n")
    while pathlib.Path("hold").exists():
        time.sleep(0.02)
    return f"order {number} is here"
'''


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    (tmp_path / "clerk_tools.py").write_text(TOOLS)
    try:
        yield place
    finally:
        place.close()


def recording(folder: Path, *words: str) -> str:
    """A recorded model that looks an order up and then says these words, to clerks."""
    said, cassette = [Said("system", [Text("You are a clerk.")])], Cassette()
    call = Answer([ToolCall("a", "look", '{"number": 7}')], "tool_calls", Usage(100, 10))
    for answer in (call, *(Answer([Text(text)], "stop", Usage(120, 5)) for text in words)):
        cassette.add(Prompt("recorded", list(said)), answer)
        said.append(Said("assistant", answer.parts))
    cassette.save(folder / f"{words[0]}.jsonl")
    return f"cassette:{folder / f'{words[0]}.jsonl'}?mode=place"


def write(folder: Path, name: str, *documents: dict[str, Any]) -> str:
    """A file of documents; JSON is YAML."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n---\n".join(json.dumps(d) for d in documents))
    return str(path)


def models(url: str, target: str = "tape") -> list[dict[str, Any]]:
    return [
        {"kind": "Target", "name": target, "vendor": "shelf", "url": url, "model": target},
        {"kind": "Route", "name": "recorded", "targets": [target]},
    ]


def clerk(instructions: str = "You are a clerk.", **more: Any) -> dict[str, Any]:
    tools = [{"tool": "look"}]
    return {"kind": "Agent", "name": "clerk", "model": "recorded", "instructions": instructions, "tools": tools, **more}


def answered(place: Place, *command: str) -> str:
    """What a command says once it succeeds."""
    said: list[str] = []

    def tried() -> bool:
        ended = place.run(*command)
        said.append(ended.out.strip())
        return ended.code == 0

    until(tried, f"an answer to {' '.join(command)}")
    return said[-1]


LOOK = {"kind": "Tool", "name": "look", "python": "clerk_tools:look"}


def test_an_agent_that_is_applied_is_served_at_once(place: Place) -> None:
    place.up()
    place.run("chat", "clerk/1", "hello").failed("agent.unknown")
    file = write(place.folder, "all/clerk.yaml", clerk(), LOOK, *models(recording(place.folder, "It is here.", "Again.")))
    assert place.run("plan", "-f", file).code == 2
    applied = place.run("apply", "-f", file, "-m", "a first clerk", "--by", "ann")
    assert applied.code == 0, applied.err
    spoken = answered(place, "chat", "clerk/1", "is", "it", "here?")
    assert spoken == "It is here." and (place.folder / "looked.txt").read_text() == "7\n"
    assert place.run("plan", "-f", file).code == 0
    [version] = [v for v in place.run("versions", "-o", "json").json if v["name"] == "clerk"]
    assert version["archived"] and version["latest"]
    history = place.run("history", "Agent/clerk", "-o", "json").json
    assert [(h["version"], h["author"], h["reason"]) for h in history] == [(1, "ann", "a first clerk")]


def test_a_turn_in_flight_ends_on_what_it_began_with_and_new_ones_begin_on_the_new(place: Place) -> None:
    server = place.up()
    tape = recording(place.folder, "It is here.", "Again.")
    file = write(place.folder, "clerk.yaml", clerk(), LOOK, *models(tape))
    assert place.run("apply", "-f", file).code == 0
    (place.folder / "hold").touch()
    until(lambda: place.run("send", "clerk/1", "chat", '"hello"').code == 0, "a clerk that takes a message")
    until(lambda: (place.folder / "looked.txt").exists(), "a tool at work")
    write(place.folder, "clerk.yaml", clerk("You are a better clerk."), LOOK, *models(tape))
    plan = place.run("plan", "-f", file, "-o", "json")
    assert plan.code == 2
    [change] = json.loads(plan.out)["results"]
    assert [f["path"] for f in change["fields"]] == ["instructions"]
    effects = {e["kind"]: e for e in change["effects"]}
    assert effects["agents"]["agents"] == ["default/clerk/1"] and effects["turns"]["count"] == 1
    digest = json.loads(plan.out)["digest"]
    assert place.run("apply", "-f", file, "--plan", digest).code == 0
    until(lambda: len([v for v in place.run("versions", "-o", "json").json if v["name"] == "clerk"]) == 2, "two versions")
    server.kill()
    server.wait(10)
    (place.folder / "hold").unlink()
    place.up()
    until(lambda: "It is here." in place.run("journal", "clerk/1", "-o", "json").out, "an end of the turn")
    entries = place.run("journal", "clerk/1", "-o", "json").json
    assert "It is here." in json.dumps(entries), "the turn that was in flight went on after the crash"
    begun = {e["version"] for e in entries if e["version"]}
    place.run("chat", "clerk/2", "hello")
    newer = {e["version"] for e in place.run("journal", "clerk/2", "-o", "json").json if e["version"]}
    assert len(begun) == 1 and newer and begun != newer


def test_workers_of_their_own_follow_without_a_restart(place: Place) -> None:
    place.up()
    worker = place.start("worker", str(place.file), "--store", place.url, "--name", "w2", log="worker.log")
    until(lambda: len(place.run("workers", "-o", "json").json) == 2, "a second worker")
    one = write(place.folder, "one.yaml", clerk(tools=[]), *models(recording(place.folder, "One.")))
    assert place.run("apply", "-f", one).code == 0
    served = until(
        lambda: [w for w in place.run("workers", "-o", "json").json if "clerk" in w["serves"] and w["name"] == "w2"],
        "a worker that serves it",
    )
    assert served and worker.poll() is None
    place.run("delete", "Agent/clerk", "-m", "no more")
    until(
        lambda: (
            all("clerk" not in w["serves"] for w in place.run("workers", "-o", "json").json)
            or place.run("send", "clerk/9", "chat", '"x"').code == 1
        ),
        "no clerk",
    )
    gone = place.run("send", "clerk/9", "chat", '"x"').failed("agent.unknown")
    assert "holdfast history" in gone.err
    assert place.run("rollback", "Agent/clerk").code == 0
    until(lambda: place.run("send", "clerk/9", "chat", '"x"').code == 0, "the clerk again")


def test_routes_change_under_running_agents(place: Place) -> None:
    place.up()
    answers = [recording(place.folder, text) for text in ("First.", "Second.")]
    file = write(place.folder, "m.yaml", clerk(tools=[{"tool": "look"}]), LOOK, *models(answers[0], "first"))
    assert place.run("apply", "-f", file).code == 0
    first = answered(place, "chat", "clerk/1", "x")
    assert first == "First."
    write(place.folder, "m.yaml", clerk(tools=[{"tool": "look"}]), LOOK, *models(answers[1], "second"))
    plan = place.run("plan", "-f", file)
    assert "Route recorded: change" in plan.out and "1 agent(s) of clerk" in plan.out
    assert place.run("apply", "-f", file, "--prune").code == 0
    assert [m["target"] for m in place.run("models", "-o", "json").json if m["route"] == "recorded"] == ["second"]
    assert place.run("chat", "clerk/2", "x").out.strip() == "Second."


def test_what_cannot_be_served_is_refused_before_anything_happens(place: Place) -> None:
    place.up()
    url = recording(place.folder, "x")
    for wrong in (
        clerk(tools=[{"python": "clerk_tools:no_such"}]),
        clerk(tools=[{"python": "no_such_module:f"}]),
        clerk(tools=[{"tool": "nothing"}]),
        clerk(tools=[{"python": "clerk_tools:look", "agent": "x"}]),
        clerk(name="counter", tools=[]),
        clerk(tools=[], output="schema.json"),
    ):
        file = write(place.folder, "bad.yaml", wrong, *models(url))
        failed = place.run("apply", "-f", file).failed("resource.malformed")
        assert "bad.yaml:1" in failed.err, failed.err
    assert place.run("get", "-o", "json").json == []
    file = write(place.folder, "good.yaml", clerk(), LOOK, *models(url))
    assert place.run("apply", "-f", file).code == 0
    only = write(place.folder, "good.yaml", clerk(), *models(url))
    assert "names the Tool 'look'" in place.run("apply", "-f", only, "--prune").failed("resource.malformed").err


def test_the_command_line_plans_with_its_exit_code(place: Place) -> None:
    place.up()
    file = write(
        place.folder, "b.yaml", {"kind": "Budget", "name": "small", "scope": "agent:counter", "per": "day", "usd": 5}
    )
    for command in ("plan", "diff"):
        assert place.run(command, "-f", file).code == 2
    planned = place.run("plan", "-f", file)
    digest = planned.err.split()[-1]
    assert "+ Budget small: create" in planned.out
    write(place.folder, "b.yaml", {"kind": "Budget", "name": "small", "scope": "agent:counter", "per": "day", "usd": 6})
    place.run("apply", "-f", file, "--plan", digest).failed("plan.stale")
    assert place.run("apply", "-f", file).code == 0
    assert place.run("plan", "-f", file).code == 0
    assert place.run("budget", "set", "small", "agent:counter", "--per", "day", "--usd", "9").code == 0
    drifted = place.run("plan", "-f", file)
    assert drifted.code == 0 and "! usd was changed: 6.0 -> 9.0" in drifted.out
    write(place.folder, "b.yaml", {"kind": "Budget", "name": "small", "scope": "agent:counter", "per": "day", "usd": 7})
    clashing = place.run("plan", "-f", file)
    assert clashing.code == 1 and "!! usd: applied 6.0, changed to 9.0, the file says 7.0" in clashing.out
    place.run("apply", "-f", file).failed("resource.clash")
    (place.folder / "b.yaml").write_text("kind: Budget\n  nonsense: [")
    place.run("plan", "-f", file).failed("resource.malformed")
    place.run("plan", "-f", str(place.folder / "nowhere")).failed("resource.no_file")
    exported = place.run("export").out
    (place.folder / "b.yaml").write_text(exported)
    assert place.run("plan", "-f", file).code == 0, "what is exported is what was declared; the 9 is drift"
    assert place.run("apply", "-f", file, "--force").code == 0
    assert place.run("budget", "list", "-o", "json").json[0]["limit_usd"] == 6


def test_a_folder_is_applied_with_the_schemas_beside_its_agents(place: Place) -> None:
    place.up()
    folder = place.folder / "gitops"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "x.yaml").write_text("kind: Nonsense")
    (folder / "out.json").write_text('{"type": "object", "properties": {}}')
    write(folder, "agent.yaml", clerk(output="out.json"), LOOK)
    write(folder, "models.yaml", *models(recording(place.folder, "x")))
    (folder / "policy.yaml").write_text("kind: Group\nname: on-call\nmembers: [on, 2026-01-01]\n")
    assert place.run("apply", "-f", str(folder)).code == 0
    found = {(r["kind"], r["name"]): r["spec"] for r in place.run("get", "-o", "json").json}
    assert found["Agent", "clerk"]["output"] == {"type": "object", "properties": {}}
    assert found["Group", "on-call"] == {"members": ["on", "2026-01-01"]}
