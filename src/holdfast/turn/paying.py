"""What a model call costs its agent: reserved before it, in the ledger and off the budgets in the commit of its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..domain.errors import LimitExceeded
from ..mailbox.budgets import Reservation, scopes_of
from ..models.job import Facts, Job
from ..ports.ledger import Amounts, UsageRow
from ..ports.store import Commit

if TYPE_CHECKING:
    from .turn import Turn
    from .writing import Writing


def reserve_at_once(turn: Turn, job: Job) -> Reservation | None:
    """Hold what the call may cost at most, if this worker holds that much already; ``MUST_ASK`` if it does not."""
    return turn.worker.budgets.reserve_at_once(*_wanted(turn, job))


async def reserve(turn: Turn, job: Job) -> Reservation | None:
    """The same, taking from the store what is missing. Raises ``LimitExceeded(budget.spent)``."""
    return await turn.worker.budgets.reserve(*_wanted(turn, job))


def _wanted(turn: Turn, job: Job) -> tuple[tuple[str, ...], str, Amounts]:
    worker, message = turn.worker, turn.item.message
    assert worker.models is not None
    address = turn.active.address
    nanos, tokens = worker.models.dearest(job)
    name = f"{address} {turn.number or message.trace or turn.item.id}"
    return scopes_of(address, message.chain, turn.tags), name, Amounts(nanos, tokens, 1)


def enter(turn: Writing, path: str, facts: Facts, reservation: Reservation | None) -> None:
    """Put the call into the ledger, and what it cost on the budgets, with the turn's next commit."""
    usage = facts.usage
    commit = turn.active.write()
    commit.usage.append(
        UsageRow(
            at=turn.clock.now_ms(),
            agent=turn.active.address,
            turn=turn.number,
            path=path,
            trace=turn.item.message.trace,
            chain=turn.item.message.chain,
            labels=turn.tags,
            route=facts.route,
            target=facts.target,
            vendor=facts.vendor,
            model=facts.model,
            input=usage.input,
            output=usage.output,
            cached=usage.cached,
            written=usage.written,
            reasoning=usage.reasoning,
            nanos=facts.nanos,
            took_ms=facts.took_ms,
            first_ms=facts.first_ms,
            attempts=len(facts.attempts) or 1,
            outcome="cached" if facts.cached else "ok",
            reason=f"{facts.reason}; not told: {', '.join(facts.lost)}" if facts.lost else facts.reason,
        )
    )
    if reservation is not None:
        spent = Amounts() if facts.cached else Amounts(facts.nanos, usage.input + usage.output, 1)
        commit.charges.extend(turn.worker.budgets.settle(reservation, spent))


async def pause(turn: Turn, spent: LimitExceeded) -> None:
    """The agent has spent what it may: it starts nothing and goes on with nothing until a person resumes it."""
    address = turn.active.address
    reason = f"budget {spent.details['budget']}: nothing left in {spent.details['window']}"
    await turn.worker.committer.submit_commit(Commit(mode=(address, "paused", reason)))
    turn.worker.obey(turn.active, "paused")
