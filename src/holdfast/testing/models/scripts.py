"""Scripts: what a vendor answers to each call. Any callable is one; these are those that most tests need.

A choice is a reply, a fault, or another script, so that they nest: ``first(2, RateLimited(), percent(5, Reset()))``.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from .answer import Fault
from .call import Call, Reply
from .refusals import ServerError

Outcome: TypeAlias = "Reply | Fault"
Script: TypeAlias = Callable[[Call], "Outcome | Awaitable[Outcome]"]
Choice: TypeAlias = "Outcome | Script"


def echo(call: Call) -> Reply:
    """Say the last user text again."""
    return Reply(call.text)


def settle(choice: Choice, call: Call) -> Outcome | Awaitable[Outcome]:
    """What a choice comes to for a call."""
    return choice if isinstance(choice, Reply | Fault) else choice(call)


def always(choice: Choice) -> Script:
    """The same each time."""
    return lambda call: settle(choice, call)


def first(count: int, choice: Choice, then: Choice = echo) -> Script:
    """The first so many calls meet one thing, all later ones another."""
    return sequence(*[choice] * count, then=then)


def sequence(*choices: Choice, then: Choice = echo) -> Script:
    """One choice per call, in order; then the rest."""
    coming = iter(choices)
    return lambda call: settle(next(coming, then), call)


def percent(percentage: float, choice: Choice, seed: int | str = 0, then: Choice = echo) -> Script:
    """So many calls of a hundred, by the seed: which ones depends on the order of the calls and on nothing else."""
    dice = random.Random(seed)
    return lambda call: settle(choice if dice.random() * 100 < percentage else then, call)


def flapping(
    up_seconds: float,
    down_seconds: float,
    choice: Choice | None = None,
    then: Choice = echo,
    clock: Callable[[], float] = time.monotonic,
) -> Script:
    """Up and down in turn, beginning with the first call; down is 503 unless said otherwise."""
    down = ServerError(503) if choice is None else choice
    began: list[float] = []

    def script(call: Call) -> Outcome | Awaitable[Outcome]:
        now = clock()
        if not began:
            began.append(now)
        up = (now - began[0]) % (up_seconds + down_seconds) < up_seconds
        return settle(then if up else down, call)

    return script


def by_model(choices: Mapping[str, Choice], otherwise: Choice = echo) -> Script:
    """Another script for each model."""
    return lambda call: settle(choices.get(call.model, otherwise), call)


def late(seconds: float, then: Choice = echo) -> Script:
    """Whatever comes, it comes so much later: nothing goes out before."""

    async def script(call: Call) -> Outcome:
        await asyncio.sleep(seconds)
        outcome = settle(then, call)
        return await outcome if isinstance(outcome, Awaitable) else outcome

    return script
