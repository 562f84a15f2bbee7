"""A conversation in the terminal: what is said goes in, what the agent says comes out as it comes."""

from __future__ import annotations

import asyncio
import secrets
import sys
from typing import Any

from ..control.views import Piece
from ..domain.errors import HoldfastError
from ..domain.message import Outcome
from ..journal.codec import decode_any, encode, error_of
from ..sdk.client import Client
from . import errors


async def converse(client: Client, address: str, *, quiet: bool = False) -> None:
    """Read lines until there are no more."""
    if sys.stdin.isatty():
        print(f"talking to {address}; an empty line or Ctrl-D ends it", file=sys.stderr)
    while True:
        try:
            line = await asyncio.to_thread(input, "> " if sys.stdin.isatty() else "")
        except EOFError:
            return
        if not line.strip():
            return
        try:
            await say_once(client, address, line, quiet=quiet)
        except HoldfastError as error:
            errors.tell(error)


async def say_once(client: Client, address: str, text: str, *, quiet: bool = False) -> None:
    """Say something and show the answer."""
    trace = secrets.token_hex(8)
    screen = Screen(quiet)
    listening = asyncio.Event()

    async def follow() -> None:
        try:
            async for piece in client.channel.stream("watch", address=address, trace=trace):
                if piece.kind == "listening":
                    listening.set()
                screen.show(piece)
        finally:
            listening.set()

    watching = asyncio.create_task(follow())
    try:
        await listening.wait()
        payload = encode(((text,), {}), "what you say")
        outcome: Outcome = await client.channel.request(
            "call", to=address, handler="chat", payload=payload, trace=trace, key=f"chat:{trace}"
        )
        await asyncio.sleep(0.02)  # the last pieces travel another way than the outcome
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    if outcome.failure is not None:
        screen.end()
        raise error_of(outcome.failure)
    screen.answer(decode_any(outcome.value))


class Screen:
    """What of an answer is on the screen already."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._shown = ""
        self._kinds: dict[tuple[str, int], str] = {}

    def show(self, piece: Piece) -> None:
        """Something happened."""
        if piece.kind in ("text", "thinking", "call"):
            self._kinds[piece.path, piece.index] = piece.kind
        elif piece.kind == "grew" and self._kinds.get((piece.path, piece.index)) == "text":
            self._shown += piece.text
            print(piece.text, end="", flush=True)
        elif piece.kind == "restart":
            self.end()
            self._note("it broke off; asking again")
            self._shown = ""
        elif piece.kind == "tool":
            self.end()
            self._shown = ""
            self._note(f"{piece.name} {_short(piece.text)}")
        elif piece.kind == "tool_failed":
            self._note(f"{piece.name} failed: {_short(piece.text)}")

    def answer(self, value: Any) -> None:
        """The turn is over; show what of it was not seen."""
        text = value if isinstance(value, str) else _json(value)
        if text.startswith(self._shown):
            print(text[len(self._shown) :], end="")
        elif self._shown.strip() != text.strip():
            self.end()
            print(text, end="")
        print(flush=True)

    def end(self) -> None:
        """Begin a new line if one is begun."""
        if self._shown and not self._shown.endswith("\n"):
            print(flush=True)

    def _note(self, text: str) -> None:
        if not self._quiet:
            print(f"  [{text}]", file=sys.stderr, flush=True)


def _short(text: str) -> str:
    return text if len(text) <= 100 else text[:99] + "…"


def _json(value: Any) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value)).decode()
