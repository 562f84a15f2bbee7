"""Operations around policies: which are in force, what a new one would have done, and why the gate said what it said."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from ..domain.address import is_builtin, tenant_of
from ..domain.errors import NotFound, Rejected
from ..domain.intent import Done
from ..domain.principal import OWNER, Principal
from ..gate import Tenants
from ..gate.gatekeeper import Gatekeeper
from ..gate.past import VERBS, done_of
from ..gate.rules import Policy, Rulebook, compile_policy, from_resource, read_documents
from ..gate.rules.conditions import Beyond
from ..gate.rules.explaining import explain
from ..gate.rules.record import UNRECORDED, Act, Judged, Row, acts, judge, outcome_of
from ..gate.rules.trial import Result, run_tests
from ..journal.codec import decode_entry
from ..mailbox.worker import Worker
from ..ports.store import Store
from .policy_views import ConsideredView, DryRunView, JudgedView, PolicyView, TestView, WhyView
from .registry import operation

_PAGE = 1_000
_MOST_ACTS = 500_000
_SHOWN = 200


class PolicyOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Worker
    principal: Principal = OWNER

    @operation(changes=False, path="GET /policies", command="policy list")
    async def policies(self) -> list[PolicyView]:
        """List the policies that are in force on this server."""
        return [view_of(policy) for policy in self._rulebook().policies if self._shown(policy)]

    @operation(changes=False, path="GET /policies/{name}", command="policy show", errors=("policy.unknown",))
    async def policy(self, name: str) -> PolicyView:
        """Show one policy, with its rules."""
        for policy in self._rulebook().policies:
            if policy.name == name and self._shown(policy):
                return view_of(policy, whole=True)
        raise _unknown(name)

    @operation(changes=False, command="policy check", errors=("policy.malformed", "policy.expression"))
    async def check_policy(self, text: str, source: str = "") -> list[PolicyView]:
        """Read policies as if they were to be applied; nothing changes. Raises what is wrong with them."""
        lookups = self._rulebook().lookups
        return [view_of(compile_policy(d, lookups), whole=True) for d in read_documents(text, source)]

    @operation(
        changes=False,
        path="POST /policies/test",
        command="policy test",
        errors=("policy.unknown", "policy.malformed", "policy.expression"),
    )
    async def test_policy(self, name: str = "", text: str = "", source: str = "") -> list[TestView]:
        """Run the tests that stand beside policies, on the rules alone: of one in force, of all of them, or of a text."""
        lookups = self._rulebook().lookups
        if text:
            documents = read_documents(text, source)
        else:
            shown = [p for p in self._rulebook().policies if self._shown(p) and name in ("", p.name)]
            if name and not shown:
                raise _unknown(name)
            documents = [from_resource(p.name, msgspec.to_builtins(p.words), p.source) for p in shown]
        return [test_view(result) for document in documents for result in run_tests(document, lookups=lookups)]

    @operation(changes=False, command="policy dry-run", errors=("policy.malformed", "policy.expression"))
    async def dry_run_policy(
        self, text: str, since: int = 0, until: int = 0, agent: str = "", limit: int = _SHOWN, source: str = ""
    ) -> DryRunView:
        """Ask policies about what was recorded: what they would have blocked, asked about or changed.

        ``since`` and ``until`` are milliseconds, ``agent`` is the beginning of addresses."""
        lookups = self._rulebook().lookups
        policies = [compile_policy(document, lookups) for document in read_documents(text, source)]
        until = until or self.worker.clock.now_ms()
        shared = any(isinstance(c, Beyond) and c.among_all for p in policies for r in p.rules for c in r.conditions)
        everyone = [done async for done in self._everything()] if shared else None
        book = Rulebook(policies, lookups=lookups, everyone=everyone)
        outcomes: Counter[str] = Counter()
        rules: Counter[str] = Counter()
        found: list[Judged] = []
        seen = 0
        async for address in self._addresses(agent):
            for act in acts(address, await self._rows(address)):
                if not since <= act.intent.at < until:
                    continue
                seen += 1
                if seen > _MOST_ACTS:
                    raise Rejected(
                        "operation.input",
                        f"More than {_MOST_ACTS:,} actions were recorded in this time. Take a shorter one, or one agent.",
                    )
                judged = judge(book, act)
                outcomes[judged.outcome] += 1
                if judged.outcome != "allow":
                    rules.update(judged.rules)
                    found.append(judged)
        found.sort(key=lambda j: j.at)
        return DryRunView(
            since=since,
            until=until,
            actions=seen,
            outcomes=dict(outcomes),
            rules=dict(rules.most_common()),
            found=[JudgedView(**msgspec.structs.asdict(j)) for j in found[:limit]],
            left_out=max(0, len(found) - limit),
            unseen=UNRECORDED,
        )

    @operation(changes=False, path="GET /agents/{address}/why", command="why", errors=("why.unknown",))
    async def why(self, address: str, turn: int = 0, path: str = "") -> WhyView:
        """Explain the gate's decision on an action: what was decided then, and what each rule in force now makes of it.
        Without a place, the last decision that was more than a plain yes, or the last action."""
        target = self.principal.place(address)
        chosen: Act | None = None
        book = self._rulebook()
        view: WhyView | None = None
        for act in acts(target, await self._rows(target), asked=True):
            here = act.intent
            if turn:
                wanted = here.turn == turn and path in ("", here.path)
            else:
                wanted = act.decided is not None or chosen is None or chosen.decided is None
            if wanted:
                chosen, view = act, _told(act, book)  # at once: the past goes on growing
        if view is None:
            place = f"#{turn}.{path}" if turn else ""
            raise NotFound("why.unknown", f"There is no action {address}{place} to explain.", address=address)
        return view

    def _shown(self, policy: Policy) -> bool:
        within = self.principal.within
        return not within or policy.tenant in ("", within.rstrip("/"))

    # -- reading the store ------------------------------------------------------------------------------------------

    def _rulebook(self) -> Rulebook:
        return rules_of(self.worker)

    async def _addresses(self, like: str) -> AsyncIterator[str]:
        who, after = self.principal, ""
        prefix = like if like.count("/") == 2 else f"{who.home}/{like}" if like else who.within
        if prefix:
            who.check_reach(tenant_of(prefix))
        while rows := await self.store.agents(like=prefix, after=after, limit=_PAGE):
            for row in rows:
                after = row.address
                if not is_builtin(row.address):
                    yield row.address

    async def _rows(self, address: str) -> list[Row]:
        opened = self.worker.seal.open if self.worker.seal is not None else bytes
        found: list[Row] = []
        after = 0
        while rows := await self.store.entries(address, after, _PAGE):
            after = rows[-1].seq
            found += [(row.turn, decode_entry(opened(row.body))) for row in rows]
            if len(rows) < _PAGE:
                break
        return found

    async def _everything(self) -> AsyncIterator[Done]:
        async for address in self._addresses(""):
            for turn, entry in await self._rows(address):
                if entry.verb in VERBS and entry.kind in (0, 1):
                    yield done_of(turn, entry)


def _unknown(name: str) -> NotFound:
    return NotFound(
        "policy.unknown", f"No policy {name!r} is in force here. `holdfast policy list` shows them.", policy=name
    )


def _told(act: Act, book: Rulebook) -> WhyView:
    intent = act.intent
    told = explain(book, intent)
    decided: dict[str, Any] = act.decided or {}
    before: dict[str, Any] = decided.get("before") or {}
    after: Mapping[str, Any] = intent.arguments
    if intent.verb == "model" and isinstance(decided.get("args"), dict):
        after = decided["args"]
    return WhyView(
        address=intent.agent,
        turn=intent.turn,
        path=intent.path,
        at=intent.at,
        verb=intent.verb,
        name=intent.name,
        to=intent.to,
        args=dict(intent.arguments),
        labels=sorted(intent.labels),
        verdict=str(decided.get("verdict", "allow")),
        rules=[str(rule) for rule in decided.get("rules", ())],
        reasons=[str(reason) for reason in decided.get("reasons", ())],
        by=[str(who) for who in decided.get("by", ())],
        before=before,
        changed={name: after[name] for name in before if name in after},
        now=outcome_of(told.decision),
        considered=[ConsideredView(**msgspec.structs.asdict(c)) for c in told.considered],
        unseen=UNRECORDED,
    )


def rules_of(worker: Worker) -> Rulebook:
    """The rules that a worker's gate holds; none if somebody gave it a gate of another make."""
    gate = worker.gate
    while isinstance(gate, Tenants):
        gate = gate.inner
    rules = gate.rules if isinstance(gate, Gatekeeper) else None
    return rules if isinstance(rules, Rulebook) else Rulebook()


