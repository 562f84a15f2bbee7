"""The single checks: each adds what it finds and says how many tests it made, which the budget of false alarms pays for."""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from typing import Any

import msgspec

from ...domain.intent import Intent
from . import features
from .learned import Action
from .limits import PAYLOAD, Limits, surprise_of_count, surprise_of_volume
from .running import Doing

CERTAIN = 99.0
"""The score of what is not a matter of chance."""
_LN10 = 2.302585


class Anomaly(msgspec.Struct, frozen=True):
    """Something unusual. ``score`` is how unusual: minus the decimal logarithm of its probability; 99 for what is simply not
    expected."""

    kind: str
    score: float
    why: str


def counts(
    doing: Doing,
    action: Action,
    limits: Limits,
    at: int,
    own: tuple[Action, ...],
    found: list[Anomaly],
    name: str,
) -> int:
    """Too many in a window, or for too long."""
    tests = 0
    for span in ("minute", "hour"):
        before = doing.windows.get(span)
        window = doing.window(span, at, own)
        if span == "minute" and window is not before and before is not None and before.done and limits.drift is not None:
            gain, loss, _ = limits.drift
            doing.drift = max(0.0, doing.drift + gain * (before.done - 1) - loss)
        window.begun += 1
        most = limits.counts.get(span)
        if most is None:
            continue
        tests += 1
        if window.begun >= max(most, window.bar):
            window.asked = True
            why = f"{name} {window.begun:,} times within a{'n' * (span == 'hour')} {span}"
            found.append(Anomaly("count", score(action, span, window.begun), why))
    if limits.drift is not None:
        tests += 1
        if doing.drift > limits.drift[2]:
            doing.drift_asked = True
            found.append(Anomaly("sustained", doing.drift / _LN10, f"{name} more often than usual for many minutes"))
    return tests


def settle_drift(doing: Doing) -> None:
    """An action happened although the sum was too high: people let it pass, and the sum begins anew."""
    if doing.drift_asked:
        doing.drift_asked, doing.drift = False, 0.0


def volumes(
    action: Action, limits: Limits, roles: Mapping[str, str], arguments: Mapping[str, Any], size: int, found: list[Anomaly]
) -> int:
    """Too much at once."""
    known = limits.volumes
    if not known:
        return 0
    tests = 0
    for arg, value in (*features.values(roles, arguments), (PAYLOAD, float(size))):
        most = known.get(arg)
        if most is None:
            continue
        tests += 1
        if value > most:
            earlier = action.volumes[arg]
            what = f"{arg} {value:,.15g}" if arg != PAYLOAD else f"{value:,.0f} bytes of arguments"
            why = f"{what}; 99% of {earlier.n:,} earlier ones were at most {earlier.quantile(0.99):,.6g}"
            found.append(Anomaly("volume", -log10(max(surprise_of_volume(earlier, value), 1e-99)), why))
    return tests


def plan(plan: str, intent: Intent) -> list[Anomaly]:
    """A step that nobody planned. Asking a model is none."""
    steps = [step.strip() for step in plan.split(",")]
    if intent.verb == "model" or intent.name in steps or f"{intent.verb} {intent.name}" in steps:
        return []
    return [Anomaly("plan", CERTAIN, f"{intent.verb} {intent.name} is not a step of the plan ({', '.join(steps)})")]


def score(action: Action | None, window: str, count: int) -> float:
    """How rare a count is."""
    windows = action.windows.get(window) if action is not None else None
    if windows is None or not windows.n:
        return CERTAIN
    return -log10(max(surprise_of_count(windows, count), 1e-99))
