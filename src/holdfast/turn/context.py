"""``Context``: what a handler holds. Every method is one step verb; the verbs live in files of their own."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, overload

from ..domain import labels as provenance
from ..domain.address import GROUP, TOPIC, Address, address, key_of, name_of, short
from ..domain.conversation import Answer, Prompt, Said, Settings, Text
from ..domain.errors import Rejected
from ..domain.message import Kind
from ..domain.retry import Retry
from ..domain.topics import check_topic
from ..domain.words import Word
from ..journal.codec import ANY, Shape
from ..models.job import Job
from . import call as calls
from . import concurrency, lifecycle, quarantine
from . import model as models
from . import run as runs
from . import state as states
from . import steer as steering
from . import wait as waits
from .definition import Target
from .quarantine import Sealed
from .turn import Turn

P = ParamSpec("P")
R = TypeVar("R")
Q = TypeVar("Q")
Ts = TypeVarTuple("Ts")
Duration = timedelta | float | int

log = logging.getLogger("holdfast.agent")


class Event:
    """An event of one agent, as a target: ``ctx.send(desk["42"].event("paid"), amount)``."""

    __slots__ = ("address", "name")

    def __init__(self, address: Address, name: str) -> None:
        self.address = address
        self.name = name


class Group:
    """A handler of every member of a group, as a target: ``ctx.send(group("night-shift").wake, 3)``."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, handler: str) -> Target[..., Any]:
        if handler.startswith("__"):
            raise AttributeError(handler)
        return Target(Address(GROUP + self._name), handler)


def group(name: str) -> Group:
    """The group of this name in the agent's tenant; it exists as long as it has members."""
    return Group(name)


def ms_of(duration: Duration) -> int:
    """Milliseconds of a duration given as timedelta or seconds."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else float(duration)
    if seconds < 0 or seconds != seconds:
        raise Rejected("duration.malformed", f"A duration must not be negative: {duration!r}.")
    return int(seconds * 1000)


class State:
    """The agent's own values between turns. Reads see this turn's writes; writes are durable with the turn's next step."""

    __slots__ = ("_turn",)

    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    async def get(self, key: str, default: Any = None, *, type: Any = None) -> Any:
        """The value of ``key``, or ``default``. ``type`` restores dataclasses, structs and models."""
        return await states.read(self._turn, key, ANY if type is None else Shape(type), default)

    async def set(self, key: str, value: Any) -> None:
        """Keep ``value`` (anything the journal can hold) under ``key``."""
        await states.write(self._turn, key, value)

    async def delete(self, key: str) -> None:
        """Forget ``key``."""
        await states.write(self._turn, key, None, delete=True)


