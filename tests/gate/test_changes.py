"""What ``transform:`` makes of arguments: of every kind of value, by name, by field and by role, rule after rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from holdfast.domain.conversation import Media, Prompt, Said, Settings, Text, Thinking, ToolCall, ToolResult, ToolSpec
from holdfast.domain.intent import Decision, Verdict, named, placed
from holdfast.gate.gatekeeper import Gatekeeper
from holdfast.gate.prompts import ASKED, Seen, remade
from policies import book, intent

CARD = "'\\d{16}'"


class Order(msgspec.Struct):
    item: str
    note: str = ""
    price: float = 0.0


@dataclass
class Line:
    what: str


def redacting(where: str) -> Any:
    return book(f"- {{name: r, does: anything, then: transform, transform: {{redact: {{{where}: {CARD}}}}}}}")


def test_what_is_hidden_in_numbers_keys_bytes_and_records_is_blacked_out_too() -> None:
    card = 1234567812345678
    given: dict[str, Any] = {
        "x": [card, {str(card): b"a 1234567812345678"}, Order("a", f"card {card}"), (Line(f"{card}"),), True, None, 1.5]
    }
    made = redacting("x").decide(intent(args=given)).args[0]["x"]
    assert made == [
        "[redacted]",
        {"[redacted]": b"a [redacted]"},
        Order("a", "card [redacted]"),
        [Line("[redacted]")],
        True,
        None,
        1.5,
    ]


def test_a_value_that_cannot_be_what_it_was_any_more_denies() -> None:
    dear = Order("a", price=1234567812345678.0)
    rules = book("- {name: r, then: transform, transform: {redact: {x: '1234567812345678'}}}")
    denied = rules.decide(intent(args={"x": dear}))
    assert (denied.verdict, denied.code) == (Verdict.DENY, "gate.error")
    moment = datetime(2026, 3, 2, tzinfo=UTC)
    assert rules.decide(intent(args={"x": moment})).args == ({"x": moment},)


@pytest.mark.parametrize(
    ("words", "made"),
    [
        ("{redact: order.note}", {"order": {"note": "[redacted]", "price": 9}, "lines": [{"p": 3}, {"p": 8}], "to": "a"}),
        ("{drop: [order.note, args.to]}", {"order": {"price": 9}, "lines": [{"p": 3}, {"p": 8}]}),
        ("{cap: {lines.p: 5}}", {"order": {"note": "n", "price": 9}, "lines": [{"p": 3}, {"p": 5}], "to": "a"}),
        ("{set: {order.price: '1'}}", {"order": {"note": "n", "price": 1}, "lines": [{"p": 3}, {"p": 8}], "to": "a"}),
        (
            "{redact: roles.destination, drop: [order, lines]}",
            {"to": "[redacted]"},
        ),
        ("{drop: [nothing, order.nothing]}", {"order": {"note": "n", "price": 9}, "lines": [{"p": 3}, {"p": 8}], "to": "a"}),
    ],
)
def test_fields_and_roles_are_named_as_in_conditions(words: str, made: dict[str, Any]) -> None:
    rules = book(f"- {{name: r, then: transform, transform: {words}}}")
    args = {"order": {"note": "n", "price": 9}, "lines": [{"p": 3}, {"p": 8}], "to": "a"}
    assert rules.decide(intent(args=args, roles={"to": "destination"})).args == (made,)


def test_a_field_of_what_has_none_denies() -> None:
    rules = book("- {name: r, then: transform, transform: {redact: order.note}}")
    assert rules.decide(intent(args={"order": "a text"})).code == "gate.error"
    setting = book("- {name: r, then: transform, transform: {set: {order.note: \"'x'\"}}}")
    assert setting.decide(intent(args={})).code == "gate.error"


def test_each_rule_sees_what_the_one_before_it_left() -> None:
    """Else the second would bring back what the first has taken out."""
    rules = book(
        f"- {{name: cards, then: transform, transform: {{redact: {{body: {CARD}}}}}}}\n"
        "- {name: mark, then: transform, transform: {set: {body: \"'checked: ' + args.body\"}}}"
    )
    decision = rules.decide(intent(args={"body": "card 1234567812345678"}))
    assert decision.args == ({"body": "checked: card [redacted]"},)
    assert decision.rules == ("p/cards", "p/mark")
    assert decision.before == ({"body": "card [withheld]"},), "nobody is shown what was blacked out"


def test_two_judges_that_do_not_know_of_each_other_cannot_both_change_it() -> None:
    rules = book("- {name: cap, then: transform, transform: {cap: {amount: 5}}}")
    other = Decision(Verdict.TRANSFORM, ("mine",), ("mine",), ({"amount": 1_000},))
    gate = Gatekeeper(rules=rules, plugins=(lambda _: other,))
    denied = gate.review(intent(args={"amount": 9}))
    assert (denied.verdict, denied.code) == (Verdict.DENY, "gate.error")


def test_arguments_of_messages_come_back_as_they_were_given() -> None:
    assert placed(named((1, 2), {"c": 3}, ("a", "b")), ("a", "b")) == ((1, 2), {"c": 3})
    assert placed(named((1, 2), {}), ()) == ((1, 2), {})
    assert placed({"b": 2, "c": 3}, ("a", "b")) == ((), {"b": 2, "c": 3}), "what is known by name needs no place"
    with pytest.raises(TypeError, match="missing before 1"):
        placed({"1": 2})


# -- prompts ----------------------------------------------------------------------------------------------------------

SAID = [
    Said("system", [Text("Be kind. 1111", cache=True)]),
    Said("user", [Text("my pin is 1111"), Media("image/png", b"x")]),
    Said("assistant", [Thinking("they said 1111", "sig"), Text("I look"), ToolCall("c", "look", '{"pin": 1111}')]),
    Said("user", [ToolResult("c", [Text("1111 is wrong")], "look")]),
    Said("user", [Text("and now?")]),
]
PROMPT = Prompt("smart", SAID, [ToolSpec("look"), ToolSpec("wipe")], Settings(temperature=0.9, tool_choice="wipe"))


def request() -> Seen:
    return Seen.of(PROMPT, "smart", 4_000, {"sha256": "s", "bytes": 1, "dialect": ""})


def asked(words: str) -> Prompt:
    rules = book(f"- {{name: r, does: model, then: transform, transform: {words}}}")
    act = msgspec.structs.replace(intent("model", "smart", request()), declared=ASKED)
    decision = rules.decide(act)
    assert decision.verdict is Verdict.TRANSFORM, decision.reasons
    return remade(PROMPT, act.args, decision.args)


def test_a_prompt_is_seen_by_who_said_what() -> None:
    seen = request()
    assert seen["prompt"] == [
        "Be kind. 1111",
        "my pin is 1111",
        "they said 1111",
        "I look",
        '{"pin": 1111}',
        "1111 is wrong",
        "and now?",
    ]
    assert (seen["user"], seen["results"], seen["media"], seen["tools"]) == (
        ["my pin is 1111", "and now?"],
        ["1111 is wrong"],
        1,
        ["look", "wipe"],
    )
    assert "temperature" in seen and "top_p" not in seen


@pytest.mark.parametrize("where", ["prompt", "roles.content"])
def test_all_texts_of_a_prompt_are_redacted_and_nothing_else_changes(where: str) -> None:
    made = asked(f"{{redact: {{{where}: '1111'}}}}")
    assert b"1111" not in msgspec.json.encode(made)
    assert made.said[0].parts == [Text("Be kind. [redacted]", cache=True)]
    assert made.said[1].parts == [Text("my pin is [redacted]"), Media("image/png", b"x")]
    assert made.said[2].parts == [Text("I look"), ToolCall("c", "look", '{"text":"{\\"pin\\": [redacted]}"}')], (
        "a thought that was changed is none any more, and arguments stay JSON"
    )
    assert made.said[3].parts == [ToolResult("c", [Text("[redacted] is wrong")], "look")]
    assert made.said[4] == SAID[4] and (made.tools, made.settings) == (PROMPT.tools, PROMPT.settings)


def test_one_of_those_who_speak_is_redacted_alone() -> None:
    made = asked("{redact: {user: '1111'}}")
    assert made.said[1].parts[0] == Text("my pin is [redacted]")
    assert [made.said[n] for n in (0, 2, 3, 4)] == [SAID[n] for n in (0, 2, 3, 4)]


def test_settings_tools_and_instructions_are_changed() -> None:
    made = asked(
        "{cap: {max_tokens: 500, temperature: 0.2}, "
        "set: {tools: \"args.tools.filter(t, t != 'wipe')\", instructions: \"args.instructions + ['In English.']\"}}"
    )
    assert (made.settings.max_tokens, made.settings.temperature, made.settings.tool_choice) == (500, 0.2, "")
    assert [tool.name for tool in made.tools] == ["look"]
    assert made.said[:2] == [SAID[0], Said("system", [Text("In English.")])]
    assert asked("{drop: temperature}").settings.temperature is None


@pytest.mark.parametrize(
    "words",
    [
        "{drop: user}",
        "{set: {user: \"['only one']\"}}",
        "{set: {results: '[1]'}}",
        "{set: {user: 'args.user + args.user'}}",
    ],
)
def test_nobodys_words_become_somebody_elses(words: str) -> None:
    rules = book(f"- {{name: r, does: model, then: transform, transform: {words}}}")
    assert rules.decide(intent("model", "smart", request())).code == "gate.error"


@pytest.mark.parametrize(
    "words",
    [
        "{set: {bytes: '5'}}",
        "{set: {nothing: '5'}}",
        "{set: {tools: \"['rm']\"}}",
        "{set: {temperature: \"'hot'\"}}",
        "{cap: {max_tokens: 0}}",
    ],
)
def test_what_no_request_can_be_is_no_request(words: str) -> None:
    rules = book(f"- {{name: r, does: model, then: transform, transform: {words}}}")
    seen = request()
    decision = rules.decide(intent("model", "smart", seen))
    with pytest.raises(TypeError):
        remade(PROMPT, seen, decision.args)


def test_what_was_changed_about_a_prompt_is_told_by_place_and_made_again() -> None:
    rules = book("- {name: r, does: model, then: transform, transform: {redact: {prompt: '1111'}, cap: {max_tokens: 5}}}")
    seen = request()
    decision = rules.decide(intent("model", "smart", seen))
    edits = seen.edits(decision.args)
    assert edits["user"] == {"0": "my pin is [redacted]"} and edits["max_tokens"] == 5
    assert seen.edited(edits) == decision.args
    assert decision.args.edits(decision.before)["user"] == {"0": "my pin is [withheld]"}
    with pytest.raises((TypeError, KeyError)):
        seen.edited({"user": {"9": "not there"}})


def test_a_request_that_is_sent_elsewhere_is_judged_there_too() -> None:
    away = "- {name: away, does: model smart, then: transform, transform: {set: {route: \"'cheap'\"}}}\n"
    denying = book(away + "- {name: shut, does: model cheap, then: deny, reason: cheap is shut}")
    denied = denying.decide(intent("model", "smart", request()))
    assert (denied.verdict, denied.rules) == (Verdict.DENY, ("p/shut", "p/away"))
    capping = book(away + "- {name: less, does: model cheap, then: transform, transform: {cap: {max_tokens: 9}}}")
    decision = capping.decide(intent("model", "smart", request()))
    assert (decision.args["route"], decision.args["max_tokens"], decision.rules) == ("cheap", 9, ("p/away", "p/less"))
    loop = book(away + "- {name: back, does: model cheap, then: transform, transform: {set: {route: \"'smart'\"}}}")
    assert loop.decide(intent("model", "smart", request())).code == "gate.error"
