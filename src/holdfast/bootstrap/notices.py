"""Notices in a process: the agent that delivers them, and the receiver that a server was started with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..control.identity.keys import KeyRing
from ..control.notices.delivering import make_notifier
from ..control.operations import Operations
from ..control.resources.documents import Wanted, canonical
from ..control.resources.notifying import NotifierKind
from ..domain.notice import KIND
from ..ports.resources import Change
from ..turn.definition import Registry

if TYPE_CHECKING:
    from .server import Settings

NAME = "server"
"""The notifier that comes and goes with ``--notify``; those in files have other names."""


def add_notifier(registry: Registry, ring: KeyRing) -> None:
    """Deliver notices in this process: it has the keys that links are signed with."""
    agent = make_notifier(ring)
    agent.seal_version()
    registry.add(agent.definition)


async def declare_notifier(operations: Operations, settings: Settings, url: str) -> None:
    """What the server was started with is in force, on every server; without it, nothing of the kind is any more."""
    worker, body = operations.worker, None
    if settings.notify:
        link = settings.public_url or url
        given = {
            "url": settings.notify,
            "secret": settings.notify_secret,
            "format": settings.notify_format,
            "link": link,
            "approvers": list(settings.notify_approvers),
        }
        body = canonical(NotifierKind().read(Wanted(KIND, NAME, "", {}, given, "--notify")))
    row = worker.resources.get(KIND, NAME)
    if (row is None and body is None) or (row is not None and row.body == body):
        return
    reason = "as this server was started"
    await operations.store.apply_resources([Change(KIND, NAME, "", body)], settings.name, reason, worker.clock.now_ms())
    await worker.resources.load()


__all__ = ["add_notifier", "declare_notifier"]
