"""``diagnose``: what is wrong with what runs on this store, and which operations mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

from ..domain.message import Status
from ..domain.principal import Principal
from ..mailbox.worker import Worker
from ..ports.store import Store
from ..turn.definition import Registry
from . import reading
from .next_actions import Next
from .registry import operation
from .views import BudgetView, DeadLetter, ModelView, VersionView, View, WaitView

Severity = Literal["broken", "waiting", "notice"]
_SHOWN = 20


class Finding(View):
    """Something that is not as it should be. ``severity``: broken (somebody has to act), waiting (goes on by itself when
    what it waits for is there), notice. ``about``: an agent, a target, a budget or a version; ``mend``: what helps."""

    severity: Severity
    kind: str
    about: str
    what: str
    mend: list[Next]


class DiagnosisOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    registry: Registry
    principal: Principal

    @operation(path="GET /diagnosis", command="doctor", changes=False)
    async def diagnose(self) -> list[Finding]:
        """Find what is wrong, with the operations that mend it.

        Stuck turns, dead letters, paused agents, spent budgets, models and tool servers that do not answer,
        code that nobody serves."""
        found: list[Finding] = []
        within = self.principal.within
        for wait in await self.store.waits(verb="diverged", limit=_SHOWN, like=within):
            found.append(_stuck(reading.wait_view(wait, self.worker)))
        dead = await self.store.messages(statuses=(Status.DEAD,), limit=_SHOWN, like=within)
        found += [_dead(await reading.dead_letter(row, self.store, self.worker)) for row in dead]
        for row in await self.store.agents(like=within, mode="paused", limit=_SHOWN):
            found.append(_paused(reading.agent_view(row, self.worker).address, row.reason))
        found += [f for b in await self.budgets() if (f := _spent(b)) is not None]
        found += _targets(await self.models())
        waiting = await self.store.waits(verb="provider", limit=500, like=within)
        found += _for_models(Counter(w.name for w in waiting))
        waiting = await self.store.waits(verb="source", limit=500, like=within)
        found += _for_tools([reading.wait_view(w, self.worker) for w in waiting])
        serving = {name for _, w in await self.store.workers() for name in w.serves} | set(self.registry.latest)
        found += [f for v in await self.versions() if (f := _unserved(v, serving)) is not None]
        if self.worker.committer.stalled is not None:
            error = self.worker.committer.stalled
            found.append(Finding(severity="broken", kind="store", about=error.code, what=error.message, mend=[]))
        return found

    async def budgets(self) -> list[BudgetView]:
        raise NotImplementedError

    async def models(self) -> list[ModelView]:
        raise NotImplementedError

    async def versions(self) -> list[VersionView]:
        raise NotImplementedError


def _then(operation: str, why: str, **given: Any) -> Next:
    return Next(operation=operation, why=why, given=given)


def _stuck(wait: WaitView) -> Finding:
    told: dict[str, Any] = wait.detail or {}
    at = {"address": wait.address, "turn": wait.turn}
    return Finding(
        severity="broken",
        kind="stuck",
        about=wait.address,
        what=f"Turn {wait.turn} was set aside: {told.get('error') or 'it diverged from its journal'}",
        mend=[
            _then("journal", "see where it stands", **at),
            _then("retry_stuck", "run it again once the cause is mended", **at),
            _then("adopt", "let it go on with newer code that fits its journal", **at),
            _then("cancel", "give it up; its compensations run", **at),
        ],
    )


def _dead(letter: DeadLetter) -> Finding:
    return Finding(
        severity="broken",
        kind="dead_letter",
        about=letter.address,
        what=f"Message {letter.id} for {letter.handler} failed with nobody to tell: {letter.error}",
        mend=[
            _then("redeliver", "send it again once the cause is mended", id=letter.id),
            _then("discard", "if it is not wanted any more", id=letter.id),
        ],
    )


def _paused(address: str, reason: str) -> Finding:
    return Finding(
        severity="notice",
        kind="paused",
        about=address,
        what=f"Paused: {reason or 'no reason given'}",
        mend=[_then("resume", "let it go on", address=address)],
    )


def _spent(budget: BudgetView) -> Finding | None:
    bounds = (
        (budget.limit_usd, budget.spent_usd, "US dollars"),
        (budget.limit_tokens, budget.spent_tokens, "tokens"),
        (budget.limit_calls, budget.spent_calls, "calls"),
    )
    full = [f"{spent:g} of {limit:g} {unit}" for limit, spent, unit in bounds if limit is not None and spent >= limit]
    if not full or budget.per == "turn":
        return None
    return Finding(
        severity="waiting",
        kind="budget",
        about=budget.name,
        what=f"{budget.scope} has spent {', '.join(full)} per {budget.per}; model calls are refused until the next one",
        mend=[_then("set_budget", "raise it, if that is right", name=budget.name, scope=budget.scope, per=budget.per)],
    )


def _targets(models: list[ModelView]) -> Iterator[Finding]:
    seen: set[str] = set()
    for model in models:
        if model.state == "open" and model.target not in seen:
            seen.add(model.target)
            yield Finding(
                severity="waiting",
                kind="breaker",
                about=model.target,
                what=f"{model.vendor}/{model.model} is left alone after failures: {model.why}",
                mend=[_then("models", "it is tried again by itself; look whether it is back")],
            )


def _for_models(waiting: Counter[str]) -> Iterator[Finding]:
    for route, turns in waiting.items():
        yield Finding(
            severity="waiting",
            kind="provider",
            about=route,
            what=f"{turns} turn(s) wait for a model of the route {route!r} to answer",
            mend=[_then("models", "how its targets are")],
        )


def _for_tools(waiting: list[WaitView]) -> Iterator[Finding]:
    for name, turns in Counter(w.name for w in waiting).items():
        first = next(w for w in waiting if w.name == name)
        detail: dict[str, Any] = first.detail or {}
        yield Finding(
            severity="waiting",
            kind="tools",
            about=name,
            what=f"{turns} turn(s) wait for the tool server {name!r} to answer: {detail.get('why', '')}",
            mend=[
                _then("waits", "which ones they are", verb="source"),
                _then("cancel", "give one up, if the server will not come back", address=first.address, turn=first.turn),
            ],
        )


def _unserved(version: VersionView, serving: set[str]) -> Finding | None:
    if not version.open_turns or version.name in serving:
        return None
    return Finding(
        severity="broken",
        kind="unserved",
        about=f"{version.name} {version.version}",
        what=f"{version.open_turns} open turn(s) need code that no worker has",
        mend=[_then("workers", "who works; start one with this code: holdfast worker")],
    )


__all__ = ["DiagnosisOperations", "Finding"]
