"""The watchers run as a newcomer starts them, over this machine's own log and over lines that are odd."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from commands import ROOT, python
from examples.watchers.rules import Package
from processes import Place

REAL_LOGS = sorted(Path("/var/log").glob("dpkg.log*"))

ODD_LOG = b"""\
2030-01-01 10:00:00 startup archives unpack
2030-01-01 10:00:00 install tool:amd64 <none> 1.0-1
2030-01-01 10:00:00 status half-installed tool:amd64 1.0-1
2030-01-01 10:00:01 status installed tool:amd64 1.0-1
2030-01-01 10:05:00 remove tool:amd64 1.0-1 <none>
2030-01-01 10:05:01 status not-installed tool:amd64 <none>
2030-01-01 10:09:00 install tool:amd64 <none> 1.0-1
2030-01-01 10:09:01 status installed tool:amd64 1.0-1
2030-01-01 10:10:00 upgrade tool:amd64 1.0-1 1.0~rc2-1
2030-01-01 10:10:01 status installed tool:amd64 1.0~rc2-1
2030-01-01 10:11:00 frobnicate tool:amd64 1.0~rc2-1 <none>
2030-01-01 10:12:00 status half-configured stuck:all 7
2030-01-01 10:12:00 status installed na\xff\xfeme:all 1
\0\0\0\0\0\0
2030-01-01 10:12

2030-01-01 10:20:00 conffile /etc/a file.conf keep
2030-01-01 10:20:00 status installed last:all"""


@pytest.mark.skipif(not REAL_LOGS, reason="no /var/log/dpkg.log* here: not a machine of the Debian family")
def test_kills_change_nothing_in_what_is_made_of_a_real_log() -> None:
    done = python("-m", "examples.watchers", "--lines", "1500", "--kill", "2", "--answer", "yes")
    assert done.returncode == 0, done.stdout + done.stderr
    digests = re.findall(r"^digest .*  ([0-9a-f]{64})  ", done.stdout, re.MULTILINE)
    assert len(digests) == 2 and digests[0] == digests[1], done.stdout
    assert done.stdout.count("kill -9 ") == 2, done.stdout


def test_odd_lines_are_counted_and_a_log_goes_on_after_rotation(tmp_path: Path) -> None:
    log, store = tmp_path / "dpkg.log", f"sqlite:///{tmp_path / 'kept.db'}"
    log.write_bytes(ODD_LOG)
    first = python("-m", "examples.watchers", "--log", str(log), "--store", store, "--answer", "no")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "17 read = 11 counted by watchers + 6 about no package" in first.stdout
    assert "odd lines  5, and 1 still being written" in first.stdout
    for rule in ("removed", "flapping", "downgraded", "stuck"):
        assert f"1 {rule} (serious)" in first.stdout
    assert "questions  4: 4 no" in first.stdout

    rotated = tmp_path / "dpkg.log.1.gz"
    rotated.write_bytes(gzip.compress(ODD_LOG + b" 2\n"))
    log.write_bytes(b"2030-01-02 08:00:00 status installed stuck:all 7\n")
    again = python("-m", "examples.watchers", "--log", str(rotated), "--log", str(log), "--store", store, "--answer", "no")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "19 read = 13 counted by watchers + 6 about no package" in again.stdout
    assert "odd lines  5, and 0 still being written" in again.stdout


def test_a_question_waits_for_a_person_and_the_answer_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "dpkg.log"
    log.write_text("2030-01-01 10:00:00 status unpacked tool:all 7\n2030-01-01 10:09:00 status installed last:all 1\n")
    place = Place(tmp_path)
    asked = python("-m", "examples.watchers", "--log", str(log), "--store", place.store)
    assert asked.returncode == 0, asked.stdout + asked.stderr
    question = re.search(r"holdfast answer '(incident/tool:all#\S+)' yes", asked.stdout)
    assert question, asked.stdout
    place.file = ROOT / "examples" / "watchers" / "agents.py"
    try:
        place.up("--no-reload")
        assert place.run("answer", question[1], "no").code == 0
        place.stop(place.processes[0])
    finally:
        place.close()
    after = python("-m", "examples.watchers", "--log", str(log), "--store", place.store)
    assert "tool:all left unpacked for 540 s [stuck]: no" in after.stdout


@pytest.mark.parametrize("name", ["nowhere.log", "."])
def test_a_log_that_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    done = python("-m", "examples.watchers", "--log", str(tmp_path / name))
    assert done.returncode == 1
    assert done.stderr.startswith("A log cannot be read") and "--log FILE" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0~rc1-1", "1.0-1"),
        ("1.9-1", "1.10-1"),
        ("2:1.0-1", "10:0.1-1"),
        ("1.0-1", "1.0-1+b1"),
        ("9.0-1", "1:1.0-1"),
        ("1.0a", "1.0.1"),
    ],
)
def test_versions_are_ordered_as_debian_orders_them(older: str, newer: str) -> None:
    at = "2030-01-01 10:00:00"
    assert [f.rule for f in Package().see(at, "upgrade", "", (newer, older))] == ["downgraded"]
    assert "downgraded" not in [f.rule for f in Package().see(at, "upgrade", "", (older, newer))]
