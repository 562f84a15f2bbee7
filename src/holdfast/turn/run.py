"""``run``: any side effect, at least once, with a stable key; or, declared not idempotent, never silently twice."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from ..domain import labels as provenance
from ..domain.entry import EntryKind, StoredEntry
from ..domain.errors import HoldfastError, StepFailed, StepTimeout
from ..domain.intent import NOTHING, UNDECLARED, Declared, Planned
from ..domain.message import Failure
from ..domain.retry import ONCE, Retry
from ..journal.codec import ANY, PLAIN, Raw, Shape, encode, error_of, failure_of, same_again
from ..journal.replay import Recorded
from ..mailbox.lookout import SOURCE
from ..tools.source import SourceAway
from .admitting import PLAINLY, How
from .branches import BRANCHES
from .simulating import Simulate
from .turn import Turn

STEP_KEY: contextvars.ContextVar[str] = contextvars.ContextVar("holdfast_step_key", default="")
_DURABLE_WAIT_SECONDS = 1.0
_SHAPES: dict[Any, Shape] = {}


class NotDone:
    """The type of ``NOT_DONE``."""

    def __repr__(self) -> str:
        return "NOT_DONE"


NOT_DONE = NotDone()
"""What a ``verify`` function returns when the effect did not happen."""


class Options:
    """How a step is run; see ``Context.run``."""

    __slots__ = (
        "carries",
        "declared",
        "idempotent",
        "labels",
        "name",
        "planned",
        "retry",
        "returns",
        "simulate",
        "timeout_seconds",
        "verb",
        "verify",
    )

    def __init__(
        self,
        name: str = "",
        retry: Retry | None = None,
        timeout_seconds: float = 0.0,
        idempotent: bool = True,
        verify: Callable[..., Any] | None = None,
        returns: Any = None,
        labels: tuple[str, ...] = (),
        verb: str = "run",
        declared: Declared = UNDECLARED,
        carries: Mapping[str, frozenset[str]] = NOTHING,
        planned: Planned | None = None,
        simulate: Callable[..., Any] | None = None,
    ) -> None:
        self.name = name
        self.retry = retry
        self.timeout_seconds = timeout_seconds
        self.idempotent = idempotent
        self.verify = verify
        self.returns = returns
        self.labels = labels
        self.verb = verb
        self.declared = declared
        self.carries = carries
        self.planned = planned
        self.simulate = simulate


DEFAULT = Options()


async def run(turn: Turn, fn: Callable[..., Any], args: tuple[Any, ...], options: Options = DEFAULT) -> Any:
    """Run ``fn(*args)`` as a step and return what a replay will return too."""
    name = options.name or name_of(fn)
    path, recorded = await turn.step(options.verb, name)
    shape = _shape_of(fn, options)
    attempt, settled = 1, None
    if recorded is not None:
        if recorded.result is not None:
            return _answer(recorded.result, shape)
        settled = _let_through(recorded, args)
        tried = args if settled is None else settled
        attempt, over, value = await _again(turn, path, name, recorded, fn, tried, options, shape)
        if over:
            return value
    given = args
    args = await turn.admit(
        options.verb,
        name,
        path,
        given,
        idempotent=options.idempotent,
        declared=options.declared,
        carries=options.carries,
        planned=options.planned,
        how=PLAINLY if settled is None and options.simulate is None else How(None, settled, _trial(turn, options)),
    )
    if turn.item.id == 0:
        await turn.accept()
    elif turn.active.unsettled:
        await turn.flush()
    turn.busy += 1
    turn.effects.add(path)
    try:
        if not options.idempotent or (args is not given and settled is None):
            turn.journal(EntryKind.INTENT, path, options.verb, name, detail={"args": args, "attempt": attempt})
            await turn.active.flush()
            if not options.idempotent and not await turn.worker.still_holds():
                await turn.worker.new_future()  # this process slept past its lease: the step is another worker's now
        return await _attempts(turn, path, name, fn, args, options, shape, attempt)
    finally:
        turn.effects.discard(path)
        turn.busy -= 1


def _trial(turn: Turn, options: Options) -> Simulate | None:
    """How the step is tried, if somebody has declared that."""
    simulate = options.simulate
    if simulate is None:
        return None
    return lambda args: _call(turn, simulate, args, options.timeout_seconds)


def _let_through(recorded: Recorded, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """What a rule made of the arguments before the step was begun, in the types of those given now; None if it changed
    nothing, or if they are not the same arguments any more."""
    changed = recorded.changed
    if not isinstance(changed, list) or len(changed) != len(args):  # pyright: ignore[reportUnknownArgumentType]
        return None
    values = cast("list[Any]", changed)
    return tuple(
        value if type(now) in PLAIN or isinstance(now, dict | list | tuple) else Shape(type(now)).convert(value, "argument")
        for value, now in zip(values, args, strict=True)
    )


async def _attempts(
    turn: Turn,
    path: str,
    name: str,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    options: Options,
    shape: Shape,
    attempt: int,
) -> Any:
    retry = options.retry or ONCE
    token = STEP_KEY.set(f"{turn.item.id}:{path}")
    started = turn.clock.monotonic()
    try:
        while True:
            try:
                value = await _call(turn, fn, args, options.timeout_seconds)
                value, body = same_again(value, shape, f"result of {name}", turn.limits.payload_bytes)
                break
            except SourceAway as away:
                await _until_back(turn, path, (options.verb, name), attempt, away, args)
                await _begin_again(turn, path, (options.verb, name), args, attempt, options)
            except Exception as error:
                if retry.wants(error, attempt):
                    seconds = retry.wait_seconds(attempt, turn.worker.random.uniform())
                    await _pause(turn, path, (options.verb, name), attempt, seconds, error, args)
                    attempt += 1
                    await _begin_again(turn, path, (options.verb, name), args, attempt, options)
                    continue
                await _fail(turn, path, (options.verb, name), args, error, attempt, started, options.labels)
    finally:
        STEP_KEY.reset(token)
    took = int((turn.clock.monotonic() - started) * 1000)
    labels = options.labels or (provenance.of_step(name),)
    turn.labels = provenance.read(turn.labels, labels)
    turn.journal(EntryKind.STEP, path, options.verb, name, Raw(body), None, labels, args or None, took, attempt)
    await turn.active.flush()
    return value


async def _call(turn: Turn, fn: Callable[..., Any], args: tuple[Any, ...], timeout_seconds: float) -> Any:
    branch = BRANCHES[asyncio.current_task()]  # type: ignore[index]
    branch.away += 1  # not `with away()`: this is the hot path
    try:
        return await _called(turn, fn, args, timeout_seconds)
    finally:
        branch.away -= 1


async def _called(turn: Turn, fn: Callable[..., Any], args: tuple[Any, ...], timeout_seconds: float) -> Any:
    if inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__):
        work = fn(*args)
    else:
        context = contextvars.copy_context()
        work = turn.worker.in_thread(partial(context.run, fn, *args))
    if timeout_seconds:
        scope = asyncio.timeout(timeout_seconds)
        try:
            async with scope:
                value = await work
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise StepTimeout("step.timeout", f"The step did not finish within {timeout_seconds:g} s.") from error
    else:
        value = await work
    if inspect.isawaitable(value):
        value = await value
    return value


async def _fail(
    turn: Turn,
    path: str,
    what: tuple[str, str],
    args: tuple[Any, ...],
    error: Exception,
    attempt: int,
    started: float,
    labels: tuple[str, ...],
) -> None:
    failure = failure_of(error)
    took = int((turn.clock.monotonic() - started) * 1000)
    turn.labels = provenance.read(turn.labels, labels)  # the words of an error are data of where it came from
    turn.journal(EntryKind.STEP, path, *what, None, failure, labels, args or None, took, attempt)
    await turn.active.flush()
    raise _error(failure, what[1], attempt) from error


def _error(failure: Failure, name: str, attempts: int) -> HoldfastError:
    if failure.kind:
        return error_of(failure)
    tries = f" after {attempts} attempts" if attempts > 1 else ""
    return StepFailed(
        "step.failed",
        f"{name} failed{tries}: {failure.type}: {failure.message}",
        type=failure.type,
        text=failure.message,
    )


def _answer(entry: StoredEntry, shape: Shape) -> Any:
    if entry.failure is not None:
        raise _error(entry.failure, entry.name, entry.attempts)
    return shape.decode(entry.value, f"recorded result of {entry.name}")


async def _pause(
    turn: Turn, path: str, what: tuple[str, str], attempt: int, seconds: float, error: Exception, args: tuple[Any, ...]
) -> None:
    """Wait before the next attempt: briefly in memory, longer as rows."""
    if seconds < _DURABLE_WAIT_SECONDS:
        await turn.clock.sleep(seconds)
        return
    due = turn.clock.now_ms() + int(seconds * 1000)
    detail = {"args": args, "attempt": attempt, "error": str(error), "retry_at": due}
    turn.journal(EntryKind.INTENT, path, *what, detail=detail)
    turn.busy -= 1
    try:
        await turn.wait_for(path, "run", what[1], due=due, silent=True)
    finally:
        turn.busy += 1


async def _until_back(
    turn: Turn, path: str, what: tuple[str, str], attempt: int, away: SourceAway, args: tuple[Any, ...]
) -> None:
    """Wait, as rows, until what has not got the call answers again. Then it is the same attempt: nothing has happened."""
    detail = {"args": args, "attempt": attempt, "error": str(away), "away": away.name}
    turn.journal(EntryKind.INTENT, path, *what, detail=detail)
    turn.busy -= 1
    try:
        turn.worker.lookout.needed(away.name, away.key, away.answers)
        await turn.wait_for(path, SOURCE, away.name, detail=encode({"why": str(away)}), silent=True)
    finally:
        turn.busy += 1


async def _begin_again(
    turn: Turn, path: str, what: tuple[str, str], args: tuple[Any, ...], attempt: int, options: Options
) -> None:
    """Go on with the next attempt, unless it was stopped meanwhile. What must not be done twice is in doubt from here on,
    whatever the journal says of the attempt before."""
    if turn.gate.stopping and turn.gate.held(turn.active.address):
        turn.hold()
        turn.give_up()
    if not options.idempotent:
        turn.journal(EntryKind.INTENT, path, *what, detail={"args": args, "attempt": attempt})
        await turn.active.flush()


async def _again(
    turn: Turn,
    path: str,
    name: str,
    recorded: Recorded,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    options: Options,
    shape: Shape,
) -> tuple[int, bool, Any]:
    """A step whose intent is in the journal without a result: was it waiting to try again, or is it in doubt? Returns the
    attempt to go on with, whether the doubt was settled, and the value it was settled with."""
    assert recorded.intent is not None
    detail = turn.detail(recorded.intent)
    attempt = int(detail.get("attempt", 1))
    if "away" in detail:
        if path in turn.rows:
            await turn.wait_for(path, SOURCE, str(detail["away"]), silent=True)
        return attempt, False, None
    retry_at = int(detail.get("retry_at", 0))
    if retry_at:
        if retry_at > turn.clock.now_ms():
            await turn.wait_for(path, "run", name, due=retry_at, silent=True)
        return attempt + 1, False, None
    if options.idempotent:
        return attempt, False, None
    if options.verify is not None:
        token = STEP_KEY.set(f"{turn.item.id}:{path}")
        turn.busy += 1
        try:
            found = await _call(turn, options.verify, args, options.timeout_seconds)
        finally:
            turn.busy -= 1
            STEP_KEY.reset(token)
        if found is NOT_DONE:
            return attempt + 1, False, None
        value: Any = found
        who = "verify"
    else:
        question = (
            f"{name} was started, and the process died before it was known whether it happened. Did it? "
            "Answer 'no' to do it again, or 'yes' (its result is then taken as null)."
        )
        detail = {"question": question, "choices": ["yes", "no"], "args": args}
        outcome = await turn.wait_for(path, "ask", "in doubt", detail=encode(detail), silent=True)
        answer = ANY.decode(outcome.value, "answer")
        if answer == "no":
            return attempt + 1, False, None
        value, who = None, "person"
    value, body = same_again(value, shape if value is not None else ANY, f"result of {name}", turn.limits.payload_bytes)
    labels = options.labels or (provenance.of_step(name),)
    turn.labels = provenance.read(turn.labels, labels)
    turn.journal(EntryKind.STEP, path, options.verb, name, Raw(body), None, labels, {"settled_by": who, "args": args})
    await turn.flush()
    return attempt, True, value


def name_of(fn: Callable[..., Any]) -> str:
    """A step's name from its function."""
    while isinstance(fn, partial):
        fn = fn.func  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    name = getattr(fn, "__name__", None) or type(fn).__name__
    return "step" if name == "<lambda>" else name


def _shape_of(fn: Callable[..., Any], options: Options) -> Shape:
    if options.returns is not None:
        hint = options.returns
    else:
        while isinstance(fn, partial):
            fn = fn.func  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        shape = _SHAPES.get(fn)
        if shape is not None:
            return shape
        try:
            hint = inspect.get_annotations(fn, eval_str=True).get("return", Any)
        except (NameError, TypeError, AttributeError):
            hint = Any
        if hint is None:
            hint = Any
    try:
        shape = Shape(hint)
    except TypeError:
        shape = ANY
    if options.returns is None and len(_SHAPES) < 10_000 and hasattr(fn, "__code__") and fn.__closure__ is None:
        _SHAPES[fn] = shape
    return shape


__all__ = ["NOT_DONE", "STEP_KEY", "Options", "run"]
