"""Who sees an answer come: ``Watcher``; and ``Lane``, for an answer that nobody may see yet: another target may still win,
or the answer may fail its check."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ..domain.conversation import Event
from .job import Facts


class Watcher(Protocol):
    """Somebody who sees an answer come."""

    def answering(self, facts: Facts) -> None:
        """Who answers; before the first piece. Usage and times are not known yet."""
        ...

    def event(self, event: Event) -> None:
        """The next piece."""
        ...

    def restart(self) -> bool:
        """The answer begins anew elsewhere; forget what came. False if that cannot be done any more."""
        ...


class Lane:
    """Holds pieces back until it is let out; then gives them on as they come. ``begun`` is done with the first piece."""

    def __init__(self, watch: Watcher | None) -> None:
        self._watch = watch
        self._held: list[Event] = []
        self._facts: Facts | None = None
        self._open = False
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answering(self, facts: Facts) -> None:
        """See ``Watcher``."""
        self._facts = facts
        if self._open and self._watch is not None:
            self._watch.answering(facts)

    def event(self, event: Event) -> None:
        """See ``Watcher``."""
        if self._open and self._watch is not None:
            self._watch.event(event)
        else:
            self._held.append(event)
        if not self.begun.done():
            self.begun.set_result(None)

    def restart(self) -> bool:
        """See ``Watcher``. Nobody has seen anything."""
        self._held.clear()
        return not self._open

    def let_out(self) -> None:
        """This is the one: give on what was held, and all that comes."""
        self._open = True
        held, self._held = self._held, []
        if self._watch is not None:
            if self._facts is not None:
                self._watch.answering(self._facts)
            for event in held:
                self._watch.event(event)
