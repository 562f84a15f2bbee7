"""A request to a model before the gate: what it sees of it, and the request that it lets through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ..domain.conversation import Prompt, Said, Text
from ..gate.prompts import Seen, remade
from ..journal.replay import Recorded
from ..models.gateway import Gateway
from ..models.job import EMBEDDINGS, Job


def seen(gateway: Gateway, job: Job) -> Seen:
    """What is in a request. Raises ``Rejected(model.*)`` for one that makes no sense."""
    prompt, tokens = _prompt(job)
    return Seen.of(prompt, job.route, gateway.longest(job), job.described, tokens)


def let_through(gateway: Gateway, job: Job, before: Seen, after: Mapping[str, Any]) -> Job:
    """The request that changed arguments make of it. Raises ``TypeError``, or ``HoldfastError`` for a route that there is
    not."""
    if not isinstance(after, Seen):
        after = before.edited({name: value for name, value in after.items() if before.get(name) != value})
    route = after["route"]
    if not isinstance(route, str):
        raise TypeError(f"a route is a name, not {route!r}")
    gateway.directory.route(route)
    old, _ = _prompt(job)
    prompt = remade(old, before, after)
    if prompt == old and job.body is not None:  # it goes on as it came
        body, dialect = job.body, job.dialect
    elif job.dialect == EMBEDDINGS:
        body, dialect = _embedding(job, prompt), EMBEDDINGS
    else:
        return Job(route, prompt=prompt, urgent=job.urgent, deadline=job.deadline, labels=job.labels)
    return Job(
        route,
        dialect=dialect,
        body=body,
        urgent=job.urgent,
        deadline=job.deadline,
        labels=job.labels,
        image_bytes=job.image_bytes,
    )


def before_the_crash(gateway: Gateway, job: Job, before: Seen, recorded: Recorded) -> Seen | None:
    """What a rule made of this request when it was first sent; None if it changed nothing then, or if the request is not the
    same any more."""
    edits: Any = recorded.changed
    if not isinstance(edits, dict) or recorded.intent is None:
        return None
    asked: Any = msgspec.msgpack.decode(recorded.intent.detail).get("asked")
    try:
        after = before.edited(cast("dict[str, Any]", edits))
        same = let_through(gateway, job, before, after).described == asked
    except (TypeError, KeyError, ValueError):
        return None
    return after if same else None


def _prompt(job: Job) -> tuple[Prompt, int]:
    """What is said in it, and how much of it comes as numbers."""
    if job.dialect != EMBEDDINGS or job.body is None:
        return job.prompt, 0
    given = job.body.get("input")
    texts: list[Any] = cast("list[Any]", given) if isinstance(given, list) else [given]
    words = [Text(text) for text in texts if isinstance(text, str)]
    return Prompt(job.route, [Said("user", list(words))]), len(texts) - len(words)


def _embedding(job: Job, prompt: Prompt) -> dict[str, Any]:
    assert job.body is not None
    words = [part.text for one in prompt.said if one.role == "user" for part in one.parts if isinstance(part, Text)]
    if len(prompt.said) != 1 or prompt.settings != Prompt("", []).settings:
        raise TypeError("a request for embeddings has neither instructions nor settings")
    given = job.body["input"]
    if isinstance(given, str):
        return {**job.body, "input": words[0]}
    left = iter(words)
    return {**job.body, "input": [next(left) if isinstance(one, str) else one for one in cast("list[Any]", given)]}


__all__ = ["before_the_crash", "let_through", "seen"]
