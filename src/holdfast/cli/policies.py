"""Policies: check and test them, ask what they would have done, list what is in force, and explain a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..gate.rules import Document
    from ..sdk.client import Client
    from .output import Column

Places = Annotated[list[str], typer.Argument(help="Files or folders with policies.", metavar="FILE...")]

Functions = Annotated[
    str,
    typer.Option("--lookups", help="Module whose LOOKUPS conditions may call.", metavar="MODULE", show_default=False),
]

policy = typer.Typer(
    help="Policies: who may do what, and what else is done then.", rich_markup_mode=None, no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(policy, name="policy")
    app.command()(why)
    app.command()(decisions)


@policy.command()
def check(files: Places, lookups: Functions = "", output: Output = Format.table) -> None:
    """Read policies and tell what is wrong with them; nothing is applied. Ends with 1 if anything is."""
    from ..control.policies import view_of
    from ..gate.rules import compile_policy
    from .output import show

    known = _lookups(lookups)
    found = [view_of(compile_policy(document, _known(document, known))) for document in _read(files)]
    show(found, _columns(), output, "no policies")


@policy.command(name="test")
def run_tests_of(
    files: Annotated[list[str] | None, typer.Argument(help="Files or folders with policies.", metavar="[FILE...]")] = None,
    lookups: Functions = "",
    name: Annotated[
        str,
        typer.Option(
            "--name", help="A policy that is in force on the server; all of them without files.", show_default=False
        ),
    ] = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Run the tests that stand beside policies: in files, or of those in force on the server. Ends with 1 if one fails."""
    from .output import plain, say, show

    if files and not name:
        from ..control.policies import test_view
        from ..gate.rules.trial import run_tests

        known = _lookups(lookups)
        ran = [result for document in _read(files) for result in run_tests(document, lookups=known)]
        results: list[Any] = [test_view(result) for result in ran]
    else:
        from . import session

        results = session.run(lambda c: c.test_policy(name=name), url, store)
    failed = [result for result in results if not result.passed]
    if output is not Format.table:
        show([plain(result) for result in results], [], output)
    for result in failed if output is Format.table else ():
        print(f"FAILED {result.policy}: {result.test}   {result.place}")
        print("\n".join(f"    {line}" for line in result.problems))
    say(f"{len(results) - len(failed)} passed, {len(failed)} failed" if results else "there are no tests in these policies")
    if failed:
        raise typer.Exit(1)


