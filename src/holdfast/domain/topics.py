"""Dotted topics with wildcards: ``*`` is one token, a last ``>`` is one or more tokens (the NATS rules).

A store finds subscribers by asking for every pattern that could match a topic, so a lookup is a handful of index
probes and needs no cache. The bound on tokens keeps that handful small: n tokens have at most 2**(n+1) patterns.
"""

from __future__ import annotations

import re
from itertools import product

from .errors import Rejected

MAX_TOKENS = 8
_TOKEN = re.compile(r"[A-Za-z0-9_:@-]{1,64}\Z")


def check_topic(topic: str) -> str:
    """A topic to publish on: tokens joined by dots, no wildcard."""
    tokens = topic.split(".")
    if len(tokens) > MAX_TOKENS or not all(_TOKEN.match(t) for t in tokens):
        raise Rejected(
            "topic.malformed",
            f"{topic!r} is not a topic to publish on: 1 to {MAX_TOKENS} tokens of letters, digits, '_', '-', ':', '@' "
            "joined by dots, without wildcards (orders.eu.created).",
            topic=topic,
        )
    return topic


def check_pattern(pattern: str) -> str:
    """A pattern to subscribe with; raises ``Rejected(topic.malformed)``."""
    tokens = pattern.split(".")
    last = len(tokens) - 1
    good = all(t == "*" or (t == ">" and i == last) or _TOKEN.match(t) for i, t in enumerate(tokens))
    if len(tokens) > MAX_TOKENS or not good:
        raise Rejected(
            "topic.malformed",
            f"{pattern!r} is not a subscription pattern: 1 to {MAX_TOKENS} tokens joined by dots, '*' for one token, "
            "'>' only as the last token for one or more (orders.*.created, orders.>).",
            topic=pattern,
        )
    return pattern


def patterns_for(topic: str) -> list[str]:
    """Every pattern that matches ``topic``."""
    tokens = topic.split(".")
    found: list[str] = []
    for cut in range(len(tokens)):
        for head in product(*((t, "*") for t in tokens[:cut])):
            found.append(".".join((*head, ">")))
    found.extend(".".join(p) for p in product(*((t, "*") for t in tokens)))
    return found


def matches(pattern: str, topic: str) -> bool:
    """Whether ``pattern`` matches ``topic`` (the plain reading, for tests and single checks)."""
    want, have = pattern.split("."), topic.split(".")
    for i, token in enumerate(want):
        if token == ">":
            return len(have) > i
        if i >= len(have) or token not in ("*", have[i]):
            return False
    return len(want) == len(have)
