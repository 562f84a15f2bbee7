"""What audits cost (sealing, exporting, verifying) and what judging behaviour costs."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from holdfast import Agent, Context, Runtime
from holdfast.cli.writing_exports import Export
from holdfast.domain.intent import Declared, Done, Intent
from holdfast.gate.behaviour import Baselines
from holdfast.gate.breakers import Breaker, Breakers
from holdfast.insight.audit.verify import verify

clerk = Agent("clerk")
PAY = Declared(roles={"to": "destination", "amount": "amount"})
_START = 1_790_000_000_000


async def look(what: str) -> str:
    return f"{what}: nothing unusual"


@clerk.handler
async def work(ctx: Context, steps: int) -> int:
    for n in range(steps):
        await ctx.run(look, "case " + str(n))
    return steps


def run(quick: bool = False) -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(_audit(Path(folder), 100 if quick else 1_000))
    return {**found, **_judging(5_000 if quick else 40_000), **_switches()}


async def _audit(folder: Path, turns: int) -> dict[str, Any]:
    async with Runtime([clerk], f"sqlite:///{folder}/store.db") as runtime:
        await asyncio.gather(*(runtime.call(clerk[str(n)].work, 100) for n in range(turns)))
        began, cpu = time.perf_counter(), time.process_time()
        sealed = await runtime.audit_seal()
        seal_s, seal_cpu = time.perf_counter() - began, time.process_time() - cpu
        began = time.perf_counter()
        with Export(folder / "export") as export:
            async for piece in runtime.channel.stream("audit_export"):
                export.take(piece)
        export_s = time.perf_counter() - began
        leaves = sum([len(s.leaves) for s in await runtime.store.segments(limit=10_000)])
    began = time.perf_counter()
    report = verify(folder / "export")
    verify_s = time.perf_counter() - began
    assert report.ok
    entries = report.entries
    return {
        "audit_entries": entries,
        "audit_segments": sealed.segments,
        "seal_entries_per_s": round(entries / seal_s),
        "seal_cpu_s_per_10k": round(seal_cpu / entries * 10_000, 4),
        "export_entries_per_s": round(entries / export_s),
        "verify_entries_per_s": round(entries / verify_s),
        "export_bytes_per_entry": round(export.bytes / entries),
        "leaf_bytes_per_entry": round(leaves / entries, 2),
    }


def _judging(actions: int) -> dict[str, Any]:
    dice, baselines = random.Random(1), Baselines()
    judged: list[int] = []
    learned: list[int] = []
    for n in range(actions):
        agent, at = f"default/clerk/{n % 50}", _START + n * 2_000
        arguments = {"to": f"customer-{int(dice.paretovariate(0.7)) % 200}", "amount": round(dice.lognormvariate(4, 0.9), 2)}
        intent = Intent(agent, n, "1", "tool", "pay", args=(arguments,), declared=PAY, at=at, trace=str(n))
        done = Done(at, n, str(n), "tool", "pay", arguments=arguments)
        began = time.perf_counter_ns()
        baselines.judge(intent)
        middle = time.perf_counter_ns()
        baselines.learn(agent, done)
        judged.append(middle - began)
        learned.append(time.perf_counter_ns() - middle)
    return {
        "judge_p50_us": _at(judged, 0.5),
        "judge_p99_us": _at(judged, 0.99),
        "learn_p50_us": _at(learned, 0.5),
        "learn_p99_us": _at(learned, 0.99),
    }


def _switches() -> dict[str, Any]:
    breakers = Breakers()
    breakers.replace(Breaker(scope="agent", what=f"default/other/{n}") for n in range(1_000))
    intent = Intent("default/clerk/1", 1, "1", "tool", "pay", args=({"to": "x", "amount": 1},), declared=PAY, at=_START)
    times: list[int] = []
    for _ in range(20_000):
        began = time.perf_counter_ns()
        breakers.judge(intent)
        times.append(time.perf_counter_ns() - began)
    return {"breakers_p50_us": _at(times, 0.5), "breakers_p99_us": _at(times, 0.99)}


def _at(times: list[int], rank: float) -> float:
    return round(sorted(times)[int(len(times) * rank)] / 1_000, 2)
