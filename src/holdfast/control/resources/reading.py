"""Operations that look at resources: what was declared, by whom and why, how versions differ, and what drifts."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

import msgspec

from ...domain.address import Address
from ...domain.errors import NotFound
from ...domain.message import Message
from ...domain.principal import EVERY_TENANT, Principal
from ...flow import Flow
from ...mailbox.worker import Worker
from ...ports.resources import Named, Resource
from ...ports.store import Store
from ...turn.definition import Registry
from ..registry import operation
from . import planning
from .documents import APPLIED, SET, theirs
from .kinds import Here
from .merging import Difference, differences
from .planning import spec_of
from .registered import KINDS, kind_of, place_of
from .texts import write_text
from .views import DiffView, ExportView, FieldView, KindView, LineView, ResourceView


class ResourceReading:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    flow: Flow
    registry: Registry
    host: Any
    principal: Principal
    seen: Mapping[Named, int]

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
        errors=("resource.unknown", "resource.kind", "resource.no_version"),
    )
    async def resource(self, kind: str, name: str, tenant: str = "", version: int = 0) -> ResourceView:
        """Tell everything about one resource, and whether what holds is what was declared. ``version``: as it was then."""
        versions = await self._resource_versions(kind, name, tenant)
        if version:
            return _whole(_version(versions, version))
        if versions[0].deleted:
            raise unknown(kind, name)
        return await self._compared(versions[0])

    @operation(
        path="GET /resources/{kind}/{name}/history",
        command="history",
        changes=False,
        errors=("resource.unknown", "resource.kind"),
        next=(
            ("resource_diff", "to see what a version changed"),
            ("rollback", "to put it back to one of these versions"),
        ),
    )
    async def resource_history(self, kind: str, name: str, tenant: str = "") -> list[ResourceView]:
        """List all versions of a resource, newest first: who changed it, when and why."""
        return [view(row) for row in await self._resource_versions(kind, name, tenant)]

    @operation(
        path="GET /resources/{kind}/{name}/diff",
        command="history --diff",
        changes=False,
        errors=("resource.unknown", "resource.kind", "resource.no_version"),
        next=(("rollback", "to put it back to one of these versions"),),
    )
    async def resource_diff(self, kind: str, name: str, before: int = 0, after: int = 0, tenant: str = "") -> DiffView:
        """Tell what is different between two versions of a resource, line by line. ``after``: the newest if 0;
        ``before``: the one before that if 0."""
        versions = await self._resource_versions(kind, name, tenant)
        new = _version(versions, after) if after else versions[0]
        old = _version(versions, before) if before else next((v for v in versions if v.version < new.version), None)
        one, two = _whole(old) if old is not None else None, _whole(new)
        return DiffView(
            kind=kind,
            name=name,
            tenant=new.tenant,
            before=old.version if old is not None else 0,
            after=new.version,
            fields=_fields(differences({**one.spec, **_labels(one)} if one else {}, {**two.spec, **_labels(two)})),
            lines=_lines(one.text if one is not None else "", two.text),
        )

    @operation(
        path="GET /drift",
        command="get --drift",
        changes=False,
        next=(("plan", "to see what applying would change"),),
    )
    async def drift(self) -> list[ResourceView]:
        """List the resources where what holds is not what was declared, or what was declared since is not what the files
        said last."""
        found: list[ResourceView] = []
        rows, _ = await self._resource_rows()
        for row in rows.values():
            if (kind := KINDS.get(row.kind)) is not None and (kind.elsewhere or APPLIED in row.labels):
                seen = await self._compared(row)
                if seen.drift or seen.strayed:
                    found.append(seen)
        return sorted(found, key=lambda r: (place_of(r.kind), r.name, r.tenant))

    @operation(path="GET /export", command="export", changes=False)
    async def export(self, kind: str = "", tenant: str | None = None) -> list[dict[str, Any]]:
        """Write out what was declared, as documents that can be applied again."""
        found = await self.resources(kind, tenant)
        return [document(v) for v in found if (k := KINDS.get(v.kind)) is not None and k.in_files]

    @operation(path="GET /export/text", command="export", changes=False)
    async def export_text(self, kind: str = "", tenant: str | None = None) -> ExportView:
        """Write out what was declared as one YAML text, that can be applied again."""
        documents = await self.export(kind, tenant)
        return ExportView(text=write_text(documents), resources=len(documents))

    # -- how ----------------------------------------------------------------------------------------------------

    async def _compared(self, row: Resource) -> ResourceView:
        """A resource, beside what holds and what its files said."""
        found = _whole(row)
        kind = kind_of(row.kind)
        live = await planning.live_of(self._here, kind, row.key, row)
        held: dict[str, Any] = live["spec"] if live else {}
        found.drift = _fields(differences(found.spec, held))
        said = await planning.applied(self.store, row)
        if said is not None:
            found.strayed = _fields(differences(said["spec"], found.spec))
        return found

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

    async def _resource_row(self, kind: str, name: str, tenant: str) -> Resource:
        newest = (await self._resource_versions(kind, name, tenant))[0]
        if newest.deleted:
            raise unknown(kind, name)
        return newest

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


def _whole(row: Resource) -> ResourceView:
    """With its text."""
    found = view(row)
    if not row.deleted:
        found.text = write_text([document(found)])
    return found


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


def no_version(versions: list[Resource], version: int) -> NotFound:
    """A resource has no such version."""
    kind, name, _ = versions[0].key
    return NotFound(
        "resource.no_version",
        f"{kind} {name!r} has no version {version or 'before this one'}; it has "
        f"{', '.join(str(v.version) for v in versions)}.",
        kind=kind,
        name=name,
    )


def _version(versions: list[Resource], version: int) -> Resource:
    for row in versions:
        if row.version == version:
            return row
    raise no_version(versions, version)


def _labels(found: ResourceView) -> dict[str, Any]:
    return {"labels": found.labels} if found.labels else {}


def _fields(found: list[Difference]) -> list[FieldView]:
    return [FieldView(path=d.path, before=d.before, after=d.after) for d in found]


def _lines(before: str, after: str) -> list[LineView]:
    """Two texts as one, with what went and what came."""
    old, new = before.splitlines(), after.splitlines()
    found: list[LineView] = []
    for tag, i, k, j, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [LineView(mark=" ", text=old[i + n], before=i + n + 1, after=j + n + 1) for n in range(k - i)]
            continue
        found += [LineView(mark="-", text=old[n], before=n + 1) for n in range(i, k)]
        found += [LineView(mark="+", text=new[n], after=n + 1) for n in range(j, m)]
    return found


__all__ = ["ResourceReading", "document", "no_version", "resource_key", "unknown", "view"]
