"""What is switched off does not pass; what is not, is not even looked at twice."""

from __future__ import annotations

import timeit
from typing import Any

import pytest

from holdfast.domain.intent import Declared, Done, Intent, Verdict
from holdfast.gate.breakers import Breaker, Breakers
from holdfast.gate.gatekeeper import Gatekeeper

AT = 1_790_000_000_000
MAIL = Declared(roles={"to": "destination", "text": "content"})


def intent(agent: str = "default/desk/1", name: str = "mail", at: int = AT, **parts: Any) -> Intent:
    return Intent(
        agent, 7, "1", parts.pop("verb", "tool"), name, args=(parts.pop("args", {}),), at=at, declared=MAIL, **parts
    )


def with_(*breakers: Breaker) -> Breakers:
    made = Breakers()
    made.replace(breakers)
    return made


@pytest.mark.parametrize(
    ("breaker", "hit", "missed"),
    [
        (Breaker(scope="system"), intent(), None),
        (Breaker(scope="tenant", what="acme"), intent("acme/desk/1"), intent("acme2/desk/1")),
        (Breaker(scope="definition", what="default/desk"), intent(), intent("default/desk2/1")),
        (Breaker(scope="agent", what="default/desk/1"), intent(), intent("default/desk/11")),
        (Breaker(scope="tool", what="mail", action="deny"), intent(), intent(name="mail2")),
        (Breaker(scope="tool", what="mail", tenant="acme", action="deny"), intent("acme/desk/1"), intent()),
        (
            Breaker(scope="destination", what="eve@evil.example", action="deny"),
            intent(args={"to": ["bob@x.example", "eve@evil.example"], "text": "hi"}),
            intent(args={"to": "bob@x.example", "text": "eve@evil.example"}),
        ),
        (
            Breaker(scope="destination", what="default/pay/1", action="deny"),
            intent(verb="send", to="default/pay/1"),
            intent(verb="send", to="default/pay/2"),
        ),
    ],
)
def test_a_breaker_stops_what_it_is_for(breaker: Breaker, hit: Intent, missed: Intent | None) -> None:
    breakers = with_(breaker)
    found = breakers.judge(hit)
    assert found is not None and found.code == "gate.breaker_open"
    assert found.verdict is (Verdict.DENY if breaker.action == "deny" else Verdict.HOLD)
    assert breaker.name in found.reasons[0]
    assert missed is None or breakers.judge(missed) is None
    assert with_().judge(hit) is None


def test_turns_are_held_by_what_is_about_agents_only() -> None:
    for scope, what in (("agent", "default/desk/1"), ("definition", "default/desk"), ("tenant", "default"), ("system", "")):
        breakers = with_(Breaker(scope=scope, what=what))
        assert breakers.stopping and breakers.held("default/desk/1") and breakers.frozen("default/desk/1")
        assert not breakers.held("default/holdfast.approval/x"), "what lets go of a breaker must not be held by it"
    tool = with_(Breaker(scope="tool", what="mail", action="deny"))
    assert not tool.stopping and not tool.held("default/desk/1")


def test_half_open_lets_one_pass_among_all_workers_and_tells_how_it_went() -> None:
    told: list[tuple[Breaker, bool]] = []
    breakers = Breakers(lambda breaker, good: told.append((breaker, good)))
    breaker = Breaker(scope="tool", what="mail", action="deny", at=AT, probe_at=AT + 1000)
    breakers.replace([breaker])
    before = breakers.judge(intent(at=AT + 999))
    assert before is not None and before.verdict is Verdict.DENY
    probe = breakers.judge(intent(at=AT + 1000))
    assert probe is not None and probe.verdict is Verdict.ALLOW
    [count] = probe.counts
    assert (count.amount, count.limit, count.over) == (1, 1, Verdict.DENY)
    assert with_(breaker).judge(intent(at=AT + 1001)).counts[0].key == count.key, "every worker counts the same"  # type: ignore[union-attr]
    breakers.learn("default/desk/2", Done(AT, 7, "", "tool", "mail"))
    assert told == []
    breakers.learn("default/desk/1", Done(AT, 7, "", "tool", "mail", failed=True))
    assert told == [(breaker, False)]


def test_a_held_agent_on_trial_may_run() -> None:
    breakers = with_(Breaker(scope="agent", what="default/desk/1", at=AT, probe_at=AT + 1))
    assert not breakers.held("default/desk/1") and breakers.frozen("default/desk/1")


def test_in_the_gatekeeper_a_breaker_comes_first_and_a_trial_is_still_judged() -> None:
    class Refusing:
        """Rules that deny everything."""

        def decide(self, intent: Intent) -> Any:
            from holdfast.domain.intent import Decision

            return Decision(Verdict.DENY, ("no",), ("no",))

        def needs_past(self, verb: str, name: str) -> bool:
            return False

        def looks_into(self, verb: str, name: str) -> bool:
            return False

        needs_sources = False
        empty = False

    breakers = with_(Breaker(scope="system", reason="fire drill", by="anna"))
    gate = Gatekeeper(rules=Refusing(), switches=breakers)
    assert gate.stopping and gate.held("default/desk/1")
    decision = gate.review(intent())
    assert decision.verdict is Verdict.HOLD
    assert decision.reasons == ("system is switched off: fire drill (by anna)",)
    breakers.replace([Breaker(scope="tool", what="mail", action="deny", at=AT, probe_at=AT)])
    assert gate.review(intent()).verdict is Verdict.DENY
    breakers.replace([])
    assert not gate.stopping


def test_ten_thousand_open_breakers_cost_no_more_than_one() -> None:
    one = with_(Breaker(scope="agent", what="default/x/0"))
    many = with_(*(Breaker(scope="agent", what=f"default/x/{n}") for n in range(10_000)))
    it = intent()
    few, lots = (min(timeit.repeat(lambda: b.judge(it), number=2_000, repeat=5)) for b in (one, many))  # noqa: B023
    assert lots < 5 * few