@policy.command(name="list")
def list_policies(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """List the policies that are in force on the server."""
    from . import session
    from .output import show

    show(session.run(lambda c: c.policies(), url, store), _columns(), output, "no policy is in force: everything is allowed")


@policy.command(name="show")
def show_policy(
    name: Annotated[str, typer.Argument(help="Its name.")],
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Show a policy that is in force, as a document."""
    from . import session
    from .output import show_one

    view = session.run(lambda c: c.policy(name=name), url, store)
    how = Format.yaml if output is Format.table else output
    show_one({"kind": "Policy", "name": view.name, "spec": view.spec}, how)


@policy.command(name="dry-run")
def dry_run(
    file: Annotated[str, typer.Argument(help="A file with policies.", metavar="FILE")],
    since: Annotated[str, typer.Option("--since", help="How far back.")] = "7d",
    agent: Annotated[str, typer.Option("--agent", help="Only addresses that begin like this.", show_default=False)] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", help="Actions to show at most.")] = 200,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Tell what policies would have blocked, asked about or changed, from what was recorded."""
    from . import session
    from .durations import seconds
    from .output import clock, say, show, show_one

    text = _text(file)

    async def work(client: Client) -> Any:
        begin = await client.now() - int(seconds(since) * 1000)
        return await client.dry_run_policy(text=text, since=begin, agent=agent, limit=limit, source=file)

    view = session.run(work, url, store)
    if output is not Format.table:
        show_one(view, output)
        return
    columns: list[Column] = [
        ("AT", lambda j: clock(j.at)),
        ("WHERE", lambda j: f"{j.agent.removeprefix('default/')}#{j.turn}.{j.path}"),
        ("ACTION", lambda j: f"{j.verb} {j.name}"),
        ("WOULD", lambda j: j.outcome),
        ("WAS", lambda j: j.was),
        ("WHY", lambda j: "; ".join(j.reasons)),
    ]
    show(view.found, columns, output, "every recorded action would have been allowed")
    if view.left_out:
        say(f"(and {view.left_out} more; a larger --limit shows them)")
    counts = ", ".join(f"{count} {_OUTCOMES.get(name, name)}" for name, count in sorted(view.outcomes.items()))
    say(f"{view.actions} recorded actions: {counts or 'none'}")
    for rule, count in view.rules.items():
        say(f"  {count:>6} {rule}")
    say(f"A journal does not tell {view.unseen}: what rules say about these may differ.")


def why(
    place: Annotated[str, typer.Argument(help="An agent, and perhaps where: desk/42, or desk/42#17.3.")],
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Explain what the gate decided about an action, and which rules spoke."""
    from . import session
    from .output import show_one

    address, _, step = place.partition("#")
    turn, _, path = step.partition(".")
    number = int(turn) if turn.isdigit() else 0
    view = session.run(lambda c: c.why(address=address, turn=number, path=path), url, store)
    if output is not Format.table:
        show_one(view, output)
    else:
        _explain(view)


def decisions(
    outcome: Annotated[
        list[str] | None,
        typer.Option("--outcome", help="deny, ask, approved, transform, hold or allow; all but allow by default."),
    ] = None,
    rule: Annotated[str, typer.Option("--rule", help="A part of a rule's name.", show_default=False)] = "",
    agent: Annotated[str, typer.Option("--agent", help="Only addresses that begin like this.", show_default=False)] = "",
    since: Annotated[str, typer.Option("--since", help="How far back.")] = "7d",
    limit: Annotated[int, typer.Option("--limit", "-n", help="Decisions to show at most.")] = 50,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """List what the gate said about actions of late, and why; the newest first."""
    from . import session
    from .durations import seconds
    from .output import clock, say, show, show_one

    async def work(client: Client) -> Any:
        begin = await client.now() - int(seconds(since) * 1000)
        return await client.decisions(outcomes=outcome or [], rule=rule, agent=agent, since=begin, limit=limit)

    view = session.run(work, url, store)
    if output is not Format.table:
        show_one(view, output)
        return
    columns: list[Column] = [
        ("AT", lambda d: clock(d.at)),
        ("WHERE", lambda d: f"{d.address}#{d.turn}.{d.path}"),
        ("ACTION", lambda d: f"{d.verb} {d.name}"),
        ("SAID", lambda d: d.outcome),
        ("RULES", lambda d: ", ".join(d.rules)),
        ("WHY", lambda d: "; ".join(d.reasons)),
        ("BY", lambda d: ", ".join(d.by)),
    ]
    show(view.found, columns, output, "the gate let everything pass")
    if view.before:
        say("(there is more behind this; a larger --limit or a shorter --since shows it)")


_OUTCOMES = {
    "allow": "allowed",
    "transform": "changed",
    "ask": "asked about",
    "deny": "denied",
    "error": "that could not be judged (they would be denied)",
}


def _explain(view: Any) -> None:
    from .output import clock, short

    print(f"{view.address.removeprefix('default/')}#{view.turn}.{view.path}   {clock(view.at)}")
    to = f" to {view.to}" if view.to else ""
    print(f"action    {view.verb} {view.name}{to} {short(view.args, 200) if view.args else ''}")
    print(f"made from {', '.join(view.labels) or 'nothing that was read'}")
    print(f"decided   {view.verdict}{' by ' + ', '.join(view.rules) if view.rules else ': no rule spoke'}")
    for reason in view.reasons:
        print(f"          {reason}")
    for name, was in view.before.items():
        became = f"became {short(view.changed[name], 200)}" if name in view.changed else "was left out"
        print(f"changed   {name}: {short(was, 200) if was is not None else 'nothing'} {became}")
    if view.by:
        print(f"let through by {', '.join(view.by)}")
    print(f"today     {_OUTCOMES.get(view.now, view.now)}")
    about = [c for c in view.considered if c.said != "not about this"]
    for considered in about:
        print(f"  {considered.said:<12} {considered.rule} (then: {considered.then}): {considered.why}")
    others = len(view.considered) - len(about)
    if others:
        print(f"  {others} other rule{'s are' if others > 1 else ' is'} not about this action")
    if any(c.said == "error" for c in about) or view.now != view.verdict:
        print(f"A journal does not tell {view.unseen}.")


def _columns() -> list[Column]:
    return [
        ("POLICY", lambda p: p.name),
        ("RULES", lambda p: len(p.rules)),
        ("TESTS", lambda p: p.tests),
        ("DEFAULT", lambda p: p.default),
        ("FROM", lambda p: p.source),
        ("ABOUT", lambda p: p.description),
    ]


def _read(files: list[str]) -> list[Document]:
    from ..bootstrap.policies import read_policies

    return read_policies(files)


def _text(file: str) -> str:
    from pathlib import Path

    from ..domain.errors import Rejected

    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected("policy.file", f"{file} cannot be read: {error}.", path=file) from error


def _lookups(module: str) -> dict[str, Any]:
    from ..bootstrap.policies import installed, named_lookups
    from ..gate.guards import GUARDS

    return GUARDS | installed("holdfast.lookups") | (named_lookups(module) if module else {})


def _known(document: Document, lookups: dict[str, Any]) -> set[str]:
    """The functions that are installed here, and those whose answers the tests make up."""
    return {*lookups, *(name for given in document.words.tests for name in given.lookups)}
