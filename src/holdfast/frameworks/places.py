"""Named places: steps of somebody else's loop, with ids that do not depend on how that loop is built.

A step's id is its place in the turn's task tree (``turn.branches``). A framework makes tasks as it likes, and its next
version makes others; ids taken from them would let every turn in flight diverge with an upgrade. So the framework runs in a
task that is no branch of the turn, and each thing it does comes here with a name that its own logic gives: the third
request to the model (``model-3``), the second tool of that answer (``tool-3-2``), inside that tool the first request of
another agent (``tool-3-2/model-1``). The name is the step's branch; timing, threads and private tasks play no part.

Within a place, ids count as ever: whatever runs there gets the whole ``Context`` and may make several steps.

Two kinds of turns:

- *strict*: the framework runs again from its beginning and must ask for everything that the journal has, or the turn stops
  with ``turn.diverged``, like a handler of our own.
- *not strict*: the framework has a memory of its own (a checkpoint) and goes on from there. What the journal has and nobody
  asks for is passed over; what is asked for and recorded is answered.

A tool that runs agents of its own is passed over as a whole once its result is recorded.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import re
from collections.abc import Awaitable, Callable, Coroutine
from hashlib import sha256
from typing import Any, TypeVar

from ..domain.errors import Nondeterminism, Rejected
from ..journal.replay import Recorded
from ..turn.branches import BRANCHES, Branch
from ..turn.context import Context
from ..turn.run import Options, run
from ..turn.turn import Suspended

T = TypeVar("T")

_CURRENT: contextvars.ContextVar[Places | None] = contextvars.ContextVar("holdfast_places", default=None)
_SCOPE: contextvars.ContextVar[str] = contextvars.ContextVar("holdfast_scope", default="")
_UNFIT = re.compile(r"[^A-Za-z0-9_:~+-]+")


class Places:
    """The places of one turn.

    Args:
        ctx: the turn's context.
        strict: see the module.
    """

    def __init__(self, ctx: Context, *, strict: bool = True) -> None:
        self.ctx = ctx
        self.calls: dict[str, str] = {}
        """Where each call of a tool belongs that a model asked for, by the call's id; see ``answered``."""
        self.kept: dict[str, Any] = {}
        """What a framework's module keeps for this turn's run."""
        self._turn = ctx.turn
        self._loop = ctx.turn.worker.loop
        self._strict = strict
        self._branches: dict[str, Branch] = {}
        self._counts: dict[str, int] = {}
        self._nested: list[Recorded] | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._threads: set[concurrent.futures.Future[Any]] = set()
        self._left: asyncio.Future[None] = self._loop.create_future()
        self._closed = False

    # -- the framework's loop -----------------------------------------------------------------------------------

    async def host(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a framework's loop. What it awaits may be places, or anything that is not worth a step."""
        self._turn.branched = True
        context = contextvars.copy_context()
        context.run(_CURRENT.set, self)
        context.run(_SCOPE.set, "")
        if not self._strict:
            self._pass_over("")
        task: asyncio.Task[T] = asyncio.Task(work, loop=self._loop, context=context)
        task.add_done_callback(_seen)
        try:
            await asyncio.wait([task, self._left], return_when=asyncio.FIRST_COMPLETED)
            if self._left.done():
                self._left.result()
            return task.result()
        except asyncio.CancelledError:
            if not self._turn.dead:  # the turn was cancelled: what the framework cleans up may make steps
                task.cancel()
                await asyncio.wait([task])
            raise
        finally:
            self._close(task)

    def _close(self, task: asyncio.Task[Any]) -> None:
        self._closed = True
        for left in (task, *self._running):
            left.cancel()
        for answer in list(self._threads):
            if not answer.done():
                answer.set_exception(Suspended())
        for branch in self._branches.values():
            branch.forget()
        if not self._left.done():
            self._left.cancel()

    # -- names --------------------------------------------------------------------------------------------------

    def name(self, *parts: str) -> str:
        """The full name of a place inside the present one."""
        return "/".join(p for p in (_SCOPE.get(), *(_UNFIT.sub("_", part) for part in parts)) if p)

    def next(self, *parts: str) -> str:
        """A name that counts: ``model-1``, ``model-2``, … For what a framework does one after another."""
        name = self.name(*parts)
        self._counts[name] = number = self._counts.get(name, 0) + 1
        return f"{name}-{number}"

    def by_content(self, inside: str, what: str, *content: Any) -> str:
        """A name that counts among equal contents only: for what comes in no order that can be relied on. ``inside`` is the
        part of the framework's work that it belongs to."""
        digest = sha256("\0".join(repr(c) for c in content).encode()).hexdigest()[:10]
        return self.next(inside, f"{what}~{digest}")

    def fresh(self, what: str) -> str:
        """A name for which the journal has nothing: for what must happen now, whatever happened before."""
        replay = self._turn.replay
        while True:
            name = self.next(what)
            if replay is None or f"{name}.1" not in replay.steps:
                return name

    def answered(self, place: str, call_ids: list[str]) -> None:
        """A model asked at ``place`` for these calls: they belong at ``tool-<its number>-<position>``."""
        number = place.rpartition("-")[2]
        scope = place.rpartition("/")[0]
        for position, id in enumerate(call_ids, 1):
            self.calls[id] = f"{scope}/tool-{number}-{position}" if scope else f"tool-{number}-{position}"

    def of_call(self, call_id: str, name: str) -> str:
        """The place of a tool's call."""
        return self.calls.get(call_id) or self.next(f"tool-{name}")

    # -- doing something at a place -----------------------------------------------------------------------------

    async def at(self, place: str, do: Callable[[Context], Awaitable[T]]) -> T:
        """Run ``do(ctx)`` at a place and give what it gives, or raises. If the turn leaves memory meanwhile, the caller
        never hears of it: its loop is dropped."""
        if self._closed or self._turn.dead:
            raise asyncio.CancelledError
        task = self._begin(place, do, contextvars.copy_context())
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            if not self._turn.dead:
                await asyncio.wait([task])
            raise
        error = None if task.cancelled() else task.exception()
        if error is not None and self._is_the_end(error):
            await self._loop.create_future()
        return task.result()

    def from_thread(self, place: str, do: Callable[[Context], Awaitable[T]]) -> T:
        """``at`` for a framework's thread: blocks it. While a turn is out of memory, its threads are given back."""
        try:
            blocking = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            blocking = False
        if blocking:
            raise Rejected(
                "frameworks.blocking",
                f"{place} was asked for in blocking words on the event loop, where it would wait for itself. Use the "
                "framework's async methods (ainvoke, run), or call this from a thread.",
                place=place,
            )
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._threads.add(answer)
        context = contextvars.copy_context()

        def begin() -> None:
            if self._closed or self._turn.dead:
                answer.set_exception(Suspended())
            else:
                self._begin(place, do, context).add_done_callback(lambda task: self._hand_over(task, answer))

        self._loop.call_soon_threadsafe(begin)
        try:
            return answer.result()
        finally:
            self._threads.discard(answer)

    def _begin(self, place: str, do: Callable[[Context], Awaitable[T]], context: contextvars.Context) -> asyncio.Task[T]:
        branch = self._branches.get(place)
        if branch is None:
            branch = self._branches[place] = Branch(self._turn, f"{place}.")
            self._pass_over(f"{place}/")

        async def there() -> T:
            _SCOPE.set(place)
            return await do(self.ctx)

        task: asyncio.Task[T] = asyncio.Task(there(), loop=self._loop, context=context)
        BRANCHES[task] = branch
        self._running.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[Any]) -> None:
        BRANCHES.pop(task, None)
        self._running.discard(task)
        _seen(task)

    def _is_the_end(self, error: BaseException) -> bool:
        """Whether it ends the turn rather than the framework's call; if so, the turn is told."""
        if isinstance(error, Exception) and not isinstance(error, Nondeterminism):
            return False
        if not self._left.done():
            self._left.set_exception(error)
            self._left.exception()
        return True

    def _hand_over(self, task: asyncio.Task[T], answer: concurrent.futures.Future[T]) -> None:
        if answer.done():
            return
        if task.cancelled():
            answer.set_exception(concurrent.futures.CancelledError())
        elif (error := task.exception()) is not None:
            answer.set_exception(Suspended() if self._is_the_end(error) else error)
        else:
            answer.set_result(task.result())

    # -- what the journal has and nobody asks for ---------------------------------------------------------------

    def _pass_over(self, inside: str) -> None:
        """Let the journal go on past what is recorded at the places inside this one, whether it is asked for or not."""
        replay = self._turn.replay
        if replay is None:
            return
        if self._nested is None:
            named = [s for s in replay.steps.values() if s.path and not s.path[0].isdigit()]
            self._nested = [s for s in named if not self._strict or "/" in s.path]
        for step in self._nested:
            if step.path.startswith(inside):
                entry = step.intent or step.result
                assert entry is not None
                replay.ask(step.path, entry.verb, entry.name)
                if step.result is not None:
                    ghost = asyncio.Task(self._turn.in_order(step), loop=self._loop)
                    self._running.add(ghost)
                    ghost.add_done_callback(self._over)


