"""Where a server is: ``holdfast://127.0.0.1:7433``, ``holdfast+tls://host:7433`` or ``holdfast+unix:///run/holdfast.sock``."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import msgspec

from ..domain.errors import Rejected

DEFAULT_PORT = 7433
DEFAULT_URL = f"holdfast://127.0.0.1:{DEFAULT_PORT}"


class Endpoint(msgspec.Struct, frozen=True):
    """A host and port, or the path of a unix socket. ``tls``: encrypted, the server proved by its certificate."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    path: str = ""
    tls: bool = False

    @property
    def url(self) -> str:
        """The form that ``endpoint`` reads back."""
        if self.path:
            return f"holdfast+unix://{self.path}"
        scheme = "holdfast+tls" if self.tls else "holdfast"
        return f"{scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        return bool(self.path) or is_loopback(self.host)


def endpoint(url: str) -> Endpoint:
    """Parse a server's url. Raises ``Rejected(server.url)``."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise _malformed(url) from None
    extra = parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme in ("holdfast", "holdfast+tls") and parts.hostname and parts.path in ("", "/") and not extra:
        return Endpoint(parts.hostname, port, tls=parts.scheme == "holdfast+tls")
    if parts.scheme == "holdfast+unix" and not parts.netloc and len(parts.path) > 1 and not extra:
        return Endpoint("", 0, parts.path)
    raise _malformed(url)


def _malformed(url: str) -> Rejected:
    return Rejected(
        "server.url",
        f"{url!r} is not a server's address. Write holdfast://127.0.0.1:{DEFAULT_PORT} or holdfast+unix:///path/to.sock.",
        url=url,
    )


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own, and nobody else's."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
