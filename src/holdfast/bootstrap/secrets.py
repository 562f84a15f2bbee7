"""Where this process looks for secrets: files and variables, and a vault if the environment names one."""

from __future__ import annotations

import os

from ..adapters.system import SystemClock
from ..adapters.upstream import HttpUpstream
from ..adapters.vault import VaultSource
from ..ports.secrets import SecretSource
from ..secrets import Secrets


def secrets_of_environment() -> Secrets:
    """``VAULT_ADDR`` with ``VAULT_TOKEN`` (or the file ``VAULT_TOKEN_FILE``) adds a vault; ``VAULT_MOUNT`` names its
    engine."""
    sources: list[SecretSource] = []
    if url := os.environ.get("VAULT_ADDR", ""):
        file = os.environ.get("VAULT_TOKEN_FILE", "")
        token = f"file:{file}" if file else "env:VAULT_TOKEN"
        mount = os.environ.get("VAULT_MOUNT", "secret")
        sources.append(VaultSource(url, token, HttpUpstream(), SystemClock(), mount))
    return Secrets(sources)
