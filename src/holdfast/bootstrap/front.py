"""What a server offers over HTTP, put together: models, operations, MCP, health and metrics, each behind who may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..control.notices.links import PATH
from ..control.registry import registry_of
from ..domain.errors import HoldfastError
from ..protocols.http import problems
from ..protocols.http.answering import AnswerPages
from ..protocols.http.api import Api
from ..protocols.http.health import Health
from ..protocols.http.identity import acting
from ..protocols.http.models import ModelEndpoints
from ..protocols.http.requests import Request
from ..protocols.http.server import HttpServer
from ..protocols.mcp import endpoint as mcp
from .identity import make_endpoints

if TYPE_CHECKING:
    import ssl

    from ..protocols.http.metrics import Metrics
    from .server import Server


def make_http(server: Server, host: str, port: int, tls: ssl.SSLContext | None) -> HttpServer:
    """The HTTP side of a server."""
    operations, identity, worker = server.operations, server.identity, server.engine.worker
    in_name_of = acting(identity, operations)
    made = HttpServer(ModelEndpoints(server.engine.flow, identity), Api(operations, in_name_of), host, port, tls)

    made.behind_proxy = server.settings.behind_proxy
    made.signing_in = make_endpoints(server.settings, identity, operations)

    def mcp_server() -> object:
        from ..protocols.mcp.server import make_server  # needs the extra

        kinds = registry_of(type(operations))
        return make_server(kinds, lambda ctx: mcp.acting_of(ctx.request.scope))  # type: ignore[union-attr]

    made.mount(PATH, AnswerPages(operations, identity.ring).answer)
    agents = mcp.McpEndpoint(mcp_server, in_name_of)
    made.mount(mcp.PATH, agents.answer, agents.stop)
    health = Health(server.store, worker, server.stopping.is_set)
    made.mount("/healthz", health.alive)
    made.mount("/readyz", health.ready)

    kept: list[Metrics] = []

    async def metrics(request: Request) -> None:
        from ..protocols.http.metrics import Metrics  # loaded by the first that asks

        if not kept:
            kept.append(Metrics(server.store, worker))
        try:
            who = await in_name_of(request)
        except HoldfastError as error:
            await problems.answer(request, error)
        else:
            await kept[0].answer(request, who)

    made.mount("/metrics", metrics)
    return made


__all__ = ["make_http"]
