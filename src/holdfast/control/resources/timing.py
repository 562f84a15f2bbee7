"""``kind: Schedule`` and ``kind: Subscription``: what is kept by the system's own agents of these names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from ...domain.address import DEFAULT_TENANT, address, tenant_of
from ...domain.address import short as short_of
from ...domain.errors import HoldfastError
from ...domain.topics import check_topic
from .. import occurrences, schedules, subscriptions
from ..occurrences import Rule
from .documents import Wanted
from .kinds import After, Here, Kind, Touched, plain
from .views import EffectView

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


class ScheduleSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A message again and again: ``cron`` in ``zone``, or ``every`` so many seconds (or ``10m``, ``2h``)."""

    to: str
    handler: str
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    cron: str = ""
    every: float | str = 0.0
    zone: str = "UTC"
    missed: str = occurrences.ONCE


class ScheduleKind(Kind):
    """``kind: Schedule``."""

    name = "Schedule"
    spec = ScheduleSpec
    elsewhere = True
    of_tenants = True
    needs = ("Agent",)

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        spec = msgspec.convert(wanted.spec, ScheduleSpec)
        spec.to, spec.every = _own_address(spec.to, wanted.tenant), _seconds(spec.every)
        occurrences.check(_rule(spec), spec.missed)
        schedules.target(wanted.name, wanted.tenant or DEFAULT_TENANT)
        return plain(spec)

    async def live(self, here: Here, name: str, tenant: str) -> dict[str, Any] | None:
        kept: schedules.Spec | None = await _kept(
            here, str(schedules.target(name, tenant or DEFAULT_TENANT)), "spec", schedules.Spec
        )
        if kept is None:
            return None
        rule = kept.rule
        every = rule.every_ms / 1000
        spec = ScheduleSpec(
            short_of(kept.to), kept.handler, kept.args, kept.kwargs, rule.cron, every, rule.zone, kept.missed
        )
        return plain(spec)

    async def put(self, here: Here, name: str, tenant: str, spec: dict[str, Any]) -> None:
        found = msgspec.convert(spec, ScheduleSpec)
        kept = schedules.Spec(address(found.to), found.handler, found.args, found.kwargs, _rule(found), found.missed)
        await here.tell(schedules.target(name, tenant or DEFAULT_TENANT), "set", kept)

    async def drop(self, here: Here, name: str, tenant: str) -> None:
        try:
            await here.tell(schedules.target(name, tenant or DEFAULT_TENANT), "remove")
        except HoldfastError as error:
            if error.code != "schedule.unknown":
                raise

    async def effects(self, here: Here, touched: Touched, after: After) -> list[EffectView]:
        if touched.after is None:
            return [EffectView(kind="runs", note="it runs no more")]
        spec = msgspec.convert(touched.after, ScheduleSpec)
        now = here.worker.clock.now_ms()
        rule, moment, next_runs = msgspec.structs.replace(_rule(spec), start=now), now, list[str]()
        for _ in range(3):
            moment = occurrences.after(rule, moment)
            if not moment:
                break
            next_runs.append(datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S"))
        return [EffectView(kind="runs", note=f"next at {', '.join(next_runs)} UTC", count=len(next_runs), agents=[spec.to])]


class SubscriptionSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What is published on ``topic`` (``orders.*.paid``, ``orders.>``) starts ``handler`` of ``to``."""

    topic: str
    to: str
    handler: str


class SubscriptionKind(Kind):
    """``kind: Subscription``."""

    name = "Subscription"
    spec = SubscriptionSpec
    elsewhere = True
    of_tenants = True
    needs = ("Agent",)

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        spec = msgspec.convert(wanted.spec, SubscriptionSpec)
        check_topic(spec.topic.replace("*", "x").replace(">", "x"))
        spec.to = _own_address(spec.to, wanted.tenant)
        return plain(spec)

    async def live(self, here: Here, name: str, tenant: str) -> dict[str, Any] | None:
        place = str(subscriptions.target(name, tenant or DEFAULT_TENANT))
        kept: subscriptions.Relayed | None = await _kept(here, place, "relayed", subscriptions.Relayed)
        return None if kept is None else plain(SubscriptionSpec(kept.topic, short_of(kept.to), kept.handler))

    async def put(self, here: Here, name: str, tenant: str, spec: dict[str, Any]) -> None:
        found = msgspec.convert(spec, SubscriptionSpec)
        kept = subscriptions.Relayed(found.topic, str(address(found.to)), found.handler)
        await here.tell(subscriptions.target(name, tenant or DEFAULT_TENANT), "set", kept)

    async def drop(self, here: Here, name: str, tenant: str) -> None:
        await here.tell(subscriptions.target(name, tenant or DEFAULT_TENANT), "remove")

    async def effects(self, here: Here, touched: Touched, after: After) -> list[EffectView]:
        spec = touched.after or touched.before or {}
        verb = "starts" if touched.after else "starts no more"
        to = str(spec.get("to", ""))
        note = f"what is published on {spec.get('topic')} {verb} {spec.get('handler')} of {to}"
        return [EffectView(kind="messages", note=note, agents=[to])]


def _own_address(to: str, tenant: str) -> str:
    """An address within the tenant that the resource belongs to."""
    home = tenant or DEFAULT_TENANT
    found = address(to, home)
    if tenant_of(found) != home:
        raise ValueError(f"{to} is in another tenant than this resource; say tenant: {tenant_of(found)}")
    return short_of(found)


async def _kept(here: Here, place: str, key: str, kind: Any) -> Any:
    """What one of the system's agents keeps."""
    found = (await here.store.state(place)).get(key)
    if found is None or not found.value:
        return None
    body = here.worker.seal.open(found.value) if here.worker.seal else found.value
    return msgspec.msgpack.decode(body, type=kind)


def _rule(spec: ScheduleSpec) -> Rule:
    return Rule(spec.cron, int(_seconds(spec.every) * 1000), spec.zone)


def _seconds(every: float | str) -> float:
    if not isinstance(every, str):
        return float(every)
    number = every.rstrip("smhd").strip()
    unit = every[len(number) :].strip() or "s"
    try:
        return float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        raise ValueError(f"{every!r} is no length of time; write 30s, 10m, 2h or 1d") from None
