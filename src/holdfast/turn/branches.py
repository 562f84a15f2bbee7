"""Structural step ids: where in a turn's task tree something happens.

A turn is one asyncio task; every task made inside it (``TaskGroup``, ``gather``, ``create_task``) becomes a branch, numbered
in the order of creation among its parent's steps. A path like ``3.1`` is the first step of the branch that was made third.
Creation order is the program's own order, so it is the same on every run; timing plays no part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .writing import Writing

BRANCHES: dict[asyncio.Task[Any], Branch] = {}
"""The branch of every task that belongs to a turn."""


class Branch:
    """One strand of a turn. ``n`` counts its steps and children together. While it is ``away``, in a step's own function,
    the tasks made there belong to that function: a replay does not call it, so they must not count."""

    __slots__ = ("away", "n", "prefix", "turn")

    def __init__(self, turn: Writing, prefix: str) -> None:
        self.turn: Writing | None = turn
        self.prefix = prefix
        self.n = 0
        self.away = 0

    def forget(self) -> None:
        """The turn is over; a task that still uses this branch is told so by ``Turn.open``."""
        self.turn = None


_plain_task = asyncio.Task


class BranchingFactory:
    """A task factory that gives tasks made inside a turn their branch, and otherwise does what was there before."""

    def __init__(self, before: Any) -> None:
        self.before = before

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **kwargs: Any) -> Any:
        task = _plain_task(coro, loop=loop, **kwargs) if self.before is None else self.before(loop, coro, **kwargs)
        try:
            parent = BRANCHES.get(asyncio.current_task(loop))  # type: ignore[arg-type]
        except RuntimeError:
            return task
        if parent is not None and parent.turn is not None and not parent.away:
            parent.n += 1
            BRANCHES[task] = Branch(parent.turn, f"{parent.prefix}{parent.n}.")
            parent.turn.branched = True
            task.add_done_callback(_forget)
        return task


@contextmanager
def away() -> Generator[None]:
    """In the function of a step: the tasks that it makes are no branches of the turn."""
    branch = BRANCHES.get(asyncio.current_task())  # type: ignore[arg-type]
    if branch is None:
        yield
        return
    branch.away += 1
    try:
        yield
    finally:
        branch.away -= 1


def _forget(task: asyncio.Task[Any]) -> None:
    BRANCHES.pop(task, None)


def install(loop: asyncio.AbstractEventLoop) -> None:
    """Make this loop number the tasks of turns; doing it twice changes nothing."""
    before = loop.get_task_factory()
    if not isinstance(before, BranchingFactory):
        loop.set_task_factory(BranchingFactory(before))  # type: ignore[arg-type]
