"""Which model vendors there are, where they are reached, and which of their models stand for ``smart`` and ``cheap``.

Data, dated 2026-11: any other model of a vendor is reached as ``vendor/model``, and a models file overrides all of it.
"""

from __future__ import annotations

import os

import msgspec

from ..models.routes import Models, Route, Target


class Vendor(msgspec.Struct, frozen=True):
    """A vendor whose key may be in the environment. ``{NAME}`` in the address is taken from there too."""

    name: str
    keys: tuple[str, ...]
    url: str
    smart: str
    cheap: str
    dialect: str = "openai-chat"
    url_override: str = ""
    query: str = ""


VENDORS = (
    Vendor("anthropic", ("ANTHROPIC_API_KEY",), "https://api.anthropic.com/v1", "claude-sonnet-5-5", "claude-haiku-5-5",
           "anthropic", "ANTHROPIC_BASE_URL"),
    Vendor("openai", ("OPENAI_API_KEY",), "https://api.openai.com/v1", "gpt-6-sol", "gpt-6-luna",
           url_override="OPENAI_BASE_URL"),
    Vendor("google", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), "https://generativelanguage.googleapis.com/v1beta",
           "gemini-pro-latest", "gemini-flash-latest", "gemini"),
    Vendor("mistral", ("MISTRAL_API_KEY",), "https://api.mistral.ai/v1", "mistral-medium-latest", "mistral-small-latest"),
    Vendor("groq", ("GROQ_API_KEY",), "https://api.groq.com/openai/v1", "openai/gpt-oss-120b", "openai/gpt-oss-20b"),
    Vendor("openrouter", ("OPENROUTER_API_KEY",), "https://openrouter.ai/api/v1", "~anthropic/claude-sonnet-latest",
           "~openai/gpt-mini-latest"),
    Vendor("deepseek", ("DEEPSEEK_API_KEY",), "https://api.deepseek.com/v1", "deepseek-v4-pro", "deepseek-v4-flash"),
    Vendor("x-ai", ("XAI_API_KEY",), "https://api.x.ai/v1", "grok-4.7", "grok-4-fast-non-reasoning"),
    Vendor("azure", ("AZURE_OPENAI_API_KEY",), "{AZURE_OPENAI_ENDPOINT}/openai/v1", "{AZURE_OPENAI_DEPLOYMENT}",
           "{AZURE_OPENAI_DEPLOYMENT}"),
    Vendor("aws", ("AWS_BEARER_TOKEN_BEDROCK",), "https://bedrock-runtime.{AWS_REGION}.amazonaws.com/openai/v1",
           "openai.gpt-oss-120b-1:0", "openai.gpt-oss-20b-1:0"),
)  # fmt: skip

LOCAL = (
    ("ollama", "http://127.0.0.1:11434/v1"),
    ("vllm", "http://127.0.0.1:8000/v1"),
    ("llamacpp", "http://127.0.0.1:8080/v1"),
    ("lmstudio", "http://127.0.0.1:1234/v1"),
)
"""Model servers of this machine, by their usual ports."""


def from_environment() -> Models:
    """Targets of the vendors whose key is set, and the routes ``smart`` and ``cheap`` over them."""
    targets: list[Target] = []
    routes: dict[str, list[str]] = {"smart": [], "cheap": []}
    for vendor in VENDORS:
        key = next((name for name in vendor.keys if os.environ.get(name)), "")
        if not key:
            continue
        try:
            url = os.environ.get(vendor.url_override, "") or vendor.url.format_map(os.environ)
            models = {"smart": vendor.smart.format_map(os.environ), "cheap": vendor.cheap.format_map(os.environ)}
        except KeyError:
            continue  # an address that needs more than a key
        if vendor.name == "anthropic" and not url.rstrip("/").endswith("/v1"):
            url = url.rstrip("/") + "/v1"
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
