"""``Feed``: what happens inside turns while it happens, for whoever looks: words of a model as they come, tools at work.

None of it is journaled, and none of it waits for anybody: a listener that does not keep up loses pieces, and is told so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Listener = Callable[[str, str, Any], None]
"""Called with the trace of a turn's message, a step's path, and what happened there."""


class Feed:
    """The listeners of each agent."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}

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
        """Whether anybody listens."""
        return address in self._listeners

    def tell(self, address: str, trace: str, path: str, what: Any) -> None:
        """Something happened."""
        for listener in self._listeners.get(address, ()):
            listener(trace, path, what)
