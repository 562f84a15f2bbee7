"""What can be done next: after a result, the operations that usually follow, and those that its content calls for.

An operator, person or agent, should not have to know the system by heart: what is wrong comes with what mends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from .registry import Operation
from .views import AgentView, DeadLetter, ModelView, Question, View

_MOST = 8


class Next(View):
    """An operation that may be called next, with the inputs that are known already, and why."""

    operation: str
    why: str
    given: dict[str, Any]


def next_of(what: Operation, given: dict[str, Any], result: Any) -> list[Next]:
    """What may follow a result: first what its content calls for, then what usually follows."""
    found: list[Next] = []
    rows = cast("list[Any]", result) if isinstance(result, list) else [result]
    for row in rows:
        found += _called_for(row)
        if len(found) >= _MOST:
            break
    address = {"address": given["address"]} if "address" in given else {"address": given["to"]} if "to" in given else {}
    named = {n.operation for n in found}
    for name, why in what.told.next:
        if name not in named:
            found.append(Next(operation=name, why=why, given=dict(address)))
    return found[:_MOST]


def _called_for(row: object) -> Iterator[Next]:
    reader = _READERS.get(type(row))
    if reader is not None:
        yield from reader(row)


def _agent(view: AgentView) -> Iterator[Next]:
    at = {"address": view.address}
    if view.doing == "stuck":
        yield Next(operation="journal", why=f"see why it is stuck: {view.waits_for}", given=at)
        yield Next(operation="retry_stuck", why="run the turn again once its cause is mended", given=at)
    elif view.mode in ("paused", "retired"):
        yield Next(operation="resume", why=f"it is {view.mode} ({view.reason or 'no reason given'})", given=at)
    elif view.doing == "waiting for person":
        yield Next(operation="asks", why="a person has to answer it", given={})


def _letter(view: DeadLetter) -> Iterator[Next]:
    yield Next(operation="redeliver", why=f"once its cause is mended: {view.error}", given={"id": view.id})
    yield Next(operation="discard", why="if it is not wanted any more", given={"id": view.id})


def _question(view: Question) -> Iterator[Next]:
    name = "approve" if view.approval is not None else "answer"
    yield Next(operation=name, why=view.question, given={"question": view.id})


def _model(view: ModelView) -> Iterator[Next]:
    if view.state == "open":
        yield Next(operation="models", why=f"{view.target} is left alone: {view.why}; look again later", given={})


_READERS: dict[type, Callable[[Any], Iterator[Next]]] = {
    AgentView: _agent,
    DeadLetter: _letter,
    Question: _question,
    ModelView: _model,
}

__all__ = ["Next", "next_of"]
