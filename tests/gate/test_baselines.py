"""Honest agents are left alone, within the budget of false alarms; what is not honest is found, however it shows."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Mapping

import msgspec
import pytest

from holdfast.domain.intent import Declared, Done, Intent, Verdict
from holdfast.gate.behaviour import Anomaly, Baselines, Behaviour
from holdfast.gate.behaviour.learned import MOST_ACTIONS, Kind
from honest_traffic import DAY_MS, DELETE, PAY, READ, START, Act, honest, live

CLERK = "default/clerk/0"


@pytest.fixture(scope="module")
def learned() -> dict[str, bytes]:
    """What twenty honest days teach, at rest."""
    baselines = Baselines()
    live(baselines, honest(20, seed=7))
    return {key: kind.encode() for key, kind in baselines.kinds.items()}


@pytest.fixture
def baselines(learned: dict[str, bytes]) -> Baselines:
    """Baselines that have seen twenty honest days."""
    made = Baselines()
    for key, body in learned.items():
        made.know(key, body)
    for act in honest(1, seed=8, first=20):  # so that it knows how many tests a day makes
        made.judge(act.intent())
    made._agents.clear()  # pyright: ignore[reportPrivateUsage]
    return made


def after(ms: int, name: str, arguments: Mapping[str, object], declared: Declared, turn: int = 99_001) -> Act:
    return Act(START + 21 * DAY_MS + ms, CLERK, turn, name, arguments, declared)


def kinds(found: list[Anomaly]) -> set[str]:
    return {anomaly.kind for anomaly in found}


def until_found(baselines: Baselines, acts: list[Act], kind: str) -> int:
    """At which of these it is noticed, 0 for never; all that is not noticed happens and is learned."""
    for n, act in enumerate(acts, 1):
        if kind in kinds(baselines.judge(act.intent())):
            return n
        baselines.learn(act.agent, act.done())
    return 0


@pytest.mark.parametrize(("budget", "seed"), [(1.0, 1), (1.0, 2), (0.2, 3)])
def test_honest_traffic_keeps_the_budget(budget: float, seed: int) -> None:
    days = 20
    asked = live(Baselines(Behaviour(alarms_per_day=budget)), honest(days, seed=seed))
    assert len(asked) / days <= budget, [found for _, found in asked]


def test_a_budget_that_allows_more_alarms_sees_more() -> None:
    """Thresholds do follow from the budget: with a large one, honest traffic is asked about more often, and still keeps
    it."""
    strict = live(Baselines(Behaviour(alarms_per_day=0.1)), honest(8, seed=4))
    loose = live(Baselines(Behaviour(alarms_per_day=500.0)), honest(8, seed=4))
    assert len(strict) < 3 < len(loose) < 8 * 500


def test_too_many_in_a_minute(baselines: Baselines) -> None:
    acts = [after(n * 500, "pay", {"to": "customer-1", "amount": 20.0 + n}, PAY, turn=99_000 + n) for n in range(40)]
    assert 3 <= until_found(baselines, acts, "count") <= 12


def test_a_little_too_many_for_hours(baselines: Baselines) -> None:
    """Never enough in one minute, but one after another for three hours."""
    acts = [
        after(minute * 60_000 + n * 9_000, "read", {"query": f"q {minute} {n}", "page": 1}, READ, turn=99_000 + minute)
        for minute in range(180)
        for n in range(6)
    ]
    found = {kind for kind in ("sustained", "count") if until_found(Baselines_copy(baselines), acts, kind)}
    assert found


def Baselines_copy(baselines: Baselines) -> Baselines:  # noqa: N802
    made = Baselines()
    for key, kind in baselines.kinds.items():
        made.know(key, kind.encode())
    return made


@pytest.mark.parametrize("amount", [20_000.0, 1_000_000.0])
def test_an_amount_out_of_all_proportion(baselines: Baselines, amount: float) -> None:
    found = baselines.judge(after(0, "pay", {"to": "customer-1", "amount": amount}, PAY).intent())
    assert kinds(found) == {"volume"}
    assert "99% of" in found[0].why and f"{amount:,.15g}" in found[0].why


def test_the_amount_of_data_it_wants_to_delete(baselines: Baselines) -> None:
    assert kinds(baselines.judge(after(0, "delete", {"rows": 5}, DELETE).intent())) == set()
    assert "volume" in kinds(baselines.judge(after(0, "delete", {"rows": 40_000}, DELETE).intent()))


def test_a_payload_out_of_all_proportion(baselines: Baselines) -> None:
    found = baselines.judge(after(0, "read", {"query": "x" * 100_000, "page": 1}, READ).intent())
    assert kinds(found) == {"volume"}


def test_an_action_that_none_of_its_kind_ever_did(baselines: Baselines) -> None:
    found = baselines.judge(after(0, "export_all", {}, READ).intent())
    assert kinds(found) == {"novel"} and "export_all" in found[0].why


def test_novelty_is_no_news_where_everything_is_new() -> None:
    """Destinations that are new half of the time say nothing; where there are only three, a fourth does."""
    fixed, fresh = Baselines(), Baselines()
    dice = random.Random(1)
    for n in range(12_000):
        act = Act(START + n * 90_000, CLERK, n, "pay", {"to": f"c{dice.randrange(3)}", "amount": 1}, PAY)
        fixed.judge(act.intent())
        fixed.learn(CLERK, act.done())
        new = msgspec.structs.replace(act, arguments={"to": f"c{n if n % 2 else 0}", "amount": 1})
        fresh.judge(new.intent())
        fresh.learn(CLERK, new.done())
    last = Act(START + 12_000 * 90_000, CLERK, 12_001, "pay", {"to": "attacker", "amount": 1}, PAY)
    assert kinds(fixed.judge(last.intent())) == {"novel"}
    assert kinds(fresh.judge(last.intent())) == set()


def test_many_different_destinations_in_a_day(baselines: Baselines) -> None:
    acts = [after(n * 240_000, "pay", {"to": f"customer-{n}", "amount": 20.0}, PAY, turn=99_000 + n) for n in range(150)]
    found = until_found(baselines, acts, "reach")
    assert 0 < found < 100


def test_the_same_call_again_and_again(baselines: Baselines) -> None:
    acts = [after(n * 70_000, "read", {"query": "same", "page": 1}, READ) for n in range(30)]
    assert 3 <= until_found(baselines, acts, "repeat") <= 12


def test_a_loop_of_calls(baselines: Baselines) -> None:
    steps = [
        ("read", {"query": "a", "page": 1}, READ),
        ("read", {"query": "b", "page": 1}, READ),
        ("pay", {"to": "customer-1", "amount": 1}, PAY),
    ]
    acts = [after(n * 70_000, *steps[n % 3]) for n in range(90)]
    assert 0 < until_found(baselines, acts, "repeat") <= 45


def test_an_agent_of_which_nothing_is_known_is_stopped_in_a_loop() -> None:
    acts = [after(n * 1000, "read", {"query": "same", "page": 1}, READ) for n in range(30)]
    assert until_found(Baselines(), acts, "repeat") == Behaviour().repeats
    assert until_found(Baselines(Behaviour(repeats=0)), acts, "repeat") == 0


def test_below_the_minimum_nothing_is_said() -> None:
    baselines = Baselines()
    for n in range(30):
        act = after(n * 90_000, "pay", {"to": "one", "amount": 1}, PAY, turn=n)
        baselines.judge(act.intent())
        baselines.learn(CLERK, act.done())
    assert baselines.judge(after(31 * 90_000, "pay", {"to": "two", "amount": 10**9}, PAY).intent()) == []


def test_what_people_let_pass_is_asked_again_only_at_twice_as_much(baselines: Baselines) -> None:
    asked: list[int] = []
    for n in range(120):
        act = after(n * 400, "pay", {"to": "customer-1", "amount": 20.0 + n}, PAY, turn=99_000 + n)
        if "count" in kinds(baselines.judge(act.intent())):
            asked.append(n)
        baselines.learn(CLERK, act.done())
    assert 1 <= len(asked) <= 16


def test_what_people_refuse_is_asked_every_time(baselines: Baselines) -> None:
    asked = 0
    for n in range(60):
        act = after(n * 400, "pay", {"to": "customer-1", "amount": 20.0 + n}, PAY, turn=99_000 + n)
        if "count" in kinds(baselines.judge(act.intent())):
            asked += 1
        elif not asked:
            baselines.learn(CLERK, act.done())
    assert asked > 40


def test_a_plan_is_kept_to() -> None:
    def intent(name: str, verb: str = "tool") -> Intent:
        return Intent(CLERK, 1, "1", verb, name, args=({},), tags={"plan": "look_up, refund, send reply"}, at=START)

    baselines = Baselines()
    for name in ("look_up", "refund", "look_up"):
        assert baselines.judge(intent(name)) == []
    assert baselines.judge(intent("reply", "send")) == [] == baselines.judge(intent("smart", "model"))
    [drift] = baselines.judge(intent("delete_account"))
    assert (drift.kind, "delete_account" in drift.why) == ("plan", True)


def test_nothing_is_learned_from_who_is_switched_off() -> None:
    off = {CLERK}
    baselines = Baselines(frozen=off.__contains__)
    act = after(0, "pay", {"to": "one", "amount": 1}, PAY)
    baselines.learn(CLERK, act.done())
    assert "default/clerk" not in baselines.fresh
    baselines.learn("default/clerk/1", act.done())
    assert baselines.kinds["default/clerk"].names.total == 1


def test_names_made_up_for_every_case_fill_no_memory() -> None:
    baselines = Baselines()
    for n in range(3 * MOST_ACTIONS):
        act = after(n * 1000, f"case {n}", {"id": n}, READ, turn=n)
        baselines.judge(act.intent())
        baselines.learn(CLERK, act.done())
    kind = baselines.kinds["default/clerk"]
    assert len(kind.actions) == len(kind.names.counts) == MOST_ACTIONS
    assert kind.names.total == Kind.decode(kind.encode()).names.total == 3 * MOST_ACTIONS
    assert len(baselines._agents[CLERK].doing) <= MOST_ACTIONS  # pyright: ignore[reportPrivateUsage]


def test_tenants_learn_apart() -> None:
    baselines = Baselines()
    baselines.learn("acme/clerk/1", after(0, "pay", {}, PAY).done())
    baselines.learn("default/clerk/1", after(0, "read", {}, PAY).done())
    assert set(baselines.kinds["acme/clerk"].names.counts) == {"tool pay"}


def test_an_anomaly_asks_or_trips_and_never_allows(baselines: Baselines) -> None:
    act = after(0, "export_all", {}, READ)
    decision = baselines.review(act.intent())
    assert decision is not None and decision.verdict is Verdict.ASK and decision.rules == ("behaviour.novel",)
    tripped: list[tuple[str, str]] = []
    strict = Baselines(Behaviour(trip=("novel",)), trip=lambda agent, why: tripped.append((agent, why)))
    for key, kind in baselines.kinds.items():
        strict.know(key, kind.encode())
    for other in honest(1, seed=9, first=20):
        strict.judge(other.intent())
    held = strict.review(act.intent())
    assert held is not None and held.verdict is Verdict.HOLD
    assert tripped[0][0] == CLERK and "export_all" in tripped[0][1]
    assert baselines.review(after(9, "read", {"query": "usual", "page": 1}, READ).intent()) is None


def test_what_workers_learn_apart_adds_up_to_what_one_would_have() -> None:
    acts = list(honest(3, seed=5))
    one = Baselines()
    live(one, iter(acts))
    workers = [Baselines(), Baselines(), Baselines()]
    for n, worker in enumerate(workers):
        live(worker, (act for act in acts if int(act.agent.rpartition("/")[2]) % 3 == n))
    merged = Kind()
    for worker in workers:
        for body in worker.take_fresh().values():
            merged.merge(Kind.decode(body))
        assert worker.take_fresh() == {}
    whole = one.kinds["default/clerk"]
    assert merged.names.counts == whole.names.counts
    assert merged.roles == whole.roles
    for name, action in whole.actions.items():
        other = merged.actions[name]
        assert (action.n, action.windows) == (other.n, other.windows)
        assert action.destinations.counts == other.destinations.counts
        for arg, volumes in action.volumes.items():
            assert (volumes.n, volumes.largest) == (other.volumes[arg].n, other.volumes[arg].largest)
            assert abs(volumes.quantile(0.9) - other.volumes[arg].quantile(0.9)) < 0.1 * volumes.quantile(0.9) + 1


def test_nothing_is_lost_or_doubled_while_it_is_kept(learned: dict[str, bytes]) -> None:
    baselines = Baselines()
    for n in range(10):
        baselines.learn(CLERK, after(n, "pay", {"to": "a", "amount": 1}, PAY).done())
    taken = baselines.take_fresh()
    baselines.learn(CLERK, after(11, "pay", {"to": "a", "amount": 1}, PAY).done())
    baselines.put_back(taken)
    assert baselines.fresh["default/clerk"].names.total == 11
    baselines.know("default/clerk", learned["default/clerk"])
    before = Kind.decode(learned["default/clerk"]).names.total
    assert baselines.kinds["default/clerk"].names.total == before + 11


def test_another_format_counts_for_nothing() -> None:
    kind = Kind()
    kind.names.add("x")
    record = msgspec.msgpack.decode(kind.encode())
    assert Kind.decode(msgspec.msgpack.encode([99, *record[1:]])).names.total == 0


def test_done_of_other_verbs_teaches_nothing() -> None:
    baselines = Baselines()
    baselines.learn(CLERK, Done(START, 1, "", "sleep", "5s"))
    assert baselines.kinds == {}
    assert baselines.judge(Intent(CLERK, 1, "1", "sleep", "5s", at=START)) == []


def test_the_library_is_loaded_when_it_is_needed() -> None:
    code = (
        "import sys; import holdfast.gate.behaviour as b; assert 'datasketches' not in sys.modules; b.Baselines(); "
        "assert 'datasketches' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_the_library_volumes_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.gate.behaviour import sketches

    sketches.library.cache_clear()
    monkeypatch.setitem(sys.modules, "datasketches", None)
    try:
        baselines = Baselines()
        live(baselines, honest(2, seed=6))
        found = baselines.judge(after(0, "pay", {"to": "customer-1", "amount": 1e9}, PAY).intent())
        assert "volume" not in kinds(found)
    finally:
        monkeypatch.undo()
        sketches.library.cache_clear()
