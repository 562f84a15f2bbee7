"""Code changes under turns in flight: they end on what they began with, new turns begin on what the file says now."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from processes import Place, until

AGENTS = """
from holdfast import Agent, Context
from rules import LABEL

desk = Agent("desk")


@desk.handler
async def handle(ctx: Context) -> str:
    before = LABEL
    await ctx.wait("go")
    from rules import late            # an import inside a handler finds the same version
    return f"{before} {late()}"


@desk.handler
async def label(ctx: Context) -> str:
    return LABEL
"""
OTHER = """
from holdfast import Agent, Context

other = Agent("other")


@other.handler
async def x(ctx: Context) -> int:
    return 1
"""
RULES = 'LABEL = "one"\n\n\ndef late():\n    return "late " + LABEL\n'


def write(place: Place, label: str) -> None:
    (place.folder / "rules.py").write_text(RULES.replace("one", label))


def waiting(place: Place, address: str) -> None:
    until(lambda: "waiting for event" in place.run("ps", address).out, f"{address} waiting")


def answer_of(place: Place, address: str) -> str:
    rows = until(lambda: [e for e in place.run("journal", address, "-o", "json").json if e["kind"] == "end"], "an end")
    return rows[-1]["value"]


def start(place: Place, *more: str) -> None:
    place.file.write_text(AGENTS)
    write(place, "one")
    place.up(*more)


def test_a_restart_with_changed_code_finishes_old_turns_on_the_old(place: Place) -> None:
    start(place, "--no-reload")
    place.run("send", "desk/old", "handle")
    waiting(place, "desk/old")
    place.stop(place.processes[-1], signal.SIGKILL)
    write(place, "two")
    place.up("--no-reload")
    assert place.run("call", "desk/new", "label").out == '"two"\n'
    versions = place.run("versions", "-o", "json").json
    desk = [v for v in versions if v["name"] == "desk"]
    assert [(v["latest"], v["open_turns"], v["loaded"], v["archived"]) for v in desk] == [
        (True, 0, True, True),
        (False, 1, True, True),
    ]
    place.run("signal", "desk/old", "go")
    assert answer_of(place, "desk/old") == "one late one"


def test_a_reload_loads_the_new_beside_the_old_and_lets_the_old_go(place: Place) -> None:
    start(place)
    place.run("send", "desk/old", "handle")
    waiting(place, "desk/old")
    write(place, "two")
    until(lambda: "changed: new turns of desk begin on" in place.log(), "the reload")
    place.run("send", "desk/new", "handle")
    waiting(place, "desk/new")
    place.run("signal", "desk/old", "go")
    place.run("signal", "desk/new", "go")
    assert answer_of(place, "desk/old") == "one late one"
    assert answer_of(place, "desk/new") == "two late two"
    until(lambda: "unloaded desk" in place.log(), "the old version's end")


def test_a_syntax_error_keeps_the_old_code_running_and_says_so(place: Place) -> None:
    start(place)
    (place.folder / "rules.py").write_text("LABEL = = 1\n")
    until(lambda: "was not loaded" in place.log(), "the message")
    assert "agents.syntax" in place.log() and "rules.py, line 1" in place.log() and "Traceback" not in place.log()
    assert place.run("call", "desk/x", "label").out == '"one"\n'
    write(place, "three")
    until(lambda: place.run("call", "desk/x", "label").out == '"three"\n', "the corrected code")


def test_going_back_is_the_same_version_again(place: Place) -> None:
    start(place)
    first = place.run("versions", "-o", "json").json
    write(place, "two")
    until(lambda: place.run("call", "desk/x", "label").out == '"two"\n', "the change")
    time.sleep(0.01)
    write(place, "one")
    until(lambda: place.run("call", "desk/x", "label").out == '"one"\n', "the change back")
    again = [v["version"] for v in place.run("versions", "-o", "json").json if v["name"] == "desk" and v["latest"]]
    assert again == [v["version"] for v in first if v["name"] == "desk"]


def test_a_turn_is_adopted_by_the_newest_code(place: Place) -> None:
    start(place)
    place.run("send", "desk/old", "handle")
    waiting(place, "desk/old")
    write(place, "two")
    until(lambda: place.run("call", "desk/x", "label").out == '"two"\n', "the change")
    done = place.run("versions", "adopt", "desk/old")
    assert done.code == 0, done.err
    waiting(place, "desk/old")
    place.run("signal", "desk/old", "go")
    assert answer_of(place, "desk/old") == "two late two"
    place.run("versions", "adopt", "desk/old").failed("turn.not_old")


def test_a_worker_runs_an_archived_version_that_the_server_lacks(place: Place, tmp_path: Path) -> None:
    """The server starts without the old code's archive being loadable here; a worker with --only-version takes the turn."""
    start(place, "--no-reload")
    place.run("send", "desk/old", "handle")
    waiting(place, "desk/old")
    old = next(v["version"] for v in place.run("versions", "-o", "json").json if v["name"] == "desk")
    place.stop(place.processes[-1])
    other = tmp_path / "other.py"
    other.write_text(OTHER)
    place.file = other
    place.up("--no-reload")
    place.run("signal", "desk/old", "go")
    worker = place.start("worker", "--store", place.url, "--only-version", old, "--name", "museum", log="worker.log")
    assert answer_of(place, "desk/old") == "one late one"
    assert {w["name"] for w in place.run("workers", "-o", "json").json} == {"server", "museum"}
    assert place.run("drain", "museum").code == 0
    assert worker.wait(15) == 0
    place.run("worker", "--store", place.url, "--only-version", "nonesuch").failed("version.unknown")


def test_a_worker_with_new_code_takes_over_an_old_turn_of_a_dead_one(place: Place, tmp_path: Path) -> None:
    """A rolling deployment: nobody runs the old code any more, so it comes from the archive."""
    place.file.write_text(OTHER)
    place.up("--no-reload")
    folders = {label: tmp_path / label for label in ("one", "two")}
    for label, folder in folders.items():
        folder.mkdir()
        (folder / "agents.py").write_text(AGENTS)
        (folder / "rules.py").write_text(RULES.replace("one", label))
    old = place.start("worker", str(folders["one"] / "agents.py"), "--store", place.url, "--name", "old", log="old.log")
    until(lambda: "works for" in place.log("old.log"), "the old worker")
    place.run("send", "desk/1", "handle")
    waiting(place, "desk/1")
    place.start("worker", str(folders["two"] / "agents.py"), "--store", place.url, "--name", "new", log="new.log")
    until(lambda: "works for" in place.log("new.log"), "the new worker")
    old.kill()
    old.wait()
    place.run("signal", "desk/1", "go")
    assert answer_of(place, "desk/1") == "one late one"
    assert place.run("call", "desk/2", "label").out == '"two"\n'
