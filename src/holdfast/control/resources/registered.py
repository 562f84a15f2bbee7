"""All kinds there are, in the order in which they take effect."""

from __future__ import annotations

from ...domain.errors import Rejected
from .agents import AgentKind, McpServerKind, ToolKind
from .governing import BehaviourKind, BreakerKind, GrantKind, GroupKind, HoldKind, PolicyKind, SearchKind
from .kinds import Kind
from .money import BudgetKind
from .notifying import NotifierKind
from .routing import RouteKind, SecretKind, TargetKind
from .timing import ScheduleKind, SubscriptionKind

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        SecretKind(),
        TargetKind(),
        RouteKind(),
        McpServerKind(),
        ToolKind(),
        GroupKind(),
        PolicyKind(),
        BudgetKind(),
        AgentKind(),
        ScheduleKind(),
        SubscriptionKind(),
        NotifierKind(),
        GrantKind(),
        BreakerKind(),
        HoldKind(),
        SearchKind(),
        BehaviourKind(),
    )
}
_PLACES = {name: place for place, name in enumerate(KINDS)}


def kind_of(name: str, place: str = "") -> Kind:
    """A kind by its name. Raises ``Rejected(resource.kind)``."""
    found = KINDS.get(name)
    if found is None:
        where = f"{place}: " if place else ""
        raise Rejected("resource.kind", f"{where}there is no kind {name!r}; there are {', '.join(KINDS)}.", kind=name)
    return found


def place_of(name: str) -> int:
    """Where a kind comes in the order of taking effect; what is not known comes last."""
    return _PLACES.get(name, len(_PLACES))
