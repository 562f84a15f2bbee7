"""The models of a process: what a file says, what the environment offers, and what answers on this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from ..adapters.system import SystemClock, SystemRandom
from ..adapters.upstream import HttpUpstream
from ..domain.errors import Rejected
from ..models.cassette import Cassette
from ..models.gateway import Gateway
from ..models.recorder import TAPE, Recorder, secrets_here
from ..models.routes import Models, Route, Target
from ..models.taped import SCHEME, TapedUpstream
from ..ports.clock import Clock, Random
from ..ports.upstream import Broken, Upstream
from ..secrets import Secrets
from .vendors import LOCAL, from_environment

_PROBE_SECONDS = 0.3


def read_models(path: str) -> Models:
    """A models file (YAML or JSON). Raises ``Rejected(models.file)``, naming the place that is wrong."""
    import yaml  # loaded for who has a file only

    try:
        found = yaml.safe_load(Path(path).read_text())
        return msgspec.convert(found or {}, Models)
    except OSError as error:
        raise Rejected("models.file", f"{path} cannot be read: {error.strerror or error}.", path=path) from error
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise Rejected("models.file", f"{path} is no models file: {error}. docs/how-to shows one.", path=path) from error


def make_gateway(
    models: Models,
    *,
    upstream: Upstream | None = None,
    clock: Clock | None = None,
    random: Random | None = None,
    record: str = "",
    secrets: Secrets | None = None,
) -> Gateway:
    """A gateway over the real world, unless something else is given; what it answers is written to the cassette ``record``.
    Raises ``Rejected(cassette.unwritable)``."""
    if upstream is None:
        upstream = TapedUpstream(HttpUpstream())  # a target with a recording may be declared at any time
    recorder = Recorder(record, secrets_here(models.targets)) if record else None
    return Gateway(models, upstream, clock or SystemClock(), random or SystemRandom(), recorder, secrets)


def replayed(place: str) -> Models:
    """A cassette (``cassette:FILE``, ``?mode=loose`` compares the conversation only) under all the names that were asked in
    it, and under ``smart`` and ``cheap``. Raises ``NotFound(cassette.missing)``, ``Rejected(cassette.malformed)``."""
    file = place.removeprefix(SCHEME).partition("?")[0]
    names = {line.route for line in Cassette.load(file).lines if line.route} | {"smart", "cheap"}
    target = msgspec.structs.replace(TAPE, url=place)
    return Models(targets=[target], routes=[Route(name=n, targets=[target.name]) for n in sorted(names - {target.name})])


async def discover(file: str = "") -> Models:
    """What a server offers: its file or cassette if it has one, else the environment's vendors and this machine's
    servers."""
    if file.startswith(SCHEME):
        return replayed(file)
    if file:
        return read_models(file)
    found = from_environment()
    local = await _local_servers()
    names = {r.name for r in found.routes}
    routes = [*found.routes]
    if local:
        routes += [Route(name=grade, targets=[local[0].name]) for grade in ("smart", "cheap") if grade not in names]
    return Models(targets=[*found.targets, *local], routes=routes)


async def _local_servers() -> list[Target]:
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_models_at(name, url)) for name, url in LOCAL]
    return [target for task in asked for target in task.result()]


async def _models_at(vendor: str, url: str) -> list[Target]:
    """The models of an OpenAI-compatible server, if one answers there."""
    upstream = HttpUpstream()
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            exchange = await upstream.open("GET", f"{url}/models", {}, b"", _PROBE_SECONDS)
            try:
                status, _ = await exchange.head()
                body = b""
                while piece := await exchange.read():
                    body += piece
            finally:
                exchange.close()
        if status != 200:
            return []
        listed = msgspec.json.decode(body, type=_Listed)
    except (TimeoutError, Broken, msgspec.DecodeError, msgspec.ValidationError):
        return []
    finally:
        await upstream.close()
    return [Target(name=f"{vendor}-{m.id}", vendor=vendor, url=url, model=m.id) for m in listed.data]


class _Model(msgspec.Struct):
    id: str


class _Listed(msgspec.Struct):
    data: list[_Model]
