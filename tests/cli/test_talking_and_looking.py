"""What a person does all day: call, send, look, steer, against a real server."""

from __future__ import annotations

import json

import pytest

from processes import Place, until


def test_a_call_prints_the_answer_and_nothing_else(served: Place) -> None:
    done = served.run("call", "counter/one", "add", "5")
    assert (done.code, done.out, done.err) == (0, "5\n", "")
    assert served.run("call", "counter/one", "add", "2").out == "7\n"


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (["greet", "ann"], '"ann!"'),
        (["greet", '"ann"', "true"], '"ANN!"'),
        (["greet", '{"name": "ann", "loud": true}'], '"ANN!"'),
        (["add", "-5"], "-5"),
        (["add", '{"amount": 3}'], "3"),
        (["keep", '{"thing": 1}'], '{\n  "thing": 1\n}'),
    ],
)
def test_arguments_are_json_or_bare_words(served: Place, given: list[str], answer: str) -> None:
    assert served.run("call", f"counter/args-{given[0]}-{len(given[1])}-{len(given)}", *given).out.strip() == answer


def test_a_key_gives_the_same_outcome_again(served: Place) -> None:
    first = served.run("call", "counter/keyed", "add", "5", "--key", "k1")
    assert served.run("call", "counter/keyed", "add", "5", "--key", "k1").out == first.out == "5\n"


def test_send_ps_describe_and_cancel(served: Place) -> None:
    sent = served.run("send", "counter/sleeper", "nap", "600", "-o", "json").json
    until(lambda: "sleeping" in served.run("ps", "counter/sleeper").out, "sleeping")
    found = served.run("ps", "counter/sleeper", "-o", "json").json
    assert [(a["address"], a["doing"]) for a in found] == [("counter/sleeper", "sleeping")]
    shown = served.run("describe", "counter/sleeper").out
    assert "nap, waiting" in shown and "waits   sleep" in shown
    assert served.run("describe", "counter/sleeper", "-o", "json").json["turns"][0]["id"] == sent["id"]
    assert served.run("cancel", "counter/sleeper", "--why", "enough").code == 0
    until(lambda: served.run("ps", "counter/sleeper", "-o", "json").json == [], "cancelled")


def test_a_question_is_listed_and_answered(served: Place) -> None:
    served.run("send", "counter/asker", "wonder", "Really?")
    until(lambda: "Really?" in served.run("asks").out, "the question")
    served.run("answer", "counter/asker", "maybe").failed("ask.not_a_choice")
    assert served.run("answer", "counter/asker", "yes").code == 0
    until(
        lambda: (
            '"heard yes"' in served.run("journal", "counter/asker").out
            or "heard yes" in served.run("journal", "counter/asker").out
        ),
        "the answer",
    )
    served.run("answer", "counter/asker", "yes").failed("ask.unknown")


def test_a_signal_completes_a_wait(served: Place) -> None:
    served.run("send", "counter/listener", "listen")
    until(lambda: "waiting for event" in served.run("ps", "counter/listener").out, "the wait")
    assert served.run("signal", "counter/listener", "news", '{"a": 1}').code == 0
    until(lambda: '{"a": 1}' in served.run("journal", "counter/listener").out, "the news")


def test_pause_and_resume(served: Place) -> None:
    served.run("call", "counter/paused", "add", "1")
    assert "paused" in served.run("pause", "counter/paused", "--why", "looking").out
    served.run("send", "counter/paused", "add", "1")
    assert served.run("state", "counter/paused", "-o", "json").json == {"total": 1}
    assert "paused" in served.run("describe", "counter/paused").out
    served.run("resume", "counter/paused")
    until(lambda: served.run("state", "counter/paused", "-o", "json").json == {"total": 2}, "the message")


def test_a_dead_letter_is_seen_edited_and_retried(served: Place) -> None:
    served.run("send", "counter/dead", "fail", "boom")
    letters = until(lambda: served.run("dead", "list", "counter/dead", "-o", "json").json, "a dead letter")
    id = str(letters[0]["id"])
    assert "boom" in letters[0]["error"]
    assert served.run("dead", "show", id, "-o", "json").json["args"] == ["boom"]
    served.run("dead", "retry", id, "fine")
    until(lambda: served.run("dead", "list", "counter/dead", "-o", "json").json == [], "an empty list")
    served.run("dead", "retry", id).failed("dead.unknown")


