"""Urls without their passwords, and logs without secrets: for whatever leaves the process by way of a text."""

from __future__ import annotations

import logging
import re
from typing import Any

from .places import Secrets

_PASSWORD = re.compile(r"(?<=//)([^/@\s:]*):[^/\s]*@")
_IN_QUERY = re.compile(r"(?i)([?&](?:password|sslpassword|passfile)=)[^&\s]*")


def masked(url: str) -> str:
    """A url as people may see it."""
    return _IN_QUERY.sub(r"\1…", _PASSWORD.sub(r"\1:…@", url))


class Masked(logging.Filter):
    """Takes secrets out of every record that a handler writes, whoever wrote it: libraries log their headers at DEBUG."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging.Filter``."""
        text = record.getMessage()
        clean = masked(self._secrets.clean(text))
        if clean != text:
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = masked(self._secrets.clean(record.exc_text))
        return True

    def guard(self, logger: Any = None) -> None:
        """Stand before every handler of a logger; of the root by default."""
        for handler in (logger or logging.getLogger()).handlers:
            if self not in handler.filters:
                handler.addFilter(self)


__all__ = ["Masked", "masked"]
