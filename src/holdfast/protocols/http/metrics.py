"""``GET /metrics`` for Prometheus. Everything is read when somebody scrapes; turns pay nothing for being counted.

What was counted since this server began (steps, turns, decisions, model calls) is read from the journal and the ledger, from
where the last scrape ended, at most ``_MOST`` entries at a time; ``holdfast_metrics_behind`` says how far behind that is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ...control.identity.scopes import READ
from ...control.operations import Operations
from ...domain.entry import EntryKind
from ...domain.errors import HoldfastError, Rejected
from ...domain.principal import EVERY_TENANT
from ...insight.tailing import Seen, Tail
from ...mailbox.worker import Worker
from ...ports.store import Store
from . import problems
from .requests import Request

_MOST = 50_000
_LEDGER_PAGE = 5_000


class Metrics:
    """See the module."""

    def __init__(self, store: Store, worker: Worker) -> None:
        self._store = store
        self._worker = worker
        self._tail = Tail(store, worker.clock, worker.seal)
        self._paid_after = 0
        self._begun = False
        self._one = asyncio.Lock()
        self._steps: Counter[tuple[str, str]] = Counter()
        self._turns: Counter[str] = Counter()
        self._decisions: Counter[str] = Counter()
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._usd: Counter[tuple[str, str]] = Counter()
        self._tokens: Counter[tuple[str, str, str]] = Counter()
        self._stats: dict[str, int] = {}

    async def answer(self, request: Request, acting: Operations) -> None:
        """``GET /metrics``; they are of every tenant, so only for who may see all of them."""
        who = acting.principal
        try:
            if not who.owner and not (who.may(READ) and who.tenant == EVERY_TENANT):
                raise Rejected("auth.scope", "Metrics are of every tenant: they need a token for all of them that may read.")
            async with self._one:
                await self._read()
                registry = CollectorRegistry(auto_describe=False)
                registry.register(self)  # type: ignore[arg-type]
                body = generate_latest(registry)
        except HoldfastError as error:
            await problems.answer(request, error)
            return
        await request.reply(200, body, CONTENT_TYPE_LATEST.encode())

    async def _read(self) -> None:
        if not self._begun:
            await self._tail.to_the_end()
            self._begun = True
        self._stats = await self._store.stats()
        for _ in range(_MOST // 1_000):
            page = await self._tail.page()
            for seen in page:
                self._count(seen)
            if not page:
                break
        while rows := await self._store.usage(after=self._paid_after, limit=_LEDGER_PAGE):
            self._paid_after = rows[-1].id
            for row in rows:
                self._calls[row.target, row.model, row.outcome] += 1
                self._usd[row.target, row.model] += row.nanos
                self._tokens[row.target, row.model, "input"] += row.input
                self._tokens[row.target, row.model, "output"] += row.output

    def _count(self, seen: Seen) -> None:
        entry = seen.entry
        if entry.kind == EntryKind.END:
            failure = entry.failure
            self._turns["done" if failure is None else failure.code.partition(".")[2] or "failed"] += 1
        elif entry.kind in (EntryKind.STEP, EntryKind.RESULT):
            self._steps[entry.verb, "failed" if entry.failure is not None else "done"] += 1
        decision: Any = entry.decision
        if decision:
            self._decisions[str(decision.get("verdict", ""))] += 1

    # -- what Prometheus' client asks ---------------------------------------------------------------------------

    def collect(self) -> Iterator[Metric]:
        """All of them, as they are now."""
        stats, worker = self._stats, self._worker
        yield GaugeMetricFamily("holdfast_agents", "Agents in the store.", value=stats.get("agents", 0))
        depths = GaugeMetricFamily("holdfast_messages", "Open messages in the store.", labels=["standing"])
        for standing in ("queued", "running", "waiting", "dead"):
            depths.add_metric([standing], stats.get(standing, 0))
        yield depths
        yield CounterMetricFamily("holdfast_journal_entries", "Entries ever written.", value=stats.get("entries", 0))
        yield GaugeMetricFamily("holdfast_store_bytes", "Size of the store.", value=stats.get("bytes", 0))
        actives = worker.holdings.actives
        yield GaugeMetricFamily("holdfast_leases", "Agents that this worker holds.", value=len(actives))
        running = sum(len(a.running) for a in actives.values())
        yield GaugeMetricFamily("holdfast_turns_in_memory", "Turns that run on this worker.", value=running)
        yield GaugeMetricFamily("holdfast_draining", "1 while it takes no more work.", value=int(worker.draining))
        stalled = worker.committer.stalled is not None
        yield GaugeMetricFamily("holdfast_commits_stalled", "1 while the store does not answer.", value=int(stalled))
        yield _counted("holdfast_turns", "Turns that ended, since this server began.", ["outcome"], self._turns)
        yield _counted("holdfast_steps", "Steps that ended, since this server began.", ["verb", "outcome"], self._steps)
        yield _counted("holdfast_decisions", "What the gate said beyond a plain yes.", ["verdict"], self._decisions)
        behind = max(0, stats.get("entries", 0) - self._tail.after)
        yield GaugeMetricFamily("holdfast_metrics_behind", "Entries not counted yet.", value=behind)
        yield _counted("holdfast_model_calls", "Calls of models.", ["target", "model", "outcome"], self._calls)
        usd = Counter({key: nanos / 1e9 for key, nanos in self._usd.items()})
        yield _counted("holdfast_model_usd", "US dollars spent on models.", ["target", "model"], usd)
        yield _counted("holdfast_model_tokens", "Tokens in and out.", ["target", "model", "direction"], self._tokens)
        yield from self._targets()

    def _targets(self) -> Iterator[Metric]:
        gateway = self._worker.models
        if gateway is None:
            return
        healthy = GaugeMetricFamily("holdfast_model_up", "0 while a target's breaker is open.", labels=["target"])
        first = GaugeMetricFamily("holdfast_model_first_ms", "Milliseconds to the first token, lately.", labels=["target"])
        names = {t.name for r in gateway.directory.routes.values() for t in gateway.directory.of(r)}
        for name in sorted(names):
            health = gateway.health(name)
            healthy.add_metric([name], 0 if health.open else 1)
            first.add_metric([name], health.first_ms)
        yield healthy
        yield first


def _counted(name: str, about: str, labels: list[str], counts: Counter[Any]) -> Metric:
    family = CounterMetricFamily(name, about, labels=labels)
    for key, value in sorted(counts.items()):
        parts = cast("tuple[str, ...]", key) if isinstance(key, tuple) else (str(key),)
        family.add_metric(list(parts), value)
    return family


__all__ = ["Metrics"]
