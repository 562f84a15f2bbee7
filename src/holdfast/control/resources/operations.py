"""Operations around resources: plan, apply, roll back, look back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from ...domain.address import Address
from ...domain.errors import Conflict, HoldfastError, NotFound, Rejected
from ...domain.message import Message
from ...domain.principal import EVERY_TENANT, Principal, crossed
from ...flow import Flow
from ...mailbox.worker import Worker
from ...ports.resources import Change, Named, Resource
from ...ports.store import INSTALLATION, Store
from ...turn.definition import Registry
from ..identity.scopes import permit_scope
from ..registry import operation
from . import planning
from .documents import APPLIED, OWN, SET, Wanted, canonical, in_effect, read_documents, theirs
from .kinds import Here
from .merging import differences
from .planning import Plan, Step, spec_of
from .registered import KINDS, kind_of, place_of
from .views import AppliedView, FieldView, KindView, PlanView, ResourceView

DEFAULT_SET = "default"


class ResourceOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    flow: Flow
    registry: Registry
    host: Any
    principal: Principal
    seen: Mapping[Named, int]

    # -- looking ------------------------------------------------------------------------------------------------

    @operation(path="GET /kinds", command="kinds", changes=False)
    async def kinds(self) -> list[KindView]:
        """List the kinds of resources, and what each may say."""
        rows, _ = await self._resource_rows()
        return [
            KindView(
                kind=kind.name,
                what=(kind.spec.__doc__ or "").strip().partition("\n")[0] if kind.spec is not dict else "",
                in_files=kind.in_files,
                of_tenants=kind.of_tenants,
                resources=sum(1 for row in rows.values() if row.kind == kind.name),
                schema=msgspec.json.schema(kind.spec),
            )
            for kind in KINDS.values()
        ]

    @operation(path="GET /resources", command="get", changes=False)
    async def resources(self, kind: str = "", tenant: str | None = None) -> list[ResourceView]:
        """List what was declared: all resources, of one kind or tenant if given."""
        if kind:
            kind_of(kind)
        rows, _ = await self._resource_rows()
        found = [r for r in rows.values() if kind in ("", r.kind) and tenant in (None, r.tenant)]
        return [view(row) for row in sorted(found, key=lambda r: (place_of(r.kind), r.name, r.tenant))]

    @operation(
        path="GET /resources/{kind}/{name}",
        command="get",
        changes=False,
        errors=("resource.unknown", "resource.kind"),
    )
    async def resource(self, kind: str, name: str, tenant: str = "") -> ResourceView:
        """Tell everything about one resource, and whether what holds is what was declared."""
        row = await self._resource_row(kind, name, tenant)
        found = view(row)
        live = await planning.live_of(self._here, kind_of(kind), row.key, row)
        held: dict[str, Any] = live["spec"] if live else {}
        found.drift = [FieldView(path=d.path, before=d.before, after=d.after) for d in differences(found.spec, held)]
        return found

    @operation(
        path="GET /resources/{kind}/{name}/history",
        command="history",
        changes=False,
        errors=("resource.unknown", "resource.kind"),
        next=(("rollback", "to put it back to one of these versions"),),
    )
    async def resource_history(self, kind: str, name: str, tenant: str = "") -> list[ResourceView]:
        """List all versions of a resource, newest first: who changed it, when and why."""
        return [view(row) for row in await self._resource_versions(kind, name, tenant)]

    @operation(path="GET /drift", command="get", changes=False)
    async def drift(self) -> list[ResourceView]:
        """List the resources where what holds is not what was declared."""
        found: list[ResourceView] = []
        rows, _ = await self._resource_rows()
        for row in rows.values():
            if (kind := KINDS.get(row.kind)) is not None and kind.elsewhere:
                seen = await self.resource(*row.key)
                if seen.drift:
                    found.append(seen)
        return found

    @operation(path="GET /export", command="export", changes=False)
    async def export(self, kind: str = "", tenant: str | None = None) -> list[dict[str, Any]]:
        """Write out what was declared, as documents that can be applied again."""
        found = await self.resources(kind, tenant)
        return [document(v) for v in found if (k := KINDS.get(v.kind)) is not None and k.in_files]

    # -- changing -----------------------------------------------------------------------------------------------

    @operation(
        path="POST /plan",
        command="plan",
        changes=False,
        errors=("resource.malformed", "resource.kind", "resource.twice"),
        next=(("apply", "with the plan's digest, to do exactly this"),),
    )
    async def plan(
        self,
        documents: list[dict[str, Any]],
        prune: bool = False,
        force: bool = False,
        set: str = DEFAULT_SET,
        sources: list[str] | None = None,
        effects: bool = True,
    ) -> PlanView:
        """Tell what applying documents would change, whom that would touch, and what others changed meanwhile.

        ``prune``: what belongs to this ``set`` and is in no document goes. ``force``: what others changed is put back.
        The plan's digest names exactly these changes; ``apply`` with it does them or nothing.
        """
        plan, rows = await self._plan(documents, prune, force, set, sources)
        if effects:
            await planning.foresee(self._here, plan, rows)
        return planning.shown(plan)

    @operation(
        path="POST /apply",
        command="apply",
        again=False,
        errors=("resource.malformed", "resource.kind", "resource.twice", "resource.clash", "resource.changed", "plan.stale"),
        next=(("rollback", "to undo it"), ("resource_history", "to see who changed what")),
    )
    async def apply(
        self,
        documents: list[dict[str, Any]],
        reason: str = "",
        prune: bool = False,
        force: bool = False,
        set: str = DEFAULT_SET,
        plan: str = "",
        sources: list[str] | None = None,
        by: str = "person",
    ) -> AppliedView:
        """Make what documents say so: all of it or nothing, as one revision, and let it take effect.

        ``plan``: the digest of a plan; if what would be done is not exactly that any more, nothing is (``plan.stale``).
        """
        made, _ = await self._plan(documents, prune, force, set, sources)
        if plan and plan != made.digest:
            raise Conflict(
                "plan.stale",
                f"What would be applied now ({made.digest}) is not what was planned ({plan}): the files or what is there "
                "have changed. Nothing was applied. Plan again, and look at what is different.",
                plan=plan,
                now=made.digest,
            )
        made.check_merged()
        if said := {step.own[APPLIED]: canonical(step.said) for step in made.writing if step.said is not None}:
            await self.store.keep(INSTALLATION, said)
        return await self._apply(made, reason, by)

    @operation(
        path="POST /rollback",
        command="rollback",
        again=False,
        errors=("resource.unknown", "resource.no_version", "resource.changed"),
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
    ) -> AppliedView:
        """Put a resource back to a version of before (0: the one before this), or everything back to a ``revision``."""
        rows, now = await self._resource_rows()
        if revision and (kind or name or version):
            raise Rejected("operation.input", "Name a resource, or a revision of all of them, not both.")
        if revision:
            steps = [s for r in await self._since(revision) if (s := await self._back(r, revision=revision)) is not None]
            why = f"rolled back to revision {revision}"
        else:
            self._may_overrule(kind)
            step = await self._back((await self._resource_versions(kind, name, tenant))[0], version=version)
            steps = [step] if step is not None else []
            why = f"rolled back to version {version or 'before'}"
        steps.sort(key=lambda s: place_of(s.wanted.kind))
        plan = Plan(steps, now)
        planning.check_together(self._here, plan, rows)
        return await self._apply(plan, reason or why, by)

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
        self, documents: list[dict[str, Any]], prune: bool, force: bool, set: str, sources: list[str] | None
    ) -> tuple[Plan, dict[Any, Resource]]:
        rows, revision = await self._resource_rows()
        wanted = self._at_home(read_documents(documents, sources or []))
        return await planning.make_plan(self._here, wanted, rows, revision, prune=prune, force=force, set=set), rows

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
                raise NotFound(
                    "resource.no_version",
                    f"{key[0]} {key[1]!r} has no version {version or 'before this one'}; it has "
                    f"{', '.join(str(v.version) for v in versions)}.",
                    kind=key[0],
                    name=key[1],
                )
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
        step = Step(Wanted(*key, {}, {}), kind, row, live, planning.Merged(value, [], []), own=own)
        step.action = "delete" if gone else "create" if row is None else "change"
        return step

    async def _resource_row(self, kind: str, name: str, tenant: str) -> Resource:
        newest = (await self._resource_versions(kind, name, tenant))[0]
        if newest.deleted:
            raise unknown(kind, name)
        return newest

    async def _take_effect(self, step: Step) -> None:
        _, name, tenant = step.wanted.key
        if step.value is None:
            await step.kind.drop(self._here, name, tenant)
        else:
            await step.kind.put(self._here, name, tenant, step.value["spec"])

    @property
    def _here(self) -> Here:
        return Here(self.store, self.worker, self.registry, self.host, self._ask, self._tell, self.dry_run_policy)

    async def _resource_rows(self) -> tuple[dict[Named, Resource], int]:
        """All resources that the caller reaches."""
        rows, revision = await planning.all_rows(self.store)
        return {key: row for key, row in rows.items() if self._reaches(row.tenant)}, revision

    def _reaches(self, tenant: str) -> bool:
        """What belongs to no tenant is the business of who reaches all of them."""
        return self.principal.tenant in (EVERY_TENANT, tenant)

    def _at_home(self, wanted: list[Wanted]) -> list[Wanted]:
        """Documents of somebody who belongs to a tenant are that tenant's. Raises ``Rejected(tenant.crossed)``."""
        who = self.principal
        for document in wanted:
            if who.tenant != EVERY_TENANT and not document.tenant and kind_of(document.kind, document.place).of_tenants:
                document.tenant = who.tenant
            if not self._reaches(document.tenant):
                raise crossed(who.subject, document.tenant or EVERY_TENANT)
        return wanted

    async def _resource_versions(self, kind: str, name: str, tenant: str) -> list[Resource]:
        kind_of(kind)
        who = self.principal
        versions = await self.store.resource_versions(kind, name, tenant or ("" if self._reaches("") else who.tenant))
        if not versions or not self._reaches(versions[0].tenant):
            raise unknown(kind, name)
        return versions

    async def _tell(self, to: Address, handler: str, payload: bytes) -> None:
        await self.flow.accept(self._message(to, handler, payload), wait=False)

    def _message(self, to: Address, handler: str, payload: bytes, key: str = "") -> Message:
        raise NotImplementedError

    async def dry_run_policy(self, text: str, since: int = 0, until: int = 0, agent: str = "", limit: int = 200) -> Any:
        """See ``PolicyOperations``."""
        raise NotImplementedError

    async def _ask(self, to: Any, handler: str, args: list[Any], key: str) -> Any:
        raise NotImplementedError


