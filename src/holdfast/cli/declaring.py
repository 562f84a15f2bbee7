"""Resources from files: apply, plan, diff, rollback, export, history, and looking at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from .output import Column

Files = Annotated[list[str], typer.Option("-f", "--file", help="A file, a folder, or - for standard input.")]
Prune = Annotated[bool, typer.Option("--prune", help="Remove what was applied with this set and is in no file any more.")]
Force = Annotated[bool, typer.Option("--force", help="Put back what others changed.")]
Set = Annotated[str, typer.Option("--set", help="Which set of files this is; pruning looks at its own only.")]
Reason = Annotated[str, typer.Option("-m", "--reason", help="What for; kept with the change.", show_default=False)]
Tenant = Annotated[str, typer.Option("--tenant", help="Of which tenant.", show_default=False)]
Planned = Annotated[
    str, typer.Option("--plan", help="The digest of a plan: this and nothing else is done.", show_default=False)
]
Named = Annotated[str, typer.Argument(help="KIND/NAME.", metavar="KIND/NAME")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (apply, plan, diff, rollback, history, export, get, delete, kinds):
        app.command()(command)


def plan(
    file: Files,
    prune: Prune = False,
    force: Force = False,
    set: Set = "default",
    check: Annotated[bool, typer.Option("--check", help="Only tell all that is wrong with the files.")] = False,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Say what applying files would change, and whom it would touch. Ends with 0 (nothing), 2 (changes) or 1 (errors)."""
    if check:
        _check(file, output, url, store)
        return
    found = _plan(file, prune, force, set, url, store, effects=True)
    _show_plan(found, output, effects=True)
    raise typer.Exit(1 if found.clashes else 2 if found.changes else 0)


def _check(file: list[str], output: Format, url: str, store: str) -> None:
    from . import documents, session
    from .output import show

    found, sources = documents.read(file)
    flaws = session.run(lambda c: c.check_resources(documents=found, sources=sources), url, store)
    columns: list[Column] = [("CODE", lambda f: f.code), ("WHAT IS WRONG", lambda f: f.message)]
    show(flaws, columns, output, "nothing is wrong with them")
    if flaws:
        raise typer.Exit(1)


