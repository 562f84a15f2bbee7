"""chat, models, token, budget and cost on the command line, over a recorded model."""

from __future__ import annotations

import json
from pathlib import Path

from holdfast.domain.conversation import Answer, Prompt, Said, Text, ToolCall, Usage
from holdfast.models.cassette import Cassette
from processes import Place

YAML = """
kind: Agent
name: clerk
model: recorded
instructions: You are a clerk.
tools:
  - python: clerk_tools:look
labels: {team: shop}
"""
TOOLS = '''
def look(number: int) -> str:
    """Look an order up."""
    return f"order {number} is here"
'''


def recording(folder: Path) -> Path:
    said = [Said("system", [Text("You are a clerk.")])]
    cassette = Cassette()
    answers = [
        Answer([ToolCall("a", "look", '{"number": 7}')], "tool_calls", Usage(100, 10)),
        Answer([Text("It is here.")], "stop", Usage(120, 5)),
    ]
    for answer in answers:
        cassette.add(Prompt("recorded", list(said)), answer)
        said.append(Said("assistant", answer.parts))
    cassette.save(folder / "model.jsonl")
    target: dict[str, object] = {
        "name": "recorded",
        "vendor": "shelf",
        "url": f"cassette:{folder / 'model.jsonl'}?mode=place",
        "model": "tape",
    }
    target["price"] = {"input": 1.0, "output": 1.0}
    (folder / "models.json").write_text(json.dumps({"targets": [target]}))
    return folder / "models.json"


def test_an_agent_in_yaml_talks_and_costs(place: Place) -> None:
    models = recording(place.folder)
    (place.folder / "clerk.yaml").write_text(YAML)
    (place.folder / "clerk_tools.py").write_text(TOOLS)
    place.up(str(place.folder / "clerk.yaml"), "--models", str(models))
    assert "recorded" in place.run("models").out
    spoken = place.run("chat", "clerk/1", "is", "it", "here?")
    assert spoken.out.strip() == "It is here." and "look" in spoken.err
    rows = place.run("cost", "--by", "team,model", "-o", "json").json
    assert rows[0]["keys"] == ["shop", "tape"] and rows[0]["calls"] == 2 and rows[0]["usd"] > 0
    assert place.run("cost", "--export", str(place.folder / "all.csv")).code == 0
    assert len((place.folder / "all.csv").read_text().splitlines()) == 3
    place.run("cost", "--export", "all.txt").failed("cost.export")
    assert place.run("cost", "--forecast").code == 0
    assert place.run("budget", "set", "b", "agent:clerk", "--per", "day", "--calls", "2").code == 0
    assert "agent:clerk" in place.run("budget", "list").out
    place.run("budget", "set", "b", "nobody", "--calls", "2").failed("budget.malformed")
    assert place.run("budget", "remove", "b").code == 0
    secret = place.run("token", "create", "me", "--label", "team=x").out.strip()
    assert secret.startswith("hf_")
    listed = place.run("token", "list", "-o", "json").json
    assert listed[0]["labels"] == {"team": "x"} and secret not in json.dumps(listed)
    assert place.run("token", "revoke", listed[0]["id"][:6]).code == 0
    place.run("token", "revoke", "zzz").failed("token.unknown")


def test_mistakes_in_yaml_and_models_are_told(place: Place) -> None:
    (place.folder / "a.yaml").write_text("kind: Agent\nname: a\nmodle: smart\n")
    place.run("up", str(place.folder / "a.yaml")).failed("agents.yaml")
    (place.folder / "b.yaml").write_text("kind: Agent\nname: b\nmodel: m\ntools: [{python: x:y, agent: z}]\n")
    place.run("up", str(place.folder / "b.yaml")).failed("agents.yaml")
    (place.folder / "m.yaml").write_text("targets: [{name: x, url: http://x, model: m, key: sk-123}]\nroute: []\n")
    place.run("up", "--models", str(place.folder / "m.yaml")).failed("models.file")
    place.run("up", "--models", "nowhere.yaml").failed("models.file")