async def _trying(step: Step, take: Callable[[Step], Awaitable[None]], failed: list[str]) -> bool:
    """What was declared is declared; that it did not take effect is told, and the next apply makes up for it."""
    try:
        await take(step)
    except HoldfastError as error:
        failed.append(f"{step.wanted.kind} {step.wanted.name}: {error.message}")
        return False
    return True


def resource_key(seen: Any) -> Named | None:
    """Which resource somebody looked at; None if it was something else."""
    return (seen.kind, seen.name, seen.tenant) if isinstance(seen, ResourceView) else None


def view(row: Resource) -> ResourceView:
    """A version for people and programs."""
    return ResourceView(
        kind=row.kind,
        name=row.name,
        tenant=row.tenant,
        version=row.version,
        revision=row.revision,
        labels=theirs(row.labels),
        spec=spec_of(row),
        author=row.author,
        reason=row.reason,
        at=row.at,
        deleted=row.deleted,
        managed=row.labels.get(SET, "") if APPLIED in row.labels else "",
    )


def document(found: ResourceView) -> dict[str, Any]:
    """A resource as its document."""
    about: dict[str, Any] = {"kind": found.kind, "name": found.name}
    if found.tenant:
        about["tenant"] = found.tenant
    if found.labels:
        about["labels"] = found.labels
    return {**about, "spec": found.spec} if KINDS[found.kind].wrapped else {**about, **found.spec}


def unknown(kind: str, name: str) -> NotFound:
    """No resource has this name."""
    return NotFound(
        "resource.unknown", f"There is no {kind} {name!r}. `holdfast get {kind}` lists them.", kind=kind, name=name
    )


__all__ = ["ResourceOperations"]
