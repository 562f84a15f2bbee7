"""The operator example runs as a newcomer starts it: it finds what is wrong, mends what it may, and is refused the rest."""

from __future__ import annotations

import re

from commands import python


def test_the_operator_mends_what_it_may_and_is_refused_the_rest() -> None:
    done = python("-m", "examples.operator")
    assert done.returncode == 0, done.stderr
    told = done.stdout
    assert "before:      ['stuck ledger/1', 'dead_letter mailer/1', 'paused reports/weekly', 'budget chat']" in told
    assert re.search(r"^diagnose +4 found$", told, re.MULTILINE)
    assert re.search(r"^retry_stuck +would send the control 'retry' to ledger/1$", told, re.MULTILINE)
    assert re.search(r"^retry_stuck +retry sent to ledger/1$", told, re.MULTILINE)
    assert re.search(r"^resume +reports/weekly is active$", told, re.MULTILINE)
    assert re.search(r"^cancel +refused: .*ending a turn is for a person", told, re.MULTILINE)
    assert re.search(r"^set_budget +refused: .*auth\.scope", told, re.MULTILINE)
    assert "after:       ['budget chat']" in told
