"""What an agent remembers of its conversation: one state value per turn, and a summary of what is too long ago.

The journal keeps every word; this is what goes to the model. When it grows beyond its bound, the older half is summed up by
the model itself, in a step, and its values are dropped.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.conversation import Prompt, Said, Settings, Text, ToolResult, media_in
from ..models.job import IMAGE_TOKENS
from ..turn.context import Context

_INDEX = "conversation"
_SUMMARY = (
    "Sum up the conversation so far for yourself: who it is with, what they want, what was found out and decided, names, "
    "numbers, ids and handles ($h1) word for word, and what is still open. Write nothing else."
)
_SUMMARY_TOKENS = 1_000


class Index(msgspec.Struct):
    """Which values there are: those of turns ``first`` up to before ``next``, and about how many tokens each has."""

    first: int = 0
    next: int = 0
    sizes: list[int] = []
    summary: str = ""


class Memory:
    """One agent's, in one turn."""

    def __init__(self, ctx: Context, index: Index, turns: list[list[Said]]) -> None:
        self._ctx = ctx
        self._index = index
        self._turns = turns

    @classmethod
    async def load(cls, ctx: Context) -> Memory:
        """Read it from the agent's state."""
        index: Index = await ctx.state.get(_INDEX, None, type=Index) or Index()
        turns = [await ctx.state.get(_name(n), [], type=list[Said]) for n in range(index.first, index.next)]
        return cls(ctx, index, turns)

    @classmethod
    def empty(cls, ctx: Context) -> Memory:
        """Nothing remembered."""
        return cls(ctx, Index(), [])

    @property
    def summary(self) -> str:
        """What was said before the rest of it."""
        return self._index.summary

    @property
    def said(self) -> list[Said]:
        """What was said, oldest first."""
        return [said for turn in self._turns for said in turn]

    async def make_room(self, model: str, tokens: int) -> None:
        """Sum up the older half if there is more than ``tokens``."""
        index = self._index
        if sum(index.sizes) <= tokens or len(self._turns) < 2:
            return
        count, left = 0, sum(index.sizes)
        while count < len(self._turns) - 1 and left > tokens // 2:
            left -= index.sizes[count]
            count += 1
        old = [said for turn in self._turns[:count] for said in turn]
        before = [Said("user", [Text(f"Summed up earlier: {index.summary}")])] if index.summary else []
        prompt = Prompt(
            model, [*before, *old, Said("user", [Text(_SUMMARY)])], settings=Settings(max_tokens=_SUMMARY_TOKENS)
        )
        index.summary = (await self._ctx.model(prompt)).text
        for n in range(index.first, index.first + count):
            await self._ctx.state.delete(_name(n))
        index.first += count
        del index.sizes[:count], self._turns[:count]
        await self._ctx.state.set(_INDEX, index)

    async def keep(self, new: list[Said]) -> None:
        """Remember what was said in this turn."""
        index = self._index
        await self._ctx.state.set(_name(index.next), new)
        index.next += 1
        index.sizes.append(size_of(new))
        await self._ctx.state.set(_INDEX, index)


async def forget(ctx: Context) -> None:
    """Begin the conversation anew; the journal still has the old one."""
    index: Index = await ctx.state.get(_INDEX, None, type=Index) or Index()
    for n in range(index.first, index.next):
        await ctx.state.delete(_name(n))
    await ctx.state.set(_INDEX, Index(first=index.next, next=index.next))


def size_of(said: list[Said]) -> int:
    """About how many tokens: a quarter of the characters, and a round number for what is kept as an artifact."""
    kept = sum(bool(medium.artifact) for medium in media_in(said))
    return len(msgspec.json.encode(said)) // 4 + kept * IMAGE_TOKENS


def shortened(said: list[Said], tokens: int) -> list[Said]:
    """The same conversation with the oldest tool results left out, if it is longer than ``tokens``. What was asked, what
    was answered and the last round stay."""
    over = size_of(said) - tokens
    if over <= 0:
        return said
    made = list(said)
    for place, message in enumerate(said[:-2]):
        if over <= 0:
            break
        parts: list[Any] = []
        for part in message.parts:
            if isinstance(part, ToolResult) and (size := len(msgspec.json.encode(part.content))) > 400:
                part = msgspec.structs.replace(part, content=[Text(f"[left out: a result of {size:,} characters]")])
                over -= size // 4
            parts.append(part)
        made[place] = Said(message.role, parts, message.labels)
    return made


def _name(n: int) -> str:
    return f"said/{n}"
