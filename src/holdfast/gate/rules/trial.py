"""Tests beside policies: a given action and past, and what has to come out. They run on the rules as they are in force.

``given`` and each of ``past`` name the act by its verb (``tool: refund``) or by ``verb`` and ``name``. A past action
happened ``ago`` before the given one; it is the same agent's unless it says another, which then counts ``among: all`` only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ...domain.intent import Decision, Declared, Done, Intent
from ...domain.labels import UNTRUSTED
from ..prompts import ASKED, TEXTS, Seen, as_list
from .acts import VERBS
from .compiling import compile_policy
from .durations import milliseconds
from .explaining import explain
from .facts import Lookup
from .history import Remembered
from .reading import Document, malformed
from .rule import Policy
from .rulebook import Rulebook
from .words import Expected, TestWords

_NOON = 1_750_000_000_000
_GIVEN = frozenset(("agent", "sender", "chain", "tags", "to", "args", "labels", "roles", "effects", "trusted"))
_GIVEN_TOO = frozenset(("endorsed", "goal", "cost", "at", "turn", "idempotent"))
_PAST = frozenset(("agent", "to", "args", "labels", "effects", "ago", "failed", "turn"))


class Result(msgspec.Struct, frozen=True):
    """What became of one test; ``problems`` is empty if it passed, else one line for each difference."""

    policy: str
    test: str
    place: str
    problems: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return not self.problems


class Vouched:
    """Sources of a test: all values carry the given labels, and some are vouched for."""

    def __init__(self, labels: frozenset[str], endorsed: tuple[Any, ...] = (), said: str = "") -> None:
        self._labels, self._endorsed, self._said = labels, endorsed, said.lower()

    def labels_of(self, value: Any) -> frozenset[str]:
        """See ``Sources``."""
        return self._labels

    def endorsed(self, value: Any) -> str:
        """See ``Sources``."""
        return "user" if value in self._endorsed else ""

    def referred(self, value: Any) -> str:
        """See ``Sources``."""
        return "named" if self.endorsed(value) else ""

    def copied(self, value: Any) -> bool:
        """See ``Sources``."""
        return False

    def words(self) -> str:
        """See ``Sources``."""
        return self._said


def run_tests(
    document: Document, others: tuple[Policy, ...] = (), lookups: Mapping[str, Lookup] | None = None
) -> list[Result]:
    """Run a policy's tests, on it alone or together with ``others``. Raises ``Rejected`` for a test that is malformed."""
    known = dict(lookups or {})
    found: list[Result] = []
    for number, test in enumerate(document.words.tests):
        place = document.place(("tests", number))
        answers = {name: _canned(name, answers) for name, answers in test.lookups.items()}
        policy = compile_policy(document, {*known, *answers})
        intent, everyone = _intent(test, place)
        book = Rulebook((policy, *others), lookups={**known, **answers}, everyone=everyone)
        found.append(Result(document.name, test.name, place, tuple(_differences(test, book, intent))))
    return found


def _differences(test: TestWords, book: Rulebook, intent: Intent) -> list[str]:
    expected = test.expect if isinstance(test.expect, Expected) else Expected(outcome=test.expect)
    decision = book.decide(intent)
    got = decision.verdict.name.lower()
    found: list[str] = []
    if got != expected.outcome:
        by = f" by {', '.join(decision.rules)}: {'; '.join(decision.reasons)}" if decision.rules else ", no rule spoke"
        found += [f"- expected {expected.outcome}", f"+ got {got}{by}"]
    if expected.rule and not any(
        rule in (expected.rule, rule.rpartition("/")[0]) or rule.rpartition("/")[2] == expected.rule
        for rule in decision.rules
    ):
        found += [f"- expected rule {expected.rule}", f"+ got {', '.join(decision.rules) or 'no rule'}"]
    if expected.reason and not any(expected.reason in reason for reason in decision.reasons):
        found += [f"- expected a reason with {expected.reason!r}", f"+ got {list(decision.reasons)!r}"]
    if expected.code and decision.code != expected.code:
        found += [f"- expected code {expected.code}", f"+ got {decision.code}"]
    wanted, made = expected.args, _by_name(intent, decision)
    if isinstance(made, Seen) and isinstance(wanted, dict):  # of a prompt, what is named
        some = cast("dict[str, Any]", wanted)
        made = {name: made[name] for name in some if name in made}
        wanted = {name: as_list(text) if name in TEXTS else text for name, text in some.items()}
    if wanted is not None and made != wanted:
        found += [f"- expected args {_json(wanted)}", f"+ got {_json(made)}"]
    if found:
        found += [f"  {c.rule}: {c.said} ({c.why})" for c in explain(book, intent).considered if c.said != "not about this"]
    return found


