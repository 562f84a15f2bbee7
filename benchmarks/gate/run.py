"""Measures decisions one by one, and the heart's 1,000 turns of 10 steps with every step judged.

Wall time, and beside it (``cpu_us``) the time that this thread really ran, which is what is left of it on a busy machine.
The gate is the real one: rules, destinations, provenance value by value, and a past of 400 actions read as turns read it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.gate.rules import intents, rulebook
from holdfast.domain.intent import Decision, Intent
from holdfast.gate.gatekeeper import Gatekeeper

KEYS = ("decision_p50_us", "decision_p99_us", "steps_per_s_gated")


class Judging(Gatekeeper):
    """The real gate, which counts."""

    def __init__(self) -> None:
        super().__init__(rules=rulebook())
        self.judged = 0

    def review(self, intent: Intent) -> Decision:
        """See ``Gate``."""
        self.judged += 1
        return super().review(intent)


def decisions(rounds: int) -> dict[str, float]:
    """Microseconds of single decisions. The first round, in which candidates are looked up, counts too."""
    gate = Gatekeeper(rules=rulebook())
    acts = intents()
    took: list[int] = []
    busy: list[int] = []
    outcomes: Counter[str] = Counter()
    clock, cpu = time.perf_counter_ns, time.thread_time_ns
    gc.collect()
    for _ in range(rounds):
        for act in acts:
            worked, began = cpu(), clock()
            decision = gate.review(act)
            took.append(clock() - began)
            busy.append(cpu() - worked)
            outcomes[decision.verdict.name.lower()] += 1
    found: dict[str, float] = {}
    for told, times in (("us", took), ("cpu_us", busy)):
        times.sort()
        found |= {
            f"decision_{name}_{told}": times[int(len(times) * at)] / 1000 for name, at in (("p50", 0.5), ("p99", 0.99))
        }
    cold = Gatekeeper(rules=rulebook())
    began = clock()
    for act in acts:
        cold.review(act)
    return {
        **found,
        "decision_mean_us": sum(took) / len(took) / 1000,
        "decision_cold_mean_us": (clock() - began) / len(acts) / 1000,
        "decisions": len(took),
        **{f"decided_{name}": count for name, count in sorted(outcomes.items())},
    }


async def steps(turns: int, each: int, repeats: int) -> dict[str, float]:
    """The heart with this gate and without one, in turns; the median of each."""
    import holdfast
    from benchmarks.heart import agents

    rates: dict[bool, list[float]] = {True: [], False: []}
    judged = 0
    with tempfile.TemporaryDirectory(prefix="holdfast-gate-") as folder:
        for repeat in range(repeats):
            for gated in (False, True):
                gate = Judging() if gated else None
                url = f"sqlite:///{Path(folder) / f'{repeat}-{gated}.db'}"
                async with holdfast.Runtime(agents.ALL, url, gate=gate) as runtime:
                    await runtime.call(agents.steps["warm"], 3)
                    began = time.perf_counter()
                    await asyncio.gather(*[runtime.call(agents.steps[f"{repeat}-{i}"], each) for i in range(turns)])
                    rates[gated].append(turns * each / (time.perf_counter() - began))
                judged += gate.judged if gate is not None else 0
    assert judged >= turns * each * repeats, "every step has to pass the gate"
    middle = {gated: sorted(found)[len(found) // 2] for gated, found in rates.items()}
    return {"steps_per_s_gated": middle[True], "steps_per_s_without": middle[False]}


def run(quick: bool = False) -> dict[str, Any]:
    """See the module."""
    found: dict[str, Any] = {"rules": 100, "load": os.getloadavg()[0]}
    found |= decisions(3 if quick else 20)
    found |= asyncio.run(steps(200 if quick else 1_000, 10, 3))
    return found
