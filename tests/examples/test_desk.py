"""The desk example runs as a newcomer starts it."""

from __future__ import annotations

from commands import python


def test_the_desk_asks_waits_files_away_and_undoes() -> None:
    done = python("-m", "examples.desk")
    assert done.returncode == 0, done.stderr
    assert "run look_up, attempts 3" in done.stdout
    assert "desk/ada ended:  {'number': 1, 'order': 'order 17 (a book)', 'refunded': True}" in done.stdout
    assert "ada set aside 40; ada pay 40; bob set aside 950; bob release 950" in done.stdout
