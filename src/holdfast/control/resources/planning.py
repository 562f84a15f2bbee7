"""Plans: what applying documents would change, computed from what was applied last, what is there, and what is wanted."""

from __future__ import annotations

from typing import Any

import msgspec

from ...domain.errors import Conflict, Rejected
from ...ports.resources import Change, Named, Resource
from ...ports.store import INSTALLATION, Store
from .documents import APPLIED, SET, Wanted, canonical, digest_of, in_effect, theirs
from .kinds import Here, Kind, Touched
from .merging import Merged, differences, merge
from .registered import KINDS, kind_of, place_of
from .views import ChangeView, ClashView, EffectView, FieldView, PlanView

_PAGE = 1_000
_NOTHING: dict[str, Any] = {"labels": {}, "spec": {}}


class Step(msgspec.Struct):
    """What becomes of one resource: ``spec`` and ``labels`` as they will be (None: it goes)."""

    wanted: Wanted
    kind: Kind
    row: Resource | None
    live: dict[str, Any] | None
    """Labels and spec as they hold now."""
    merged: Merged
    said: dict[str, Any] | None = None
    """What the files say; None for what they do not say."""
    own: dict[str, str] = {}
    """Labels that are kept here."""
    action: str = "none"
    effects: list[EffectView] = []

    @property
    def value(self) -> dict[str, Any] | None:
        """Labels and spec as they will be."""
        return self.merged.value

    @property
    def version(self) -> int:
        """The version that it replaces."""
        return self.row.version if self.row else 0

    def told(self) -> list[Any]:
        """What the plan's digest is over."""
        return [*self.wanted.key, self.action, self.version, self.value, self.own]


class Plan(msgspec.Struct):
    """All steps, in the order in which they take effect."""

    steps: list[Step]
    revision: int
    unchanged: int = 0

    @property
    def digest(self) -> str:
        """Names exactly this plan: what it writes over which versions."""
        return digest_of([step.told() for step in self.writing])[:16]

    @property
    def writing(self) -> list[Step]:
        """The steps that write something."""
        return [step for step in self.steps if step.action != "none"]

    def after(self, rows: dict[Named, Resource]) -> dict[Named, dict[str, Any]]:
        """All specs as they will be."""
        found = {key: spec_of(row) for key, row in rows.items()}
        for step in self.steps:
            if step.value is None:
                found.pop(step.wanted.key, None)
            else:
                found[step.wanted.key] = step.value["spec"]
        return found

    def check_is(self, digest: str) -> None:
        """That this is the plan that somebody approved, if one is named. Raises ``Conflict(plan.stale)``."""
        if digest and digest != self.digest:
            raise Conflict(
                "plan.stale",
                f"What would be applied now ({self.digest}) is not what was planned ({digest}): the files or what is there "
                "have changed. Nothing was applied. Plan again, and look at what is different.",
                plan=digest,
                now=self.digest,
            )

    def check_merged(self) -> None:
        """Raises ``Conflict(resource.clash)``."""
        clashing = [step for step in self.steps if step.merged.clashes]
        if clashing:
            told = "; ".join(
                f"{s.wanted.kind} {s.wanted.name}: {', '.join(c.path for c in s.merged.clashes)}" for s in clashing
            )
            raise Conflict(
                "resource.clash",
                f"The files and somebody else changed the same things since these files were applied last: {told}. Nothing "
                "was applied. `holdfast plan` shows both sides; put what should hold into the files, or apply with --force.",
                resources=[f"{s.wanted.kind}/{s.wanted.name}" for s in clashing],
            )


async def all_rows(store: Store) -> tuple[dict[Named, Resource], int]:
    """All resources, and the store's revision as far as they tell it."""
    rows: dict[Named, Resource] = {}
    after = 0
    while page := await store.resources(after=after, limit=_PAGE):
        for row in page:
            if row.deleted:
                rows.pop(row.key, None)
            else:
                rows[row.key] = row
        after = page[-1].revision
    return rows, after


async def make_plan(
    here: Here, documents: list[Wanted], rows: dict[Named, Resource], revision: int, *, prune: bool, force: bool, set: str
) -> Plan:
    """What applying these documents would do. Raises what is wrong with them."""
    steps: list[Step] = []
    for wanted in documents:
        kind = kind_of(wanted.kind, wanted.place)
        if not kind.in_files:
            raise Rejected(
                "resource.malformed",
                f"{wanted.place}: a {kind.name} changes by itself; files do not describe it.",
                place=wanted.place,
            )
        steps.append(await _step(here, kind, wanted, rows.get(wanted.key), force=force, set=set))
    if prune:
        kept = {wanted.key for wanted in documents}
        for key, row in rows.items():
            if row.labels.get(SET) == set and key not in kept:
                steps.append(await removal(here, row))
    steps.sort(key=lambda s: (place_of(s.wanted.kind), s.wanted.name, s.wanted.tenant))
    plan = Plan([s for s in steps if s.action != "none" or s.merged.drift or s.merged.clashes], revision)
    plan.unchanged = len(documents) - sum(1 for s in plan.steps if s.action not in ("none", "delete"))
    check_together(here, plan, rows)
    return plan


