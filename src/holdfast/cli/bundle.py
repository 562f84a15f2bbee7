"""The command center of a checkout is built on first use, beside the server that starts meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from .output import say


def build_beside() -> None:
    """Build it if this is a checkout and its bundle is not there, or not of these sources; says what it does."""
    script = Path(__file__).resolve().parents[3] / "scripts" / "web_bundle.py"
    if not script.is_file() or os.environ.get("HOLDFAST_WITHOUT_WEB", "") not in ("", "0"):
        return
    sys.path.insert(0, str(script.parent))
    try:
        import web_bundle  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(script.parent))
    if web_bundle.is_fresh():  # pyright: ignore[reportUnknownMemberType]
        return
    say("  building the command center, once; the server starts meanwhile")
    building = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=building.wait, daemon=True).start()


__all__ = ["build_beside"]
