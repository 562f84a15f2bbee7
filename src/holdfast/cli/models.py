"""Models and those who ask them: chat, models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import Address, Format, Output, Url

Port = Annotated[int, typer.Option("--port", help="Of the server; 0 for any free one.", min=0, max=65535)]
Http = Annotated[int, typer.Option("--http", help="Of the model endpoints; 0 for any free one.", min=0, max=65535)]

if TYPE_CHECKING:
    from .output import Column

models = typer.Typer(
    help="The models that agents can ask: list, record, replay.", invoke_without_command=True, rich_markup_mode=None
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(chat)
    app.add_typer(models, name="models")


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


@models.callback()
def list_models(context: typer.Context, output: Output = Format.table, url: Url = "") -> None:
    """List the models that agents can ask, and how each of them is; record and replay what they answer."""
    if context.invoked_subcommand is not None:
        return
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


@models.command("decisions")
def decisions(
    route: Annotated[str, typer.Option("--route", help="Only of this route.", show_default=False)] = "",
    limit: Annotated[int, typer.Option("--limit", help="Rows at most.")] = 50,
    output: Output = Format.table,
    url: Url = "",
) -> None:
    """List which model answered lately, why it was chosen, and what came of it."""
    from . import session
    from .output import clock, show

    columns: list[Column] = [
        ("AT", lambda r: clock(r.at)),
        ("AGENT", lambda r: f"{r.agent.removeprefix('default/')}#{r.turn}.{r.path}"),
        ("ROUTE", lambda r: r.route),
        ("TARGET", lambda r: r.target),
        ("WHY", lambda r: r.reason),
        ("OUTCOME", lambda r: r.outcome if r.attempts < 2 else f"{r.outcome} after {r.attempts} tries"),
        ("TOOK", lambda r: f"{r.took_ms} ms"),
        ("USD", lambda r: f"{r.nanos / 1e9:.6f}"),
    ]
    show(session.run(lambda c: c.route_decisions(route=route, limit=limit), url), columns, output, "no model was asked")


@models.command()
def record(
    cassette: Annotated[str, typer.Argument(help="The file; what it has stays.", metavar="FILE")],
    models_file: Annotated[
        str, typer.Option("--models", envvar="HOLDFAST_MODELS", help="As of holdfast up.", show_default=False)
    ] = "",
    port: Port = 7433,
    http: Http = 7434,
) -> None:
    """Serve the model endpoints, and write every answer to a cassette: holdfast models record session.jsonl.

    Prints a token: with it as the key, and the endpoints as the base URL, any program can be recorded."""
    _endpoints(port, http, models_file, cassette)


@models.command()
def replay(
    cassette: Annotated[str, typer.Argument(help="The file.", metavar="FILE")],
    loose: Annotated[bool, typer.Option("--loose", help="Compare the conversation only, not tools and settings.")] = False,
    port: Port = 7433,
    http: Http = 7434,
) -> None:
    """Serve the model endpoints from a cassette: nothing else is asked, and no vendor's key is needed.

    Prints a token for programs, like record."""
    _endpoints(port, http, f"cassette:{cassette}?mode={'loose' if loose else 'strict'}", "")


def _endpoints(port: int, http: int, models_file: str, cassette: str) -> None:
    from ..bootstrap.server import Settings
    from ..link import Endpoint
    from .serving import serve_until_stopped

    listen = Endpoint("127.0.0.1", port)
    settings = Settings(store="memory://", listen=listen, models=models_file, record=cassette, http=http)
    serve_until_stopped(settings, program="recorded")
