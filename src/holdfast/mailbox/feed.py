"""``Feed``: what happens inside turns while it happens, for whoever looks: words of a model as they come, tools at work.

None of it is journaled, and none of it waits for anybody. Who looks on another worker hears of it through the ``relay``.
A listener that is not given all of an answer is told so (``LOST``), and finds it in the journal when it is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any, Final

import msgspec

Listener = Callable[[str, str, Any], None]
"""Called with the trace of a turn's message, a step's path, and what happened there."""


class Asked(msgspec.Struct, tag="asked", omit_defaults=True):
    """A model is asked, or asked again: what comes of this step from here on is an answer from its beginning.

    Attributes:
        after: where the agent's journal ended; the answer will be behind that.
        digest: of the message's payload, as the turn's beginning has it.
    """

    after: int = 0
    digest: bytes = b""


RESTART: Final = "restart"
"""The answer of a step begins anew: what came of it does not count."""
LOST: Final = "lost"
"""Something of a step's answer did not get here, and nothing more of it will."""


class Feed:
    """The listeners of each agent.

    Attributes:
        afar: agents that somebody listens to on another worker; ``carry`` takes what happens there.
    """

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}
        self.afar: Container[str] = ()
        self.carry: Callable[[str, str, str, Any], None] = lambda address, trace, path, what: None

    def listen(self, address: str, listener: Listener) -> Callable[[], None]:
        """Hear of an agent from now on; the function returned ends it."""
        self._listeners.setdefault(address, []).append(listener)

        def stop() -> None:
            left = self._listeners.get(address, [])
            if listener in left:
                left.remove(listener)
            if not left:
                self._listeners.pop(address, None)

        return stop

    def heard(self, address: str) -> bool:
        """Whether anybody listens, here or elsewhere."""
        return address in self._listeners or address in self.afar

    def tell(self, address: str, trace: str, path: str, what: Any) -> None:
        """Something happened here."""
        self.repeat(address, trace, path, what)
        if address in self.afar:
            self.carry(address, trace, path, what)

    def repeat(self, address: str, trace: str, path: str, what: Any) -> None:
        """Something happened, here or elsewhere: tell who listens here."""
        for listener in list(self._listeners.get(address, ())):
            listener(trace, path, what)


__all__ = ["LOST", "RESTART", "Asked", "Feed", "Listener"]
