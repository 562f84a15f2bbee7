"""Models and those who ask them: chat, models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import Address, Format, Output, Url

if TYPE_CHECKING:
    from .output import Column


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(chat)
    app.command()(models)


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
