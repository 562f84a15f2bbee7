"""``Gateway``: gets an answer from somebody. Nothing fails because one vendor stutters.

    route ─► candidates ─► the first that is well and has room ─► attempt ─► answer
                 ▲                                                  │ failed
                 └── again, the next one, or after a pause ◄────────┘        nobody left ─► NoTarget

What has been given to a watcher is never taken back in silence: a watcher that can begin anew is told to (``restart``), any
other gets the error.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Protocol

import msgspec

from ..domain.conversation import Event, Usage, events_of
from ..domain.errors import HoldfastError
from ..ports.clock import Clock, Random
from ..ports.upstream import Upstream
from .attempt import Caller
from .choose import candidates, check_rules, passes
from .health import Health
from .job import Attempt, Facts, Job, Reply
from .pace import Pace
from .prices import cost_nanos, listed
from .problems import SILENT, THE_REQUEST, THE_SETTING, TWICE, Failed, NoTarget, error_for
from .routes import Directory, Models, Route, Target

_BACKOFF_SECONDS = 0.25
_BACKOFF_MOST_SECONDS = 8.0
_REST_SECONDS = 2.0
_SETTING_REST_SECONDS = 60.0
_CACHE_ENTRIES = 1_000
_ANSWER_TOKENS = 4_096
"""What an answer may be long if nobody says."""


class Watcher(Protocol):
    """Somebody who sees an answer come."""

    def event(self, event: Event) -> None:
        """The next piece."""
        ...

    def restart(self) -> bool:
        """The answer begins anew elsewhere; forget what came. False if that cannot be done any more."""
        ...


class Gateway:
    """See the module. ``recovered`` is called with a target's name when it answers again after a failure."""

    def __init__(self, models: Models, upstream: Upstream, clock: Clock, random: Random) -> None:
        self.directory = Directory(models)
        for route in self.directory.routes.values():
            check_rules(route)
        self._clock = clock
        self._random = random
        self.caller = Caller(upstream, clock)
        self._upstream = upstream
        self._health = {name: Health() for name in self.directory.targets}
        self._pace = {name: Pace(target) for name, target in self.directory.targets.items()}
        self._rates: dict[str, _Rates] = {}
        for target in self.directory.targets.values():
            cost_nanos(target, Usage())  # the price table is read now, not in the middle of a turn
        self._cache: OrderedDict[bytes, tuple[float, Reply]] = OrderedDict()
        self.recovered: Callable[[str], None] = lambda name: None

    def health(self, target: str) -> Health:
        """How a target is."""
        return self._health[target]

    def free_in(self, route: str) -> float:
        """Seconds until some target of the route may be asked; 0 for now, and for a route that there is not (any more)."""
        found = self.directory.routes.get(route)
        if found is None:
            return 0.0
        now = self._clock.monotonic()
        return max(0.0, min(self._health[t].free_at(now) for t in found.targets) - now)

    def ailing(self, route: str) -> bool:
        """Whether every target of the route has failed lately, so that one request should go ahead of the others."""
        found = self.directory.routes.get(route)
        return found is not None and all(self._health[t].open for t in found.targets)

    async def close(self) -> None:
        """Hang up."""
        await self._upstream.close()

    def dearest(self, job: Job) -> tuple[int, int]:
        """The most that one answer may cost, in nano-dollars and tokens: what has to be reserved before it is asked for. A
        token is taken to be two characters, so that the guess is rather too high."""
        rates = self._rates.get(job.route) or self._rate(job.route)
        asked, answer = job.size() * 2, job.max_tokens or rates.answer_tokens
        return rates.request_nanos + round((asked * rates.input + answer * rates.output) * 1_000), asked + answer

    def _rate(self, name: str) -> _Rates:
        """What the dearest of a route's targets takes."""
        rates = _Rates()
        for target in self.directory.of(self.directory.route(name)):
            price = target.price or listed(target.vendor, target.model)
            if price is not None:
                rates.input = max(rates.input, price.input, price.written or 0.0)
                rates.output = max(rates.output, price.output)
                rates.request_nanos = max(rates.request_nanos, round(price.request * 1e9))
            rates.answer_tokens = max(rates.answer_tokens, target.max_output)
        rates.answer_tokens = rates.answer_tokens or _ANSWER_TOKENS
        self._rates[name] = rates
        return rates

    async def ask(self, job: Job, watch: Watcher | None = None, *, patience_seconds: float = -1.0) -> Reply:
        """Get an answer.

        Args:
            watch: is told of the answer as it comes; then it is streamed from the vendor.
            patience_seconds: how long to wait for a target that asked for a pause; the route's own patience if negative.

        Raises:
            NoTarget: nobody answers at the moment.
            HoldfastError: the request itself is at fault (``model.*``).
        """
        route = self.directory.route(job.route)
        key = _cache_key(job) if route.cache_seconds else b""
        if key and (kept := self._kept(key, route)) is not None:
            if watch is not None:
                for event in events_of(kept.answer):
                    watch.event(event)
            return kept
        reply = await _Asking(self, route, job, watch, patience_seconds).run()
        if key:
            self._cache[key] = (self._clock.monotonic(), reply)
            while len(self._cache) > _CACHE_ENTRIES:
                self._cache.popitem(last=False)
        return reply

    def _kept(self, key: bytes, route: Route) -> Reply | None:
        found = self._cache.get(key)
        if found is None or self._clock.monotonic() - found[0] > route.cache_seconds:
            return None
        facts = msgspec.structs.replace(
            found[1].facts, cached=True, nanos=0, took_ms=0, first_ms=0, reason="cache", attempts=[]
        )
        reply = found[1]
        return Reply(facts, answer=reply.answer, dialect=reply.dialect, body=reply.body)


