"""Holdings: the agents that this worker has leased, from taking them to letting them go."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING

from ..domain.errors import HoldfastError
from ..domain.message import Message
from ..ports.store import Lease
from .active import Active, Parked, Running
from .outcomes import refuse_waiter

if TYPE_CHECKING:
    from .worker import Worker

log = logging.getLogger("holdfast")

_MODES = 1_000
_GIVEN_BACK = 20_000
_SHED_AT_ONCE = 4
"""How many agents are looked at for each one that is taken beyond the bound: enough to shrink, cheap in a storm."""


class Asking:
    """Questions whose answers may hold leases. ``given_back`` has the epochs given back while answers are on their way: they
    may still offer them."""

    def __init__(self, given_back: OrderedDict[str, int]) -> None:
        self.open = 0
        self._given_back = given_back

    def __enter__(self) -> None:
        self.open += 1

    def __exit__(self, *exc: object) -> None:
        self.open -= 1
        if not self.open:
            self._given_back.clear()


class Holdings:
    """Leased agents by address, the least recently used first."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.actives: OrderedDict[str, Active] = OrderedDict()
        self._missed: set[str] = set()
        self._modes: OrderedDict[str, None] = OrderedDict()
        self._releasing: set[str] = set()
        self._given_back: OrderedDict[str, int] = OrderedDict()
        self.asking = Asking(self._given_back)
        """Around whatever the store may answer with leases."""

    def mode_changed(self, address: str) -> None:
        """An agent that may be on its way to us was paused or resumed."""
        self._modes[address] = None
        if len(self._modes) > _MODES:
            self._modes.popitem(last=False)

    def adopt(self, lease: Lease) -> Active | None:
        """Take a newly leased agent into memory; one that is there already stays as it is. None for a lease that was given
        back before this news of it came; if it was granted anew meanwhile, that is looked for."""
        if lease.epoch <= self._given_back.get(lease.address, 0):
            self.miss(lease.address)
            return None
        here = self.actives.get(lease.address)
        if here is not None and not here.gone:
            if here.lease.epoch == lease.epoch:
                return here
            self._drop(here, self.worker.interrupted(lease.address))
        active = Active(self.worker, lease, self.worker.seal)
        self.actives[lease.address] = active
        if lease.address in self._modes:
            del self._modes[lease.address]
            self.worker.spawn(self.worker.look_at_mode(active))
        if len(self.actives) > self.worker.limits.idle_agents:
            self.shed()
        return active

    def parked_now(self, active: Active, turn: Running, stub: Parked) -> None:
        """A turn left memory to wait. An agent with nothing else to do leaves with it."""
        active.parked[turn.number] = stub
        active.note(stub.item.id)
        if active.exclusive is turn:
            active.exclusive = stub
        self.worker.spawn(self._leave_if_quiet(active))

    async def _leave_if_quiet(self, active: Active) -> None:
        try:
            while not active.running and (active.draft is not None or active.inflight is not None):
                await active.written()
        except HoldfastError:
            return
        if active.quiet:
            await self.let_go(active)

    async def let_go(self, active: Active, needs: str = "") -> None:
        """Give an agent back to the store."""
        if active.gone:
            return
        for turn in list(active.running):
            turn.suspend()
        if active.draft is not None:
            try:
                await active.flush()
            except HoldfastError:
                return
        active.gone = True
        self._releasing.add(active.address)
        if self.actives.get(active.address) is active:
            del self.actives[active.address]
        await self._release(active.lease, needs)

    def shed(self) -> None:
        """Too many agents are warm: give back the ones not used for longest."""
        for _ in range(min(_SHED_AT_ONCE, len(self.actives))):
            address, active = next(iter(self.actives.items()))
            if active.quiet:
                active.gone = True
                del self.actives[address]
                self._releasing.add(address)
                self.worker.spawn(self._release(active.lease))
            else:
                self.actives.move_to_end(address)
            if len(self.actives) <= self.worker.limits.idle_agents:
                return

    async def _release(self, lease: Lease, needs: str = "") -> None:
        self._releasing.add(lease.address)
        if self.asking.open:
            self._given_back[lease.address] = lease.epoch
            self._given_back.move_to_end(lease.address)
            if len(self._given_back) > _GIVEN_BACK:
                self._given_back.popitem(last=False)
        try:
            await self.worker.insist(lambda: self.worker.store.release(self.worker.session, [lease], needs))
        except HoldfastError:
            log.debug("could not release %s", lease.address)
        finally:
            self._releasing.discard(lease.address)
        if lease.address in self._missed:
            self._missed.discard(lease.address)
            self.worker.claims.claim_soon()

    def miss(self, address: str) -> None:
        """There is news for an agent that the store counts as ours but that is not in memory: it is being given back, and is
        looked for once that is done; or it was given back in vain, and is taken up again."""
        if address in self._releasing:
            self._missed.add(address)
        else:
            self.worker.spawn(self._take_up(address))

    async def _take_up(self, address: str) -> None:
        with self.asking:
            lease = (await self.worker.insist(lambda: self.worker.store.lease(self.worker.session, [address])))[0]
            active = self.adopt(lease) if lease is not None else None
        if active is None:
            return
        if active.loaded:
            await self.worker.loader.reload(active)
        else:
            self.worker.loader.load(active)

    async def maybe_idle(self, active: Active) -> None:
        if active.mode != "active" and active.quiet:
            await self.let_go(active)

    def lost(self, active: Active, error: HoldfastError) -> None:
        """The store refused this agent's commit: somebody else has it, or it must be read again. Nothing of what its turns
        still held in memory may have an effect."""
        if active.gone:
            return
        self._drop(active, error)
        if error.code not in ("lease.lost", "message.duplicate"):
            log.warning("%s was dropped and will be read again: %s", active.address, error)
        self._missed.add(active.address)
        self._releasing.add(active.address)
        self.worker.spawn(self._release(active.lease))

    def _drop(self, active: Active, error: HoldfastError) -> None:
        """Forget an agent; nothing of its turns happens any more. Who waits for one not yet durable hears so."""
        active.gone = True
        if self.actives.get(active.address) is active:
            del self.actives[active.address]
        for turn in list(active.running):
            item = turn.item
            turn.stop()
            refuse_waiter(item, error)

    def drop_all(self) -> None:
        """The session is over: forget everything."""
        for active in list(self.actives.values()):
            self._drop(active, self.worker.interrupted(active.address))
        self.actives.clear()
        self._given_back.clear()
        self.worker.scheduler.ready.clear()

    def free(self, message: Message) -> Active | None:
        """The receiver, if it is in memory and could start this message at this very moment."""
        active = self.actives.get(message.to)
        if active is None:
            return None
        self.actives.move_to_end(message.to)
        return active if self._can_start(active, message) else None

    async def take_free(self, message: Message) -> Active | None:
        """The same, taking the receiver if nobody has it."""
        address = message.to
        if address in self.actives:
            return self.free(message)
        if self.worker.draining or address.split("/", 2)[1] not in self.worker.served or address in self._releasing:
            return None
        with self.asking:
            lease = (await self.worker.insist(lambda: self.worker.store.lease(self.worker.session, [address])))[0]
            active = self.adopt(lease) if lease is not None else None
        if active is None:  # if somebody here was faster, it has to have room for this one, too
            return self.free(message) if lease is None else None
        if not active.loaded and not active.loading:
            await self.worker.loader.load_now(active)
        return active if self._can_start(active, message) else None

    def _can_start(self, active: Active, message: Message) -> bool:
        """Whether nothing that came before it stands in its way, and there is room."""
        if (
            not active.loaded
            or active.loading
            or active.stale
            or active.gone
            or active.mode != "active"
            or self.worker.scheduler.running >= self.worker.limits.turns
        ):
            return False
        if self.worker.runner.shared(active.address, message.name):
            return not active.shared_queue
        return active.exclusive is None and not active.queue and not active.more
