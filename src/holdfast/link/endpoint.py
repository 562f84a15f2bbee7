"""Where a server is: ``holdfast://127.0.0.1:7433`` or ``holdfast+unix:///run/holdfast.sock``."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import msgspec

from ..domain.errors import Rejected

DEFAULT_PORT = 7433
DEFAULT_URL = f"holdfast://127.0.0.1:{DEFAULT_PORT}"


class Endpoint(msgspec.Struct, frozen=True):
    """A host and port, or the path of a unix socket."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    path: str = ""

    @property
    def url(self) -> str:
        """The form that ``endpoint`` reads back."""
        if self.path:
            return f"holdfast+unix://{self.path}"
        return f"holdfast://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def check_local(self) -> Endpoint:
        """Refuse to be reachable from other machines: the wire has no identity and no encryption of its own."""
        if not self.path and not _is_loopback(self.host):
            raise Rejected(
                "server.not_local",
                f"Holdfast's wire listens only on this machine, and {self.host} is reachable from others. Use 127.0.0.1, "
                "a unix socket (--unix PATH), or a tunnel (ssh -L 7433:127.0.0.1:7433).",
                host=self.host,
            )
        return self


def endpoint(url: str) -> Endpoint:
    """Parse a server's url. Raises ``Rejected(server.url)``."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise _malformed(url) from None
    extra = parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme == "holdfast" and parts.hostname and parts.path in ("", "/") and not extra:
        return Endpoint(parts.hostname, port)
    if parts.scheme == "holdfast+unix" and not parts.netloc and len(parts.path) > 1 and not extra:
        return Endpoint("", 0, parts.path)
    raise _malformed(url)


def _malformed(url: str) -> Rejected:
    return Rejected(
        "server.url",
        f"{url!r} is not a server's address. Write holdfast://127.0.0.1:{DEFAULT_PORT} or holdfast+unix:///path/to.sock.",
        url=url,
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