def diff(
    file: Files,
    prune: Prune = False,
    force: Force = False,
    set: Set = "default",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Show what is different between files and what is there, line by line. Ends with 0, 2 or 1 as plan does."""
    found = _plan(file, prune, force, set, url, store, effects=False)
    _show_plan(found, output, effects=False)
    raise typer.Exit(1 if found.clashes else 2 if found.changes else 0)


def _plan(file: list[str], prune: bool, force: bool, set: str, url: str, store: str, *, effects: bool) -> Any:
    from . import documents, session

    found, sources = documents.read(file)
    given: dict[str, Any] = {"documents": found, "sources": sources, "prune": prune, "force": force, "set": set}
    return session.run(lambda c: c.channel.request("plan", **given, effects=effects), url, store)


def apply(
    file: Files,
    reason: Reason = "",
    prune: Prune = False,
    force: Force = False,
    set: Set = "default",
    planned: Planned = "",
    by: Annotated[str, typer.Option("--by", help="Who does it.", envvar="USER")] = "person",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Make what files say so: all of it or nothing, and let it take effect."""
    from . import documents, session

    found, sources = documents.read(file)
    given: dict[str, Any] = {"documents": found, "sources": sources, "prune": prune, "force": force, "set": set}
    why = reason or f"applied {', '.join(file)}"
    request = {**given, "reason": why, "plan": planned, "by": by}
    _show_applied(session.run(lambda c: c.channel.request("apply", **request), url, store), output)


def rollback(
    resource: Annotated[str, typer.Argument(help="KIND/NAME; nothing with --revision.", metavar="[KIND/NAME]")] = "",
    to: Annotated[int, typer.Option("--to", help="The version; the one before this by default.", show_default=False)] = 0,
    revision: Annotated[int, typer.Option("--revision", help="Everything, as it was at this revision.")] = 0,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only say what it would change, and whom it would touch.")
    ] = False,
    reason: Reason = "",
    tenant: Tenant = "",
    planned: Planned = "",
    by: Annotated[str, typer.Option("--by", help="Who does it.", envvar="USER")] = "person",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Put a resource back to a version of before, or everything back to a revision. A preview ends with 0, 2 or 1 as plan
    does."""
    from . import session

    kind, name = _named(resource) if resource else ("", "")
    given: dict[str, Any] = {"kind": kind, "name": name, "version": to, "revision": revision, "tenant": tenant}
    if preview:
        found = session.run(lambda c: c.plan_rollback(**given), url, store)
        _show_plan(found, output, effects=True)
        raise typer.Exit(2 if found.changes else 0)
    request = {**given, "reason": reason, "by": by, "plan": planned}
    _show_applied(session.run(lambda c: c.channel.request("rollback", **request), url, store), output)


def delete(
    resource: Named,
    reason: Reason = "",
    tenant: Tenant = "",
    by: Annotated[str, typer.Option("--by", help="Who does it.", envvar="USER")] = "person",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Let a resource go; its history stays."""
    from . import session

    kind, name = _named(resource)
    given: dict[str, Any] = {"kind": kind, "name": name, "tenant": tenant, "reason": reason, "by": by}
    _show_applied(session.run(lambda c: c.channel.request("delete_resource", **given), url, store), output)


def history(
    resource: Named,
    diff: Annotated[
        str,
        typer.Option(
            "--diff", help="Show what a version changed (3), or two of them (1..3).", metavar="N[..M]", show_default=False
        ),
    ] = "",
    tenant: Tenant = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """List a resource's versions: who changed it, when and why; or what is different between two of them."""
    from . import session
    from .output import show, show_one

    kind, name = _named(resource)
    if not diff:
        found = session.run(lambda c: c.resource_history(kind=kind, name=name, tenant=tenant), url, store)
        show(found, _columns(), output)
        return
    before, after = _versions(diff)
    view = session.run(
        lambda c: c.resource_diff(kind=kind, name=name, before=before, after=after, tenant=tenant), url, store
    )
    if output is not Format.table:
        show_one(view, output)
        return
    print(f"--- {kind}/{name} version {view.before}\n+++ {kind}/{name} version {view.after}")
    for line in view.lines:
        print(f"{line.mark} {line.text}")


def _versions(text: str) -> tuple[int, int]:
    before, dots, after = text.partition("..")
    numbers = (before, after) if dots else ("0", before)
    if not all(n.isdigit() for n in numbers):
        raise typer.BadParameter(f"write a version (3), or two of them (1..3), not {text!r}")
    return int(numbers[0]), int(numbers[1])


def export(
    kind: Annotated[str, typer.Argument(help="Only this kind.", show_default=False)] = "",
    output: Output = Format.yaml,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Write out what was declared, as documents that can be applied again."""
    from . import session
    from .output import dump, line

    found = session.run(lambda c: c.export(kind=kind), url, store)
    if output is Format.jsonl:
        for document in found:
            line(document)
    elif output is Format.json:
        dump(found, output)
    else:
        for document in found:
            print("---")
            dump(document, Format.yaml)


def get(
    resource: Annotated[str, typer.Argument(help="KIND or KIND/NAME; all by default.", metavar="[KIND[/NAME]]")] = "",
    version: Annotated[int, typer.Option("--version", help="As it was then.", show_default=False)] = 0,
    drift: Annotated[
        bool, typer.Option("--drift", help="Only what is not as it was declared, or as its files say.")
    ] = False,
    tenant: Tenant = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Show what was declared: all resources, those of a kind, one with what drifts, or all that drift."""
    from . import session
    from .output import show, show_one

    if drift:
        found = session.run(lambda c: c.drift(), url, store)
        show(
            [r for r in found if resource in ("", r.kind, f"{r.kind}/{r.name}")], _drift_columns(), output, "nothing drifts"
        )
        return
    if "/" in resource:
        kind, name = _named(resource)
        found = session.run(lambda c: c.resource(kind=kind, name=name, tenant=tenant, version=version), url, store)
        show_one(found, output)
        return
    found = session.run(lambda c: c.resources(kind=resource, tenant=tenant or None), url, store)
    show(found, _columns(), output, "nothing was declared")


def _drift_columns() -> list[Column]:
    def told(fields: list[Any]) -> str:
        return "; ".join(f"{f.path or 'all'}: {_value(f.before)} -> {_value(f.after)}" for f in fields)

    return [
        ("KIND", lambda r: r.kind),
        ("NAME", lambda r: f"{r.tenant}/{r.name}" if r.tenant else r.name),
        ("DECLARED -> HOLDS", lambda r: told(r.drift)),
        ("FILES -> DECLARED", lambda r: told(r.strayed)),
        ("BY", lambda r: r.author),
        ("REASON", lambda r: r.reason),
    ]


def kinds(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """List the kinds of resources."""
    from . import session
    from .output import show

    columns: list[Column] = [
        ("KIND", lambda k: k.kind),
        ("RESOURCES", lambda k: k.resources),
        ("IN FILES", lambda k: k.in_files),
        ("OF TENANTS", lambda k: k.of_tenants),
        ("WHAT", lambda k: k.what),
    ]
    show(session.run(lambda c: c.kinds(), url, store), columns, output)


def _named(text: str) -> tuple[str, str]:
    kind, slash, name = text.partition("/")
    if not slash or not kind or not name:
        raise typer.BadParameter(f"write KIND/NAME (Agent/support), not {text!r}")
    return kind, name


def _columns() -> list[Column]:
    from .output import clock, short

    return [
        ("KIND", lambda r: r.kind),
        ("NAME", lambda r: f"{r.tenant}/{r.name}" if r.tenant else r.name),
        ("VERSION", lambda r: r.version),
        ("REVISION", lambda r: r.revision),
        ("CHANGED", lambda r: clock(r.at)),
        ("BY", lambda r: r.author),
        ("REASON", lambda r: r.reason),
        ("SPEC", lambda r: "deleted" if r.deleted else short(r.spec, 60)),
    ]


def _show_plan(found: Any, output: Format, *, effects: bool) -> None:
    from .output import dump, line, plain, say

    if output is not Format.table:
        line(found) if output is Format.jsonl else dump(plain(found), output)
        return
    for change in found.results:
        _show_change(change, effects=effects)
    if not found.results:
        print("no changes")
    told = f"{found.changes} to change, {found.unchanged} as they should be"
    told += f", {found.drifted} changed by others" if found.drifted else ""
    told += f", {found.clashes} cannot be merged" if found.clashes else ""
    say(f"{told}; plan {found.digest}")


_MARKS = {"create": "+", "change": "~", "delete": "-", "record": "=", "none": " "}


def _show_change(change: Any, *, effects: bool) -> None:
    where = f" ({change.tenant})" if change.tenant else ""
    after = f", over version {change.version}" if change.version else ""
    what = change.action if change.action != "none" else "stays as it is"
    print(f"{_MARKS[change.action]} {change.kind} {change.name}{where}: {what}{after}")
    for field in change.fields:
        print(f"    {field.path or 'all'}: {_value(field.before)} -> {_value(field.after)}")
    who = f" by {change.changed_by}" if change.changed_by else ""
    for field in change.drift:
        print(f"    ! {field.path or 'all'} was changed{who}: {_value(field.before)} -> {_value(field.after)}")
    for clash in change.clashes:
        print(
            f"    !! {clash.path or 'all'}: applied {_value(clash.applied)}, changed{who} to {_value(clash.live)}, "
            f"the file says {_value(clash.wanted)}"
        )
    for effect in change.effects if effects else ():
        print(f"    > {effect.note}")


def _value(value: Any) -> str:
    from .output import short

    return "nothing" if value is None else short(value, 80)


def _show_applied(found: Any, output: Format) -> None:
    from .output import dump, line, plain, say

    if output is not Format.table:
        line(found) if output is Format.jsonl else dump(plain(found), output)
    else:
        for change in found.results:
            _show_change(change, effects=True)
        say(f"revision {found.revision}" if found.results else "no changes")
    for failed in found.failed:
        say(f"declared, but it did not take effect: {failed}")
    if found.failed:
        raise typer.Exit(1)
