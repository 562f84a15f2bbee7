"""Reasoning items: an id and an encrypted text that go back together, kept in one signature (``rs_1:gAAA...``)."""

from __future__ import annotations

from typing import Any

from ....domain.conversation import Thinking
from ..thinking import unwrapped, wrapped
from .shapes import Reasoning

VENDOR = "openai-responses"
_OURS = "rs_holdfast_"
"""Begins the ids of items that stand for another model's reasoning: OpenAI does not know them."""


def read(item: Reasoning) -> Thinking:
    """Reasoning as a client hands it back or a model gives it."""
    text = "\n\n".join(piece.text for piece in item.summary or item.content or [])
    encrypted = item.encrypted_content or ""
    if (foreign := unwrapped(text, encrypted)) is not None:
        return foreign
    if item.id.startswith(_OURS) and not encrypted:
        return Thinking(text)
    return Thinking(text, signature(item.id, encrypted), vendor=VENDOR)


def signature(id: str, encrypted: str) -> str:
    """What must go back with the reasoning."""
    return f"{id}:{encrypted}" if id or encrypted else ""


def write(thinking: Thinking) -> dict[str, Any] | None:
    """Reasoning for the vendor, if it is the vendor's own."""
    if thinking.vendor != VENDOR or not thinking.signature:
        return None
    id, _, encrypted = thinking.signature.partition(":")
    item: dict[str, Any] = {"type": "reasoning", "id": id, "summary": summary(thinking.text)}
    if encrypted:
        item["encrypted_content"] = encrypted
    return item


def for_client(thinking: Thinking, place: str, id: str = "") -> dict[str, Any]:
    """Reasoning for a client; ``place`` makes the id of another model's unique. ``id`` was said already: OpenAI's own
    signature goes with its own id only."""
    own = write(thinking)
    if own is not None and id in ("", own["id"]):
        return own
    item: dict[str, Any] = {"type": "reasoning", "id": id or f"{_OURS}{place}", "summary": summary(thinking.text)}
    if foreign := wrapped(thinking):
        item["encrypted_content"] = foreign
    return item


def begun(id: str) -> dict[str, Any]:
    """Reasoning of which nothing was said yet."""
    return {"type": "reasoning", "id": id, "summary": []}


def summary(text: str) -> list[dict[str, str]]:
    """Reasoning's words."""
    return [{"type": "summary_text", "text": text}] if text else []
