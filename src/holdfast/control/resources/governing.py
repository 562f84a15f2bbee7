"""What governs: ``kind: Policy``, ``Group``, ``Grant``, ``Breaker``, ``Hold``, ``Search``, ``Behaviour``.

Policies are read by the gate of every worker, groups by approvals and grants. Grants, breakers, holds, saved searches and
what is usual come about in other ways (somebody says yes for similar actions, something trips): they are resources so that
they have versions, authors and reasons, but no files describe them, and their own operations change them, each with its own
scope.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ...gate.behaviour import Behaviour
from ...gate.breakers import Breaker
from ...gate.grants import Grant
from ...gate.rules import from_resource
from ...gate.rules.words import PolicyWords
from ..groups import GroupSpec
from ..holds import Hold
from ..policies import checked
from ..policy_views import DryRunView
from ..searches import KIND, SavedSearch
from .documents import Wanted
from .kinds import After, Here, Kind, Touched, plain
from .views import EffectView

_LOOKED_BACK_MS = 7 * 86_400_000
_SHOWN = 20


class PolicyKind(Kind):
    """``kind: Policy``."""

    name = "Policy"
    spec = PolicyWords
    of_tenants = True
    wrapped = True

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        return plain(from_resource(wanted.name, wanted.spec, wanted.place).words)

    def check(self, wanted: Wanted, after: After, here: Here) -> None:
        checked(here.worker, wanted.name, wanted.spec, wanted.tenant)

    async def effects(self, here: Here, touched: Touched, after: After) -> list[EffectView]:
        """What it would have said about what agents did of late, beside what the one before would have said."""
        since = here.worker.clock.now_ms() - _LOOKED_BACK_MS
        found = await _judged(here, touched.name, touched.after, since)
        before = await _judged(here, touched.name, touched.before, since)
        told = [
            EffectView(
                kind="policy",
                note=f"would have said {outcome} to {count} of {found.actions} actions of the last week"
                + (f" (until now {before.outcomes.get(outcome, 0)})" if touched.before else ""),
                count=count,
                agents=sorted({j.agent for j in found.found if j.outcome == outcome})[:_SHOWN],
            )
            for outcome, count in sorted(found.outcomes.items())
            if outcome != "allow"
        ]
        if told or not found.actions:
            return told
        return [EffectView(kind="policy", note=f"would have let all {found.actions} actions of the last week pass")]


async def _judged(here: Here, name: str, spec: dict[str, Any] | None, since: int) -> DryRunView:
    document = {"kind": "Policy", "name": name, "spec": spec or {}}
    return await here.dry_run(msgspec.json.encode(document).decode(), since=since, limit=1_000)


class GroupKind(Kind):
    """``kind: Group``."""

    name = "Group"
    spec = GroupSpec
    of_tenants = True


class GrantKind(Kind):
    """``kind: Grant``."""

    name = "Grant"
    spec = Grant
    of_tenants = True
    in_files = False

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        return plain(msgspec.convert({**wanted.spec, "name": wanted.name}, Grant))


class BreakerKind(Kind):
    """``kind: Breaker``: operational state, written by whoever trips or resets it."""

    name = "Breaker"
    spec = Breaker
    of_tenants = True
    in_files = False


class HoldKind(Kind):
    """``kind: Hold``: what retention leaves alone, and why."""

    name = "Hold"
    spec = Hold
    of_tenants = True
    in_files = False


class SearchKind(Kind):
    """``kind: Search``: a search that somebody saved; ``save_search`` makes it."""

    name = KIND
    spec = SavedSearch
    of_tenants = True
    in_files = False


class BehaviourKind(Kind):
    """``kind: Behaviour``: how far what is unusual is judged."""

    name = "Behaviour"
    spec = Behaviour
    in_files = False
