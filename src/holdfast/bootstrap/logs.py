"""Structured logs: one JSON object a line, with the trace, agent and turn in which something was logged."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime
from typing import Any

from ..turn.branches import BRANCHES

_TEXT = "%(levelname)s %(message)s"


class JsonLines(logging.Formatter):
    """See the module."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        found: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **place(),
        }
        if record.exc_info:
            found["error"] = self.formatException(record.exc_info)
        return json.dumps(found, ensure_ascii=False, default=repr)


def place() -> dict[str, Any]:
    """The turn that logs, if one does."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a thread without a loop
        return {}
    branch = BRANCHES.get(task) if task is not None else None
    turn = branch.turn if branch is not None else None
    if turn is None:
        return {}
    return {"trace": turn.item.message.trace, "agent": turn.active.address, "turn": turn.number}


def install(format: str) -> None:
    """Log to stderr as ``text`` or ``json``."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if format == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.getLogger("holdfast").setLevel(logging.INFO)


__all__ = ["JsonLines", "install"]
