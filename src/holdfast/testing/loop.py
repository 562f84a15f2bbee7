"""``SimulatedLoop``: an event loop without sockets whose time jumps to the next timer when nothing else is ready.

    with SimulatedLoop() as loop:
        loop.run(main())            # a handler that sleeps for three days takes a millisecond

Same program, same seed: same order of everything that goes through the loop. Work for threads runs inline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

T = TypeVar("T")
_MOST_SPINS, _MOST_ROUNDS = 50_000, 500_000


class Stuck(AssertionError):
    """Everything waits and no timer is set: nothing will ever happen again."""


class _Selector:
    """Stands where a selector would wait for sockets: lets time pass instead."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        self._loop.let_pass(timeout)
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._spins = self._rounds = 0
        self._selector = _Selector(self)
        self.slow_callback_duration = 1e9

    # -- what BaseEventLoop asks of its subclasses --------------------------------------------------------------

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self._now

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def let_pass(self, timeout: float | None) -> None:
        """Go to the next timer."""
        if timeout is None:
            raise Stuck("Nothing is ready and no timer is set: the simulation would wait for ever.")
        self._rounds += 1
        if self._rounds > _MOST_ROUNDS:
            raise Stuck(f"{_MOST_ROUNDS:,} rounds of the loop: something never comes to rest.")
        if timeout > 0:
            scheduled = cast(list[asyncio.TimerHandle], self.__dict__["_scheduled"])
            self._now = max(self._now, min(self._now + timeout, scheduled[0].when()) if scheduled else 0.0)
            self._spins = 0
            return
        self._spins += 1
        if self._spins > _MOST_SPINS:
            raise Stuck(f"{_MOST_SPINS:,} rounds of the loop and time stands still: something spins.")

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Run it here, in the next round."""
        done: asyncio.Future[T] = self.create_future()

        def work() -> None:
            if done.done():
                return
            try:
                done.set_result(func(*args))
            except Exception as error:
                done.set_exception(error)

        self.call_soon(work)
        return done

    # -- use ----------------------------------------------------------------------------------------------------

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run to the end; what is left over is cancelled."""
        asyncio.set_event_loop(self)
        task = asyncio.Task(main, loop=self)
        try:
            return self.run_until_complete(task)
        finally:
            self._cancel_rest(task)

    def _cancel_rest(self, main: asyncio.Task[Any]) -> None:
        self.set_exception_handler(_nobodys)  # what dead workers leave behind is nobody's error
        main.cancel()
        for _ in range(50):
            rest = [t for t in asyncio.all_tasks(self) if not t.done()]
            if not rest:
                return
            for task in rest:
                task.cancel()
            try:
                self.run_until_complete(asyncio.Task(asyncio.sleep(0.01), loop=self))
            except Exception:
                continue

    def __enter__(self) -> SimulatedLoop:
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.set_event_loop(None)
        self.close()


__all__ = ["SimulatedLoop", "Stuck"]


def _nobodys(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An error that nobody will look at."""
