"""Who one is, and who may come in: whoami, login, logout, token, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from .output import Column

token = typer.Typer(
    help="Secrets with which programs act as agents, people or services.", no_args_is_help=True, rich_markup_mode=None
)
keys = typer.Typer(help="The keys that this installation signs with.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(whoami)
    app.command()(login)
    app.command()(logout)
    app.add_typer(token, name="token")
    app.add_typer(keys, name="keys")


def whoami(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Tell who you are to the server, and what you may do."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.whoami(), url, store), output)


def login(
    issuer: Annotated[
        str, typer.Option("--issuer", help="Sign in with the browser at this provider.", show_default=False)
    ] = "",
    client_id: Annotated[str, typer.Option("--client-id", help="How the provider knows Holdfast.")] = "holdfast",
    output: Output = Format.table,
    url: Url = "",
) -> None:
    """Keep a token for a server, so that you need not give it each time. It is asked for, read from a pipe, or got by
    signing in with the browser."""
    import asyncio
    import sys

    from . import options, session
    from .credentials import keep, place
    from .output import say, show_one

    if issuer:
        from .signing_in import sign_in

        options.TOKEN[0] = asyncio.run(sign_in(issuer, client_id))
    elif not options.TOKEN[0]:
        options.TOKEN[0] = _asked() if sys.stdin.isatty() else sys.stdin.readline().strip()
    who = session.run(lambda c: c.whoami(), url)
    keep(url, options.TOKEN[0])
    say(f"kept in {place()}")
    show_one(who, output)


def logout(output: Output = Format.table, url: Url = "") -> None:
    """Forget the token for a server."""
    from ..control.views import Done
    from .credentials import keep
    from .output import show_one

    keep(url, "")
    show_one(Done("forgotten"), output)


def _asked() -> str:
    import getpass

    return getpass.getpass("Token (`holdfast token create` makes one): ")


@token.command("create")
def create(
    name: Annotated[
        str,
        typer.Argument(help="An agent: its address (desk/42), or a bare name for a program outside.", show_default=False),
    ] = "",
    agent: Annotated[str, typer.Option("--agent", help="The same, as an option.", show_default=False)] = "",
    whom: Annotated[str, typer.Option("--for", help="person:NAME or service:NAME instead.", show_default=False)] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help="Scopes (read, send, steer, approve, ...) or roles (viewer, operator, approver, admin). Several times.",
            show_default=False,
        ),
    ] = None,
    tenant: Annotated[str, typer.Option("--tenant", help="Where it belongs; * for all.", show_default=False)] = "",
    group: Annotated[list[str] | None, typer.Option("--group", help="For approvals.", show_default=False)] = None,
    expires: Annotated[str, typer.Option("--expires", help="How long it is good for: 90d.", show_default=False)] = "",
    note: Annotated[str, typer.Option("--note", help="What it is for.", show_default=False)] = "",
    label: Annotated[
        list[str] | None, typer.Option("--label", help="team=search, in the ledger.", show_default=False)
    ] = None,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Make a token and print it, this once: for a program (OPENAI_API_KEY), a person or a service (HOLDFAST_TOKEN)."""
    from . import session
    from .durations import seconds
    from .output import say, show_value

    given: dict[str, Any] = {
        "agent": agent or name,
        "note": note,
        "labels": {key: value for key, _, value in (pair.partition("=") for pair in label or ())},
        "scopes": [one for text in scope or () for one in text.replace(",", " ").split()] or None,
        "who": whom,
        "tenant": tenant,
        "groups": group or [],
        "seconds": seconds(expires) if expires else 0,
    }
    made = session.run(lambda c: c.create_token(**given), url, store, built_in=True)
    if output == Format.table:
        say(f"{made.agent or whom} may be used with this token (id {made.id}); it is not shown again:")
        print(made.secret)
    else:
        show_value(made, output)


@token.command("list")
def list_tokens(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """List tokens, without their secrets."""
    from . import session
    from .output import age, show

    rows, now = session.timed(lambda c: c.tokens(), url, store)
    columns: list[Column] = [
        ("ID", lambda t: t.id),
        ("FOR", lambda t: t.who),
        ("TENANT", lambda t: t.tenant),
        ("SCOPES", lambda t: t.scopes),
        ("NOTE", lambda t: t.note),
        ("LABELS", lambda t: ", ".join(f"{k}={v}" for k, v in t.labels.items())),
        ("CREATED", lambda t: age(t.created, now)),
        ("EXPIRES", lambda t: age(t.expires, now)),
    ]
    show(rows, columns, output, "no tokens")


@token.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Let a token stand for nobody any more."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.revoke_token(id), url, store, built_in=True), output)


@token.command("issue")
def issue(
    audience: Annotated[str, typer.Option("--audience", help="Whom it is for; here by default.", show_default=False)] = "",
    seconds: Annotated[int, typer.Option("--seconds", help="How long it is good for.", show_default=False)] = 0,
    scope: Annotated[list[str] | None, typer.Option("--scope", help="Only these.", show_default=False)] = None,
    once: Annotated[bool, typer.Option("--once", help="Good for one use.")] = False,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Make a signed token for yourself that is good for minutes, and print it."""
    from . import session
    from .output import show_value

    made = session.run(lambda c: c.issue_token(audience=audience, seconds=seconds, scopes=scope, once=once), url, store)
    print(made.token) if output == Format.table else show_value(made, output)


@token.command("exchange")
def exchange(
    subject: Annotated[str, typer.Argument(help="The token of whom you act for.", metavar="TOKEN")],
    audience: Annotated[str, typer.Option("--audience", help="Whom it is for; here by default.", show_default=False)] = "",
    seconds: Annotated[int, typer.Option("--seconds", help="How long it is good for.", show_default=False)] = 0,
    scope: Annotated[list[str] | None, typer.Option("--scope", help="Only these.", show_default=False)] = None,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Get a token with which you act for whoever another one stands for, and print it."""
    from . import session
    from .output import show_value

    given = {"subject_token": subject, "audience": audience, "seconds": seconds, "scopes": scope}
    made = session.run(lambda c: c.exchange_token(**given), url, store)
    print(made.token) if output == Format.table else show_value(made, output)


@keys.command("list")
def list_keys(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """List the keys that this installation signs with, and signed with."""
    from . import session
    from .output import clock, show

    columns: list[Column] = [
        ("ID", lambda k: k.id),
        ("STATE", lambda k: k.state),
        ("CREATED", lambda k: clock(k.created)),
        ("BELIEVED UNTIL", lambda k: clock(k.retires)),
    ]
    show(session.run(lambda c: c.keys(), url, store), columns, output)


@keys.command("rotate")
def rotate(
    overlap: Annotated[str, typer.Option("--overlap", help="How long tokens of the keys before are believed.")] = "24h",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Sign with a new key from now on; the ones before are believed for a while longer."""
    from . import session
    from .durations import seconds
    from .output import show_one

    show_one(session.run(lambda c: c.rotate_keys(overlap_seconds=seconds(overlap)), url, store), output)
