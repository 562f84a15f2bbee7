"""Every mistake a person can make has a code and a next step, and never a traceback."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from processes import Place

LONG = "a" * 5000


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["call", "nope/1", "add", "1"], "agent.unknown"),
        (["send", "nope/1", "add", "1"], "agent.unknown"),
        (["signal", "nope/1", "news"], "agent.unknown"),
        (["call", "counter/1", "nope"], "handler.unknown"),
        (["call", "counter/1", "add"], "handler.bad_argument"),
        (["call", "counter/1", "add", "1", "2"], "handler.bad_argument"),
        (["call", "counter/1", "add", "one"], "handler.bad_argument"),
        (["call", "counter/1", "greet", '{"name": "a", "volume": 3}'], "handler.bad_argument"),
        (["call", "counter/1", "add", '{"amount": '], "argument.not_json"),
        (["call", "counter", "add", "1"], "address.malformed"),
        (["call", "a/b/c/d", "add", "1"], "address.malformed"),
        (["describe", "counter/never"], "agent.unknown"),
        (["journal", "counter/never"], "agent.unknown"),
        (["journal", "counter/never", "-f"], "agent.unknown"),
        (["pause", "counter/never"], "agent.unknown"),
        (["answer", "counter/never", "yes"], "agent.unknown"),
        (["dead", "discard", "99999"], "dead.unknown"),
        (["publish", "bad topic!"], "topic.malformed"),
        (["send", "counter/1", "add", "1", "--after", "soon"], "duration.malformed"),
        (["send", "counter/1", "add", "1", "--priority", "1000"], "message.priority"),
        (["schedule", "add", "x", "counter/1", "add", "1"], "schedule.malformed"),
        (["schedule", "add", "x", "counter/1", "add", "1", "--cron", "often"], "schedule.malformed"),
        (["schedule", "add", "x", "counter/1", "add", "1", "--cron", "0 9 * * *", "--zone", "Mars/X"], "schedule.malformed"),
        (["schedule", "add", "x", "counter/1", "add", "1", "--every", "1h", "--missed", "maybe"], "schedule.malformed"),
        (["schedule", "add", "x", "counter/1", "add", "--every", "1h"], "handler.bad_argument"),
        (["drain", "nobody"], "worker.unknown"),
        (["stats", "--url", "http://127.0.0.1:7433"], "server.url"),
        (["stats", "--url", "holdfast://127.0.0.1:1"], "server.unreachable"),
        (["stats", "--store", "mysql://x"], "store.url"),
        (["stats", "--store", "sqlite:///not-there.db"], "store.missing"),
        (["error", "no.such.code"], "error.unknown"),
        (["dead", "discard", str(1 << 60)], "operation.input"),
        (["dead", "discard", str(1 << 70)], "value.not_encodable"),
        (["turns", "retry", "counter/1", "--turn", str(-(1 << 70))], "value.not_encodable"),
        (["dead", "list", "--store", "sqlite:///other.db", "--limit", str(1 << 60)], "operation.input"),
        (["compact", "--older-than", str(1 << 70)], "duration.malformed"),
        (["plan", "-f", LONG], "resource.no_file"),
        (["policy", "check", LONG], "policy.file"),
        (["policy", "test", "my_agents.py", "--lookups", "../../secret"], "policy.plugin"),
        (["policy", "test", "my_agents.py", "--lookups", "broken_lookups"], "policy.plugin"),
        (["audit", "verify", LONG], "system.refused"),
    ],
)
def test_a_mistake_has_a_code(served: Place, args: list[str], code: str) -> None:
    (served.folder / "broken_lookups.py").write_text("1 / 0\n")
    if not (served.folder / "other.db").exists():
        served.run("backup", "other.db")
    served.run(*args).failed(code)


def test_an_error_is_json_when_the_output_is(served: Place) -> None:
    done = served.run("call", "counter/1", "nope", "-o", "json")
    assert done.code == 1 and done.out == ""
    error = json.loads(done.err)["error"]
    assert error["code"] == "handler.unknown" and error["retry"] is False


def test_a_misuse_of_the_command_line_ends_with_2(served: Place) -> None:
    for args in (["frobnicate"], ["call"], ["ps", "--nope"], ["stats", "-o", "xml"]):
        done = served.run(*args)
        assert done.code == 2 and "Traceback" not in done.err, args


def test_an_oversized_payload_is_refused(served: Place) -> None:
    big = served.folder / "big.py"
    big.write_text(
        "import asyncio, holdfast\n"
        "from holdfast import Target\n"
        "async def main():\n"
        "    async with holdfast.connect() as c:\n"
        "        try:\n"
        "            await c.call(Target('default/counter/1', 'greet'), 'x' * (5 << 20))\n"
        "        except holdfast.LimitExceeded as e:\n"
        "            print(e.code)\n"
        "        try:\n"
        "            await c.call(Target('default/counter/1', 'greet'), 'x' * (100 << 20))\n"
        "        except holdfast.LimitExceeded as e:\n"
        "            print(e.code)\n"
        "        print(await c.call(Target('default/counter/1', 'add'), 0) is not None)\n"
        "asyncio.run(main())\n"
    )
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, str(big)], env=served.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["payload.too_large", "frame.too_large", "True"], done.stderr


def test_two_servers_on_one_file(served: Place) -> None:
    done = served.run("up", str(served.file), "--store", served.store, "--port", "0").failed("store.in_use")
    assert "process" in done.err
    served.run("ps", "--store", served.store).failed("store.in_use")


def test_two_servers_at_one_place(served: Place, place: Place) -> None:
    place.run("up", str(place.file), "--store", place.store, "--unix", str(served.socket)).failed("server.port")


def test_a_server_that_others_could_reach_is_refused(place: Place) -> None:
    place.run("up", str(place.file), "--store", place.store, "--host", "0.0.0.0").failed("server.no_tls")
    assert not (place.folder / "store.db").exists()


def test_a_store_of_a_newer_schema_is_left_alone(place: Place) -> None:
    with closing(sqlite3.connect(place.folder / "store.db")) as db:
        db.execute("PRAGMA user_version = 99")
    place.run("up", str(place.file), "--store", place.store, "--port", "0").failed("store.newer_schema")


def test_a_file_that_is_no_store(place: Place) -> None:
    (place.folder / "store.db").write_text("just some notes, long enough to be no empty database file at all\n" * 50)
    place.run("up", str(place.file), "--store", place.store, "--port", "0").failed("store.not_a_store")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("def broken(:\n", "agents.syntax"),
        ("x = 1\n", "agents.none"),
        ("import no_such_module_anywhere\n", "agents.import_failed"),
        ("1 / 0\n", "agents.import_failed"),
        ("from holdfast import Agent\nAgent('not a name')\n", "address.malformed"),
        (
            "from holdfast import Agent\na = Agent('a')\n@a.handler\nasync def f(): ...\n",
            "handler.malformed",
        ),
    ],
)
def test_agents_that_cannot_be_loaded(place: Place, text: str, code: str) -> None:
    place.file.write_text(text)
    done = place.run("up", str(place.file), "--store", place.store, "--port", "0").failed(code)
    assert done.err.count("\n") <= 3


def test_a_file_that_is_not_there(place: Place) -> None:
    place.run("up", "nothing.py", "--store", place.store).failed("agents.not_found")
    place.run("up", "no.such.module", "--store", place.store).failed("agents.not_found")
    place.run("up").failed("agents.none_named")


def test_a_worker_at_a_file_is_told_where_to_go(place: Place) -> None:
    place.run("worker", str(place.file), "--store", place.store).failed("worker.store")
    place.run("worker", str(place.file), "--store", "holdfast://127.0.0.1:1").failed("server.unreachable")
    place.run("worker", str(place.file), "--store", "postgresql://postgres@127.0.0.1:1/x").failed("store.unreachable")


def test_a_call_needs_a_server(served: Place, place: Place) -> None:
    place.run("call", "counter/1", "add", "1").failed("server.unreachable")
    served.run("backup", str(place.folder / "store.db"))
    place.run("call", "counter/1", "add", "1", "--store", place.store).failed("server.needed")
