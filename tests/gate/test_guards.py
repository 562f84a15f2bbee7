"""Guards: secrets and personal data in what leaves, and a model's opinion that is advice."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from holdfast import Agent, Runtime, tool
from holdfast.domain.intent import Intent
from holdfast.gate.guards import GUARDS, personal_in, secrets_in, without_personal, without_secrets
from holdfast.gate.rules import Rulebook, compile_policy, read_documents
from holdfast.models.routes import Models, Target
from holdfast.testing.models import Call, Reply, Vendor

KEY = "AKIA" + "IOSFODNN7EXAMPLQ"
GITHUB = "ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"
PEM = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEpAIBAAKCAQEA7\nqwerty\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"use {KEY} for it", "AWS Access Key"),
        (f"token={GITHUB}", "GitHub Token"),
        (PEM, "Private Key"),
        ("https://ada:hunter22x@example.org/x", "Basic Auth Credentials"),
        ("hf_" + "a1B2c3D4" * 5, "Token"),
    ],
)
def test_secrets_are_found_wherever_they_are_and_withheld(text: str, kind: str) -> None:
    value = {"subject": "hello", "parts": [text, 7]}
    assert kind in secrets_in(value)
    left = without_secrets(value)
    assert secrets_in(left) == []
    assert left["subject"] == "hello"
    assert left["parts"][1] == 7


def test_a_private_key_is_withheld_to_its_end() -> None:
    assert "qwerty" not in without_secrets(f"before\n{PEM}\nafter")
    assert without_secrets(f"before\n{PEM}\nafter").endswith("after")


@pytest.mark.parametrize(
    "text", ["order 4111111", "build 3f2a9c0b", "2026-11-25 10:00", "a long sentence about keys and tokens"]
)
def test_ordinary_text_is_no_secret_and_nobodys(text: str) -> None:
    assert secrets_in(text) == []
    assert personal_in(text) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("pay to DE89 3704 0044 0532 0130 00 please", "iban"),
        ("card 4111 1111 1111 1111", "card"),
        ("write to ada@example.org", "email"),
        ("call +49 30 1234567", "phone"),
    ],
)
def test_personal_data_are_found_by_what_proves_them(text: str, kind: str) -> None:
    assert personal_in(text) == [kind]
    assert personal_in(without_personal(text)) == []


@pytest.mark.parametrize("text", ["DE89 3704 0044 0532 0130 01", "4111 1111 1111 1112", "0000 0000 0000 0000"])
def test_numbers_whose_checksum_is_wrong_are_none(text: str) -> None:
    assert personal_in(text) == []


def policy(rule: str) -> str:
    return f"kind: Policy\nname: leak\nspec:\n  rules:\n{rule}"


def decide(rule: str, args: dict[str, Any]) -> Any:
    (document,) = read_documents(policy(rule), "here")
    book = Rulebook([compile_policy(document, GUARDS)], lookups=GUARDS)
    return book.decide(Intent("default/a/1", 1, "1", "tool", "send_mail", args=(args,)))


def test_a_policy_denies_what_carries_a_secret() -> None:
    rule = "    - {name: keys, does: tool send_mail, when: 'secrets_in(args).size() > 0', then: deny, reason: a secret}\n"
    assert decide(rule, {"to": "ada", "body": f"the key is {KEY}"}).verdict.name == "DENY"
    assert decide(rule, {"to": "ada", "body": "no key"}).verdict.name == "ALLOW"


def test_a_policy_withholds_personal_data_and_sends_the_rest() -> None:
    rule = (
        "    - name: personal\n      does: tool send_mail\n      when: personal_in(args.body).size() > 0\n"
        "      then: transform\n"
        "      transform: {set: {body: without_personal(args.body)}}\n"
    )
    decision = decide(rule, {"to": "ada", "body": "card 4111 1111 1111 1111, thanks"})
    assert decision.args == ({"to": "ada", "body": "card [withheld], thanks"},)


JUDGED = policy("    - {name: look twice, does: tool send_mail, then: allow, judge: j}\n")


async def mailed(concern: bool | None, tmp_path: Path) -> tuple[list[Any], list[Any], list[str], list[Call]]:
    """A thinking agent sends one mail under a judge with this opinion: approvals, journal, mails, questions."""
    sent: list[str] = []
    asked: list[Call] = []

    @tool(destinations=["to"], trusted=True)
    async def send_mail(to: str, body: str) -> str:
        """Send a mail."""
        sent.append(body)
        return "sent"

    def script(call: Call) -> Reply:
        if call.body["model"] == "j1":
            asked.append(call)
            return Reply("well" if concern is None else json.dumps({"concern": concern, "why": "odd"}))
        if call.messages[-1]["role"] == "tool":
            return Reply("done")
        return Reply(tool_calls=[("a", "send_mail", {"to": "ada", "body": "hi"})])

    (tmp_path / "judged.yaml").write_text(JUDGED)
    mailer = Agent("mailer", model="m", tools=[send_mail])
    async with Vendor(script) as vendor:
        targets = [Target(name=name, vendor="v", url=vendor.url, model=f"{name}1") for name in ("m", "j")]
        policies = [str(tmp_path / "judged.yaml")]
        async with Runtime([mailer], "memory://", models=Models(targets=targets), policies=policies) as runtime:
            turn = asyncio.ensure_future(runtime.call(mailer["1"].chat, "say hi to ada"))
            approvals: list[Any] = []
            async with asyncio.timeout(10):
                while not turn.done() and not approvals:
                    approvals = await runtime.approvals()
                    await asyncio.sleep(0.01)
                if approvals:
                    assert sent == []
                    await runtime.approve(question=approvals[0].id, by="ann")
                assert await turn == "done"
            return approvals, await runtime.journal("mailer/1"), sent, asked


async def test_a_judges_concern_asks_a_person(tmp_path: Path) -> None:
    approvals, entries, sent, asked = await mailed(True, tmp_path)
    assert [q.approval.args for q in approvals] == [[{"to": "ada", "body": "hi"}]]
    assert "has a concern: odd" in " ".join(approvals[0].approval.reasons)
    assert sent == ["hi"]
    assert [e.value["concern"] for e in entries if e.verb == "advice"] == [True]
    assert len(asked) == 1, "it is not asked again after the person's answer"
    assert "say hi to ada" in asked[0].text


@pytest.mark.parametrize("concern", [False, None])
async def test_a_judge_without_a_concern_or_without_an_answer_changes_nothing(concern: bool | None, tmp_path: Path) -> None:
    approvals, entries, sent, _ = await mailed(concern, tmp_path)
    assert approvals == []
    assert sent == ["hi"]
    assert [e.value["concern"] for e in entries if e.verb == "advice"] == [concern]
