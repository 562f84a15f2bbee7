"""Secrets from a server that speaks Vault's HTTP (HashiCorp Vault, OpenBao): key-value engine, version 2."""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.errors import Unavailable
from ..ports.clock import Clock
from ..ports.upstream import Broken, Upstream
from ..secrets import Secrets

_SECONDS = 60.0
_CONNECT_SECONDS = 5.0


class VaultSource:
    """A ``SecretSource``. ``secret:NAME`` is the field ``value`` of ``NAME``, ``secret:NAME.FIELD`` another one.

    Args:
        url: where it is.
        token: a reference to the token that it wants.
        mount: of the engine.
    """

    name = "the vault"

    def __init__(self, url: str, token: str, upstream: Upstream, clock: Clock, mount: str = "secret") -> None:
        self._url = f"{url.rstrip('/')}/v1/{mount}/data/"
        self._token = token
        self._upstream = upstream
        self._clock = clock
        self._secrets = Secrets()
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    async def read(self, secret: str) -> str | None:
        """See ``SecretSource``; what was read is good for a minute."""
        name, _, field = secret.partition(".")
        at, found = self._known.get(name, (0.0, None))
        if found is None or self._clock.monotonic() - at > _SECONDS:
            found = await self._ask(name)
            if found is None:
                return None
            self._known[name] = self._clock.monotonic(), found
        value = found.get(field or "value")
        return value if isinstance(value, str) else None

    async def _ask(self, name: str) -> dict[str, Any] | None:
        headers = {"x-vault-token": await self._secrets.revealed(self._token), "accept": "application/json"}
        try:
            exchange = await self._upstream.open("GET", self._url + name, headers, b"", _CONNECT_SECONDS)
            try:
                status, _ = await exchange.head()
                body = bytearray()
                while piece := await exchange.read():
                    body += piece
            finally:
                exchange.close()
        except Broken as error:
            raise _unreachable(str(error)) from error
        if status == 404:
            return None
        if status != 200:
            raise _unreachable(f"it answers {status}")
        try:
            return msgspec.json.decode(body)["data"]["data"]
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            raise _unreachable("its answer is not understood") from error


def _unreachable(why: str) -> Unavailable:
    return Unavailable("secret.unreachable", f"The vault does not give its secrets: {why}.")


__all__ = ["VaultSource"]
