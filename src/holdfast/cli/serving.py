"""Serving: up, worker, demo."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..bootstrap.code import Change
    from ..bootstrap.server import Server, Settings
    from .output import Column


class LogLines(StrEnum):
    """How logs are written."""

    text = "text"
    json = "json"


Files = Annotated[list[str] | None, typer.Argument(help="Files or modules with agents.", metavar="FILE...")]
Grace = Annotated[str, typer.Option("--grace", help="How long steps in flight may take when it stops.")]
ModelsFile = Annotated[
    str,
    typer.Option(
        "--models",
        envvar="HOLDFAST_MODELS",
        help="File with model targets and routes, or cassette:FILE; else the environment's.",
        show_default=False,
    ),
]
Auth = Annotated[bool, typer.Option("--auth", help="Everybody has to prove who they are; always so beyond this machine.")]
Identity = Annotated[
    str,
    typer.Option("--identity", envvar="HOLDFAST_IDENTITY", help="File that says who may be there.", show_default=False),
]
Record = Annotated[
    str, typer.Option("--record", help="Write what models answer to this cassette.", metavar="FILE", show_default=False)
]
PolicyPlaces = Annotated[
    list[str] | None,
    typer.Option(
        "--policies",
        envvar="HOLDFAST_POLICIES",
        help="File or folder with policies; may be given several times.",
        show_default=False,
    ),
]
Lookups = Annotated[
    str,
    typer.Option(
        "--lookups", help="Module whose LOOKUPS conditions of policies may call.", metavar="MODULE", show_default=False
    ),
]
Name = Annotated[str, typer.Option("--name", help="Shown as the owner of what it runs.")]
SealEvery = Annotated[str, typer.Option("--seal", help="How often what happened is signed; 0 for never.")]
Witnesses = Annotated[
    list[str] | None,
    typer.Option("--witness", help="A file, bucket or database that keeps signed roots.", show_default=False),
]
Lease = Annotated[str, typer.Option("--lease", help="How long it may be silent before others take over.")]

BehindProxy = Annotated[
    bool, typer.Option("--behind-proxy", help="A proxy before the server encrypts and says how it was reached.")
]
LogFormat = Annotated[
    LogLines, typer.Option("--log-format", envvar="HOLDFAST_LOG_FORMAT", help="How logs are written, to stderr.")
]


HttpPort = Annotated[
    int | None,
    typer.Option(
        "--http",
        help="Port of the model endpoints, 0 for any, -1 for none; the one after --port if free.",
        min=-1,
        max=65535,
        show_default=False,
    ),
]


class NotifyForm(StrEnum):
    """What a webhook is sent."""

    cloudevents = "cloudevents"
    slack = "slack"


Notify = Annotated[
    str,
    typer.Option(
        "--notify",
        envvar="HOLDFAST_NOTIFY",
        help="Webhook that is told what happens, or where its address is: env:NAME.",
        metavar="URL",
        show_default=False,
    ),
]
NotifySecret = Annotated[
    str, typer.Option("--notify-secret", help="Where the key is that signs it: env:NAME.", show_default=False)
]
NotifyAs = Annotated[NotifyForm, typer.Option("--notify-format", help="What it is sent.")]
NotifyApprovers = Annotated[
    list[str] | None,
    typer.Option("--notify-approver", help="Who answers with its links: person:ada.", metavar="WHO", show_default=False),
]
PublicUrl = Annotated[
    str,
    typer.Option("--public-url", envvar="HOLDFAST_PUBLIC_URL", help="How people reach it, for links.", show_default=False),
]
Otlp = Annotated[
    str,
    typer.Option(
        "--otlp",
        envvar="OTEL_EXPORTER_OTLP_ENDPOINT",
        help="Send spans to this OpenTelemetry receiver: http://collector:4318.",
        metavar="URL",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command(name="worker")(work)
    app.command()(workers)
    app.command()(demo)


def up(
    files: Files = None,
    store: Annotated[str, typer.Option("--store", help="Where everything is kept.")] = "sqlite:///holdfast.db",
    host: Annotated[str, typer.Option("--host", help="Where; beyond this machine it needs --tls-cert.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0 for any free one.", min=0, max=65535)] = 7433,
    unix: Annotated[str, typer.Option("--unix", help="A unix socket instead.", show_default=False)] = "",
    reload: Annotated[bool, typer.Option("--reload/--no-reload", help="Load changed files beside the old code.")] = True,
    retain: Annotated[str, typer.Option("--retain", help="Forget turns that ended longer ago; 0 keeps all.")] = "7d",
    grace: Grace = "10s",
    name: Name = "server",
    lease: Lease = "10s",
    seal: SealEvery = "5m",
    witness: Witnesses = None,
    models: ModelsFile = "",
    record: Record = "",
    policies: PolicyPlaces = None,
    lookups: Lookups = "",
    http: HttpPort = None,
    identity: Identity = "",
    auth: Auth = False,
    tls_cert: Annotated[str, typer.Option("--tls-cert", help="The server's certificate.", show_default=False)] = "",
    tls_key: Annotated[str, typer.Option("--tls-key", help="Its key.", show_default=False)] = "",
    behind_proxy: BehindProxy = False,
    notify: Notify = "",
    notify_secret: NotifySecret = "",
    notify_format: NotifyAs = NotifyForm.cloudevents,
    notify_approver: NotifyApprovers = None,
    public_url: PublicUrl = "",
    log_format: LogFormat = LogLines.text,
    otlp: Otlp = "",
) -> None:
    """Serve the agents in files: server, worker and store in one process."""
    from ..bootstrap.server import Settings, places
    from ..link import Endpoint
    from .durations import seconds

    settings = Settings(
        places=places(files or ()) if files or not models else (),
        store=store,
        listen=Endpoint("", 0, _absolute(unix)) if unix else Endpoint(host, port),
        reload=reload,
        models=models,
        record=record,
        policies=tuple(policies or ()),
        lookups=lookups,
        http=_http(http, port, unix),
        retain_seconds=seconds(retain),
        seal_seconds=seconds(seal),
        witnesses=tuple(witness or ()),
        grace_seconds=seconds(grace),
        lease_seconds=seconds(lease),
        name=name,
        identity=identity,
        auth=auth,
        tls_cert=tls_cert,
        tls_key=tls_key,
        behind_proxy=behind_proxy,
        notify=notify,
        notify_secret=notify_secret,
        notify_format=notify_format.value,
        notify_approvers=tuple(notify_approver or ()),
        public_url=public_url,
        otlp=otlp,
    )
    serve_until_stopped(settings, log_format)


def work(
    files: Files = None,
    store: Annotated[
        str, typer.Option("--store", envvar="HOLDFAST_URL", help="holdfast://… of a server, or postgresql://….")
    ] = "holdfast://127.0.0.1:7433",
    only_version: Annotated[str, typer.Option("--only-version", help="This archived version.", show_default=False)] = "",
    grace: Grace = "10s",
    name: Name = "worker",
    lease: Lease = "10s",
    models: ModelsFile = "",
    record: Record = "",
    policies: PolicyPlaces = None,
    lookups: Lookups = "",
    log_format: LogFormat = LogLines.text,
) -> None:
    """Run turns of a store in another process; without files, the newest published code."""
    from ..bootstrap.server import Settings
    from ..domain.errors import Rejected
    from .durations import seconds

    if store.partition(":")[0] in ("sqlite", "memory"):
        raise Rejected(
            "worker.store",
            f"{store} belongs to one process at a time, so a worker beside it cannot use it. Start the server with "
            "holdfast up and give the worker the server's address: --store holdfast://127.0.0.1:7433.",
            url=store,
        )
    settings = Settings(
        places=tuple(dict.fromkeys(files or ())),
        store=store,
        listen=None,
        only_version=only_version,
        models=models,
        record=record,
        policies=tuple(policies or ()),
        lookups=lookups,
        grace_seconds=seconds(grace),
        lease_seconds=seconds(lease),
        name=name,
    )
    serve_until_stopped(settings, log_format)


def workers(output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """List the processes that run turns on this store."""
    from . import session
    from .output import show

    columns: list[Column] = [
        ("NAME", lambda w: w.name),
        ("SESSION", lambda w: w.session),
        ("PID", lambda w: w.pid),
        ("HOST", lambda w: w.host),
        ("SERVES", lambda w: w.serves),
        ("SERVER", lambda w: w.here),
    ]
    show(session.run(lambda c: c.workers(), url, store), columns, output)


def demo(
    keep: Annotated[str, typer.Option("--keep", help="Keep the store in this file.", show_default=False)] = "",
    tour: Annotated[bool, typer.Option("--tour", help="A fleet at work, to look at in the command center.")] = False,
    http: Annotated[int, typer.Option("--http", help="The tour's port.", min=1, max=65535)] = 7434,
    pace: Annotated[float, typer.Option("--pace", help="How fast the tour goes.", min=0.1, max=20)] = 1.0,
    seconds: Annotated[float, typer.Option("--for", help="End the tour after so many seconds; 0: never.", min=0)] = 0,
) -> None:
    """Show the main job: agents that call one another, wait, ask, and survive kill -9."""
    if tour:
        from .tour import play as show

        raise typer.Exit(show(keep, http, pace, seconds))
    from .demo import play

    raise typer.Exit(play(keep))


def serve_until_stopped(settings: Settings, log_format: LogLines = LogLines.text, program: str = "") -> None:
    """Run a server until somebody stops it. For a ``program``, a token is made and printed."""
    import asyncio

    from ..bootstrap.logs import install
    from ..bootstrap.server import serve
    from ..secrets import masked
    from .bundle import build_beside
    from .output import say

    install(log_format.value)

    def ready(server: Server) -> None:
        names = ", ".join(n for n in sorted(server.registry.latest) if not n.startswith("holdfast.")) or "no agents"
        if server.listener is None:
            say(f"{server.name} works for {masked(settings.store)}: {names}")
            return
        say(f"holdfast serves {names}")
        say(f"  at     {server.listener.at.url}")
        say(f"  store  {masked(settings.store)}")
        if server.http is not None:
            say(f"  models {_models(server)} at {server.http.url}/v1")
            say(f"  open   {server.http.url}/")
            build_beside()
        say("  stop   Ctrl-C (twice: at once)")
        if program:
            server.engine.worker.spawn(_token(server, program))

    def stopping() -> None:
        say("finishing what is under way; again to end at once")

    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(settings, ready=ready, told=_told, stopping=stopping))
        return
    uvloop.run(serve(settings, ready=ready, told=_told, stopping=stopping))


async def _token(server: Server, program: str) -> None:
    made = await server.operations.create_token(program)
    print(made.secret, flush=True)


def _http(chosen: int | None, port: int, unix: str) -> int | None:
    """The endpoints' port: as chosen, else the one after the wire's; none beside a unix socket."""
    if chosen is not None:
        return None if chosen < 0 else chosen
    if unix:
        return None
    return -(port + 1) if port else 0  # negative: if it is free


def _models(server: Server) -> str:
    gateway = server.engine.worker.models
    names = sorted(gateway.directory.routes)[:6] if gateway is not None else []
    return ", ".join(n for n in names if "/" not in n) or "none (set a vendor's key, or --models FILE)"


def _told(change: Change) -> None:
    from .output import say

    if change.error is not None:
        say(f"{change.place} was not loaded, {change.before} goes on: {change.error}")
    else:
        names = ", ".join(change.agents)
        say(f"{change.place} changed: new turns of {names} begin on {change.version} (was {change.before})")


def _absolute(path: str) -> str:
    import os

    return os.path.abspath(path)
