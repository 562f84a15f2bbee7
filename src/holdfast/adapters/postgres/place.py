"""A store's url, and what the server's errors mean."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import msgspec

from ...domain.errors import Conflict, HoldfastError, LimitExceeded, NotFound, Rejected, Unavailable

_SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}\Z")

GONE: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a call on a connection that is just being cut
    asyncpg.PostgresError,
)
"""Everything a call to the server can raise; ``translate`` says what it means."""


_PASSING = frozenset({"08", "25", "40", "53", "55", "57", "58", "XX"})
"""Classes of errors that pass: connection, transaction state, collision, resources, locks, intervention, system."""


class Place(msgspec.Struct, frozen=True):
    """Where the data is: what the driver connects with, and the schema inside. ``shown`` is the url without password."""

    url: str
    dsn: str
    schema: str
    shown: str


def parse(url: str) -> Place:
    """Understand ``postgresql://user@host:port/database?schema=holdfast``; raises ``Rejected(store.url)``."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    schema = query.pop("schema", ["holdfast"])[-1]
    known = {"sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "user", "password", "passfile"}
    wrong = sorted(set(query) - known)
    if parts.scheme not in ("postgresql", "postgres") or not _SCHEMA.match(schema) or wrong:
        raise Rejected(
            "store.url",
            f"{_hidden(url)!r} is not a PostgreSQL store. Write postgresql://user@host:5432/database, optionally with "
            "?schema=name (letters, digits and '_') and the sslmode that the server wants.",
            url=_hidden(url),
            unknown=wrong,
        )
    rest = "&".join(f"{key}={value}" for key, values in query.items() for value in values)
    return Place(url, urlunsplit((parts.scheme, parts.netloc, parts.path, rest, "")), schema, _hidden(url))


def _hidden(url: str) -> str:
    """The url as it may be shown: without its password."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@", 1)))


def database_of(place: Place) -> str:
    """The database's name in the url, for messages."""
    return unquote(urlsplit(place.dsn).path.lstrip("/")) or "(the user's own)"


def translate(error: BaseException, place: Place) -> HoldfastError:
    """What a driver's error means for the caller."""
    code = str(getattr(error, "sqlstate", "") or "")
    facts = {"url": place.shown, "sqlstate": code}
    if code == "HF002":
        return Conflict("session.lost", "This worker's session is over; it must enlist again.", **facts)
    if code in ("28000", "28P01"):
        return Rejected("store.access_denied", f"PostgreSQL at {place.shown} refuses this user: {error}.", **facts)
    if code == "42501":
        return Rejected(
            "store.access_denied",
            f"PostgreSQL at {place.shown} does not let this user do that: {error}. It must own the schema "
            f"{place.schema}, or be allowed to create it.",
            **facts,
        )
    if code == "3D000":
        return NotFound(
            "store.no_database",
            f"PostgreSQL at {place.shown} answers, but has no database {database_of(place)}. Create it: "
            f"createdb {database_of(place)}. Holdfast makes its own schema inside.",
            **facts,
        )
    if code in ("53100", "58030"):
        return Unavailable(
            "store.disk_full",
            f"The disk of PostgreSQL at {place.shown} is full; nothing of this commit was kept. Free space there: work "
            "goes on by itself.",
            **facts,
        )
    if code == "54000":
        return LimitExceeded("payload.too_large", f"A value is larger than PostgreSQL can hold: {error}.", **facts)
    if code in ("42P01", "42883", "42703", "3F000"):
        return Conflict(
            "store.not_a_store",
            f"The schema {place.schema} at {place.shown} is not a whole Holdfast store: {error}. Name another schema "
            "with ?schema=, or restore it from a backup.",
            **facts,
        )
    if code and code[:2] not in _PASSING:
        return Rejected(
            "store.refused",
            f"PostgreSQL at {place.shown} refuses this call, and would refuse it again: {error}. Nothing of it was kept. "
            "Either the values are impossible to store, or the schema was changed by hand, or this is a fault in Holdfast.",
            **facts,
        )
    return Unavailable(
        "store.unreachable",
        f"PostgreSQL at {place.shown} does not answer: {str(error) or type(error).__name__}. Check that it runs and that "
        "the url is right; what was accepted is safe, and the same call may be repeated.",
        **facts,
    )
