"""What `holdfast login` keeps: a token for each server, in a file that only its owner can read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..domain.errors import Rejected


def place() -> Path:
    """Where."""
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "holdfast" / "credentials.json"


def kept(url: str) -> str:
    """The token for a server; ``""`` if there is none."""
    found = _read().get(_name(url), {}).get("token", "")
    return found if isinstance(found, str) else ""


def keep(url: str, token: str) -> None:
    """Keep it; an empty one is forgotten."""
    known = _read()
    if token:
        known[_name(url)] = {"token": token}
    else:
        known.pop(_name(url), None)
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_suffix(".partial")
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        json.dump(known, file, indent=1)
    os.replace(partial, path)


def _read() -> dict[str, Any]:
    try:
        return json.loads(place().read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Rejected(
            "login.file", f"What `holdfast login` kept in {place()} cannot be read: {error}. Log in again after removing it."
        ) from error


def _name(url: str) -> str:
    from ..link import DEFAULT_URL, endpoint

    return endpoint(url or DEFAULT_URL).url
