"""The models of a process: what a file says, what the environment offers, and what answers on this machine."""

from __future__ import annotations

import asyncio
import os
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
from .vendors import Local, compatible, from_environment, local_servers

_PROBE_SECONDS = 0.3
_REMOTE_PROBE_SECONDS = 3.0


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
    return _together(from_environment(), *await _servers())


def _together(known: Models, elsewhere: list[Target], local: list[Target]) -> Models:
    """The vendors of the environment, a server that speaks OpenAI's words in OpenAI's place, and this machine's servers."""
    targets, offered = list(known.targets), {t.model for t in elsewhere}
    ours = {t.name for t in targets if t.vendor == "openai"}
    if elsewhere and not {t.model for t in targets if t.name in ours} & offered:
        targets = [t for t in targets if t.name not in ours]  # it is not OpenAI's, and has none of its models
        added = elsewhere
    else:
        added = elsewhere if not ours else []
    there = {t.name for t in targets}
    kept = {r.name: [name for name in r.targets if name in there] for r in known.routes}
    targets += [*added, *local]
    first = added or local
    grades = {grade: kept.get(grade) or [t.name for t in first[:1]] for grade in ("smart", "cheap")}
    return Models(targets=targets, routes=[Route(name=g, targets=names) for g, names in grades.items() if names])


async def _servers() -> tuple[list[Target], list[Target]]:
    """The models of the server that the environment names in OpenAI's place, and of the servers of this machine."""
    named = compatible()
    async with asyncio.TaskGroup() as group:
        elsewhere = group.create_task(_models_at(named, _REMOTE_PROBE_SECONDS)) if named is not None else None
        asked = [group.create_task(_models_at(server, _PROBE_SECONDS)) for server in local_servers()]
    return elsewhere.result() if elsewhere is not None else [], [target for task in asked for target in task.result()]


async def _models_at(server: Local, seconds: float) -> list[Target]:
    """The models of an OpenAI-compatible server, if one answers there."""
    secret = os.environ.get(server.key, "") if server.key else ""
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    upstream = HttpUpstream()
    try:
        async with asyncio.timeout(seconds):
            exchange = await upstream.open("GET", f"{server.url}/models", headers, b"", seconds)
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
    name, key = server.name, f"env:{server.key}" if secret else ""
    return [Target(name=f"{name}-{m.id}", vendor=name, url=server.url, model=m.id, key=key) for m in listed.data]


class _Model(msgspec.Struct):
    id: str


class _Listed(msgspec.Struct):
    data: list[_Model]
