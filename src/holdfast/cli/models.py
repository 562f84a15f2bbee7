"""Models and those who ask them: chat, models, token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Address, Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..sdk.client import Client
    from .output import Column

token = typer.Typer(help="Secrets with which programs act as agents.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(chat)
    app.command()(models)
    app.add_typer(token, name="token")


def chat(
    address: Address,
    text: Annotated[list[str] | None, typer.Argument(help="What to say; without it, a conversation begins.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only the answers, no tools at work.")] = False,
    url: Url = "",
) -> None:
    """Talk to a thinking agent, and see its answer as it comes: holdfast chat support/1042."""
    from . import session
    from .chatting import converse, say_once

    words = " ".join(text or [])
    if words:
        session.run(lambda c: say_once(c, address, words, quiet=quiet), url)
    else:
        session.run(lambda c: converse(c, address, quiet=quiet), url)


def models(output: Output = Format.table, url: Url = "") -> None:
    """List the models that agents can ask, and how each of them is."""
    from . import session
    from .output import show

    columns: list[Column] = [
        ("ROUTE", lambda m: m.route),
        ("TARGET", lambda m: m.target),
        ("MODEL", lambda m: f"{m.vendor}/{m.model}"),
        ("STATE", lambda m: m.state),
        ("FIRST", lambda m: f"{m.first_ms} ms" if m.first_ms else ""),
        ("ERRORS", lambda m: f"{m.error_share:.0%}"),
        ("KEY", lambda m: m.key),
        ("WHY", lambda m: m.why),
    ]
    none = "no models: set a vendor's key (OPENAI_API_KEY, ANTHROPIC_API_KEY, ...) or give holdfast up --models FILE"
    show(session.run(lambda c: c.models(), url), columns, output, none)


@token.command("create")
def create(
    agent: Annotated[str, typer.Argument(help="An address (desk/42), or a bare name for a program outside.")],
    note: Annotated[str, typer.Option("--note", help="What it is for.", show_default=False)] = "",
    label: Annotated[
        list[str] | None, typer.Option("--label", help="team=search, in the ledger.", show_default=False)
    ] = None,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Make a token and print it, this once: OPENAI_API_KEY for a program that acts as this agent."""
    from . import session
    from .output import say, show_value

    labels = {name: value for name, _, value in (pair.partition("=") for pair in label or ())}
    made = session.run(lambda c: c.create_token(agent, note=note, labels=labels), url, store)
    if output == Format.table:
        say(f"{made.agent} may be used with this token (id {made.id}); it is not shown again:")
        print(made.secret)
    else:
        show_value(made, output)


@token.command("list")
def list_tokens(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """List tokens, without their secrets."""
    from . import session
    from .output import age, show

    async def work(client: Client) -> tuple[list[Any], int]:
        return await client.tokens(), await client.now()

    rows, now = session.run(work, url, store)
    columns: list[Column] = [
        ("ID", lambda t: t.id),
        ("AGENT", lambda t: t.agent),
        ("NOTE", lambda t: t.note),
        ("LABELS", lambda t: ", ".join(f"{k}={v}" for k, v in t.labels.items())),
        ("CREATED", lambda t: age(t.created, now)),
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

    show_one(session.run(lambda c: c.revoke_token(id), url, store), output)
