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
from typing import Any

import msgspec

from ..domain.conversation import Usage, events_of
from ..ports.clock import Clock, Random
from ..ports.upstream import Upstream
from ..secrets import Secrets
from .asking import Asking
from .attempt import Caller
from .choose import check_rules
from .health import Health
from .job import Job, Reply
from .lane import Watcher
from .pace import Pace
from .prices import cost_nanos, listed
from .problems import NoTarget
from .recorder import Recorder
from .routes import Directory, Models, Route

_CACHE_ENTRIES = 1_000
_ANSWER_TOKENS = 4_096
"""What an answer may be long if nobody says."""


class Gateway:
    """See the module. ``recovered`` is called with a target's name when it answers again after a failure."""

    def __init__(
        self,
        models: Models,
        upstream: Upstream,
        clock: Clock,
        random: Random,
        recorder: Recorder | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self.base = models
        """What it was made with; ``use`` is told what was declared on top of it."""
        self.clock = clock
        self.random = random
        self.caller = Caller(upstream, clock, secrets or Secrets())
        self._upstream = upstream
        self._recorder = recorder
        self._health: dict[str, Health] = {}
        self._pace: dict[str, Pace] = {}
        self._rates: dict[str, _Rates] = {}
        self._cache: OrderedDict[bytes, tuple[float, Reply]] = OrderedDict()
        self.directory = Directory(Models())
        self.use(models)
        self.recovered: Callable[[str], None] = lambda name: None

    def use(self, models: Models) -> None:
        """Ask these from now on; what is under way goes on. A target that stays as it was keeps its health and its pace.
        Raises ``Rejected`` for models that make no sense, and then nothing has changed."""
        directory = Directory(models)
        for route in directory.routes.values():
            check_rules(route)
        for name, target in directory.targets.items():
            if self.directory.targets.get(name) != target:
                self._health[name], self._pace[name] = Health(), Pace(target)
                cost_nanos(target, Usage())  # the price table is read now, not in the middle of a turn
        self.directory = directory
        self._rates.clear()
        self._cache.clear()

    def health(self, target: str) -> Health:
        """How a target is."""
        return self._health[target]

    def free_in(self, route: str) -> float:
        """Seconds until some target of the route may be asked; 0 for now, and for a route that there is not (any more)."""
        found = self.directory.routes.get(route)
        if found is None:
            return 0.0
        now = self.clock.monotonic()
        return max(0.0, min(self._health[t].free_at(now) for t in found.targets) - now)

    def ailing(self, route: str) -> bool:
        """Whether every target of the route has failed lately, so that one request should go ahead of the others."""
        found = self.directory.routes.get(route)
        return found is not None and all(self._health[t].open for t in found.targets)

    def pace(self, target: str) -> Pace:
        """What may be asked of a target at the moment."""
        return self._pace[target]

    async def close(self) -> None:
        """Hang up."""
        await self._upstream.close()
        if self._recorder is not None:
            self._recorder.close()

    def dearest(self, job: Job) -> tuple[int, int]:
        """The most that one answer may cost, in nano-dollars and tokens: what has to be reserved before it is asked for. A
        token is taken to be two characters, so that the guess is rather too high."""
        rates = self._rates.get(job.route) or self._rate(job.route)
        asked, answer = job.size() * 2, self.longest(job)
        return rates.request_nanos + round((asked * rates.input + answer * rates.output) * 1_000), asked + answer

    def longest(self, job: Job) -> int:
        """How many tokens the answer may have: what the request says, else what its route's targets give at most."""
        return job.max_tokens or (self._rates.get(job.route) or self._rate(job.route)).answer_tokens

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
                watch.answering(kept.facts)
                for event in events_of(kept.answer):
                    watch.event(event)
            return kept
        reply = await Asking(self, route, job, watch, patience_seconds).run()
        if self._recorder is not None:
            self._recorder.keep(job, reply)
        if key:
            self._cache[key] = (self.clock.monotonic(), reply)
            while len(self._cache) > _CACHE_ENTRIES:
                self._cache.popitem(last=False)
        return reply

    def _kept(self, key: bytes, route: Route) -> Reply | None:
        found = self._cache.get(key)
        if found is None or self.clock.monotonic() - found[0] > route.cache_seconds:
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


def _cache_key(job: Job) -> bytes:
    whole: Any = job.body if job.body is not None else job.prompt
    return sha256(msgspec.json.encode([job.route, job.dialect, whole], order="deterministic")).digest()


__all__ = ["Gateway", "NoTarget", "Watcher"]
