"""Watch a package manager's log: ``python -m examples.watchers``; ``--help`` tells the rest."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from examples.watchers.agents import Reading
from examples.watchers.fleet import AGENTS, Kill, Result, Task, run
from examples.watchers.lines import LINE_BYTES, Log, identify, opened

DEFAULT_LOG = "/var/log/dpkg.log"


def main() -> int:
    """Parse, run, compare; the exit code."""
    given = arguments()
    logs = find_logs(given.log)
    print(f"{sum(map(count_lines, logs)):,} lines in {', '.join(log.path for log in logs)}")
    folder = Path(tempfile.mkdtemp(prefix="holdfast-watchers-"))
    store = given.store or f"sqlite:///{folder / 'watchers.db'}"
    task = Task(logs, given.lines or sys.maxsize, given.answer)
    result, same = run_killed(folder, store, task, given) if given.kill else (asyncio.run(run(folder, store, task)), True)
    exact = summary(result, logs)
    if result.questions:
        tell_questions(result.questions, store)
    if given.store or not result.questions:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if same and exact and not result.dead else 1


def arguments() -> argparse.Namespace:
    """What a person typed."""
    parser = argparse.ArgumentParser("python -m examples.watchers", description="A fleet of watchers over a dpkg log.")
    parser.add_argument("--log", action="append", help=f"a dpkg log, plain or .gz; by default {DEFAULT_LOG} and older ones")
    parser.add_argument("--lines", type=int, default=0, help="read at most so many lines; 0 for all")
    parser.add_argument("--store", help="an empty store, or that of an earlier run to go on; by default a new one")
    parser.add_argument("--answer", choices=["yes", "no", "ask"], default="ask", help="ask: leave the questions to you")
    parser.add_argument(
        "--kill",
        type=int,
        default=0,
        metavar="N",
        help="run twice, with N SIGKILLs the second time (in an empty store); compare",
    )
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="decides the moments of the kills")
    return parser.parse_args()


def find_logs(named: list[str] | None) -> list[Log]:
    """The logs, oldest first; ends the program if one cannot be read."""
    paths = named or sorted(map(str, Path(DEFAULT_LOG).parent.glob("dpkg.log*")), key=_age, reverse=True)
    if not paths:
        sys.exit(f"There is no {DEFAULT_LOG} on this machine. Name a dpkg log, plain or .gz: --log FILE")
    try:
        return [identify(path) for path in paths]
    except (OSError, EOFError) as error:
        sys.exit(f"A log cannot be read ({error}). Name a dpkg log, plain or .gz: --log FILE")


def _age(path: str) -> int:
    number = path.removesuffix(".gz").rpartition(".")[2]
    return int(number) if number.isdigit() else 0


def count_lines(log: Log, end: int = sys.maxsize) -> int:
    """Whole lines up to an offset, counted without any agent."""
    count = 0
    with opened(log.path) as file:
        while file.tell() < end and (line := file.readline(LINE_BYTES)):
            count += line.endswith(b"\n") or len(line) == LINE_BYTES
    return count


def run_killed(folder: Path, store: str, task: Task, given: argparse.Namespace) -> tuple[Result, bool]:
    """Run undisturbed, then with kills; the second result, and whether it is the same."""
    print("undisturbed:")
    calm = asyncio.run(run(folder, f"sqlite:///{folder / 'calm.db'}", task))
    print(f"with {given.kill} kills (--seed {given.seed}):")
    moments = random.Random(given.seed)
    entries = sorted(moments.randrange(calm.entries) for _ in range(given.kill))
    task.kills = [Kill(at, moments.uniform(0, 0.05)) for at in entries]
    killed = asyncio.run(run(folder, store, task))
    print(f"digest undisturbed  {calm.digest}  {calm.seconds:.1f} s")
    print(f"digest with kills   {killed.digest}  {killed.seconds:.1f} s")
    same = calm.digest == killed.digest
    print("identical: nothing lost, nothing counted twice" if same else "DIFFERENT: " + ", ".join(differing(calm, killed)))
    return killed, same


def differing(one: Result, other: Result) -> list[str]:
    """Addresses whose states differ."""
    return sorted(at for at in one.states.keys() | other.states.keys() if one.states.get(at) != other.states.get(at))


def summary(result: Result, logs: list[Log]) -> bool:
    """Print what there is; whether every line that was read was counted exactly once."""
    reading: dict[str, Any] = result.of("feeder").get("feeder", {}).get("reading") or asdict(Reading())
    packages = [state["package"] for state in result.of("watcher").values()]
    kinds: dict[str, int] = result.of("strays").get("log", {}).get("kinds", {})
    records = [(key, record) for key, state in result.of("incident").items() for record in state["records"]]
    by_watchers, by_strays = sum(p["lines"] for p in packages), sum(kinds.values())
    unfinished = sum(1 for size in reading["unfinished"].values() if size)
    print(f"packages   {len(packages):,}: {_counts(Counter(p['status'] for p in packages))}")
    print(f"lines      {reading['lines']:,} read = {by_watchers:,} counted by watchers + {by_strays:,} about no package")
    print(f"odd lines  {kinds.get('odd', 0) + sum(p['odd'] for p in packages)}, and {unfinished} still being written")
    rules = Counter(f"{record['finding']['rule']} ({record['severity']})" for _, record in records)
    print(f"incidents  {len(result.of('incident')):,} packages: {_counts(rules)}")
    answers = Counter(record["answer"] or "waiting" for _, record in records if record["severity"] == "serious")
    print(f"questions  {sum(answers.values())}: {_counts(answers)}")
    for key, record in [r for r in records if r[1]["severity"] == "serious"][:5]:
        finding = record["finding"]
        print(f"  {finding['at']}  {key} {finding['text']} [{finding['rule']}]: {record['answer'] or 'waiting'}")
    if result.dead:
        print(f"dead letters  {result.dead}: messages whose turn failed")
    there = sum(count_lines(log, reading["offsets"].get(log.mark, 0)) for log in logs)
    exact = there <= reading["lines"] == by_watchers + by_strays
    print("exact      every line was counted once" if exact else f"WRONG      the logs have {there:,} lines up to here")
    return exact


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common()) or "none"


def tell_questions(questions: list[Any], store: str) -> None:
    """How to answer what is left."""
    print(f"\nQuestions wait: {len(questions)}, each for a week, and without a process. To answer, start a server:")
    print(f"  holdfast up {os.path.relpath(AGENTS)} --store {store}")
    print("and in another terminal:")
    print("  holdfast asks")
    print(f"  holdfast answer '{questions[0].id}' yes")
    print("Later on, with the server stopped, this goes on where the log was left:")
    print(f"  python -m examples.watchers --store {store}")


if __name__ == "__main__":
    sys.exit(main())
