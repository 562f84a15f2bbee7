"""The contract of a store, as tests: every sentence of ``holdfast.ports.store`` has one here.

Whoever writes an adapter proves it with a class in a test module::

    class TestMyStore(StoreContract):
        async def make(self, limits: Limits) -> Store:
            store = MyStore("mystore://...", limits)   # new and empty
            await store.open()
            return store

A store that several processes may use at once also overrides ``another``; one that forgets everything when it is closed says
``volatile = True``. The tests need pytest and no plugin: each runs on an event loop of its own.
"""

from .budgets import Budgets, Shares
from .case import Case, Contract, Member, Pen, scenario
from .claims import Claims
from .commits import Commits
from .feed import Feeds
from .leases import Leases
from .ledger import Charges, Costs, Usage
from .lookups import Lookups
from .mailboxes import Mailboxes
from .notes import Notes
from .readings import Readings, Retention
from .resources import Resources, Tallies
from .segments import Segments
from .signals import Signals
from .states import States
from .topics import Topics


class LedgerContract(Usage, Costs, Charges, Budgets, Shares):
    """What the port says about money."""


class ResourceContract(Resources, Tallies):
    """What the port says about what people declare."""


class StoreContract(
    Commits,
    Leases,
    Claims,
    Mailboxes,
    States,
    Topics,
    Signals,
    Notes,
    Readings,
    Retention,
    LedgerContract,
    ResourceContract,
    Segments,
    Lookups,
    Feeds,
):
    """All of it."""


__all__ = ["Case", "Contract", "Member", "Pen", "StoreContract", "scenario"]
