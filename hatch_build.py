"""The wheel carries the command center: this hook builds it (scripts/web_bundle.py). An editable install leaves it to the
checkout's first use. ``HOLDFAST_WITHOUT_WEB=1`` makes a wheel without it; its server says so where the page would be."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "scripts"))
import web_bundle


class WebBundle(BuildHookInterface):  # type: ignore[type-arg]
    """See the module."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build needs that hatchling does not bring: node, where the machine has none."""
        return [] if self._left_out() or web_bundle.has_node() else [web_bundle.NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel is made."""
        if version == "editable" or self._left_out():
            return
        if (web_bundle.WEB / "package.json").is_file():
            web_bundle.build()

    def _left_out(self) -> bool:
        return os.environ.get("HOLDFAST_WITHOUT_WEB", "") not in ("", "0")