def here() -> Places:
    """The places of the turn in which this code runs. Raises ``Rejected(frameworks.no_turn)``."""
    places = _CURRENT.get()
    if places is None:
        raise Rejected(
            "frameworks.no_turn",
            "This model or tool is durable: it makes steps of a turn, and here is none. Run it inside the agent that "
            "holdfast.frameworks made of it, or inside `Places(ctx).host(...)` in a handler of your own.",
        )
    return places


def in_turn() -> bool:
    """Whether this code runs inside a turn's places."""
    return _CURRENT.get() is not None


async def step(fn: Callable[..., Any], *args: Any, name: str = "", **options: Any) -> Any:
    """``ctx.run`` for code that a framework calls: the nth step of this name at the present place."""
    places = here()
    title = name or getattr(fn, "__name__", "step")
    return await places.at(places.next(title), lambda ctx: ctx.run(fn, *args, name=title, **options))


def tool_step(fn: Callable[..., Any], name: str, shown: Any, **declared: Any) -> Callable[[Context], Awaitable[Any]]:
    """What calls a tool as one step of the verb ``tool``, to be done at a place. ``fn`` gets the arguments as shown."""
    options = Options(name, verb="tool", labels=(f"tool:{name}", "untrusted"), **declared)
    return lambda ctx: run(ctx.turn, fn, (shown,), options)


def _seen(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # who waits for it is told; a turn that left memory has nobody to tell


__all__ = ["Places", "here", "in_turn", "step", "tool_step"]
