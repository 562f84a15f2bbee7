"""``SecretSource``: somewhere that secrets are kept, asked for one at the moment it is used."""

from __future__ import annotations

from typing import Protocol


class SecretSource(Protocol):
    """A plug-in for ``secret:NAME``."""

    name: str

    async def read(self, secret: str) -> str | None:
        """The secret of this name; None if there is none here. Raises ``Unavailable(secret.unreachable)``."""
        ...