def _by_name(intent: Intent, decision: Decision) -> Any:
    if decision.args is None:
        return intent.arguments
    return msgspec.structs.replace(intent, args=decision.args).arguments


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _canned(name: str, answers: dict[str, Any]) -> Lookup:
    def answer(*asked: Any) -> Any:
        key = ",".join(one if isinstance(one, str) else json.dumps(one, sort_keys=True, default=str) for one in asked)
        if key not in answers and "*" not in answers:
            raise KeyError(f"{name}({key})")
        return answers.get(key, answers.get("*"))

    return answer


def _intent(test: TestWords, place: str) -> tuple[Intent, list[Done]]:
    given = test.given
    verb, name = _act(given, _GIVEN | _GIVEN_TOO, f"{place}: given")
    agent = _address(str(given.get("agent", "agent/1")))
    at = _moment(given.get("at"), place)
    labels = frozenset(map(str, given.get("labels", ["user"])))
    own: list[Done] = []
    everyone: list[Done] = []
    for number, past in enumerate(test.past):
        done = _done(past, f"{place}: past[{number}]", at, given)
        everyone.append(done)
        if _address(str(past.get("agent", agent))) == agent:
            own.append(done)
    args: Any = given.get("args", {})
    if verb == "model" and isinstance(args, dict):
        args = Seen.supposed(cast("dict[str, Any]", args), name)
    roles: Mapping[str, str] = ASKED.roles if verb == "model" else {}
    if isinstance(args, list):
        args = tuple(cast("list[Any]", args))  # positional ones
    intent = Intent(
        agent=agent,
        turn=int(given.get("turn", 1)),
        path="1",
        verb=verb,
        name=name,
        to=_receiver(str(given.get("to", ""))),
        args=(args,) if isinstance(args, dict) and verb == "tool" else args,
        labels=labels,
        idempotent=bool(given.get("idempotent", True)),
        sender=str(given.get("sender", "user")),
        declared=Declared(
            bool(given.get("effects", True)),
            bool(given.get("trusted", False)),
            given.get("roles", roles),
        ),
        chain=tuple(given.get("chain", ())),
        tags={str(k): str(v) for k, v in given.get("tags", {}).items()},
        at=at,
        sources=Vouched(labels or frozenset((UNTRUSTED,)), tuple(given.get("endorsed", ())), str(given.get("goal", ""))),
        past=Remembered(sorted(own, key=lambda d: d.at)),
        cost=float(given.get("cost", 0.0)),
    )
    return intent, everyone


def _done(past: dict[str, Any], place: str, at: int, given: dict[str, Any]) -> Done:
    verb, name = _act(past, _PAST, place)
    try:
        ago = milliseconds(str(past.get("ago", "1m")))
    except ValueError as error:
        raise malformed(f"{place}: {error}.") from error
    return Done(
        at - ago,
        int(past.get("turn", given.get("turn", 1))),
        "",
        verb,
        name,
        _receiver(str(past.get("to", ""))),
        past.get("args", {}),
        frozenset(map(str, past.get("labels", ()))),
        bool(past.get("failed", False)),
        bool(past.get("effects", True)),
    )


def _act(given: dict[str, Any], known: frozenset[str], place: str) -> tuple[str, str]:
    named = [key for key in given if key in VERBS]
    if "verb" in given:
        named, act = ["verb"], (str(given["verb"]), str(given.get("name", "")))
    elif len(named) == 1:
        act = (named[0], str(given[named[0]] or ""))
    else:
        raise malformed(f"{place} names one act: tool: NAME, send: HANDLER, or verb and name.")
    extra = set(given) - known - {*named, "name", "verb"}
    if extra:
        raise malformed(f"{place} has no {min(extra)!r}; there are {', '.join(sorted(known))}.")
    return act


def _address(text: str) -> str:
    parts = text.split("/")
    return "/".join(("default", *parts)) if len(parts) == 2 else f"default/{text}/1" if len(parts) == 1 and text else text


def _receiver(text: str) -> str:
    """Who gets a message; a topic, a group or a URL is what it is."""
    return _address(text) if "/" in text and ":" not in text else text


def _moment(text: Any, place: str) -> int:
    from datetime import UTC, datetime

    if text is None:
        return _NOON
    if isinstance(text, int):
        return text
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise malformed(f"{place}: {error}; write at as 2026-03-02T14:00:00.") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
