"""Honest agents, simulated: busy by day and quiet by night, bursts, heavy-tailed amounts, new customers now and then."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping

import msgspec

from holdfast.domain.intent import Declared, Done, Intent
from holdfast.gate.behaviour import Anomaly, Baselines

DAY_MS, START = 86_400_000, 1_790_000_000_000
PAY = Declared(roles={"to": "destination", "amount": "amount"})
DELETE = Declared(roles={"rows": "count"})
READ = Declared(effects=False)


class Act(msgspec.Struct, frozen=True):
    """Something that an agent wants to do."""

    at: int
    agent: str
    turn: int
    name: str
    arguments: Mapping[str, object]
    declared: Declared

    def intent(self) -> Intent:
        """As the gate sees it before."""
        return Intent(
            self.agent,
            self.turn,
            "1",
            "tool",
            self.name,
            args=(self.arguments,),
            declared=self.declared,
            at=self.at,
            trace=f"t{self.turn}",
        )

    def done(self) -> Done:
        """As it is learned after."""
        return Done(self.at, self.turn, f"t{self.turn}", "tool", self.name, arguments=self.arguments)


def honest(days: int, seed: int = 0, agents: int = 12, cases_per_day: float = 15.0, first: int = 0) -> Iterator[Act]:
    """Cases come to agents all day long; each is a turn: it reads, pays now and then, deletes rarely."""
    dice = random.Random(seed)
    customers = [f"customer-{n}" for n in range(60)]
    acts: list[Act] = []
    for day in range(first, first + days):
        for agent in range(agents):
            for case in range(_poisson(dice, cases_per_day)):
                hour = min(max(dice.gauss(13.0, 3.5), 0.0), 23.9)
                at = START + day * DAY_MS + int(hour * 3_600_000)
                turn = 1 + case + 1_000 * day
                for act in _case(dice, customers, f"default/clerk/{agent}", at, turn):
                    acts.append(act)
        acts.sort(key=lambda act: act.at)
        yield from acts
        acts.clear()


def _case(dice: random.Random, customers: list[str], agent: str, at: int, turn: int) -> Iterator[Act]:
    for n in range(1 + _poisson(dice, 2.5)):
        at += int(dice.expovariate(1 / 4_000))
        query = {"query": f"case {turn} {n if dice.random() < 0.9 else 0}", "page": dice.randrange(3)}
        yield Act(at, agent, turn, "read", query, READ)
    if dice.random() < 0.5:
        if dice.random() < 0.03:
            customers.append(f"customer-{len(customers)}")
        to = customers[min(int(dice.paretovariate(0.7)) - 1, len(customers) - 1)]
        yield Act(at + 500, agent, turn, "pay", {"to": to, "amount": round(dice.lognormvariate(4, 0.9), 2)}, PAY)
    if dice.random() < 0.05:
        yield Act(at + 900, agent, turn, "delete", {"rows": 1 + _poisson(dice, 3)}, DELETE)


def _poisson(dice: random.Random, mean: float) -> int:
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count


def live(baselines: Baselines, acts: Iterator[Act]) -> list[tuple[Act, list[Anomaly]]]:
    """Let them act; whatever is asked about, people let pass. What was asked about."""
    asked: list[tuple[Act, list[Anomaly]]] = []
    for act in acts:
        found = baselines.judge(act.intent())
        if found:
            asked.append((act, found))
        baselines.learn(act.agent, act.done())
    return asked
