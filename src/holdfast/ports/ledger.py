"""The ledger: what was used, what it cost, and budgets that hold across workers.

It is the part of the store port about money. **Usage** rows are the bill: they are written with the commit that they
belong to and never deleted. **Budgets** hold by shares (escrow): a worker takes a share of a budget's window, spends
from it without asking anybody, and charges what it spent with the commit that records it. Guarantees:

* **No overshoot**: in each dimension of each window, what all have spent plus what live sessions hold unspent never
  exceeds the limit, whoever asks at the same moment, as long as nobody charges more than it holds. Who does has it
  recorded as it is: a ledger tells the truth, and what was spent above the limit is free for nobody.
* **Exactly once**: usage and charges belong to their commit. It happens with them or not at all, a stale lease charges
  nothing, and a commit that is recognised as applied already does not charge again. A commit is recognised by its journal
  entries: usage and charges in one without entries are written again if it is repeated.
* **Ends**: when a session ends, whichever way, its unspent shares are free for others at once; what it spent stays.

A window is a name that the caller gives to a stretch of a budget (``2026-11-21``, ``turn desk/42 17``); the store does
not know when it begins or ends. A budget that is newly set starts every window at zero: nothing is taken over from the
usage before. Who wants that charges it: ``commit`` with an initial ``Charge`` and no lease.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from ..domain.errors import NotFound, Rejected

LARGEST = (1 << 63) - 1
DIMENSIONS = (
    "agent",
    "name",
    "model",
    "vendor",
    "target",
    "route",
    "day",
    "hour",
    "minute",
    "root",
    "outcome",
    "trace",
    "tenant",
)
"""What ``cost`` groups by, beside ``label:KEY``."""
LABEL = "label:"
FOREVER = "ever"
"""The one value of ``Budget.per`` that means something to a store: its windows are kept as long as the budget."""


class UsageRow(msgspec.Struct, gc=False):
    """One model call that was answered or failed for good (``outcome`` is then the error's kind), or another metered act.

    Attributes:
        at: when it ended, in milliseconds.
        chain: the agents that delegated the work here, outermost first.
        labels: what the costs are told apart by: team, customer, task.
        cached, written, reasoning: tokens of ``input`` read from and written to a cache, and of ``output`` spent on
            thinking; not in addition to them.
        nanos: money, in 1e-9 of a US dollar.
        first_ms: until the first token came; 0 if that was not seen.
        reason: why this target was chosen, and what of the request it could not be told.
        id: given by the store, ascending; 0 in what is written.
    """

    at: int
    agent: str
    turn: int = 0
    path: str = ""
    trace: str = ""
    chain: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    route: str = ""
    target: str = ""
    vendor: str = ""
    model: str = ""
    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0
    reasoning: int = 0
    nanos: int = 0
    took_ms: int = 0
    first_ms: int = 0
    attempts: int = 1
    outcome: str = "ok"
    reason: str = ""
    id: int = 0


class Amounts(msgspec.Struct, frozen=True, gc=False):
    """So much of each dimension."""

    nanos: int = 0
    tokens: int = 0
    calls: int = 0

    def __bool__(self) -> bool:
        return bool(self.nanos or self.tokens or self.calls)


class Bounds(msgspec.Struct, frozen=True, gc=False):
    """At most so much of each dimension; ``None`` is no bound, and 0 means that nothing may be spent. Raises
    ``Rejected(budget.malformed)`` for anything below 0."""

    nanos: int | None = None
    tokens: int | None = None
    calls: int | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            bound: int | None = getattr(self, name)
            if bound is not None and not 0 <= bound <= LARGEST:
                raise Rejected(
                    "budget.malformed",
                    f"A budget cannot be limited to {bound} {name}. Give a number from 0 (nothing may be spent), or leave "
                    "it out: no bound.",
                    dimension=name,
                    bound=bound,
                )


class Budget(msgspec.Struct, frozen=True):
    """A limit that a person set.

    Attributes:
        name: unique; charges and shares name it.
        scope: what it limits (``system``, ``tenant:default``, ``agent:desk/42``); opaque to the store.
        per: ``turn``, ``hour``, ``day``, ``month``, ``ever``; opaque to the store but for ``ever``.
        zone: the time zone of its days and months; opaque to the store.
    """

    name: str
    scope: str
    per: str
    limit: Bounds
    zone: str = "UTC"
    note: str = ""


class Charge(msgspec.Struct, frozen=True, gc=False):
    """What a commit spends of a budget's window. A negative amount is a correction: it lowers what is spent."""

    budget: str
    window: str
    amounts: Amounts


class Share(msgspec.Struct, frozen=True):
    """What became of a ``take_share``.

    Attributes:
        granted: what this call granted; zero in every dimension if ``least`` did not fit.
        held: what the session holds unspent now, ``granted`` included, charges that are still on their way not taken off.
        spent: what the session has spent in this window.
        left: what is free for everybody now, after this grant.
    """

    budget: str
    window: str
    granted: Amounts
    held: Amounts
    spent: Amounts
    left: Bounds


class Spending(msgspec.Struct, frozen=True):
    """Where a budget's window stands: what all have spent, and what live sessions hold unspent."""

    budget: str
    window: str
    spent: Amounts
    outstanding: Amounts


class CostRow(msgspec.Struct, frozen=True):
    """The sum over all usage with these ``keys`` (in the order of ``by``)."""

    keys: tuple[str, ...]
    calls: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0
    reasoning: int = 0
    nanos: int = 0
    took_ms: int = 0


class Ledger(Protocol):
    """The ledger's methods of the store port. Like all others they raise ``Unavailable(store.unreachable)`` when the store
    does not answer, and are safe to call again: a share that was granted and whose reply was lost is in the next answer's
    ``held``, and ends with the session at the latest."""

    async def set_budget(self, budget: Budget) -> None:
        """Set a budget, or change the one of this name. Its windows keep what is spent in them, and a lower limit holds for
        every share that is taken after this returns; what is held already is not called back."""
        ...

    async def drop_budget(self, name: str) -> bool:
        """Forget a budget and all of its windows; False if there was none (or no more: this call may be a repeated one).
        Charges to it are ignored from now on; one that is set anew under the same name starts at zero."""
        ...

    async def budgets(self) -> list[Budget]:
        """All budgets by name."""
        ...

    async def take_share(self, session: str, budget: str, window: str, want: Amounts, least: Amounts) -> Share:
        """Grant the session up to ``want`` more of a window, in each dimension as far as it is free, but at least ``least``
        in all of them; if that does not fit, nothing. The grant is durable when this returns and is the session's until
        it charges it, gives it back, or ends. Raises ``NotFound(budget.unknown)`` and ``Conflict(session.lost)``."""
        ...

    async def give_back(self, session: str, budget: str, window: str, amounts: Amounts) -> None:
        """Return what the session holds and will not spend, as far as it holds it. A session that is over, or a budget that
        was dropped, has nothing to give back."""
        ...

    async def spending(self, budget: str = "", windows: Sequence[str] = (), limit: int = 1000) -> list[Spending]:
        """Where windows stand: of one budget or all, of these names or all, the latest used first. A window of which nothing
        is spent or held is not there."""
        ...

    async def usage(
        self, after: int = 0, since: int = 0, until: int = 0, agent: str = "", limit: int = 1000, like: str = ""
    ) -> list[UsageRow]:
        """Usage with an id over ``after``, ``since <= at < until`` (milliseconds, 0 for no bound), of one agent if given, of
        those whose full address begins with ``like``, by ascending id. Whoever reads page by page misses nothing: no row
        appears later below an id that was read."""
        ...

    async def cost(
        self,
        by: Sequence[str] = (),
        since: int = 0,
        until: int = 0,
        where: dict[str, str] | None = None,
        limit: int = 1000,
    ) -> list[CostRow]:
        """Sums of usage, grouped by any of ``agent``, ``name`` (the agent's definition), ``model``, ``vendor``, ``target``,
        ``route``, ``day`` (2026-11-21), ``hour`` (2026-11-21T13), ``minute`` (2026-11-21T13:05; all UTC), ``root`` (the
        first of the chain, or the agent itself), ``outcome``, ``trace``, ``tenant``, ``label:KEY`` (empty where there is no
        such label); nothing to group by is the total. ``where`` keeps only rows whose key of that name has that value. The
        dearest come first, then by keys; groups without usage are not there. Raises ``Rejected(cost.by)``."""
        ...


def label_of(key: str) -> str:
    """The label that a key of ``cost`` names, ``""`` for one of ``DIMENSIONS``. Raises ``Rejected(cost.by)``."""
    if key in DIMENSIONS:
        return ""
    label = key.removeprefix(LABEL)
    if label == key or not label:
        raise Rejected(
            "cost.by",
            f"Costs cannot be told apart by {key!r}. There are {', '.join(DIMENSIONS)}, and {LABEL}KEY for any label.",
            by=key,
        )
    return label


def unknown(budget: str) -> NotFound:
    """No budget has this name, or no longer."""
    return NotFound(
        "budget.unknown", f"There is no budget {budget!r}; it may have been dropped a moment ago.", budget=budget
    )