class _Rates:
    """US dollars per million tokens, at most; and how long an answer may be."""

    __slots__ = ("answer_tokens", "input", "output", "request_nanos")

    def __init__(self) -> None:
        self.input = self.output = 0.0
        self.request_nanos = self.answer_tokens = 0


class _Asking:
    """One request on its way through the targets of its route."""

    def __init__(self, gateway: Gateway, route: Route, job: Job, watch: Watcher | None, patience: float) -> None:
        self.gateway = gateway
        self.route = route
        self.job = job
        self.watch = watch
        self.patience = route.patience_seconds if patience < 0 else patience
        self.clock = gateway._clock  # pyright: ignore[reportPrivateUsage]
        self.random = gateway._random  # pyright: ignore[reportPrivateUsage]
        self.began = self.clock.monotonic()
        self.attempts: list[Attempt] = []
        self.tries: dict[str, int] = {}
        self.out: dict[str, str] = {}
        """Targets that are not asked again for this request, and why."""
        self.first: Failed | None = None
        """The first failure that blames the request: what a later target says of it must not hide it."""
        self.begun = False
        self.prefill_dropped = False

    async def run(self) -> Reply:
        """Ask until somebody answers."""
        gateway = self.gateway
        plan = candidates(gateway.directory, self.route, self.job, gateway.health, self.random.uniform)
        checked: Reply | None = None
        while True:
            chosen = await self._next(plan)
            if chosen is None:
                if checked is not None:
                    return checked
                raise self._nobody(plan)
            target, why = chosen
            try:
                reply = await self._attempt(target, why)
            except Failed as failed:
                await self._learn(target, failed, len(plan))
                continue
            if self.route.escalate and not passes(self.route.escalate, reply.answer.text, len(reply.answer.calls)):
                self.attempts[-1].outcome = "not good enough"
                self.out[target.name] = "its answer did not pass the check"
                checked = reply
                continue
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
                pace = gateway._pace[target.name].wait_seconds(now, self.job.size() if target.tokens_per_minute else 0)  # pyright: ignore[reportPrivateUsage]
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

    async def _attempt(self, target: Target, why: str) -> Reply:
        gateway, clock = self.gateway, self.clock
        health = gateway.health(target.name)
        pace = gateway._pace[target.name]  # pyright: ignore[reportPrivateUsage]
        asked = clock.monotonic()
        tokens = self.job.size() if target.tokens_per_minute else 0
        self.tries[target.name] = self.tries.get(target.name, 0) + 1
        facts = Facts(self.route.name, target.name, target.vendor, target.model, reason=why, attempts=self.attempts)
        used = 0
        health.begin(asked)
        pace.take(tokens)
        try:
            reply = await self._call(target, facts)
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

    async def _call(self, target: Target, facts: Facts) -> Reply:
        caller = self.gateway.caller
        if self.watch is None:
            body = await caller.whole(target, self.job)
            spoken = self.job.spoken(target)
            facts.usage = caller.usage(spoken, body)
            return Reply(facts, dialect=spoken, body=body)

        def see(event: Event) -> None:
            if not facts.first_ms:
                facts.first_ms = max(1, _ms(self.clock.monotonic() - self.began))
            self.begun = True
            watch.event(event)

        watch = self.watch
        answer = await caller.streamed(target, self.job, see)
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


def _cache_key(job: Job) -> bytes:
    whole: Any = job.body if job.body is not None else job.prompt
    return sha256(msgspec.json.encode([job.route, job.dialect, whole], order="deterministic")).digest()


__all__ = ["Gateway", "NoTarget", "Watcher"]
