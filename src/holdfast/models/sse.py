"""Server-sent events: bytes in, events out, as they come.

Every letter of every streamed answer goes through here, so it works on whole lines, never on single bytes, and what is
held back is bounded. Beside the standard it takes llama.cpp's ``error:`` lines as an event of that name.
"""

from __future__ import annotations

from .dialects.dialect import Malformed
from .dialects.wire import write_event

__all__ = ["EVENT_BYTES_MAX", "Parser", "write_event"]

EVENT_BYTES_MAX = 8 << 20


class Parser:
    """Parses one stream.

    Args:
        event_bytes_max: longest event that is held; a longer one is ``Malformed``.
    """

    def __init__(self, event_bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._max = event_bytes_max
        self._held: list[bytes] = []  # pieces of a line whose end has not come
        self._held_bytes = 0
        self._data: list[bytes] = []  # the lines of an event whose end has not come
        self._data_bytes = 0
        self._event = ""
        self._after_return = False  # a line ended with \r at the end of a piece: \n may follow
        self._begun = False

    def feed(self, data: bytes) -> list[tuple[str, str]]:
        """Take a piece of any size; give the events that are whole: name (or nothing) and data.

        Raises:
            Malformed: an event is longer than allowed.
        """
        if self._after_return and data:
            self._after_return = False
            if data[0] == 10:
                data = data[1:]
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if not end:
            self._hold(data)
            return []
        lines, rest = data[:end], data[end:]
        if self._held:
            self._held.append(lines)
            lines = b"".join(self._held)
            self._held, self._held_bytes = [], 0
        if not self._begun:
            self._begun = True
            lines = lines.removeprefix(b"\xef\xbb\xbf")
        self._after_return = not rest and lines.endswith(b"\r")
        events: list[tuple[str, str]] = []
        for line in lines.splitlines():
            self._line(line, events)
        self._hold(rest)
        return events

    def close(self) -> list[tuple[str, str]]:
        """The stream ended. An event of which every line is whole counts although the empty line after it is missing; half
        a line does not."""
        events: list[tuple[str, str]] = []
        self._line(b"", events)
        self._held = []
        return events

    def _line(self, line: bytes, events: list[tuple[str, str]]) -> None:
        if line.startswith(b"data:"):
            value = line[6:] if line[5:6] == b" " else line[5:]
            self._data.append(value)
            self._data_bytes += len(value)
            if self._data_bytes > self._max:
                self._refuse()
        elif not line:
            if self._data:
                data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                events.append((self._event, data.decode("utf-8", "replace")))
                self._data, self._data_bytes = [], 0
            self._event = ""
        elif line.startswith(b"event:"):
            self._event = line[6:].strip().decode("utf-8", "replace")
        elif line.startswith(b"error:"):
            self._event = "error"
            self._data.append(line[6:].strip())
        elif line == b"data":
            self._data.append(b"")

    def _hold(self, rest: bytes) -> None:
        if rest:
            self._held.append(rest)
            self._held_bytes += len(rest)
            if self._held_bytes + self._data_bytes > self._max:
                self._refuse()

    def _refuse(self) -> None:
        self._held, self._data = [], []
        raise Malformed(f"an event of the stream is longer than {self._max} bytes")
