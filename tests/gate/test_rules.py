"""What the words of a policy mean."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.domain.intent import Approval, Decision, Intent, Verdict
from policies import AT, HOUR, book, done, intent

ALLOW, TRANSFORM, ASK, DENY, HOLD = Verdict


# -- what and who -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("does", "verb", "name", "more", "is_about"),
    [
        ("tool refund", "tool", "refund", {}, True),
        ("tool refund", "tool", "refunds", {}, False),
        ("tool refund", "run", "refund", {}, False),
        ("tool re*", "tool", "refund", {}, True),
        ("tool *", "tool", "x", {}, True),
        ("tool", "tool", "x", {}, True),
        ("[tool pay, run pay]", "run", "pay", {}, True),
        ("call pay to billing", "call", "pay", {"to": "default/billing/1"}, True),
        ("call pay to billing/2", "call", "pay", {"to": "default/billing/1"}, False),
        ("call pay to acme/billing/*", "call", "pay", {"to": "default/billing/1"}, False),
        ("call pay to acme/billing/*", "call", "pay", {"to": "acme/billing/1"}, True),
        ("any action", "run", "x", {}, True),
        ("any action", "sleep", "x", {}, False),
        ("anything", "sleep", "x", {}, True),
        ("any change", "tool", "x", {"effects": False}, False),
        ("any change", "tool", "x", {}, True),
        ("any change", "model", "smart", {}, False),
        ("any sending", "publish", "news", {}, True),
        ("any sending", "tool", "mail", {"roles": {"to": "destination"}}, True),
        ("any sending", "tool", "mail", {"roles": {"to": "content"}}, False),
        ("any sending to out*", "send", "x", {"to": "default/outside/1"}, True),
    ],
)
def test_does_says_what_a_rule_is_about(does: str, verb: str, name: str, more: dict[str, Any], is_about: bool) -> None:
    rules = book(f"- {{name: r, does: {does}, then: deny}}")
    assert rules.decide(intent(verb, name, **more)).verdict is (DENY if is_about else ALLOW)


@pytest.mark.parametrize(
    ("who", "is_meant"),
    [
        ("{agent: support}", True),
        ("{agent: supp}", False),
        ("{agent: 'supp*'}", True),
        ("{agent: support/1}", True),
        ("{agent: support/2}", False),
        ("{agent: default/support/1}", True),
        ("{agent: acme/support/1}", False),
        ("{agent: [desk, support]}", True),
        ("{tenant: default}", True),
        ("{tenant: acme}", False),
        ("{sender: 'user:*'}", True),
        ("{sender: 'agent:*'}", False),
        ("{via: planner}", True),
        ("{via: other}", False),
        ("{tags: {team: [red, blue]}}", True),
        ("{tags: {team: green}}", False),
        ("{tags: {cost: '*'}}", False),
        ("{agent: support, not: {agent: support/1}}", False),
        ("{not: {tags: {team: green}}}", True),
        ("{agent: support, tenant: acme}", False),
    ],
)
def test_who_selects_whom_a_rule_is_about(who: str, is_meant: bool) -> None:
    act = intent(chain=("default/planner/9",), tags={"team": "red"})
    for rules in (book(f"- {{name: r, who: {who}, then: deny}}"), book("- {name: r, then: deny}", head=f"who: {who}")):
        assert rules.decide(act).verdict is (DENY if is_meant else ALLOW)


# -- conditions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        "args.amount > 100",
        "args.amount > 100.5 && args['customer'] == 'ada'",
        "has(args.amount) && !has(args.note)",
        "who.agent == 'default/support/1' && who.name == 'support' && who.key == '1' && who.tenant == 'default'",
        "who.sender.startsWith('user:') && size(who.chain) == 1 && who.tags.team == 'red'",
        "verb == 'tool' && name == 'refund' && to == ''",
        "roles.destination == ['bob@evil.example'] && roles.amount.exists(a, a > 100)",
        "declared.effects && !declared.trusted && idempotent",
        "'web' in labels && labels.exists(l, l == 'untrusted')",
        "untrusted && !endorsed && unendorsed == ['bob@evil.example']",
        "hour == 14 && weekday == 'mon' && date == '2026-03-02'",
        "at > timestamp('2026-03-02T13:59:59Z') && at - timestamp('2026-03-02T13:00:00Z') == duration('1h')",
        "goal.contains('money back')",
        "args.to.domain() == 'evil.example' && args.to.lower().split('@')[0] == 'bob'",
        "args.lines.map(l, l.price).sumOf() == 30",
        "times('tool refund', '1d') == 2 && happened('tool refund', 'session') && !happened('tool other', 'session')",
        "total('tool refund', 'args.amount', '1d') == 30.0",
        "cost < 0.5",
    ],
)
def test_conditions_see_the_whole_intent(condition: str) -> None:
    args = {"amount": 500, "customer": "ada", "to": "bob@evil.example", "lines": [{"price": 10}, {"price": 20}]}
    act = intent(
        args=args,
        labels=("untrusted", "web"),
        roles={"to": "destination", "amount": "amount"},
        endorsed=("ada",),
        chain=("default/planner/9",),
        tags={"team": "red"},
        goal="I want my money back",
        past=[done(args={"amount": 10}), done(args={"amount": 20}, ago=2), done(args={"amount": 9}, failed=True)],
    )
    for word, verdict in (("when", DENY), ("unless", ALLOW)):
        rules = book(f'- name: r\n  {word}: "{condition}"\n  then: deny')
        decision = rules.decide(act)
        assert decision.verdict is verdict, decision.reasons


def test_what_is_not_a_number_passes_no_limit() -> None:
    for condition in ("args.amount > 100", "size(args) > 5"):
        rules = book(f"- {{name: r, when: '{condition}', then: deny}}")
        assert rules.decide(intent(args={"amount": float("nan")})).code == "gate.error"


def test_a_zone_tells_the_time() -> None:
    rules = book("- {name: r, when: \"hour == 23 && weekday == 'mon'\", then: deny}", head="zone: Asia/Tokyo")
    assert rules.decide(intent()).verdict is DENY


def test_values_that_cel_does_not_know_go_in_as_json() -> None:
    import datetime

    rules = book("- {name: r, when: \"args.when == '2026-03-02' || args.many == ['a'] || args.large > 1\", then: deny}")
    args = {"when": datetime.date(2026, 3, 2), "many": {"b"}, "large": 0}
    assert rules.decide(intent(args=args)).verdict is DENY
    assert rules.decide(intent(args={"when": "", "many": {"a"}, "large": 0})).verdict is DENY
    assert rules.decide(intent(args={"when": "", "many": set(), "large": 10**30})).verdict is DENY


def test_nothing_of_one_intent_is_left_for_the_next() -> None:
    rules = book(
        '- {name: a, when: "\'secret\' in labels", then: deny}\n- {name: b, when: "args.a == true", then: deny}\n'
        "- {name: c, when: 'has(args.b)', then: deny}"
    )
    assert rules.decide(intent(args={"a": True}, labels=("secret",))).rules == ("p/a", "p/b")
    assert rules.decide(intent(args={"a": False})).verdict is ALLOW
    assert rules.decide(intent(args={"a": False, "b": 1})).rules == ("p/c",)
    assert rules.decide(intent(args={"a": 1})).verdict is ALLOW, "1 is not true"
    assert rules.decide(intent(args={"a": object()}, labels=("secret",))).verdict is DENY
    assert rules.decide(intent(args={"a": False})).verdict is ALLOW


# -- history ----------------------------------------------------------------------------------------------------------


def test_after_reading_a_secret_nothing_is_sent() -> None:
    rules = book("- {name: r, does: any sending, after: {read: 'secret*'}, then: deny}")
    assert rules.decide(intent("send", "x", to="default/o/1")).verdict is ALLOW
    assert rules.decide(intent("send", "x", to="default/o/1", labels=("secret:crm",))).verdict is DENY
    earlier = done("read_file", labels=frozenset(("secret:crm",)))
    assert rules.decide(intent("send", "x", to="default/o/1", past=[earlier])).verdict is DENY
    assert rules.decide(intent("tool", "read_file", past=[earlier])).verdict is ALLOW


def test_before_something_else_is_done() -> None:
    rules = book("- {name: r, does: tool pay, before: {done: tool verify, same: customer, within: 1h}, then: deny}")
    pay = {"customer": "ada", "amount": 3}
    assert rules.decide(intent("tool", "pay", pay)).verdict is DENY
    assert rules.decide(intent("tool", "pay", pay, past=[done("verify", {"customer": "ada"}, 0.5)])).verdict is ALLOW
    for other in ({"customer": "bob"}, {}):
        assert rules.decide(intent("tool", "pay", pay, past=[done("verify", other, 0.5)])).verdict is DENY
    for late in (done("verify", pay, 2.0), done("verify", pay, 0.5, failed=True)):
        assert rules.decide(intent("tool", "pay", pay, past=[late])).verdict is DENY


def test_failures_with_arguments_in_this_turn() -> None:
    rules = book("- name: r\n  after: {failed: tool login, with: {host: '*.example'}, in: turn, times: 2}\n  then: ask")
    failed = done("login", {"host": "a.example"}, turn=7, failed=True)
    assert rules.decide(intent("tool", "login", past=[failed])).verdict is ALLOW
    assert rules.decide(intent("tool", "login", past=[failed, failed])).verdict is ASK
    old = done("login", {"host": "a.example"}, turn=6, failed=True)
    assert rules.decide(intent("tool", "login", past=[failed, old])).verdict is ALLOW
    elsewhere = done("login", {"host": "a.test"}, turn=7, failed=True)
    assert rules.decide(intent("tool", "login", past=[failed, elsewhere])).verdict is ALLOW


def test_at_most_three_refunds_per_customer_and_day() -> None:
    rules = book("- {name: r, does: tool refund, at_most: {count: 3, per: day, by: args.customer}}")
    ada = {"customer": "ada"}
    past = [done(args=ada, ago=h) for h in (1, 2)] + [done(args={"customer": "bob"})] * 3 + [done(args=ada, ago=25)]
    assert rules.decide(intent(args=ada, past=past)).verdict is ALLOW
    past.append(done(args=ada, ago=3))
    denied = rules.decide(intent(args=ada, past=past))
    assert denied.verdict is DENY
    assert denied.rules == ("p/r",)
    assert "3 so far and 1 now, of at most 3 per day" in denied.reasons[0]
    assert rules.decide(intent(args={}, past=past)).code == "gate.error", "who it is for is not known"


def test_at_most_so_much_in_sum() -> None:
    rules = book("- {name: r, does: tool refund, at_most: {sum: args.amount, limit: 100, per: 90m}, then: ask}")
    past = [done(args={"amount": 60}), done(args={"amount": 500}, ago=2), done(args={"amount": 500}, failed=True)]
    assert rules.decide(intent(args={"amount": 40}, past=past)).verdict is ALLOW
    assert rules.decide(intent(args={"amount": 41}, past=past)).verdict is ASK
    for odd in ("41", -1, float("nan"), float("inf"), True, None):
        assert rules.decide(intent(args={"amount": odd}, past=past)).code == "gate.error", odd
    assert rules.decide(intent(args={"amount": 1}, past=[done(args={"amount": -500})])).code == "gate.error"
    assert rules.decide(intent(args={"amount": 500}, past=[])).verdict is ASK, "one alone may be too much"


def test_what_all_agents_do_is_counted_in_the_store() -> None:
    rules = book(
        "- {name: r, does: tool refund, when: args.amount > 5, approval: {to: boss}, then: ask,"
        " at_most: {sum: args.amount, limit: 100, per: day, by: args.customer, among: all}}"
    )
    decision = rules.decide(intent(args={"amount": 40, "customer": "ada"}))
    assert decision.verdict is ALLOW
    (count,) = decision.counts
    assert (count.key, count.amount, count.limit, count.window_ms, count.over) == (
        "default|p/r|ada",
        40,
        100,
        24 * HOUR,
        ASK,
    )
    assert decision.approval == Approval(to=("boss",)), "whom to ask if the store has counted too many"
    assert rules.decide(intent(args={"amount": 4, "customer": "ada"})).counts == ()
    assert rules.decide(intent("tool", "other", {"amount": 40})).counts == ()


def test_simulate_first() -> None:
    rules = book("- {name: r, does: tool wipe, simulate_first: {argument: dry_run, within: 1h}}")
    real, tried = {"path": "/a"}, {"path": "/a", "dry_run": True}
    assert rules.decide(intent("tool", "wipe", real)).verdict is DENY
    assert rules.decide(intent("tool", "wipe", tried)).verdict is ALLOW
    assert rules.decide(intent("tool", "wipe", {**real, "dry_run": False}, past=[done("wipe", tried, 0.5)])).verdict is ALLOW
    assert rules.decide(intent("tool", "wipe", real, past=[done("wipe", tried, 0.5)])).verdict is ALLOW
    for other in (
        done("wipe", {**tried, "path": "/"}, 0.5),
        done("wipe", tried, 2.0),
        done("wipe", tried, 0.5, failed=True),
    ):
        assert rules.decide(intent("tool", "wipe", real, past=[other])).verdict is DENY


def test_what_is_not_remembered_cannot_be_judged() -> None:
    rules = book("- {name: r, at_most: {count: 3, per: day}}")
    decision = rules.decide(intent(since=AT - HOUR))
    assert (decision.verdict, decision.code) == (DENY, "gate.error")
    assert "not all remembered" in decision.reasons[0]
    act = intent()
    act.past = None
    assert rules.decide(act).code == "gate.error"
    assert rules.decide(intent(since=AT - 25 * HOUR)).verdict is ALLOW
    session = book("- {name: r, at_most: {count: 3, per: session}}")
    assert session.decide(intent(since=AT - HOUR)).verdict is ALLOW


def test_who_vouches_for_a_destination() -> None:
    rules = book("- {name: r, does: any sending, unless: endorsed, then: ask, reason: '{unendorsed}'}")
    mail = {"to": ["ada@x.example", "eve@x.example"], "body": "hello"}
    roles = {"to": "destination"}
    assert rules.decide(intent("tool", "mail", mail, roles=roles)).verdict is ALLOW, "nothing untrusted was read"
    asked = rules.decide(intent("tool", "mail", mail, roles=roles, labels=("untrusted",), endorsed=("ada@x.example",)))
    assert (asked.verdict, asked.reasons) == (ASK, ('["eve@x.example"]',))
    everybody = ("ada@x.example", "eve@x.example")
    assert (
        rules.decide(intent("tool", "mail", mail, roles=roles, labels=("untrusted",), endorsed=everybody)).verdict is ALLOW
    )
    unknown = intent("tool", "mail", mail, roles=roles, labels=())
    assert rules.decide(unknown).verdict is ASK, "unknown origin is untrusted"
    unknown.sources = None
    assert rules.decide(unknown).verdict is ASK
    assert rules.decide(intent("publish", "news", labels=("untrusted",))).reasons == ('["news"]',)


# -- outcomes ---------------------------------------------------------------------------------------------------------


def test_the_strongest_answer_wins_whatever_the_order() -> None:
    one = {
        "deny": "- {name: deny, then: deny, when: args.d, reason: no}",
        "ask": "- {name: ask, then: ask, when: args.a, reason: who}",
        "transform": "- {name: change, then: transform, when: args.t, transform: {drop: x}, reason: less}",
        "allow": "- {name: allow, then: allow, reason: fine}",
    }
    for order in (list(one), list(reversed(one))):
        rules = book("\n".join(one[name] for name in order))
        everything = {"d": True, "a": True, "t": True, "x": 1}
        assert rules.decide(intent(args=everything)).rules == ("p/deny",)
        asked = rules.decide(intent(args={**everything, "d": False}))
        assert (asked.verdict, asked.rules, asked.reasons) == (ASK, ("p/ask",), ("who",))
        assert asked.args == ({"d": False, "a": True, "t": True},), "what is asked about is what would be done"
        changed = rules.decide(intent(args={**everything, "d": False, "a": False}))
        assert (changed.verdict, changed.args) == (TRANSFORM, ({"d": False, "a": False, "t": True},))
        allowed = rules.decide(intent(args={"d": False, "a": False, "t": False}))
        assert (allowed.verdict, allowed.rules) == (ALLOW, ("p/allow",))


def test_whatever_goes_wrong_denies_and_names_the_rule() -> None:
    for then in ("allow", "ask", "deny"):
        decision = book(f"- {{name: r, when: args.amount > 1, then: {then}}}").decide(intent())
        assert (decision.verdict, decision.code, decision.rules) == (DENY, "gate.error", ("p/r",))
        assert "'amount'" in decision.reasons[0]
    mixed = book("- {name: r, when: args.amount > 1, then: deny}\n- {name: s, then: deny}").decide(intent())
    assert (mixed.code, mixed.rules) == ("gate.denied", ("p/s", "p/r"))
    assert book("- {name: r, when: args.amount, then: deny}").decide(intent(args={"amount": 3})).code == "gate.error"


def test_a_closed_policy_allows_only_what_its_rules_allow() -> None:
    rules = book(
        "- {name: a, does: tool read, then: allow}\n- {name: b, does: tool pay, when: args.amount > 9, then: ask}",
        head="who: {agent: support}\ndefault: deny",
    )
    assert rules.decide(intent("tool", "read")).verdict is ALLOW
    assert rules.decide(intent("tool", "pay", {"amount": 10})).verdict is ASK
    denied = rules.decide(intent("tool", "pay", {"amount": 1}))
    assert (denied.verdict, denied.rules, denied.code) == (DENY, ("p",), "gate.denied")
    assert rules.decide(intent("sleep", "")).verdict is ALLOW, "waiting is no action"
    assert rules.decide(intent("tool", "pay", {"amount": 1}, agent="default/desk/1")).verdict is ALLOW


def test_a_transform_redacts_caps_drops_and_rewrites() -> None:
    rules = book(
        "- name: r\n  does: tool pay\n  then: transform\n  transform:\n"
        "    drop: [bcc]\n    redact: {note: '\\d{4,}', lines: 'x+'}\n"
        "    cap: {amount: 500, share: 0.5}\n    set: {to: \"'audit+' + args.to\"}"
    )
    args = {
        "bcc": "b",
        "note": "card 12345",
        "lines": ["ax", {"k": "xx"}],
        "amount": 900,
        "share": 0.75,
        "to": "a@b",
        "z": [1],
    }
    decision = rules.decide(intent("tool", "pay", args))
    assert decision.verdict is TRANSFORM
    assert decision.args == (
        {
            "note": "card [redacted]",
            "lines": ["a[redacted]", {"k": "[redacted]"}],
            "amount": 500,
            "share": 0.5,
            "to": "audit+a@b",
            "z": [1],
        },
    )
    assert args["bcc"] == "b", "the intent itself is as it was"
    whole = book("- {name: r, then: transform, transform: {redact: note}}")
    assert whole.decide(intent(args={"note": {"a": 1}})).args == ({"note": "[redacted]"},)
    steps = book("- {name: r, does: run, then: transform, transform: {cap: {'0': 5}}}")
    assert steps.decide(intent("run", "f", (9, "x"))).args == (5, "x")
    assert rules.decide(intent("tool", "pay", {**args, "amount": "much"})).code == "gate.error"


def test_asking_says_whom_how_many_and_how_long() -> None:
    rules = book(
        "- {name: a, then: ask, approval: {to: [finance, law], needed: 2, within: 2h, escalate: head}}\n"
        "- {name: b, when: args.b, then: ask, approval: {to: finance, seconds: 60, default: allow, question: 'Really?'}}\n"
        "- {name: c, when: args.c, then: ask, approval: {to: ops}}"
    )
    assert rules.decide(intent(args={"b": False, "c": False})).approval == Approval(
        "", ("finance", "law"), 2, 7200.0, "deny", ("head",)
    )
    both = rules.decide(intent(args={"b": True, "c": False}))
    assert both.approval == Approval("Really?", ("finance",), 2, 60.0, "deny", ("head",))
    nobody = rules.decide(intent(args={"b": False, "c": True}))
    assert (nobody.verdict, nobody.code) == (DENY, "gate.error")
    assert "nobody is both" in nobody.reasons[0]


def test_a_reason_shows_values_and_survives_missing_ones() -> None:
    rules = book(
        "- {name: r, then: deny, notify: [ops, law],"
        " reason: '{args.amount} for {args.who.name} of {who.agent}: {args.nope} {{x}} {size(args.list) + 1} {args.list}'}"
    )
    decision = rules.decide(intent(args={"amount": 3.0, "who": {"name": "Ada"}, "list": [1, "b"]}))
    assert decision.reasons == ('3 for Ada of default/support/1: ? {x} 3 [1, "b"]',)
    assert decision.notify == ("ops", "law")


def test_without_a_reason_the_conditions_speak() -> None:
    rules = book("- {name: r, then: deny, when: args.amount > 3, after: {read: web}}")
    decision = rules.decide(intent(args={"amount": 4}, labels=("web",)))
    assert decision.reasons == ("rule p/r: args.amount > 3 is true (args.amount is 4); it has read web",)


# -- Python beside it -------------------------------------------------------------------------------------------------


def test_plugins_judge_too_and_fail_closed() -> None:
    def large(act: Intent) -> Decision | None:
        return Decision(DENY, ("too large",), code="mine.large") if act.arguments["amount"] > 5 else None

    rules = book("- {name: r, does: tool refund, when: args.amount > 3, then: ask}", plugins={"large": large})
    assert rules.decide(intent(args={"amount": 1})).verdict is ALLOW
    assert rules.decide(intent(args={"amount": 4})).verdict is ASK
    denied = rules.decide(intent(args={"amount": 6}))
    assert (denied.rules, denied.reasons, denied.code) == (("large",), ("too large",), "mine.large")
    broken = rules.decide(intent("tool", "other"))
    assert (broken.verdict, broken.code, broken.rules) == (DENY, "gate.error", ("large",))
    assert rules.needs_past("sleep", "")
    assert rules.needs_sources


def test_lookups_are_functions_of_conditions() -> None:
    def tier(intent: Intent, customer: str) -> dict[str, Any]:
        return {"name": {"ada": "gold"}[customer], "agent": intent.agent}

    rules = book(
        "- {name: r, when: \"tier(args.customer).name == 'gold'\", then: deny, reason: '{tier(args.customer).agent}'}",
        lookups={"tier": tier},
    )
    assert rules.decide(intent(args={"customer": "ada"})).reasons == ("default/support/1",)
    unknown = rules.decide(intent(args={"customer": "bob"}))
    assert unknown.code == "gate.error", "a lookup that fails denies"


# -- the index --------------------------------------------------------------------------------------------------------


def test_a_rule_is_only_looked_at_if_it_can_be_meant() -> None:
    rules = book(
        "\n".join(f"- {{name: r{n}, does: tool t{n}, when: args.x > 1, then: deny}}" for n in range(100))
        + "\n- {name: other, who: {agent: desk}, when: args.x > 1, then: deny}"
    )
    found = rules.candidates(intent("tool", "t7", {"x": 1}))
    assert found is not None
    assert [rule.name for rule, _ in found.rules] == ["p/r7"]
    assert rules.candidates(intent("tool", "none")) is None
    assert rules.decide(intent("tool", "none")).verdict is ALLOW


def test_what_is_needed_is_known_beforehand() -> None:
    rules = book(
        "- {name: a, does: tool a, after: {read: x}, then: deny}\n- {name: b, does: tool b, when: args.x > 1, then: deny}\n"
        "- {name: c, does: tool c, when: \"times('tool c', '1h') > 3\", then: deny}"
    )
    assert [rules.needs_past("tool", n) for n in "abcd"] == [True, False, True, False]
    assert not rules.needs_sources
    assert book("- {name: a, when: untrusted, then: deny}").needs_sources
