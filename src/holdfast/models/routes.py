"""``Target`` and ``Route``: which models there are, what they can do and cost, and by which names agents ask for them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ..domain.errors import NotFound, Rejected

Strategy = Literal["order", "weighted", "cheapest", "fastest"]


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """US dollars per million tokens; ``request`` per call. ``as_of`` dates it."""

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None
    written: float | None = None
    request: float = 0.0
    as_of: str = ""


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One model at one vendor.

    Attributes:
        name: unique; in the ledger and in explanations.
        vendor: who is paid; prices and thinking blocks belong to it.
        dialect: ``openai-chat``, ``openai-responses``, ``anthropic`` or ``gemini``.
        url: base address, up to and with the version (``https://host/v1``).
        model: the vendor's name of the model; for Azure also part of the address.
        key: where the secret is: ``env:NAME``, ``file:PATH``, ``secret:NAME``, or ``""`` for none; as in ``headers``.
        requests_per_minute, tokens_per_minute, concurrency: the vendor's limits; 0 for none.
        weight: share of the traffic under the strategy ``weighted``.
        context: most tokens of prompt and answer together; 0 for unknown.
        max_output: most tokens of an answer; sent where a vendor demands a number.
        tools, vision, json: what it can do.
        prefill: whether a conversation may end with the assistant's words for it to go on from.
        connect_seconds, first_token_seconds, stall_seconds, answer_seconds: how long it may take to accept a connection,
            to begin an answer, between two pieces of it, and for an answer that is not streamed.
    """

    name: str
    vendor: str = ""
    dialect: str = "openai-chat"
    url: str = ""
    model: str = ""
    key: str = ""
    headers: dict[str, str] = {}
    query: str = ""
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    concurrency: int = 0
    weight: float = 1.0
    context: int = 0
    max_output: int = 0
    tools: bool = True
    vision: bool = True
    json: bool = True
    prefill: bool = True
    price: Price | None = None
    connect_seconds: float = 5.0
    first_token_seconds: float = 15.0
    stall_seconds: float = 15.0
    answer_seconds: float = 120.0


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``when`` (CEL over the request) holds: ask only these targets, in this order."""

    when: str
    targets: list[str]


class Route(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A named choice of models.

    Attributes:
        targets: names, best first.
        strategy: ``order`` asks the first that is well; ``weighted`` shares by weight; ``cheapest`` and ``fastest`` sort.
        rules: the first whose condition holds decides among whom is chosen.
        max_cost: most US dollars one request may be expected to cost; dearer targets are left out.
        escalate: with ``cheapest``: the check (CEL over ``answer``) that an answer must pass, else the next is asked.
        hedge_seconds: urgent requests ask a second target if the first has not begun to answer by then; 0 for never.
        cache_seconds: how long the very same request is answered from memory; 0 for never.
        attempts: how often at most a vendor is asked for one request.
        patience_seconds: how long a request from outside waits for a target that asked for a pause.
    """

    name: str
    targets: list[str]
    strategy: Strategy = "order"
    rules: list[Rule] = []
    max_cost: float = 0.0
    escalate: str = ""
    hedge_seconds: float = 0.0
    cache_seconds: float = 0.0
    attempts: int = 6
    patience_seconds: float = 20.0


class Models(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that the gateway is told: the ``models:`` section of a configuration."""

    targets: list[Target] = []
    routes: list[Route] = []


class Directory:
    """Looks routes up. Every target is also a route of its own name, and of ``vendor/model``."""

    def __init__(self, models: Models) -> None:
        self.targets: dict[str, Target] = {}
        for target in models.targets:
            if target.name in self.targets:
                raise Rejected("models.duplicate", f"There are two targets named {target.name!r}.", name=target.name)
            self.targets[target.name] = target
        self.routes: dict[str, Route] = {}
        for route in models.routes:
            self._add(route)
        for target in models.targets:
            for name in (target.name, f"{target.vendor}/{target.model}"):
                self.routes.setdefault(name, Route(name=name, targets=[target.name]))

    def _add(self, route: Route) -> None:
        if route.name in self.routes:
            raise Rejected("models.duplicate", f"There are two routes named {route.name!r}.", name=route.name)
        named = [*route.targets, *(t for rule in route.rules for t in rule.targets)]
        unknown = [t for t in named if t not in self.targets]
        if unknown or not route.targets:
            what = f"the target {unknown[0]!r}, which there is not" if unknown else "no target"
            known = ", ".join(sorted(self.targets)) or "none"
            raise Rejected("models.route", f"Route {route.name!r} names {what}. Targets: {known}.", route=route.name)
        self.routes[route.name] = route

    def route(self, name: str) -> Route:
        """A route by name; raises ``NotFound(model.unknown)`` with the names there are."""
        found = self.routes.get(name)
        if found is None:
            known = ", ".join(sorted(self.routes)[:20]) or "none: set a vendor's key in the environment, or give --models"
            raise NotFound("model.unknown", f"There is no model or route named {name!r}. Known: {known}.", model=name)
        return found

    def of(self, route: Route) -> list[Target]:
        """A route's targets, in its order; of one that is out of date those that there still are."""
        return [self.targets[name] for name in route.targets if name in self.targets]

    def describe(self) -> list[dict[str, Any]]:
        """What there is, for listings; no secrets."""
        return [
            {"name": r.name, "strategy": r.strategy, "targets": r.targets}
            for r in sorted(self.routes.values(), key=lambda r: r.name)
        ]
