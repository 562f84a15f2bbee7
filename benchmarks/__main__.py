"""`python -m benchmarks heart|gateway|outage|tau|gate|airline_policy ...`; `--help` tells the rest."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

BARS = {
    "steps_per_s": "at least 40,000",
    "cpu_s_per_10k_steps": "at most 0.4",
    "seq_step_ms": "one fdatasync + 0.15",
    "empty_turn_p50_ms": "one fdatasync + 0.5",
    "wake_p50_ms": "under 2",
    "wake_p99_ms": "under 10",
    "bytes_per_waiting_agent": "under 1,000",
    "rss_bytes_per_waiting_agent": "0",
    "idle_cpu_cores": "that of an empty store",
    "round_trips_per_s": "at least 10,000 with 64 pairs",
    "recovery_s": "under 2",
    "effects_doubled": "only steps in flight",
    "turns_lost": "0",
}


def _arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    heart = parts.add_parser("heart", help="the durable heart: steps, turns, waiting, waking, crashes")
    heart.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    heart.add_argument("--peers", action="store_true", help="run DBOS, LangGraph and Restate on the same work as well")
    heart.add_argument("--quick", action="store_true", help="smaller numbers, done within 50 s")
    heart.add_argument("--rest", type=float, default=None, metavar="SECONDS", help="how long agents rest before they wake")
    heart.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    tau = parts.add_parser("tau", help="recorded conversations of a support agent, under kill -9")
    tau.add_argument("--conversations", type=Path, metavar="FILE", help="recorded conversations; tau-bench's by default")
    tau.add_argument("--kill", type=int, default=0, metavar="N", help="kill -9 the server so often")
    tau.add_argument("--limit", type=int, default=0, metavar="N", help="only so many conversations")
    tau.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    tau.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    gateway = parts.add_parser("gateway", help="what the model gateway adds to a request")
    gateway.add_argument("--peers", action="store_true", help="Portkey and LiteLLM on the same work as well")
    gateway.add_argument("--quick", action="store_true", help="shorter")
    gateway.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    outage = parts.add_parser("outage", help="conversations while model vendors fail")
    outage.add_argument("--quick", action="store_true", help="smaller numbers")
    outage.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    gate = parts.add_parser("gate", help="what a decision of the gate costs, and the heart with the gate fully on")
    gate.add_argument("--quick", action="store_true", help="fewer decisions and turns")
    gate.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    policy = parts.add_parser("airline_policy", help="a support agent's recorded actions under the airline's own rules")
    policy.add_argument("--conversations", type=Path, metavar="FILE", help="recorded conversations; tau-bench's by default")
    policy.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    guarding = parts.add_parser("guarding", help="what audits, baselines of behaviour and breakers cost")
    guarding.add_argument("--quick", action="store_true", help="smaller numbers")
    guarding.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    center = parts.add_parser("command_center", help="the command center in a real browser, under load")
    center.add_argument("--quick", action="store_true", help="10,000 agents instead of 100,000")
    center.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    searching = parts.add_parser("searching", help="the index of words: filled, and asked all kinds of things")
    searching.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    searching.add_argument("--entries", type=int, default=0, help="1,000,000; 50,000 with --quick")
    searching.add_argument("--quick", action="store_true", help="fewer entries")
    searching.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    answers = parts.add_parser("answers", help="how late a piece of an answer is seen, also in another process")
    answers.add_argument("--quick", action="store_true", help="fewer and shorter answers")
    answers.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    briefs = parts.add_parser("briefs", help="a brief of a store with many agents and entries")
    briefs.add_argument("--quick", action="store_true", help="a tenth of them")
    briefs.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    stopping = parts.add_parser("stopping", help="a kill switch amid thousands of turns on several worker processes")
    stopping.add_argument("--turns", type=int, default=0, help="10,000; 1,000 with --quick")
    stopping.add_argument("--workers", type=int, default=4)
    stopping.add_argument("--quick", action="store_true", help="smaller numbers")
    stopping.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser.parse_args()


def main() -> None:
    """Parse, run, print, write."""
    given = _arguments()
    if given.part == "command_center":
        from benchmarks.command_center import run as watched

        _tell(watched.run(given.quick), given.json)
        return
    if given.part == "searching":
        from benchmarks.searching import run as found

        _tell(found(given.quick, given.store, given.entries), given.json)
        return
    if given.part == "answers":
        from benchmarks.answers import run as seen

        _tell(seen(given.quick), given.json)
        return
    if given.part == "briefs":
        from benchmarks.briefs import run as briefed

        _tell(briefed(given.quick), given.json)
        return
    if given.part == "stopping":
        from benchmarks.stopping import run as stopped

        _tell(stopped(given.quick, given.turns, given.workers), given.json)
        return
    if given.part == "guarding":
        from benchmarks.guarding import run as guarded

        _tell(guarded(given.quick), given.json)
        return
    if given.part == "gate":
        from benchmarks.gate import run as judged

        _tell(judged.run(given.quick), given.json)
        return
    if given.part == "airline_policy":
        from benchmarks.airline_policy import run as ruled

        _tell(ruled.run(given.conversations), given.json)
        return
    if given.part == "gateway":
        from benchmarks.gateway import run as asked

        _tell(asked.run(given.quick, given.peers), given.json)
        return
    if given.part == "outage":
        from benchmarks.outage import run as failing

        _tell(failing.run(given.quick), given.json)
        return
    if given.part == "tau":
        from benchmarks.tau import run as recorded

        _tell(recorded.run(given.conversations, given.kill, given.limit, given.seed), given.json)
        return

    from benchmarks.heart.run import KEYS, run

    found = run(given.store, given.quick, given.rest)
    if given.peers:
        from benchmarks.peers import gather

        found["peers"] = gather.run(quick=given.quick)
    _print(found, KEYS)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")


def _tell(found: dict[str, Any], file: Path | None) -> None:
    text = json.dumps(found, indent=2)
    print(text)
    if file:
        file.write_text(text + "\n")


def _print(found: dict[str, Any], keys: tuple[str, ...]) -> None:
    print(f"\nHoldfast on {found['store']}{' (quick)' if found['quick'] else ''}, load {found['load']:.2f}")
    for key in (*keys, *[k for k in found if k not in keys]):
        value = found.get(key)
        if isinstance(value, float | int) and not isinstance(value, bool):
            bar = f"   ({BARS[key]})" if key in BARS else ""
            print(f"  {key:32} {value:>14,.3f}{bar}")
    for peer in found.get("peers", []):
        print("  " + json.dumps(peer))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