def test_a_call_that_fails_tells_why_and_ends_with_1(served: Place) -> None:
    done = served.run("call", "counter/x", "fail", "boom").failed("turn.failed")
    assert done.out == "" and "ValueError: boom" in done.err


def test_a_call_with_a_deadline(served: Place) -> None:
    served.run("call", "counter/late", "nap", "600", "--timeout", "0.3").failed("call.timeout")


def test_the_journal_is_followed(served: Place) -> None:
    served.run("call", "counter/followed", "add", "1")
    process = served.start("journal", "counter/followed", "-f", "-o", "jsonl", log="followed.log")
    try:
        until(lambda: served.log("followed.log").count("\n") >= 2, "the first turn")
        served.run("call", "counter/followed", "add", "1")
        until(lambda: served.log("followed.log").count("\n") >= 4, "the second turn")
        lines = [json.loads(line) for line in served.log("followed.log").splitlines()]
        assert [e["seq"] for e in lines] == [1, 2, 3, 4]
    finally:
        served.stop(process)


def test_a_search_is_saved_listed_watched_and_removed(served: Place) -> None:
    served.run("call", "counter/greeter", "greet", "marigold")
    assert "greeter" in served.run("search", "marigold").out
    told = served.run("--dry-run", "search", "marigold", "--agent", "counter", "--save", "flowers").out
    assert "write Search" in told and served.run("searches", "list", "-o", "json").json == []
    served.run("search", "marigold", "--save", "flowers", "--notify", "mail").failed("search.malformed")
    saved = served.run("search", "marigold", "--agent", "counter", "--save", "flowers", "-o", "json").json
    assert (saved["name"], saved["text"], saved["agent"]) == ("flowers", "marigold", "counter")
    assert [s["name"] for s in served.run("searches", "list", "-o", "json").json] == ["flowers"]
    newest = served.run("search", "marigold", "-o", "json").json["found"][0]["id"]
    process = served.start("searches", "watch", "flowers", "--after", str(newest), "-o", "jsonl", log="watched.log")
    try:
        served.run("call", "counter/greeter", "greet", "rose")
        served.run("call", "counter/greeter", "greet", "marigold two")
        until(lambda: "two" in served.log("watched.log"), "what was watched for")
        hits = [json.loads(line) for line in served.log("watched.log").splitlines()]
        assert all(h["id"] > newest and "marigold" in h["words"] for h in hits)
    finally:
        process.terminate()
        process.wait(20)
    assert served.run("searches", "remove", "flowers").code == 0
    served.run("searches", "watch", "flowers").failed("search.unknown")


@pytest.mark.parametrize("command", ["ps", "asks", "stats", "versions", "agents", "workers", "version"])
@pytest.mark.parametrize("form", ["table", "json", "jsonl", "yaml"])
def test_every_listing_in_every_form(served: Place, command: str, form: str) -> None:
    done = served.run(command, "-o", form)
    assert done.code == 0, done.err
    if form == "json":
        json.loads(done.out)
    elif form == "jsonl":
        assert all(json.loads(line) for line in done.out.splitlines())


def test_schedules(served: Place) -> None:
    assert served.run("schedule", "add", "fast", "counter/sched", "add", "1", "--every", "1s").code == 0
    until(
        lambda: (
            int(served.run("state", "counter/sched", "-o", "json").json.get("total", 0) or 0) >= 2
            if served.run("state", "counter/sched").code == 0
            else False
        ),
        "two runs",
    )
    listed = served.run("schedule", "list", "-o", "json").json
    assert [(s["name"], s["to"], s["handler"]) for s in listed] == [("fast", "counter/sched", "add")]
    assert served.run("schedule", "remove", "fast").code == 0
    assert served.run("schedule", "list", "-o", "json").json == []
    served.run("schedule", "remove", "fast").failed("schedule.unknown")


def test_a_backup_is_restored_and_looked_at_without_a_server(served: Place) -> None:
    served.run("call", "counter/saved", "add", "42")
    assert served.run("backup", "copy.db").code == 0
    assert served.run("restore", "copy.db", "--store", "sqlite:///again.db").code == 0
    assert served.run("state", "counter/saved", "--store", "sqlite:///again.db", "-o", "json").json == {"total": 42}
    served.run("backup", "copy.db").failed("backup.exists")
    served.run("restore", "copy.db", "--store", "sqlite:///again.db").failed("restore.exists")
    served.run("restore", "nothing.db").failed("restore.no_backup")
