"""Which model vendors there are, where they are reached, and which of their models stand for ``smart`` and ``cheap``.

Data, dated 2026-11: any other model of a vendor is reached as ``vendor/model``, and a models file overrides all of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from ..models.routes import Models, Route, Target

COMPATIBLE = "OPENAI_BASE_URL"
"""Where any server that speaks OpenAI's words may be; it is asked which models it has, unless it is OpenAI's own."""
_VERSIONED = re.compile(r"/v\d\w*$")
_OLLAMA_PORT = 11434


class Vendor(msgspec.Struct, frozen=True):
    """A vendor whose key may be in the environment. ``{NAME}`` in the address is taken from there too.

    Attributes:
        keys: variables that may have the key; the first that is set counts.
        url: the address, up to and with the version.
        smart, cheap: the models that stand for these routes.
        url_override: the variable that says another address, as the vendor's own clients read it.
        tail: what those clients put behind an override without a version.
    """

    name: str
    keys: tuple[str, ...]
    url: str
    smart: str
    cheap: str
    dialect: str = "openai-chat"
    url_override: str = ""
    tail: str = ""


VENDORS = (
    Vendor("anthropic", ("ANTHROPIC_API_KEY",), "https://api.anthropic.com/v1", "claude-sonnet-5-5", "claude-haiku-5-5",
           "anthropic", "ANTHROPIC_BASE_URL", "/v1"),
    Vendor("openai", ("OPENAI_API_KEY",), "https://api.openai.com/v1", "gpt-6-sol", "gpt-6-luna",
           url_override=COMPATIBLE),
    Vendor("google", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), "https://generativelanguage.googleapis.com/v1beta",
           "gemini-pro-latest", "gemini-flash-latest", "gemini", "GOOGLE_GEMINI_BASE_URL", "/v1beta"),
    Vendor("mistral", ("MISTRAL_API_KEY",), "https://api.mistral.ai/v1", "mistral-medium-latest", "mistral-small-latest",
           url_override="MISTRAL_BASE_URL", tail="/v1"),
    Vendor("groq", ("GROQ_API_KEY",), "https://api.groq.com/openai/v1", "openai/gpt-oss-120b", "openai/gpt-oss-20b",
           url_override="GROQ_BASE_URL", tail="/openai/v1"),
    Vendor("openrouter", ("OPENROUTER_API_KEY",), "https://openrouter.ai/api/v1", "~anthropic/claude-sonnet-latest",
           "~openai/gpt-mini-latest", url_override="OPENROUTER_BASE_URL"),
    Vendor("deepseek", ("DEEPSEEK_API_KEY",), "https://api.deepseek.com/v1", "deepseek-v4-pro", "deepseek-v4-flash",
           url_override="DEEPSEEK_BASE_URL"),
    Vendor("x-ai", ("XAI_API_KEY",), "https://api.x.ai/v1", "grok-4.7", "grok-4-fast-non-reasoning",
           url_override="XAI_BASE_URL"),
    Vendor("azure", ("AZURE_OPENAI_API_KEY",), "{AZURE_OPENAI_ENDPOINT}/openai/v1", "{AZURE_OPENAI_DEPLOYMENT}",
           "{AZURE_OPENAI_DEPLOYMENT}"),
    Vendor("aws", ("AWS_BEARER_TOKEN_BEDROCK",), "https://bedrock-runtime.{AWS_REGION}.amazonaws.com/openai/v1",
           "openai.gpt-oss-120b-1:0", "openai.gpt-oss-20b-1:0",
           url_override="AWS_ENDPOINT_URL_BEDROCK_RUNTIME", tail="/openai/v1"),
)  # fmt: skip


class Local(msgspec.Struct, frozen=True):
    """A model server of this machine, by its usual port; ``override`` and ``key`` as in ``Vendor``."""

    name: str
    url: str
    override: str
    key: str = ""


LOCAL = (
    Local("ollama", "http://127.0.0.1:11434/v1", "OLLAMA_HOST"),
    Local("vllm", "http://127.0.0.1:8000/v1", "VLLM_BASE_URL", "VLLM_API_KEY"),
    Local("llamacpp", "http://127.0.0.1:8080/v1", "LLAMACPP_BASE_URL", "LLAMA_API_KEY"),
    Local("lmstudio", "http://127.0.0.1:1234/v1", "LMSTUDIO_BASE_URL"),
)


def from_environment(environ: Mapping[str, str] = os.environ) -> Models:
    """Targets of the vendors whose key is set, and the routes ``smart`` and ``cheap`` over them."""
    targets: list[Target] = []
    routes: dict[str, list[str]] = {"smart": [], "cheap": []}
    for vendor in VENDORS:
        key = next((name for name in vendor.keys if environ.get(name)), "")
        if not key:
            continue
        try:
            url, models = address_of(vendor, environ), _models_of(vendor, environ)
        except KeyError:
            continue  # an address that needs more than a key
        for grade, model in models.items():
            name = f"{vendor.name}-{grade}"
            targets.append(
                Target(
                    name=name,
                    vendor=vendor.name,
                    dialect=vendor.dialect,
                    url=url,
                    model=model,
                    key=f"env:{key}",
                    max_output=8_192,
                )
            )
            routes[grade].append(name)
    return Models(targets=targets, routes=[Route(name=name, targets=found) for name, found in routes.items() if found])


def address_of(vendor: Vendor, environ: Mapping[str, str]) -> str:
    """Where a vendor is reached. Raises ``KeyError`` for a variable that is not set."""
    override = environ.get(vendor.url_override, "").rstrip("/") if vendor.url_override else ""
    if override:
        return override if _VERSIONED.search(override) else override + vendor.tail
    return vendor.url.format_map(_filled(environ))


def compatible(environ: Mapping[str, str] = os.environ) -> Local | None:
    """A server that speaks OpenAI's words and is not OpenAI's own; None if none is named."""
    url = environ.get(COMPATIBLE, "").rstrip("/")
    host = urlsplit(url).hostname or ""
    if not url or host == "openai.com" or host.endswith(".openai.com"):
        return None
    return Local("openai-compatible", url, COMPATIBLE, "OPENAI_API_KEY")


def local_servers(environ: Mapping[str, str] = os.environ) -> list[Local]:
    """Where the model servers of this machine are, by the environment and by their usual ports."""
    found: list[Local] = []
    for server in LOCAL:
        said = environ.get(server.override, "").rstrip("/")
        url = server.url if not said else _ollama(said) if server.name == "ollama" else said
        found.append(msgspec.structs.replace(server, url=url if _VERSIONED.search(url) else f"{url}/v1"))
    return found


def _ollama(said: str) -> str:
    """An address as Ollama takes it: a host, a port or both; what it binds to is not always where it is reached."""
    parts = urlsplit(said if "//" in said else f"//{said if not said.startswith(':') else '127.0.0.1' + said}")
    host = parts.hostname or "127.0.0.1"
    host = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    return f"{parts.scheme or 'http'}://{f'[{host}]' if ':' in host else host}:{parts.port or _OLLAMA_PORT}{parts.path}"


def _models_of(vendor: Vendor, environ: Mapping[str, str]) -> dict[str, str]:
    return {"smart": vendor.smart.format_map(environ), "cheap": vendor.cheap.format_map(environ)}


def _filled(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for an address: no double slash, and AWS's region by its other name too."""
    found = {name: value.rstrip("/") for name, value in environ.items()}
    if region := found.get("AWS_REGION") or found.get("AWS_DEFAULT_REGION"):
        found["AWS_REGION"] = region
    return found