class Context:
    """A turn as its handler sees it.

    Everything that touches the world or could differ between two runs goes through here; plain computation needs no step.
    """

    __slots__ = ("_turn", "state")

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self.state = State(turn)

    # -- who and when -------------------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """This agent's full address."""
        return Address(self._turn.active.address)

    @property
    def key(self) -> str:
        """This agent's key, the part after the last slash."""
        return key_of(self._turn.active.address)

    @property
    def name(self) -> str:
        """This agent's definition."""
        return name_of(self._turn.active.address)

    @property
    def sender(self) -> str:
        """Who sent the message: an agent's address or a principal outside."""
        return short(self._turn.item.message.sender)

    @property
    def trace(self) -> str:
        """The trace id that every message caused by the first one carries."""
        return self._turn.item.message.trace

    @property
    def replaying(self) -> bool:
        """Whether the journal still answers (for logging; never branch on it)."""
        replay = self._turn.replay
        return replay is not None and not replay.over

    def log(self, message: str, *args: Any) -> None:
        """Log once: silent while the turn replays."""
        if not self.replaying:
            log.info("%s: " + message, short(self._turn.active.address), *args)

    async def now(self) -> datetime:
        """The time of this step, the same on every replay."""
        ms = await self.run(self._turn.clock_ms, name="now")
        return datetime.fromtimestamp(ms / 1000, UTC)

    async def random(self) -> float:
        """A random number in [0, 1), the same on every replay."""
        return await self.run(self._turn.draw, name="random")

    # -- effects ------------------------------------------------------------------------------------------------

    @overload
    async def run(
        self,
        fn: Callable[[*Ts], Awaitable[R]],
        *args: *Ts,
        name: str = "",
        retry: Retry | None = None,
        timeout: Duration = 0,
        idempotent: bool = True,
        verify: Callable[..., Any] | None = None,
        simulate: Callable[..., Any] | None = None,
        returns: Any = None,
        labels: Sequence[str] = (),
    ) -> R: ...
    @overload
    async def run(
        self,
        fn: Callable[[*Ts], R],
        *args: *Ts,
        name: str = "",
        retry: Retry | None = None,
        timeout: Duration = 0,
        idempotent: bool = True,
        verify: Callable[..., Any] | None = None,
        simulate: Callable[..., Any] | None = None,
        returns: Any = None,
        labels: Sequence[str] = (),
    ) -> R: ...
    async def run(
        self,
        fn: Callable[..., Any],
        *args: Any,
        name: str = "",
        retry: Retry | None = None,
        timeout: Duration = 0,
        idempotent: bool = True,
        verify: Callable[..., Any] | None = None,
        simulate: Callable[..., Any] | None = None,
        returns: Any = None,
        labels: Sequence[str] = (),
    ) -> Any:
        """Run any side effect and journal its result; on replay the journal answers and ``fn`` is not called.

        Args:
            fn: an async function, or a sync one, which runs in a thread.
            name: the step's name in the journal; the function's by default.
            retry: how often to try again; once by default. Long waits between attempts leave memory.
            timeout: seconds or timedelta for one attempt; ``StepTimeout`` after it.
            idempotent: False if doing it twice does harm. Its intent is then durable before it starts, and after a crash
                in between it is in doubt: ``verify`` decides, or a person is asked.
            verify: called with the same arguments; returns the effect's result, or ``NOT_DONE``.
            simulate: called with the same arguments if a rule wants to know what they would do; it says so and does nothing.
            returns: the result's type if the function's annotation does not say it.
            labels: provenance of the result, instead of ``run:<name>``.

        Raises:
            StepFailed: after the last attempt; ``details`` has the original type and text.
        """
        if not (name or retry or timeout or returns or labels or verify or simulate) and idempotent:
            return await runs.run(self._turn, fn, args)
        seconds = ms_of(timeout) / 1000
        options = runs.Options(name, retry, seconds, idempotent, verify, returns, tuple(labels), simulate=simulate)
        return await runs.run(self._turn, fn, args, options)

    async def sealed(self, fn: Callable[..., Any], *args: Any, name: str = "", labels: Sequence[str] = ()) -> Sealed:
        """``run`` something that brings in what nobody vouches for, without reading it: what comes back is closed.

        Give it to ``quarantined``; ``unseal`` opens it, and the turn has then read it. ``labels`` say where it is from,
        instead of ``run:<name>``; it is untrusted in any case.
        """
        name = name or runs.name_of(fn)
        its = tuple(dict.fromkeys((*(labels or (provenance.of_step(name),)), provenance.UNTRUSTED)))
        options = runs.Options(name, labels=(*its, provenance.SEALED))
        return Sealed(await runs.run(self._turn, fn, args, options), its, name)

    def unseal(self, sealed: Sealed) -> Any:
        """What is in it; from here on the turn has read it, and carries its labels."""
        return quarantine.unseal(self._turn, sealed)

    # -- other agents -------------------------------------------------------------------------------------------

    async def call(self, target: Target[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Ask another agent and wait for its answer. Raises ``TurnFailed`` if its turn failed."""
        return await calls.call(self._turn, target, args, kwargs)

    async def call_within(self, timeout: Duration, target: Target[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """``call`` with a deadline: ``StepTimeout`` after it. The other agent's turn goes on."""
        return await calls.call(self._turn, target, args, kwargs, ms_of(timeout))

    async def send(self, target: Target[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        """Send one way; delivered exactly once, with this turn's commit."""
        await self._send(target, args, kwargs, 0, 0)

    async def send_after(self, delay: Duration, target: Target[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        """``send``, delivered ``delay`` from now."""
        await self._send(target, args, kwargs, self._turn.clock.now_ms() + ms_of(delay), 0)

    async def send_urgent(self, priority: int, target: Target[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        """``send`` with a priority from -100 to 100; higher ones overtake in the receiver's mailbox."""
        await self._send(target, args, kwargs, 0, priority)

    async def _send(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any], due: int, priority: int) -> None:
        if isinstance(target, Event):
            value = args[0] if args else None
            await calls.send(self._turn, target.address, Kind.EVENT, target.name, value, "send", due=due)
            return
        await calls.send_to(self._turn, target, args, kwargs, due, priority)

    async def publish(self, topic: str, *args: Any) -> None:
        """Send to the handlers of all agents subscribed to a pattern that matches ``topic``, exactly once each."""
        check_topic(topic)
        await calls.send(self._turn, TOPIC + topic, Kind.REQUEST, "", args, "publish")

    async def subscribe(self, pattern: str, handler: str) -> None:
        """From now on, what is published on ``pattern`` (``orders.*.paid``, ``orders.>``) starts ``handler`` here."""
        await lifecycle.subscribe(self._turn, TOPIC + pattern, handler, True)

    async def unsubscribe(self, pattern: str, handler: str = "") -> None:
        """Stop it; all handlers of the pattern if none is named."""
        await lifecycle.subscribe(self._turn, TOPIC + pattern, handler, False)

    async def join(self, name: str) -> None:
        """Become a member of a group; ``ctx.send(group(name).handler, ...)`` reaches every member."""
        await lifecycle.subscribe(self._turn, GROUP + name, "", True)

    async def leave(self, name: str) -> None:
        """Leave a group."""
        await lifecycle.subscribe(self._turn, GROUP + name, "", False)

    async def spawn(self, target: Target[P, Any], *args: P.args, **kwargs: P.kwargs) -> Address:
        """Bring an agent to life with its first message and return its address. (Any message does; ``spawn`` says so.)"""
        await self._send(target, args, kwargs, 0, 0)
        return target.address

    async def retire(self) -> None:
        """End this agent's life: state, subscriptions and kept events go; a later message begins a new one."""
        await lifecycle.retire(self._turn)

    # -- waiting ------------------------------------------------------------------------------------------------

    async def sleep(self, duration: Duration = 0, *, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Wait at no cost: the turn leaves memory and comes back when the time is over, after any number of restarts."""
        await waits.sleep(self._turn, ms_of(duration) + int((minutes * 60 + hours * 3600 + days * 86400) * 1000))

    async def wait(self, event: str, *, timeout: Duration = 0, type: Any = None) -> Any:
        """Wait for an event sent to this agent (``client.signal``, ``ctx.send(agent.event(...))``); its value.

        Events that come early are kept. Raises ``StepTimeout`` after ``timeout``.
        """
        return await waits.wait(self._turn, event, ANY if type is None else Shape(type), ms_of(timeout))

    async def ask(
        self,
        question: str,
        *,
        choices: Sequence[str] = (),
        timeout: Duration = 0,
        default: Any = ...,
        to: str = "",
        type: Any = None,
    ) -> Any:
        """Ask a person and wait for the answer; it appears in `holdfast asks` and is given by `holdfast answer`.

        With ``choices`` only one of them is accepted. After ``timeout``: ``default`` if given, else ``StepTimeout``.
        """
        shape = ANY if type is None else Shape(type)
        return await waits.ask(self._turn, question, choices, shape, ms_of(timeout), default, to)

    async def steered(self) -> list[Word]:
        """What people have said to this turn since it last listened (`holdfast steer`), oldest first; often nothing. A
        thinking agent hears it by itself, before its next request to the model."""
        return await steering.hear(self._turn)

    # -- several at once ----------------------------------------------------------------------------------------

    async def gather(self, *awaitables: Awaitable[Any], limit: int = 0) -> list[Any]:
        """All results, in order; at most ``limit`` at a time. The first error cancels the rest."""
        return await concurrency.gather(awaitables, limit)

    async def race(self, *awaitables: Awaitable[Any]) -> tuple[int, Any]:
        """The first to end: its place and its result. The others are cancelled."""
        return await concurrency.race(self._turn, awaitables)

    def compensate(self, fn: Callable[..., Any], *args: Any) -> None:
        """If this turn fails or is cancelled later on, run ``fn(*args)`` as a step; the last registered runs first."""
        self._turn.undo.append(lambda: self.run(fn, *args, retry=Retry(attempts=5)))

    # -- models -------------------------------------------------------------------------------------------------

    async def model(self, prompt: str | Prompt, *, model: str = "", max_tokens: int = 0) -> Answer:
        """Ask a language model; one step, whichever vendors the gateway had to ask. If none answers, the turn leaves memory
        and comes back when one does.

        Args:
            prompt: a question, or a whole ``Prompt`` with messages, tools and settings.
            model: the route, if the prompt does not name it.
            max_tokens: most tokens of the answer.

        Raises:
            HoldfastError: ``model.*`` if the request itself is at fault, ``budget.*`` if it may not be paid for.
        """
        if isinstance(prompt, str):
            settings = Settings(max_tokens=max_tokens)
            prompt = Prompt(model, [Said("user", [Text(prompt)])], settings=settings)
        return (await models.ask_model(self._turn, Job(model or prompt.model, prompt=prompt))).answer

    async def quarantined(self, content: Any, output: type[Q], *, model: str, instructions: str = "") -> Q:
        """Have a model without tools read what nobody vouches for, and get back nothing but typed fields.

        Args:
            content: text, a value, or something ``sealed``.
            output: the form (struct, dataclass, pydantic model), whose fields are truths, numbers, dates, words of a list,
                and texts of a bounded length. If the answer has such texts, the turn has read what is untrusted; if not, it
                carries ``quarantine:NAME`` alone.
            model: the route.
            instructions: what it is to look for.

        Raises:
            Rejected: ``quarantine.open`` if the form would let more pass.
            TurnFailed: ``quarantine.no_answer``.
        """
        name = content.name if isinstance(content, Sealed) else model
        found = await quarantine.quarantined(self._turn, content, output, model, instructions=instructions)
        quarantine.read_texts(self._turn, found, name)
        return found.value

    def tell(self, what: Any) -> None:
        """Tell whoever looks at this agent right now; nothing of it is kept. Silent while the turn replays."""
        if not self.replaying:
            turn = self._turn
            turn.worker.feed.tell(turn.active.address, turn.item.message.trace, "", what)

    @property
    def turn(self) -> Turn:
        """The turn behind this context, for verbs of one's own (``holdfast.thinking`` has some)."""
        return self._turn

    def agent(self, text: str) -> Address:
        """Parse an address such as ``desk/42``."""
        return address(text)


class SyncContext:
    """``Context`` for a sync handler, which runs in a thread: the same verbs, blocking. While one waits durably, its thread
    is given back."""

    def __init__(self, context: Context, submit: Callable[[Any], Any]) -> None:
        self._context = context
        self._submit = submit
        self.state = _SyncState(context.state, submit)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._context, name)
        if not inspect.iscoroutinefunction(found):
            return found

        def blocking(*args: Any, **kwargs: Any) -> Any:
            return self._submit(found(*args, **kwargs))

        return blocking


class _SyncState:
    def __init__(self, state: State, submit: Callable[[Any], Any]) -> None:
        self._state = state
        self._submit = submit

    def get(self, key: str, default: Any = None, *, type: Any = None) -> Any:
        return self._submit(self._state.get(key, default, type=type))

    def set(self, key: str, value: Any) -> None:
        self._submit(self._state.set(key, value))

    def delete(self, key: str) -> None:
        self._submit(self._state.delete(key))
