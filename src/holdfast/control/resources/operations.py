"""Operations that change resources: plan, apply, roll back, delete."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ...domain.errors import HoldfastError, Rejected
from ...domain.principal import EVERY_TENANT, crossed
from ...ports.resources import Change, Named, Resource
from ...ports.store import INSTALLATION
from ..identity.scopes import permit_scope
from ..registry import operation
from . import planning
from .documents import APPLIED, OWN, Wanted, canonical, in_effect, read_documents, theirs
from .planning import Plan, Step, spec_of
from .reading import ResourceReading, no_version, resource_key
from .registered import KINDS, kind_of, place_of
from .texts import Written, place, read_given
from .views import AppliedView, FlawView, PlanView

DEFAULT_SET = "default"


class ResourceOperations(ResourceReading):
    """Part of ``Operations``."""

    @operation(
        path="POST /plan",
        command="plan",
        changes=False,
        errors=("resource.malformed", "resource.kind", "resource.twice"),
        next=(("apply", "with the plan's digest, to do exactly this"),),
    )
    async def plan(
        self,
        documents: list[dict[str, Any]] | None = None,
        prune: bool = False,
        force: bool = False,
        set: str = DEFAULT_SET,
        sources: list[str] | None = None,
        effects: bool = True,
        text: str = "",
    ) -> PlanView:
        """Tell what applying documents would change, whom that would touch, and what others changed meanwhile.

        ``text``: the documents as YAML, instead; what is wrong with it is told with its ``line``. ``prune``: what belongs
        to this ``set`` and is in no document goes. ``force``: what others changed is put back. The plan's
        digest names exactly these changes; ``apply`` with it does them or nothing.
        """
        plan, rows = await self._plan(documents, text, prune, force, set, sources)
        if effects:
            await planning.foresee(self._here, plan, rows)
        return planning.shown(plan)

    @operation(path="POST /check", command="plan --check", changes=False, next=(("plan", "once nothing is wrong"),))
    async def check_resources(
        self, documents: list[dict[str, Any]] | None = None, sources: list[str] | None = None, text: str = ""
    ) -> list[FlawView]:
        """Tell all that is wrong with documents, or with a ``text`` of them; nothing is changed."""
        try:
            documents, sources, written = _given(documents, text, sources)
        except HoldfastError as error:
            return [_flaw(error, [])]
        flaws: list[FlawView] = []
        for number, document in enumerate(documents):
            try:
                [wanted] = self._at_home(read_documents([document], sources[number : number + 1]))
                kind_of(wanted.kind, wanted.place).read(wanted)
            except HoldfastError as error:
                flaws.append(_flaw(error, written[number : number + 1]))
        if not flaws:
            try:
                await self._plan(documents, "", False, False, DEFAULT_SET, sources)
            except HoldfastError as error:
                flaws.append(_flaw(error, written))
        return flaws

    @operation(
        path="POST /apply",
        command="apply",
        again=False,
        errors=("resource.malformed", "resource.kind", "resource.twice", "resource.clash", "resource.changed", "plan.stale"),
        next=(("rollback", "to undo it"), ("resource_history", "to see who changed what")),
    )
    async def apply(
        self,
        documents: list[dict[str, Any]] | None = None,
        reason: str = "",
        prune: bool = False,
        force: bool = False,
        set: str = DEFAULT_SET,
        plan: str = "",
        sources: list[str] | None = None,
        by: str = "person",
        text: str = "",
    ) -> AppliedView:
        """Make what documents say so: all of it or nothing, as one revision, and let it take effect.

        ``text``: the documents as YAML, instead. ``plan``: the digest of a plan; if what would be done is not exactly that
        any more, nothing is (``plan.stale``).
        """
        made, _ = await self._plan(documents, text, prune, force, set, sources)
        made.check_is(plan)
        made.check_merged()
        if said := {step.own[APPLIED]: canonical(step.said) for step in made.writing if step.said is not None}:
            await self.store.keep(INSTALLATION, said)
        return await self._apply(made, reason, by)

    @operation(
        path="POST /rollback/plan",
        command="rollback --preview",
        changes=False,
        errors=("resource.unknown", "resource.kind", "resource.no_version", "resource.malformed"),
        next=(("rollback", "with the plan's digest, to do exactly this"),),
    )
    async def plan_rollback(
        self, kind: str = "", name: str = "", version: int = 0, tenant: str = "", revision: int = 0
    ) -> PlanView:
        """Tell what putting a resource back to a version (0: the one before this), or everything back to a ``revision``,
        would change, and whom it would touch."""
        plan, rows = await self._plan_back(kind, name, version, tenant, revision)
        await planning.foresee(self._here, plan, rows)
        return planning.shown(plan)

    @operation(
        path="POST /rollback",
        command="rollback",
        again=False,
        errors=("resource.unknown", "resource.no_version", "resource.changed", "plan.stale"),
    )
    async def rollback(
        self,
        kind: str = "",
        name: str = "",
        version: int = 0,
        tenant: str = "",
        revision: int = 0,
        reason: str = "",
        by: str = "person",
        plan: str = "",
    ) -> AppliedView:
        """Put a resource back to a version of before (0: the one before this), or everything back to a ``revision``.
        ``plan``: the digest of ``plan_rollback``; if what would be done is not exactly that any more, nothing is."""
        if not revision:
            self._may_overrule(kind)
        made, _ = await self._plan_back(kind, name, version, tenant, revision)
        made.check_is(plan)
        why = f"rolled back to revision {revision}" if revision else f"rolled back to version {version or 'before'}"
        return await self._apply(made, reason or why, by)

    @operation(
        path="DELETE /resources/{kind}/{name}",
        command="delete",
        errors=("resource.unknown", "resource.malformed", "resource.changed"),
        next=(("rollback", "to bring it back"),),
    )
    async def delete_resource(
        self, kind: str, name: str, tenant: str = "", reason: str = "", by: str = "person"
    ) -> AppliedView:
        """Let a resource go; what there was stays in its history, and can be rolled back to."""
        self._may_overrule(kind)
        rows, now = await self._resource_rows()
        row = await self._resource_row(kind, name, tenant)
        plan = Plan([await planning.removal(self._here, row)], now)
        planning.check_together(self._here, plan, rows)
        return await self._apply(plan, reason, by)

    def _may_overrule(self, kind: str) -> None:
        """What no file describes has operations of its own, each with its own scope (a breaker is reset by who may steer):
        going round them takes every scope. Raises ``Rejected(auth.scope)``."""
        if not kind_of(kind).in_files:
            permit_scope(self.principal, "*")

    # -- how ----------------------------------------------------------------------------------------------------

    async def _plan(
        self,
        documents: list[dict[str, Any]] | None,
        text: str,
        prune: bool,
        force: bool,
        set: str,
        sources: list[str] | None,
    ) -> tuple[Plan, dict[Named, Resource]]:
        documents, sources, written = _given(documents, text, sources)
        rows, revision = await self._resource_rows()
        try:
            wanted = self._at_home(read_documents(documents, sources))
            return await planning.make_plan(self._here, wanted, rows, revision, prune=prune, force=force, set=set), rows
        except HoldfastError as error:
            place(error, written)
            raise

    async def _plan_back(
        self, kind: str, name: str, version: int, tenant: str, revision: int
    ) -> tuple[Plan, dict[Named, Resource]]:
        rows, now = await self._resource_rows()
        if revision and (kind or name or version):
            raise Rejected("operation.input", "Name a resource, or a revision of all of them, not both.")
        if revision:
            steps = [s for r in await self._since(revision) if (s := await self._back(r, revision=revision)) is not None]
        else:
            step = await self._back((await self._resource_versions(kind, name, tenant))[0], version=version)
            steps = [step] if step is not None else []
        steps.sort(key=lambda s: place_of(s.wanted.kind))
        plan = Plan(steps, now)
        planning.check_together(self._here, plan, rows)
        return plan, rows

    async def _apply(self, plan: Plan, reason: str, by: str) -> AppliedView:
        shown = planning.shown(plan)
        changes = [self._as_seen(planning.change_of(step)) for step in plan.writing]
        revision = await self.store.apply_resources(changes, self.principal.sender(by), reason, self.worker.clock.now_ms())
        await self.worker.resources.load()
        failed: list[str] = []
        done: dict[str, bytes] = {}
        for step in plan.writing:
            if not step.kind.elsewhere or (step.action != "record" and not await _trying(step, self._take_effect, failed)):
                continue
            if (row := self.worker.resources.get(step.wanted.kind, step.wanted.name, step.wanted.tenant)) is not None:
                done[in_effect(row)] = b"1"
        if done:
            await self.store.keep(INSTALLATION, done)
        return AppliedView(revision=revision, digest=plan.digest, results=shown.results, failed=failed)

    def _as_seen(self, change: Change) -> Change:
        """Somebody who looked at a version before (``If-Match``) replaces that one or none."""
        version = self.seen.get(change.key)
        return change if version is None else msgspec.structs.replace(change, expected=version)

    async def _since(self, revision: int) -> list[Resource]:
        """The newest versions of all that files could describe and that changed after a revision: a breaker that tripped
        since then stays as it is."""
        found: list[Resource] = []
        after = revision
        while page := await self.store.resources(after=after):
            after = page[-1].revision
            found += [r for r in page if self._reaches(r.tenant) and (k := KINDS.get(r.kind)) is not None and k.in_files]
        return found

    async def _back(self, newest: Resource, *, version: int = 0, revision: int = 0) -> Step | None:
        """The step that puts a resource back; None if it is so already."""
        kind, key = kind_of(newest.kind), newest.key
        versions = await self.store.resource_versions(*key)
        older = [v for v in versions if v.version < newest.version]
        if revision:
            then = next((v for v in older if v.revision <= revision), None)
        else:
            then = next((v for v in versions if v.version == version), None) if version else next(iter(older), None)
            if then is None:
                raise no_version(versions, version)
        gone = then is None or then.deleted
        row = None if newest.deleted else newest
        live = await planning.live_of(self._here, kind, key, row)
        last = next((v for v in versions if not v.deleted), newest)
        own = {k: v for k, v in last.labels.items() if k.startswith(OWN)}  # what the files said last they still say
        value = None
        if then is not None and not gone:
            spec = kind.read(Wanted(*key, theirs(then.labels), spec_of(then)))
            value = {"labels": theirs(then.labels), "spec": spec}
        if value is None and row is None:
            return None
        if row is not None and value == live and value == {"labels": theirs(row.labels), "spec": spec_of(row)}:
            return None
        step = Step(Wanted(*key, {}, {}), kind, row, live, planning.Merged(value, [], []), own=own)
        step.action = "delete" if gone else "create" if row is None else "change"
        return step

    async def _take_effect(self, step: Step) -> None:
        _, name, tenant = step.wanted.key
        if step.value is None:
            await step.kind.drop(self._here, name, tenant)
        else:
            await step.kind.put(self._here, name, tenant, step.value["spec"])

    def _at_home(self, wanted: list[Wanted]) -> list[Wanted]:
        """Documents of somebody who belongs to a tenant are that tenant's. Raises ``Rejected(tenant.crossed)``."""
        who = self.principal
        for document in wanted:
            if who.tenant != EVERY_TENANT and not document.tenant and kind_of(document.kind, document.place).of_tenants:
                document.tenant = who.tenant
            if not self._reaches(document.tenant):
                raise crossed(who.subject, document.tenant or EVERY_TENANT)
        return wanted


def _given(
    documents: list[dict[str, Any]] | None, text: str, sources: list[str] | None
) -> tuple[list[dict[str, Any]], list[str], list[Written]]:
    """Documents and where each stands; those of a text with the lines of their parts."""
    if text and documents:
        raise Rejected("operation.input", "Give documents, or their text, not both.")
    if not text:
        return documents or [], sources or [], []
    written = read_given(text)
    return [w.document for w in written], [w.source for w in written], written


def _flaw(error: HoldfastError, written: list[Written]) -> FlawView:
    place(error, written)
    return FlawView(line=int(error.details.get("line", 0)), code=error.code, message=error.message)


async def _trying(step: Step, take: Callable[[Step], Awaitable[None]], failed: list[str]) -> bool:
    """What was declared is declared; that it did not take effect is told, and the next apply makes up for it."""
    try:
        await take(step)
    except HoldfastError as error:
        failed.append(f"{step.wanted.kind} {step.wanted.name}: {error.message}")
        return False
    return True


__all__ = ["ResourceOperations", "resource_key"]
