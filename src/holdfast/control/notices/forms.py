"""What a receiver gets: a CloudEvent, or a message of a chat; and the signature under it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, cast

import msgspec

from ...domain.notice import Notice

SIGNATURE = "holdfast-signature"
_TEXT = 2_900
"""A block of a chat's message holds 3,000 characters."""


class Answers(msgspec.Struct, frozen=True):
    """Ways to answer: ``links`` by who answers with them, ``button`` for whoever presses it."""

    links: Mapping[str, str] = {}
    button: str = ""


def cloud_event(notice: Notice, answers: Answers, page: str) -> bytes:
    """A CloudEvent 1.0 in its JSON format."""
    data = dict(notice.data)
    if answers.links:
        data["answer"] = dict(answers.links)
    if page:
        data["page"] = page
    event = {
        "specversion": "1.0",
        "id": notice.id,
        "source": f"/holdfast/{notice.tenant or '*'}",
        "type": f"holdfast.{notice.type}",
        "subject": notice.subject,
        "time": datetime.fromtimestamp(notice.at / 1000, UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {"text": notice.text, **data},
    }
    return msgspec.json.encode(event)


def chat_message(notice: Notice, answers: Answers, page: str) -> bytes:
    """A message as Slack's incoming webhooks take it: a text, and blocks with buttons."""
    text = _escaped(notice.text)
    blocks: list[dict[str, Any]] = [_section(f"*{text}*")]
    if (args := notice.data.get("args")) is not None:
        shown = _escaped(msgspec.json.format(msgspec.json.encode(args), indent=2).decode()).replace("`", "'")
        blocks.append(_section(f"```{shown}```"))
    if facts := [f"*{name}:* {_escaped(_plain(notice.data[name]))}" for name in _FACTS if notice.data.get(name)]:
        blocks.append(_section("\n".join(facts)))
    buttons: list[dict[str, Any]] = []
    if answers.button:
        buttons += [
            _button("Approve", "approve", answers.button, "primary"),
            _button("Deny", "deny", answers.button, "danger"),
        ]
    for who, url in answers.links.items():
        label = f"Look and answer as {who.rpartition(':')[2]}"[:75]
        buttons.append({"type": "button", "text": {"type": "plain_text", "text": label}, "url": url})
    if page:
        buttons.append({"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": page})
    if buttons:
        blocks.append({"type": "actions", "elements": buttons[:25]})
    return msgspec.json.encode({"text": text, "blocks": blocks})


_FACTS = ("agent", "action", "rules", "reasons", "labels", "requested_by", "who", "by", "reason", "error", "code")


def _section(text: str) -> dict[str, Any]:
    cut = text if len(text) <= _TEXT else text[:_TEXT] + " …" + ("```" if text.endswith("```") else "")
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut}}


def _button(label: str, action: str, value: str, style: str) -> dict[str, Any]:
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action,
        "value": value,
        "style": style,
    }


def _plain(value: Any) -> str:
    return ", ".join(map(str, cast("list[Any]", value))) if isinstance(value, list | tuple) else str(value)


def _escaped(text: str) -> str:
    """What an agent wrote mentions nobody and links nowhere."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def signature(secret: str, at: int, body: bytes) -> str:
    """``t=<seconds>,v1=<hex>``: HMAC-SHA256 with the secret over time, a dot, and the body."""
    return f"t={at},v1={hmac.new(secret.encode(), f'{at}.'.encode() + body, sha256).hexdigest()}"


def is_signed(secret: str, header: str, body: bytes, now: int, seconds: int = 300) -> bool:
    """Whether ``signature`` made this header for this body, not longer ago than so many seconds."""
    at = header.partition(",")[0].removeprefix("t=")
    return at.isdecimal() and abs(now - int(at)) <= seconds and hmac.compare_digest(signature(secret, int(at), body), header)


def pressed(secret: str, at: str, header: str, body: bytes, now: int, seconds: int = 300) -> bool:
    """Whether Slack signed this (``X-Slack-Signature`` over ``v0:<time>:<body>``), not longer ago than so many seconds."""
    made = "v0=" + hmac.new(secret.encode(), f"v0:{at}:".encode() + body, sha256).hexdigest()
    return at.isdecimal() and abs(now - int(at)) <= seconds and hmac.compare_digest(made, header)


__all__ = ["SIGNATURE", "Answers", "chat_message", "cloud_event", "is_signed", "pressed", "signature"]
