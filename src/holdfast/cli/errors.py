"""Errors, for people and for programs."""

from __future__ import annotations

import json
import os
import sys

from ..control.error_pages import codes, page
from ..domain.errors import HoldfastError, Unavailable
from .options import CHOSEN, Format


def tell(error: HoldfastError) -> None:
    """One block on stderr: what happened and what to do next; JSON if the output is for programs."""
    if CHOSEN[0] is not Format.table:
        found = {"code": error.code, "message": error.message, "retry": error.retry, "details": error.details}
        print(json.dumps({"error": found}, ensure_ascii=False, default=repr), file=sys.stderr)
        return
    red, off = ("\033[31m", "\033[0m") if _coloured() else ("", "")
    print(f"{red}error:{off} {error.message} [{error.code}]", file=sys.stderr)
    if page(error.code) is not None:
        print(f"       holdfast error {error.code}  says more", file=sys.stderr)


def of_system(error: OSError) -> HoldfastError:
    """What the operating system said: a path that cannot be used, a disk that is full."""
    what = f"{error.filename!r}: {error.strerror}" if error.filename is not None else f"{error.strerror or error}"
    return Unavailable("system.refused", f"The operating system refused: {what}.", errno=error.errno)


def _coloured() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


__all__ = ["codes", "of_system", "page", "tell"]