async def _step(here: Here, kind: Kind, wanted: Wanted, row: Resource | None, *, force: bool, set: str) -> Step:
    said = {"labels": wanted.labels, "spec": kind.read(wanted)}
    said_last = await applied(here.store, row)
    if kind.elsewhere and row is not None and await here.store.artifact(INSTALLATION, in_effect(row)) is None:
        said_last = None  # it may never have been put in place: what holds is what was before, not what others did
    live = await live_of(here, kind, wanted.key, row)
    merged = merge(said_last, live, said, force=force) if live is not None else Merged(said, [], [])
    step = Step(wanted, kind, row, live, merged, said, {APPLIED: digest_of(said), SET: set})
    if live is None:
        step.action = "create"
    elif merged.value != live:
        step.action = "change"
    elif row is None or any(row.labels.get(name) != value for name, value in step.own.items()):
        step.action = "record"
    return step


async def removal(here: Here, row: Resource) -> Step:
    """The step that lets a resource go."""
    kind = kind_of(row.kind)
    wanted = Wanted(*row.key, theirs(row.labels), spec_of(row))
    step = Step(wanted, kind, row, await live_of(here, kind, row.key, row), Merged(None, [], []))
    step.action = "delete"
    return step


async def live_of(here: Here, kind: Kind, key: Named, row: Resource | None) -> dict[str, Any] | None:
    """Labels and spec as they hold now; None for nothing."""
    spec = await kind.live(here, key[1], key[2]) if kind.elsewhere else spec_of(row) if row is not None else None
    return None if spec is None else {"labels": theirs(row.labels) if row else {}, "spec": spec}


async def applied(store: Store, row: Resource | None) -> dict[str, Any] | None:
    """What the files said when they were applied last."""
    key = row.labels.get(APPLIED) if row is not None else None
    body = await store.artifact(INSTALLATION, key) if key else None
    return msgspec.json.decode(body, type=dict[str, Any]) if body else None


def check_together(here: Here, plan: Plan, rows: dict[Named, Resource]) -> None:
    """That what is changed fits what there will be, and that nothing that stays names what goes."""
    after = plan.after(rows)
    for step in plan.steps:
        if step.value is not None:
            step.kind.check(_as_it_will_be(step), after, here)
    if any(step.action == "delete" for step in plan.steps):
        changed = {step.wanted.key for step in plan.steps}
        for key, row in rows.items():
            if key not in changed and (kind := KINDS.get(row.kind)) is not None:
                kind.check(Wanted(*key, row.labels, spec_of(row)), after, here)


def _as_it_will_be(step: Step) -> Wanted:
    assert step.value is not None
    wanted = step.wanted
    return Wanted(*wanted.key, step.value["labels"], step.value["spec"], wanted.place)


async def foresee(here: Here, plan: Plan, rows: dict[Named, Resource]) -> None:
    """Fill in what each step will do, and to whom."""
    after = plan.after(rows)
    for step in plan.writing:
        if step.action != "record":
            before = step.live["spec"] if step.live else None
            now = step.value["spec"] if step.value else None
            touched = Touched(step.wanted.name, step.wanted.tenant, before, now)
            step.effects = await step.kind.effects(here, touched, after)


def change_of(step: Step) -> Change:
    """What the store is told."""
    if step.value is None:
        return Change(*step.wanted.key, None, step.version)
    return Change(*step.wanted.key, canonical(step.value["spec"]), step.version, {**step.value["labels"], **step.own})


def spec_of(row: Resource) -> dict[str, Any]:
    """A resource's spec."""
    return msgspec.json.decode(row.body, type=dict[str, Any]) if row.body else {}


def shown(plan: Plan) -> PlanView:
    """A plan for people and programs."""
    return PlanView(
        digest=plan.digest,
        revision=plan.revision,
        changes=len(plan.writing),
        unchanged=plan.unchanged,
        clashes=sum(1 for s in plan.steps if s.merged.clashes),
        drifted=sum(1 for s in plan.steps if s.merged.drift),
        results=[_shown(step) for step in plan.steps],
    )


def _shown(step: Step) -> ChangeView:
    touched_by_others = bool(step.merged.drift or step.merged.clashes) and step.row is not None
    changed = (
        differences(step.live or _NOTHING, step.value or _NOTHING) if step.action in ("create", "change", "delete") else []
    )
    return ChangeView(
        kind=step.wanted.kind,
        name=step.wanted.name,
        tenant=step.wanted.tenant,
        action=step.action,
        version=step.version,
        fields=[FieldView(path=_path(d.path), before=d.before, after=d.after) for d in changed],
        drift=[FieldView(path=_path(d.path), before=d.before, after=d.after) for d in step.merged.drift],
        clashes=[
            ClashView(path=_path(c.path), applied=c.applied, live=c.live, wanted=c.wanted) for c in step.merged.clashes
        ],
        changed_by=step.row.author if touched_by_others and step.row and not step.kind.elsewhere else "",
        changed_for=step.row.reason if touched_by_others and step.row and not step.kind.elsewhere else "",
        effects=step.effects,
        place=step.wanted.place,
    )


def _path(path: str) -> str:
    return path.removeprefix("spec.") if path != "spec" else ""
