"""What ``holdfast doctor`` looks at on this machine, beside what a server says of itself (``diagnose``)."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from ..domain.errors import HoldfastError
from ..gate.guards import NEED_EXTRA
from .policies import read_policies

State = Literal["ok", "warning", "broken"]

EXTRAS = {
    "postgres": ("asyncpg", "stores in PostgreSQL"),
    "mcp": ("mcp", "tools from MCP servers, and Holdfast's own"),
    "otel": ("opentelemetry.sdk", "telemetry (--otlp)"),
    "parquet": ("pyarrow", "holdfast cost --export file.parquet"),
    "behaviour": ("datasketches", "baselines of behaviour"),
    "guards": ("detect_secrets", "secrets in outgoing content"),
    "cedar": ("cedarpy", "policies in Cedar"),
    "s3": ("boto3", "signed roots in a bucket"),
}
_FREE_BYTES = 1 << 30
_SYNCS = 20
_SLOW_SYNC_MS = 20.0
_YEAR_2026 = 1_767_225_600.0


class Check(msgspec.Struct):
    """One thing that was looked at. ``mend``: what to do about it."""

    name: str
    state: State
    what: str
    mend: str = ""


def checks(store: str, port: int, http_port: int) -> Iterator[Check]:
    """Everything about this machine and this installation."""
    yield _python()
    yield _clock()
    yield from _place(store)
    for number, what in ((port, "the wire"), (http_port, "HTTP")):
        yield _port(number, what)
    yield from _extras()
    yield _keys()


def _python() -> Check:
    from .. import __version__

    return Check("holdfast", "ok", f"{__version__} on Python {platform.python_version()}, {platform.platform(terse=True)}")


def _clock() -> Check:
    if time.time() < _YEAR_2026:
        told = f"The clock says {time.strftime('%Y-%m-%d')}; schedules, tokens and budgets go by it"
        return Check("clock", "broken", told, "Set the clock; run a time service (chrony, systemd-timesyncd).")
    return Check("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S %Z"))


def _place(store: str) -> Iterator[Check]:
    scheme, _, rest = store.partition(":")
    if scheme in ("postgresql", "postgres"):
        yield from _postgres(store)
        return
    if scheme != "sqlite":
        yield Check("store", "ok", f"{store} is reached through its server")
        return
    path = Path(rest.partition("?")[0].removeprefix("//")[1:]).absolute()
    folder = path.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        yield Check("store", "broken", f"{folder} is not a folder that can be written", "Make it, or name another --store.")
        return
    yield Check("store", "ok", f"{path} {'is there' if path.exists() else 'will be made by holdfast up'}")
    free = shutil.disk_usage(folder).free
    enough: State = "ok" if free > _FREE_BYTES else "warning"
    mend = "" if free > _FREE_BYTES else "Free some, or let `holdfast compact` forget old turns."
    yield Check("disk", enough, f"{free / (1 << 30):.1f} GiB are free in {folder}", mend)
    took = sync_ms(folder)
    state: State = "ok" if took < _SLOW_SYNC_MS else "warning"
    slow = "Every step waits for the disk: put the store on a local SSD." if state != "ok" else ""
    yield Check("fsync", state, f"{took:.2f} ms for each sync in {folder}", slow)


def _postgres(store: str) -> Iterator[Check]:
    if importlib.util.find_spec("asyncpg") is None:
        yield Check("store", "broken", "PostgreSQL needs the driver", "pip install 'holdfast[postgres]'")
        return
    from ..adapters.postgres.settings import settings_of

    place = store.rpartition("@")[2].partition("?")[0]
    try:
        found = asyncio.run(settings_of(store))
    except HoldfastError as error:
        yield Check("store", "broken", error.message, "Start PostgreSQL there, or mend the URL.")
        return
    yield Check("store", "ok", f"PostgreSQL {found['server_version']} answers at {place}")
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        if found[name] == "off":
            told = f"{name} is off: a power failure may take what Holdfast has called durable"
            yield Check("durability", "broken", told, f"Set {name} = on in postgresql.conf.")
    if found["autovacuum"] == "off":
        told = "autovacuum is off: nothing analyses or summarises tables, and reading the journal becomes slow as it grows"
        yield Check("autovacuum", "warning", told, "Set autovacuum = on in postgresql.conf, or run VACUUM (ANALYZE) daily.")


def sync_ms(folder: Path) -> float:
    """How long a small write takes to reach the disk, in the median."""
    times: list[float] = []
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".holdfast-doctor-") as file:
        for _ in range(_SYNCS):
            began = time.perf_counter()
            os.write(file.fileno(), bytes(4096))
            os.fdatasync(file.fileno()) if hasattr(os, "fdatasync") else os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2] * 1000


def _port(port: int, what: str) -> Check:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return Check(f"port {port}", "ok", f"{what}: taken, by a server of yours if one runs")
    return Check(f"port {port}", "ok", f"{what}: free")


def _extras() -> Iterator[Check]:
    missing = [name for name in EXTRAS if not has_extra(name)]
    for name, user in _used():
        if name in missing:
            yield lacking(name, user)
    if not missing:
        yield Check("extras", "ok", "all are installed")
        return
    told = "; ".join(f"{name}: {EXTRAS[name][1]}" for name in missing)
    yield Check("extras", "ok", f"not installed: {told}", f"If wanted: pip install 'holdfast[{','.join(missing)}]'")


def _used() -> Iterator[tuple[str, str]]:
    """The extras that this environment's settings need, and which setting does."""
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        yield "otel", "OTEL_EXPORTER_OTLP_ENDPOINT"
    place = os.environ.get("HOLDFAST_POLICIES", "")
    try:
        texts = [msgspec.json.encode(document.words.rules).decode() for document in read_policies(place.split())]
    except HoldfastError:
        texts = []  # `holdfast policy check` says what is wrong
    if any(f"{guard}(" in text for text in texts for guard in NEED_EXTRA):
        yield "guards", f"the policies in {place}"


def has_extra(name: str) -> bool:
    """Whether an extra's package is there."""
    try:
        return importlib.util.find_spec(EXTRAS[name][0]) is not None
    except ModuleNotFoundError:
        return False


def lacking(name: str, user: str) -> Check:
    """The check for an extra that something needs."""
    return Check(f"extra {name}", "broken", f"{user} needs it, and it is not installed", f"pip install 'holdfast[{name}]'")


def _keys() -> Check:
    from .vendors import VENDORS

    there = sorted(key for vendor in VENDORS for key in vendor.keys if os.environ.get(key))
    if there:
        return Check("model keys", "ok", f"in the environment: {', '.join(there)}")
    return Check("model keys", "ok", "none in the environment", "Set OPENAI_API_KEY, ... or give holdfast up --models FILE.")


__all__ = ["EXTRAS", "Check", "checks", "has_extra", "lacking", "sync_ms"]
