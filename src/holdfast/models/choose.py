"""Who is asked, and why: the targets of a route that fit a request, in order."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from ..domain.conversation import Usage, media_in
from ..domain.errors import Rejected
from .health import Health
from .job import EMBEDDING_TARGETS, EMBEDDINGS, Job
from .prices import cost_nanos
from .routes import Directory, Route, Target

_ANSWER_TOKENS = 500
"""What an answer is taken to be long when its price is guessed."""


def candidates(
    directory: Directory, route: Route, job: Job, health: Callable[[str], Health], random: Callable[[], float]
) -> list[tuple[Target, str]]:
    """Targets with the reason of their place. Raises ``Rejected(model.no_fit)`` if none can do what the request needs."""
    names, why = route.targets, "first of the route"
    for rule in route.rules:
        if _holds(rule.when, facts_of(job)):
            names, why = rule.targets, f"rule: {rule.when}"
            break
    found = [(directory.targets[name], why) for name in names if name in directory.targets]
    fitting = [(t, w) for t, w in found if not _unfit(t, route, job)]
    if not fitting:
        reasons = "; ".join(f"{t.name}: {_unfit(t, route, job)}" for t, _ in found)
        raise Rejected(
            "model.no_fit", f"No target of route {route.name!r} can take this request: {reasons}.", route=route.name
        )
    if route.strategy == "cheapest":
        fitting = [(t, "cheapest") for t, _ in sorted(fitting, key=lambda pair: _guess(pair[0], job))]
    elif route.strategy == "fastest":
        fitting = [(t, "fastest") for t, _ in sorted(fitting, key=lambda pair: health(pair[0].name).first_ms)]
    elif route.strategy == "weighted":
        # each target's key is u^(1/weight): the order is a weighted draw without replacement (Efraimidis and Spirakis)
        fitting = [
            (t, "weighted draw")
            for t, _ in sorted(fitting, key=lambda pair: -(max(random(), 1e-12) ** (1 / max(pair[0].weight, 1e-6))))
        ]
    return fitting


def facts_of(job: Job) -> dict[str, Any]:
    """What rules may look at."""
    prompt = job.prompt
    settings = prompt.settings
    return {
        "route": job.route,
        "tokens": job.size(),
        "messages": len(prompt.said),
        "tools": len(prompt.tools),
        "images": _images(job),
        "max_tokens": settings.max_tokens,
        "effort": settings.effort,
        "json": settings.schema is not None or settings.json_mode,
        "urgent": job.urgent,
        "labels": job.labels,
    }


def passes(check: str, text: str, calls: int) -> bool:
    """Whether an answer passes a route's ``escalate`` check."""
    return _holds(check, {"answer": {"text": text, "tool_calls": calls}})


def check_rules(route: Route) -> None:
    """Raise ``Rejected(models.rule)`` for a condition that does not parse."""
    for text in [*(rule.when for rule in route.rules), *([route.escalate] if route.escalate else [])]:
        _compiled(text)


def _unfit(target: Target, route: Route, job: Job) -> str:
    if job.dialect == EMBEDDINGS:
        return "" if target.dialect in EMBEDDING_TARGETS else "it makes no embeddings"
    if not (target.tools and target.vision and target.json and not target.context and not route.max_cost):
        prompt = job.prompt
        if prompt.tools and not target.tools:
            return "it has no tools"
        if not target.vision and _images(job):
            return "it sees no images"
        if (prompt.settings.schema or prompt.settings.json_mode) and not target.json:
            return "it gives no JSON on request"
        if target.context and job.size() > target.context:
            return f"about {job.size():,} tokens do not fit into {target.context:,}"
        if route.max_cost and _guess(target, job) > route.max_cost * 1e9:
            return f"it would cost about {_guess(target, job) / 1e9:.4f} USD"
    return ""


def _images(job: Job) -> int:
    return sum(1 for medium in media_in(job.prompt.said) if medium.media_type.startswith("image/"))


def _guess(target: Target, job: Job) -> int:
    answer = job.prompt.settings.max_tokens or _ANSWER_TOKENS
    return cost_nanos(target, Usage(input=job.size(), output=answer)) or 0


def _holds(text: str, facts: dict[str, Any]) -> bool:
    try:
        return bool(_compiled(text).execute(facts))
    except (RuntimeError, ValueError, TypeError, KeyError):
        return False  # a field that this request does not have


@cache
def _compiled(text: str) -> Any:
    try:
        import cel  # loaded for who has rules only
    except ImportError as error:  # pragma: no cover
        raise Rejected("models.rule", "Rules need the package common-expression-language.") from error
    try:
        return cel.compile(text)
    except Exception as error:
        raise Rejected("models.rule", f"The condition {text!r} cannot be read: {error}.", condition=text) from error
