"""A server's life: ready, drained, stopped at once, its housekeeping; and the demo."""

from __future__ import annotations

import os
import signal
import stat
import time

import pytest

from processes import Place, until

SLOW = """
import time
from pathlib import Path

from holdfast import Agent, Context

slow = Agent("slow")


@slow.handler
async def crawl(ctx: Context, seconds: float, mark: str) -> str:
    await ctx.run(work, seconds, mark)
    return "done"


def work(seconds: float, mark: str) -> None:
    Path(mark).write_text("begun")
    time.sleep(seconds)
    Path(mark).write_text("finished")
"""


def test_sigterm_lets_steps_in_flight_finish(place: Place) -> None:
    place.file.write_text(SLOW)
    server = place.up("--no-reload")
    mark = place.folder / "mark"
    place.run("send", "slow/1", "crawl", "1.5", str(mark))
    until(mark.exists, "the step's begin")
    assert place.stop(server) == 0
    assert mark.read_text() == "finished"
    place.up("--no-reload")
    until(lambda: '"done"' in place.run("journal", "slow/1", "-o", "json").out, "the turn's end")


def test_a_second_signal_ends_it_at_once(place: Place) -> None:
    place.file.write_text(SLOW)
    server = place.up("--no-reload", "--grace", "60s")
    mark = place.folder / "mark"
    place.run("send", "slow/1", "crawl", "20", str(mark))
    until(mark.exists, "the step's begin")
    server.send_signal(signal.SIGINT)
    until(lambda: "again to end at once" in place.log(), "the first")
    began = time.monotonic()
    server.send_signal(signal.SIGINT)
    assert server.wait(10) == 130 and time.monotonic() - began < 5


def test_drain_ends_the_server(place: Place) -> None:
    server = place.up("--no-reload")
    place.run("call", "counter/1", "add", "1")
    assert place.run("drain").code == 0
    assert server.wait(15) == 0
    place.run("stats").failed("server.unreachable")
    assert place.run("state", "counter/1", "--store", place.store, "-o", "json").json == {"total": 1}


def test_messages_left_at_a_resting_store_are_handled_when_a_server_comes(place: Place) -> None:
    place.stop(place.up("--no-reload"))
    assert place.run("send", "counter/1", "add", "4", "--store", place.store).code == 0
    assert place.run("ps", "--store", place.store, "-o", "json").json[0]["doing"] == "queued"
    place.up("--no-reload")
    until(lambda: place.run("state", "counter/1", "-o", "json").json == {"total": 4}, "the message")


def test_ended_turns_are_forgotten_when_they_are_old_enough(place: Place) -> None:
    place.up("--no-reload", "--retain", "5s")
    place.run("call", "counter/1", "add", "1")
    place.run("send", "counter/2", "nap", "600")
    assert len(place.run("journal", "counter/1", "-o", "json").json) == 2
    until(lambda: place.run("journal", "counter/1", "-o", "json").json == [], "the end of the journal")
    assert place.run("state", "counter/1", "-o", "json").json == {"total": 1}
    assert "sleeping" in place.run("ps", "counter/2").out


def test_the_socket_is_nobody_elses(place: Place) -> None:
    place.up("--no-reload")
    assert stat.S_IMODE(os.stat(place.socket).st_mode) == 0o600


def test_a_socket_left_by_a_crash_is_no_hindrance(place: Place) -> None:
    place.stop(place.up("--no-reload"), signal.SIGKILL)
    assert place.socket.exists()
    place.up("--no-reload")


def test_help_is_fast_and_names_every_command(place: Place) -> None:
    took: list[float] = []
    for _ in range(3):
        began = time.monotonic()
        place.run("--help")
        took.append(time.monotonic() - began)
    done = place.run("--help")
    for command in ("up", "demo", "call", "send", "signal", "ps", "describe", "journal", "asks", "answer", "pause", "resume",
                    "cancel", "kill", "dead", "turns", "versions", "schedule", "worker", "drain", "backup", "restore",
                    "compact", "stats", "version", "error"):  # fmt: skip
        assert f"\n  {command} " in done.out, command
    assert min(took) < 1.5


@pytest.mark.long
def test_the_demo_ends_by_itself_and_everything_held(place: Place) -> None:
    done = place.run("demo", timeout=110)
    assert done.code == 0, done.err + done.out
    assert "Everything held." in done.out and "300 of 300" in done.out


def test_a_worker_over_postgres_is_drained_by_name(place: Place, postgres_url: str) -> None:
    store = f"{postgres_url}?schema=drained"
    worker = place.start("worker", str(place.file), "--store", store, "--name", "w7", log="w7.log")
    until(lambda: "w7" in place.run("workers", "--store", store).out, "the worker was listed")
    assert place.run("drain", "w7", "--store", store).code == 0
    assert worker.wait(15) == 0
    place.run("drain", "w7", "--store", store).failed("worker.unknown")