def checked(worker: Worker, name: str, spec: Any, tenant: str = "") -> Policy:
    """A policy as it would be in force on this worker, with its tests passed: what has to hold before it may be applied.
    Raises ``Rejected``: policy.malformed, policy.expression, policy.test."""
    lookups = rules_of(worker).lookups
    document = from_resource(name, spec)
    policy = compile_policy(document, lookups, tenant)
    failed = [result for result in run_tests(document, lookups=lookups) if not result.passed]
    if failed:
        told = "; ".join(f"{result.test}: {', '.join(result.problems[:2])}" for result in failed)
        raise Rejected(
            "policy.test",
            f"Policy {name!r} does not do what the tests beside it say: {told}. Nothing was applied.",
            policy=name,
            tests=[result.test for result in failed],
        )
    return policy


def test_view(result: Result) -> TestView:
    """What became of a test."""
    return TestView(
        policy=result.policy,
        test=result.test,
        place=result.place,
        passed=result.passed,
        problems=list(result.problems),
    )


def view_of(policy: Policy, *, whole: bool = False) -> PolicyView:
    """A policy for listings; ``whole`` with its document."""
    words: dict[str, Any] = msgspec.to_builtins(policy.words)
    return PolicyView(
        name=policy.name,
        description=policy.words.description,
        rules=[rule.name.rpartition("/")[2] for rule in policy.rules],
        tests=len(policy.words.tests),
        default=policy.words.default,
        source=policy.source,
        spec=words if whole else None,
    )


__all__ = ["PolicyOperations", "checked", "rules_of", "test_view", "view_of"]
