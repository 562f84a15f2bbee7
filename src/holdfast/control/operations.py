"""``Operations``: the one set behind the CLI, the Python client and every protocol.

Each public coroutine method of the parts is an operation; see ``registry``. ``invoke`` calls one by name with JSON-like
input, as protocols do.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from ..domain.errors import Rejected
from ..domain.principal import OWNER, Principal
from ..flow import Flow
from ..insight.pulse import Pulse
from ..insight.watching import Watching
from ..mailbox.worker import Worker
from ..ports.resources import Named
from ..ports.store import Store
from ..turn.definition import Registry
from .approving import ApprovalOperations
from .audit import AuditOperations
from .breakers import BreakerOperations
from .briefing import BriefOperations
from .causality import CausalityOperations
from .command_center import CommandCenterOperations
from .dead_letters import DeadLetterOperations
from .deciding import DecisionOperations
from .diagnosing import DiagnosisOperations
from .forking import ForkOperations
from .gateway import GatewayOperations
from .granting import GrantOperations
from .habits import HabitOperations
from .holds import HoldOperations
from .housekeeping import Host, HousekeepingOperations
from .identity.operations import IdentityOperations
from .identity.scopes import permit
from .looking import LookingOperations
from .messages import MessageOperations
from .policies import PolicyOperations
from .registry import find
from .rehearsal import rehearse
from .resources.operations import ResourceOperations, resource_key
from .scheduling import ScheduleOperations
from .searching import SearchOperations
from .steering import SteeringOperations


class Operations(
    MessageOperations,
    LookingOperations,
    ApprovalOperations,
    SteeringOperations,
    ForkOperations,
    BreakerOperations,
    DeadLetterOperations,
    GatewayOperations,
    IdentityOperations,
    AuditOperations,
    HabitOperations,
    HoldOperations,
    HousekeepingOperations,
    PolicyOperations,
    DecisionOperations,
    GrantOperations,
    ScheduleOperations,
    ResourceOperations,
    DiagnosisOperations,
    CommandCenterOperations,
    CausalityOperations,
    SearchOperations,
    BriefOperations,
):
    """See the module. ``worker`` is this process's; it need not serve any definition itself.

    They are done in somebody's name: the owner's of this process unless ``acting_for`` says otherwise, and see and touch
    only what that principal reaches. The order of the parts matters: those that others rely on come first.
    """

    principal: Principal = OWNER
    seen: Mapping[Named, int] = {}
    """Versions of resources that whoever acts has looked at."""

    def __init__(self, store: Store, worker: Worker, flow: Flow, registry: Registry, host: Host | None = None) -> None:
        self.host = host
        self.store = store
        self.worker = worker
        self.flow = flow
        self.registry = registry
        self.center = Pulse(store, worker)
        self.watching = Watching(store, worker.clock, worker.seal)

    def acting_for(self, principal: Principal) -> Operations:
        """The same operations in the name of somebody else."""
        if principal is self.principal:
            return self
        others = copy.copy(self)
        others.principal = principal
        return others

    def having_seen(self, seen: Any) -> Operations:
        """The same operations for somebody who decided by looking at ``seen``: if that is a version of a resource, changing
        the resource replaces that very version, checked in the store's transaction, or raises
        ``Conflict(resource.changed)``."""
        key = resource_key(seen)
        if key is None:
            return self
        others = copy.copy(self)
        others.seen = {key: seen.version}
        return others

    def allowed(self, name: str) -> Callable[..., Any]:
        """An operation by name, if its principal may call it. Raises ``Rejected(auth.scope)``,
        ``Rejected(auth.required)``."""
        permit(self.principal, name)
        return getattr(self, name)

    async def invoke(self, name: str, given: dict[str, Any]) -> Any:
        """Call an operation with JSON-like input; with ``dry_run``, one that changes something tells what it would do and
        touches nothing. Raises ``NotFound(operation.unknown)``, ``Rejected(operation.input)``, and what ``allowed``
        raises."""
        what = find(type(self), name)
        if what.streams:
            raise Rejected("operation.input", f"{name} goes on: read it as a stream.", operation=name)
        given, dry = what.rehearsed(given)
        return await self.run(name, what.inputs(given), dry=dry)

    async def run(self, name: str, inputs: dict[str, Any], *, dry: bool = False) -> Any:
        """Call an operation with input of its own types; ``dry``: only tell what it would do. Raises what ``allowed``
        raises."""
        method = self.allowed(name)
        return await (rehearse(self, find(type(self), name), inputs) if dry else method(**inputs))

    def stream(self, name: str, given: dict[str, Any]) -> AsyncIterator[Any]:
        """The items of one that streams, with JSON-like input. Raises as ``invoke`` does."""
        what = find(type(self), name)
        if not what.streams:
            raise Rejected("operation.input", f"{name} is a single answer, not a stream.", operation=name)
        return self.allowed(name)(**what.inputs(given))


__all__ = ["Host", "Operations"]
