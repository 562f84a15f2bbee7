"""From words to rules. Whatever is wrong is found here, before a rule is ever asked: nothing is half applied."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ...domain.errors import Rejected
from ...domain.intent import Approval, Verdict
from ...domain.topics import check_topic
from .acts import ACTING, VERBS, Act, glob, read_act
from .change import CHANGEABLE, Change
from .conditions import Beyond, Condition, Happened, NotSimulated, When
from .durations import milliseconds
from .expression import HISTORY, Expression, Problem, read
from .expression.types import BOOL, DYN, Type
from .facts import VARIABLES
from .history import SCOPES, read_path
from .reading import Document, Path, is_rule_name, malformed
from .reasons import Reason, split
from .rule import Policy, Rule
from .who import Selector
from .words import AtMost, Event, Names, RuleWords, Transform, Who, listed

T = TypeVar("T")
SIMULATED = frozenset(("run", "tool"))
"""Verbs of which somebody can have declared how to try them."""
_VERDICTS = {v.name.lower(): v for v in (Verdict.ALLOW, Verdict.TRANSFORM, Verdict.ASK, Verdict.DENY)}


def compile_policy(document: Document, lookups: Iterable[str] = (), tenant: str = "") -> Policy:
    """A policy ready to judge; one of a tenant is about that tenant's agents only. Raises ``Rejected`` with
    ``policy.malformed`` or ``policy.expression``."""
    return _Compiling(document, frozenset(lookups), tenant).policy()


class _Compiling:
    def __init__(self, document: Document, lookups: frozenset[str], tenant: str) -> None:
        self.document = document
        self.tenant = tenant or document.tenant
        self.lookups = lookups
        self.words = document.words
        self.paths: set[str] = set()
        self.functions: set[str] = set()

    def policy(self) -> Policy:
        words, name = self.words, self.document.name
        try:
            ZoneInfo(words.zone)
        except (ZoneInfoNotFoundError, ValueError):
            self.fail(("zone",), f"{words.zone!r} is not a time zone; write one like Europe/Berlin or UTC")
        names = [rule.name for rule in words.rules]
        for number, rule in enumerate(names):
            if not is_rule_name(rule):
                self.fail(("rules", number, "name"), f"{rule!r} is no name of a rule; write a few words without '/' and '|'")
            if rule in names[:number]:
                self.fail(("rules", number, "name"), f"there are two rules named {rule!r}")
        acts = self.acts(words.does, ("does",)) or (read_act("any action"),)
        who = self.selectors(Who(tenant=self.tenant) if self.tenant else None) + self.selectors(words.who)
        rules = tuple(self.rule(rule, ("rules", n), acts, who) for n, rule in enumerate(words.rules))
        return Policy(name, words, rules, acts, who, self.document.source, self.tenant)

    def fail(self, path: Path, message: str) -> None:
        raise malformed(f"{self.document.place(path)}: {message}.", self.document.source)

    def tried(self, path: Path, make: Callable[[], T]) -> T:
        """What can raise ``ValueError``, with the place."""
        try:
            return make()
        except (ValueError, re.error) as error:
            raise malformed(f"{self.document.place(path)}: {error}.", self.document.source) from error

    # -- one rule -------------------------------------------------------------------------------------------------

    def rule(self, words: RuleWords, path: Path, above: tuple[Act, ...], who: tuple[Selector, ...]) -> Rule:
        self.paths, self.functions = set(), set()
        verdict = self.verdict(words, path)
        acts = self.acts(words.does, (*path, "does")) or above
        conditions = self.conditions(words, path, acts, verdict)
        change = self.change(words.transform, (*path, "transform")) if words.transform else None
        reason = self.reason(words.reason, (*path, "reason")) if words.reason else None
        if change is not None and not any(act.verbs is None or act.verbs & CHANGEABLE for act in acts):
            self.fail((*path, "does"), f"only arguments of {' and '.join(sorted(CHANGEABLE))} can be changed")
        if words.simulate and not any(act.verbs is None or act.verbs & SIMULATED for act in acts):
            self.fail((*path, "does"), "only tools and steps can be tried")
        back = any(isinstance(c, Happened | NotSimulated) or (isinstance(c, Beyond) and not c.among_all) for c in conditions)
        back = back or bool(self.functions & HISTORY)
        idle = sorted({verb for act in acts for verb in (act.verbs or VERBS)} - ACTING) if back else []
        if idle:
            self.fail(
                (*path, "does"), f"what looks back is about actions ({', '.join(sorted(ACTING))}), not about {idle[0]}"
            )
        return Rule(
            f"{self.document.name}/{words.name}",
            self.document.name,
            words,
            verdict,
            acts,
            (*who, *self.selectors(words.who)),
            conditions,
            reason,
            self.approval(words, path) if verdict is Verdict.ASK else None,
            change,
            tuple(self.told(name, (*path, "notify")) for name in listed(words.notify)),
            frozenset(self.paths),
            frozenset(self.functions),
            back,
            self.words.zone,
        )

    def verdict(self, words: RuleWords, path: Path) -> Verdict:
        limits = words.at_most is not None or words.simulate_first is not None
        if words.then is None and not limits:
            self.fail(path, "then is missing: allow, transform, ask or deny")
        verdict = _VERDICTS[words.then or "deny"]
        if limits and verdict < Verdict.ASK:
            self.fail(
                (*path, "then"),
                "at_most and simulate_first say what is too much; then says what happens beyond: ask or deny",
            )
        if words.approval is not None and verdict is not Verdict.ASK:
            self.fail((*path, "approval"), "approval belongs to then: ask")
        if (words.transform is not None) != (verdict is Verdict.TRANSFORM):
            self.fail((*path, "then"), "transform: says what is changed, and belongs to then: transform")
        if words.simulate and (verdict is Verdict.DENY or limits):
            self.fail((*path, "simulate"), "simulate belongs to then: allow, transform or ask")
        if words.endorse and verdict is not Verdict.ALLOW:
            self.fail((*path, "endorse"), "endorse says for which destinations the rule vouches, and belongs to then: allow")
        return verdict

    def conditions(self, words: RuleWords, path: Path, acts: tuple[Act, ...], verdict: Verdict) -> tuple[Condition, ...]:
        found: list[Condition] = []
        for text, word, wanted in ((words.when, "when", True), (words.unless, "unless", False)):
            if text:
                found.append(When(self.expression(text, (*path, word), BOOL), wanted, self.words.zone))
        for event, word, wanted in ((words.after, "after", True), (words.before, "before", False)):
            if event is not None:
                found.append(self.event(event, (*path, word), wanted))
        if words.simulate_first is not None:
            first = words.simulate_first
            self.tried((*path, "simulate_first", "within"), lambda: milliseconds(first.within))
            found.append(NotSimulated(first.argument, first.is_, first.within))
        if words.at_most is not None:  # the last: what is counted among all is counted only if the rest holds
            found.append(self.at_most(words.at_most, (*path, "at_most"), words.name, acts, verdict))
        return tuple(found)

    def event(self, event: Event, path: Path, wanted: bool) -> Happened:
        given = [word for word in ("read", "done", "failed") if getattr(event, word) is not None]
        if len(given) != 1:
            self.fail(path, "write one of read, done and failed")
        if event.within:
            self.tried((*path, "within"), lambda: milliseconds(event.within))
        if event.times < 1:
            self.fail((*path, "times"), "times is at least 1")
        word = given[0]
        names: Names = getattr(event, word)
        reads = tuple(glob(label) for label in listed(names)) if word == "read" else ()
        acts = () if word == "read" else self.acts(names, (*path, word))
        same = event.same.items() if isinstance(event.same, dict) else ((name, name) for name in listed(event.same))
        return Happened(event, wanted, reads, acts, tuple(same))

    def at_most(self, words: AtMost, path: Path, rule: str, above: tuple[Act, ...], verdict: Verdict) -> Beyond:
        if (words.count is None) == (not words.sum) or (words.limit is None) != (not words.sum):
            self.fail(path, "write count, or sum with limit")
        if words.per not in SCOPES:
            self.tried((*path, "per"), lambda: milliseconds(words.per))
        elif words.among == "all":
            self.fail((*path, "per"), f"among all agents there is no {words.per}; write a length of time")
        limit = float(words.count if words.count is not None else words.limit or 0.0)
        if limit < 0:
            self.fail(path, "a limit is not below 0")
        return Beyond(
            f"{self.document.name}/{rule}",
            verdict,
            self.acts(words.of, (*path, "of")) or above,
            limit,
            self.tried((*path, "sum"), lambda: read_path(words.sum)) if words.sum else (),
            words.per,
            tuple(self.tried((*path, "by"), lambda by=by: read_path(by)) for by in listed(words.by)),
            words.among == "all",
        )

    def change(self, words: Transform, path: Path) -> Change:
        patterns: list[tuple[str, re.Pattern[str] | None]]
        if isinstance(words.redact, dict):
            given = words.redact
            patterns = [(n, self.tried((*path, "redact", n), lambda p=p: re.compile(p))) for n, p in given.items()]
        else:
            patterns = [(name, None) for name in listed(words.redact)]
        settings = tuple((n, self.expression(t, (*path, "set", n), DYN)) for n, t in words.set.items())
        found = Change(listed(words.drop), tuple(patterns), tuple(words.cap.items()), settings, self.words.zone)
        if not (found.drop or found.redact or found.cap or found.set):
            self.fail(path, "write drop, redact, cap or set")
        return found

    def approval(self, words: RuleWords, path: Path) -> Approval:
        given = words.approval
        if given is None:
            return Approval()
        seconds = given.seconds
        if given.within:
            seconds = self.tried((*path, "approval", "within"), lambda: milliseconds(given.within)) / 1000
        if given.needed < 1:
            self.fail((*path, "approval", "needed"), "at least one has to agree")
        return Approval(given.question, listed(given.to), given.needed, seconds, given.default, listed(given.escalate))

    def told(self, name: str, path: Path) -> str:
        """Somebody who is told: the rest of a topic."""
        try:
            check_topic(f"notify.{name}")
        except Rejected:
            self.fail(path, f"{name!r} cannot be told anything; write letters, digits, '-', '_', ':', '@', joined by dots")
        return name

    # -- parts ----------------------------------------------------------------------------------------------------

    def acts(self, names: Names | tuple[str, ...], path: Path) -> tuple[Act, ...]:
        return tuple(self.tried(path, lambda text=text: read_act(text)) for text in listed(names))

    def selectors(self, who: Who | None) -> tuple[Selector, ...]:
        found = Selector.read(who)
        return () if found is None else (found,)

    def reason(self, text: str, path: Path) -> Reason:
        parts: list[str | Expression] = []
        for part, is_expression, _ in split(text):
            parts.append(self.expression(part, path, DYN, kept=False) if is_expression else part)
        found = Reason(tuple(parts), self.words.zone)
        for expression in found.needs:
            self.look(expression)
        return found

    def expression(self, text: str, path: Path, wanted: Type, *, kept: bool = True) -> Expression:
        try:
            found = read(text, VARIABLES, wanted, lookups=self.lookups, what=f"{path[-1]}:")
        except Problem as problem:
            raise Rejected(
                "policy.expression",
                f"{self.document.place(path)}: {problem.message} "
                f"(line {problem.line}, column {problem.column} of {text!r}).",
                source=self.document.source,
                expression=text,
                line=problem.line,
                column=problem.column,
            ) from problem
        if kept:
            self.look(found)
        return found

    def look(self, expression: Expression) -> None:
        self.paths |= expression.found.paths
        self.functions |= expression.found.functions
