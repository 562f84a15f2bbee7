"""``Artifacts``: pictures and files that agents are given, kept once per tenant under the SHA-256 of their content.

Messages, journals and states carry ``Media(artifact=...)``; what it stands for is read back when it goes to a vendor. So a
picture costs one row however often it is said again, and a journal stays as small as its words. An artifact is durable
before whatever refers to it: after a crash between the two nothing refers to it, which costs space and nothing else.

A key is a name, not a permission: it names something in the tenant of whoever says it, and nothing elsewhere. The same
picture in two tenants is two rows, so that neither who reads nor who writes can tell what others have.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

import msgspec

from ..domain.conversation import Media, Prompt, Said, ToolResult
from ..domain.errors import Conflict, LimitExceeded, NotFound
from ..journal.codec import decode_any

if TYPE_CHECKING:
    from .worker import Worker

_KEPT_BYTES = 32 << 20
"""What was read lately stays in memory: a picture goes to the vendor again with every request of its conversation."""
_TAG = b"\xa5media"
"""How a ``Media`` begins in msgpack: a body without it has none."""


class Artifacts:
    """See the module. One per worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._read: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._bytes = 0

    async def keep(self, tenant: str, data: bytes) -> str:
        """Keep some content of a tenant's; its key. Raises ``LimitExceeded(artifact.too_large)``."""
        worker, limit = self._worker, self._worker.limits.artifact_bytes
        if len(data) > limit:
            raise LimitExceeded(
                "artifact.too_large",
                f"An image or file of {len(data):,} bytes is more than is kept of one ({limit:,}). Send a smaller one, pass "
                "an address instead, or raise limits.artifact_bytes.",
                bytes=len(data),
                limit=limit,
            )
        key = sha256(data).hexdigest()
        await worker.store.keep(tenant, {key: worker.sealed(data)}, worker.clock.now_ms())
        return key

    async def read(self, tenant: str, key: str) -> bytes:
        """The content, if the tenant has it. Raises ``NotFound(artifact.missing)``, ``Conflict(artifact.damaged)``."""
        found = self._read.get((tenant, key))
        if found is not None:
            self._read.move_to_end((tenant, key))
            return found
        worker = self._worker
        body = await worker.insist(lambda: worker.store.artifact(tenant, key))
        if body is None:
            raise NotFound(
                "artifact.missing",
                f"The image or file {key[:12]} is not in the store any more, or never was. Send it again.",
                artifact=key,
            )
        data = worker.seal.open(body) if worker.seal is not None and body else body
        if sha256(data).hexdigest() != key:
            raise Conflict(
                "artifact.damaged", f"The image or file {key[:12]} is not what it was when it was kept.", artifact=key
            )
        self._read[tenant, key] = data
        self._bytes += len(data)
        while self._bytes > _KEPT_BYTES:
            self._bytes -= len(self._read.popitem(last=False)[1])
        return data

    # -- coming in ----------------------------------------------------------------------------------------------

    def wanted(self, value: Any) -> bool:
        """Whether there is a medium in it (itself, or in a list of parts) that is too large to stay where it is."""
        if isinstance(value, Media):
            return len(value.data) > self._worker.limits.media_bytes
        return isinstance(value, list) and any(self.wanted(v) for v in cast(list[Any], value) if isinstance(v, Media))

    async def lifted(self, tenant: str, value: Any) -> Any:
        """A medium or a list of parts, with the large ones kept as the tenant's artifacts."""
        if isinstance(value, list):
            return [await self.lifted(tenant, v) if self.wanted(v) else v for v in cast(list[Any], value)]
        if not self.wanted(value):
            return value
        medium = cast(Media, value)
        return msgspec.structs.replace(medium, data=b"", artifact=await self.keep(tenant, medium.data))

    async def lifted_payload(self, tenant: str, payload: bytes) -> bytes:
        """An encoded value, with the large media that are anywhere in it kept as the tenant's artifacts."""
        if len(payload) <= self._worker.limits.media_bytes or _TAG not in payload:
            return payload
        value = decode_any(payload)
        return msgspec.msgpack.encode(value) if await self._lift(tenant, value) else payload

    async def _lift(self, tenant: str, value: Any) -> bool:
        """Replace the large media below a decoded value; whether there were any."""
        if isinstance(value, (list, tuple)):
            return any([await self._lift(tenant, v) for v in cast(Sequence[Any], value)])
        if not isinstance(value, dict):
            return False
        given = cast(dict[Any, Any], value)
        data = given.get("data")
        if given.get("type") == "media" and isinstance(data, bytes):
            if len(data) <= self._worker.limits.media_bytes:
                return False
            given["artifact"] = await self.keep(tenant, data)
            del given["data"]
            return True
        return any([await self._lift(tenant, v) for v in given.values()])

    # -- going out ----------------------------------------------------------------------------------------------

    async def inlined(self, tenant: str, prompt: Prompt) -> Prompt:
        """The same prompt with the tenant's artifacts read back, as a vendor needs it; itself if it has none."""
        if not any(_refers(said.parts) for said in prompt.said):
            return prompt
        said = [await self._inlined(tenant, s) if _refers(s.parts) else s for s in prompt.said]
        return msgspec.structs.replace(prompt, said=said)

    async def _inlined(self, tenant: str, said: Said) -> Said:
        return msgspec.structs.replace(said, parts=[await self._inline(tenant, part) for part in said.parts])

    async def _inline(self, tenant: str, part: Any) -> Any:
        if isinstance(part, ToolResult) and _refers(part.content):
            return msgspec.structs.replace(part, content=[await self._inline(tenant, p) for p in part.content])
        if isinstance(part, Media) and part.artifact and not part.data:
            return msgspec.structs.replace(part, data=await self.read(tenant, part.artifact))
        return part


def _refers(parts: Iterable[Any]) -> bool:
    for part in parts:
        if isinstance(part, Media):
            if part.artifact and not part.data:
                return True
        elif isinstance(part, ToolResult) and _refers(part.content):
            return True
    return False


__all__ = ["Artifacts"]
