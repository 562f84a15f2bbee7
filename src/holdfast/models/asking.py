"""``Asking``: one request on its way through the targets of its route, until one answers or nobody is left.

What each failure means for the next attempt stands in ``problems``; here it is acted upon.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..domain.conversation import Event
from ..domain.errors import HoldfastError
from .choose import candidates, passes
from .dialects.lost import Lost
from .job import Attempt, Facts, Job, Reply
from .lane import Lane, Watcher
from .prices import cost_nanos
from .problems import SILENT, THE_REQUEST, THE_SETTING, TWICE, Failed, NoTarget, error_for
from .routes import Route, Target

if TYPE_CHECKING:
    from .gateway import Gateway

_BACKOFF_SECONDS = 0.25
_BACKOFF_MOST_SECONDS = 8.0
_REST_SECONDS = 2.0
_SETTING_REST_SECONDS = 60.0


class Asking:
    """One request on its way through the targets of its route."""

    def __init__(self, gateway: Gateway, route: Route, job: Job, watch: Watcher | None, patience: float) -> None:
        self.gateway = gateway
        self.route = route
        self.job = job
        self.watch = watch
        self.patience = route.patience_seconds if patience < 0 else patience
        self.clock = gateway.clock
        self.random = gateway.random
        self.began = self.clock.monotonic()
        self.attempts: list[Attempt] = []
        self.tries: dict[str, int] = {}
        self.out: dict[str, str] = {}
        """Targets that are not asked again for this request, and why."""
        self.first: Failed | None = None
        """The first failure that blames the request: what a later target says of it must not hide it."""
        self.begun = False
        self.prefill_dropped = False
        self._failing: Target | None = None

    async def run(self) -> Reply:
        """Ask until somebody answers."""
        gateway = self.gateway
        plan = candidates(gateway.directory, self.route, self.job, gateway.health, self.random.uniform)
        checked: Reply | None = None
        best: Lane | None = None
        while True:
            self._failing = None
            chosen = await self._next(plan)
            if chosen is None:
                if checked is not None:
                    if best is not None:
                        best.let_out()
                    return checked
                raise self._nobody(plan)
            target, why = chosen
            lane = Lane(self.watch) if self.route.escalate and self.watch is not None else None
            try:
                if self.job.urgent and self.route.hedge_seconds and lane is None:
                    reply = await self._hedged(target, why, plan)
                else:
                    reply = await self._attempt(target, why, lane or self.watch)
            except Failed as failed:
                await self._learn(self._failing or target, failed, len(plan))
                continue
            if self.route.escalate and not passes(self.route.escalate, reply.answer.text, len(reply.answer.calls)):
                self.attempts[-1].outcome = "not good enough"
                self.out[target.name] = "its answer did not pass the check"
                checked, best = reply, lane
                continue
            if lane is not None:
                lane.let_out()
            return reply

    async def _next(self, plan: list[tuple[Target, str]]) -> tuple[Target, str] | None:
        """Who is asked now; waits for one that is free soon. None if it is not worth waiting."""
        gateway = self.gateway
        while len(self.attempts) < self.route.attempts:
            now = self.clock.monotonic()
            soonest = float("inf")
            for target, why in plan:
                if target.name in self.out:
                    continue
                wait = gateway.health(target.name).free_at(now) - now
                pace = gateway.pace(target.name).wait_seconds(now, self.job.size() if target.tokens_per_minute else 0)
                if wait <= 0 and pace <= 0:
                    first = plan[0][0]
                    if target is not first:
                        why = f"{why}; {first.name} {self._why_not(first, now)}"
                    return target, why
                soonest = min(soonest, max(wait, pace))
            limit = self.began + self.patience
            if self.job.deadline:
                limit = min(limit, self.job.deadline)
            if now + soonest > limit:
                return None
            await self.clock.sleep(soonest)
        return None

    def _why_not(self, target: Target, now: float) -> str:
        if target.name in self.out:
            return self.out[target.name]
        health = self.gateway.health(target.name)
        if health.rest_until > now:
            return f"rests for {health.rest_until - now:.1f} s"
        return "is out of order" if health.open else "is at its limit"

    def _nobody(self, plan: list[tuple[Target, str]]) -> HoldfastError:
        now = self.clock.monotonic()
        if self.first is not None:
            return error_for(self.first.kind, self.first.message, self.route.name, self.attempts)
        waits = [max(0.0, self.gateway.health(t.name).free_at(now) - now) for t, _ in plan]
        whys = "; ".join(f"{t.name} {self._why_not(t, now)}" for t, _ in plan)
        return NoTarget(self.route.name, whys, max(min(waits), 0.05), self.attempts)

    # -- one attempt --------------------------------------------------------------------------------------------

    async def _hedged(self, target: Target, why: str, plan: list[tuple[Target, str]]) -> Reply:
        """Ask a second target if the first has not begun to answer in time; who begins first is heard, the other cut off."""
        loop = asyncio.get_running_loop()
        lanes: dict[asyncio.Task[Reply], tuple[Target, Lane]] = {}

        def start(target: Target, why: str) -> None:
            lane = Lane(self.watch)
            streamed = lane if self.watch is not None else None
            lanes[asyncio.Task(self._attempt(target, why, streamed), loop=loop)] = target, lane

        start(target, why)
        patience: float | None = self.route.hedge_seconds
        try:
            while True:
                waiting = {*lanes, *(lane.begun for _, lane in lanes.values())}
                done, _ = await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    patience = None
                    other = self._another(plan, target)
                    if other is not None:
                        start(other, f"hedge: {target.name} had not begun after {self.route.hedge_seconds:g} s")
                    continue
                for task, (one, lane) in list(lanes.items()):
                    if task.done() and isinstance(error := task.exception(), Failed):
                        self._failing = one
                        del lanes[task]
                        if not lanes:
                            raise error
                    elif task.done() or lane.begun.done():
                        lane.let_out()
                        self.begun, self._failing = lane.begun.done(), one
                        return await task
        finally:
            for task in lanes:
                task.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    def _another(self, plan: list[tuple[Target, str]], but: Target) -> Target | None:
        """Somebody else who may be asked at once."""
        now = self.clock.monotonic()
        for target, _ in plan:
            if target is not but and target.name not in self.out and self.gateway.health(target.name).admits(now):
                return target
        return None

    async def _attempt(self, target: Target, why: str, watch: Watcher | None) -> Reply:
        gateway, clock = self.gateway, self.clock
        health = gateway.health(target.name)
        pace = gateway.pace(target.name)
        asked = clock.monotonic()
        tokens = self.job.size() if target.tokens_per_minute else 0
        self.tries[target.name] = self.tries.get(target.name, 0) + 1
        facts = Facts(self.route.name, target.name, target.vendor, target.model, reason=why, attempts=self.attempts)
        used = 0
        health.begin(asked)
        pace.take(tokens)
        try:
            reply = await self._call(target, facts, watch)
            used = facts.usage.input + facts.usage.output
        except Failed as failed:
            self.attempts.append(Attempt(target.name, failed.kind, _ms(clock.monotonic() - asked), failed.message))
            raise
        except BaseException:
            health.indifferent()
            raise
        finally:
            pace.done(tokens, used)
        self.attempts.append(Attempt(target.name, "ok", _ms(clock.monotonic() - asked)))
        facts.took_ms = _ms(clock.monotonic() - self.began)
        facts.first_ms = facts.first_ms or facts.took_ms
        nanos = cost_nanos(target, facts.usage)
        facts.nanos, facts.priced = nanos or 0, nanos is not None
        facts.repeated = self.prefill_dropped
        if health.well(facts.first_ms):
            gateway.recovered(target.name)
        return reply

    async def _call(self, target: Target, facts: Facts, watch: Watcher | None) -> Reply:
        caller, lost = self.gateway.caller, Lost()
        if watch is None:
            body = await caller.whole(target, self.job, lost)
            spoken = self.job.spoken(target)
            facts.lost = lost.told()
            facts.usage = caller.usage(spoken, body)
            return Reply(facts, dialect=spoken, body=body)

        def see(event: Event) -> None:
            if not facts.first_ms:
                facts.first_ms = max(1, _ms(self.clock.monotonic() - self.began))
                facts.lost = lost.told()
                watch.answering(facts)
            self.begun = self.begun or watch is self.watch
            watch.event(event)

        answer = await caller.streamed(target, self.job, lost, see)
        facts.usage = answer.usage
        return Reply(facts, answer=answer)

    # -- after a failure ----------------------------------------------------------------------------------------

    async def _learn(self, target: Target, failed: Failed, targets: int) -> None:
        """What a failure means for the target and for this request; returns when the next attempt may be made."""
        now, health = self.clock.monotonic(), self.gateway.health(target.name)
        kind, name = failed.kind, target.name
        if kind in THE_REQUEST:
            health.indifferent()
            self._the_request(target, failed)
            return
        if kind == "rate_limited":
            health.rest(now, self._rest_seconds(target, failed), "rate limited")
        elif kind in THE_SETTING:
            health.rest(now, _SETTING_REST_SECONDS, failed.message)
            self.out[name] = kind
        else:
            health.ill(now, failed.message)
        if self.begun:
            assert self.watch is not None
            if not self.watch.restart():
                raise error_for(kind, failed.message, self.route.name, self.attempts, begun=True)
            self.begun = False
        if kind in SILENT or (kind in TWICE and targets > 1 and self.tries[name] >= 2):
            self.out[name] = f"failed ({kind})"
        if kind in THE_SETTING and targets == len(self.out):
            raise error_for(kind, failed.message, self.route.name, self.attempts)
        if kind in TWICE and kind != "rate_limited" and name not in self.out:
            await self.clock.sleep(self._backoff(self.tries[name]))

    def _the_request(self, target: Target, failed: Failed) -> None:
        if failed.kind == "prefill_refused" and self.job.prefilled:
            self.job, self.prefill_dropped = self.job.without_prefill(), True
            return
        self.first = self.first or failed
        self.out[target.name] = failed.kind
        if failed.kind == "too_long":
            for other in self.gateway.directory.of(self.route):
                if other.name not in self.out and (not other.context or other.context <= target.context):
                    self.out[other.name] = "has no larger context"
            return
        raise error_for(failed.kind, failed.message, self.route.name, self.attempts)

    def _rest_seconds(self, target: Target, failed: Failed) -> float:
        if failed.retry_after is not None:
            return failed.retry_after
        return self._backoff(self.tries[target.name]) + _REST_SECONDS * (self.tries[target.name] - 1)

    def _backoff(self, tries: int) -> float:
        """Growing, and different for everybody: between a half and the whole of a power of two."""
        most = min(_BACKOFF_MOST_SECONDS, _BACKOFF_SECONDS * 2 ** (tries - 1))
        return most * (0.5 + self.random.uniform() / 2)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
