"""What the environment names is found, offered as a route, and asked in its own words at its own address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from holdfast.bootstrap.models import discover, make_gateway
from holdfast.bootstrap.vendors import LOCAL, VENDORS, from_environment, local_servers
from holdfast.domain.conversation import Prompt, Said, Text, ToolSpec, Usage
from holdfast.models.declared import with_declared
from holdfast.models.dialects import DIALECTS
from holdfast.models.job import Job
from holdfast.models.prices import cost_nanos, listed
from holdfast.models.routes import Models, Price, Target

KEY = "canary-key-of-a-vendor"
NOWHERE = "http://127.0.0.1:9/v1"
ANSWERS: dict[str, dict[str, Any]] = {
    "openai-chat": {
        "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "fine"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    },
    "anthropic": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": [{"type": "text", "text": "fine"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    },
    "gemini": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "fine"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2},
    },
}


class Strict:
    """A vendor's server on loopback that answers nothing but what this vendor documents."""

    def __init__(self, dialect: str, path: str, auth: Mapping[str, str], models: tuple[str, ...] = ()) -> None:
        self.dialect, self.path, self.auth, self.models = dialect, path, auth, models
        self.host = ""
        self.asked: list[dict[str, Any]] = []
        self.wrong: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            status, told = self.answer(first, headers, body)
            raw = msgspec.json.encode(told)
            head = f"HTTP/1.1 {status} .\r\ncontent-type: application/json\r\ncontent-length: {len(raw)}\r\n\r\n"
            writer.write(head.encode() + raw)
            await writer.drain()
        finally:
            writer.close()

    def answer(self, first: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        method, path, _ = first.split(" ")
        if method == "GET" and path.endswith("/models") and self.models:
            return 200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]}
        if method != "POST" or path != self.path:
            self.wrong.append(first)
            return 404, {"error": {"message": f"no {method} {path}"}}
        for name in ("authorization", "x-api-key", "x-goog-api-key"):
            if headers.get(name) != self.auth.get(name):
                self.wrong.append(f"{name}: {headers.get(name)}")
        asked = msgspec.json.decode(body)
        if self.dialect == "gemini":
            if asked["contents"][0]["parts"] != [{"text": "hi"}] or "model" in asked:
                self.wrong.append(str(asked))
            if asked["tools"][0]["functionDeclarations"][0]["name"] != "look":
                self.wrong.append(str(asked))
        else:
            prompt = DIALECTS[self.dialect].read_prompt(asked)  # what it refuses fails the call
            if prompt.said[-1].parts != [Text("hi")] or [t.name for t in prompt.tools] != ["look"]:
                self.wrong.append(str(asked))
            if any(prompt.extra.values()):  # fields that this dialect does not know
                self.wrong.append(str(prompt.extra))
        if self.dialect == "anthropic" and headers.get("anthropic-version") != "2023-06-01":
            self.wrong.append("anthropic-version")
        self.asked.append(asked)
        return 200, ANSWERS[self.dialect]


@asynccontextmanager
async def serving(strict: Strict) -> AsyncGenerator[str]:
    server = await asyncio.start_server(strict.serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key and no server of this machine."""
    for vendor in VENDORS:
        for name in (*vendor.keys, vendor.url_override):
            if name:
                monkeypatch.delenv(name, raising=False)
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_DEPLOYMENT", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for server in LOCAL:
        monkeypatch.setenv(server.override, NOWHERE)
        if server.key:
            monkeypatch.delenv(server.key, raising=False)


async def ask(route: str = "smart") -> tuple[str, str]:
    """What discovery finds answers; gives the words and the target's name."""
    gateway = make_gateway(await discover())
    try:
        prompt = Prompt(route, [Said("user", [Text("hi")])], [ToolSpec("look", "Looks.", {"type": "object"})])
        reply = await gateway.ask(Job(route, prompt=prompt))
        return reply.answer.text, reply.facts.target
    finally:
        await gateway.close()


BEARER = {"authorization": f"Bearer {KEY}"}
CHAT = "/chat/completions"
# vendor: environment ({URL} is where the server listens), dialect, path, auth
WIRE: dict[str, tuple[dict[str, str], str, str, dict[str, str]]] = {
    "openai": ({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "{URL}/v1"}, "openai-chat", f"/v1{CHAT}", BEARER),
    "anthropic": (
        {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "{URL}"},
        "anthropic",
        "/v1/messages",
        {"x-api-key": KEY},
    ),
    "google": (
        {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": "{URL}/"},
        "gemini",
        "/v1beta/models/gemini-pro-latest:generateContent",
        {"x-goog-api-key": KEY},
    ),
    "mistral": ({"MISTRAL_API_KEY": KEY, "MISTRAL_BASE_URL": "{URL}"}, "openai-chat", f"/v1{CHAT}", BEARER),
    "groq": ({"GROQ_API_KEY": KEY, "GROQ_BASE_URL": "{URL}"}, "openai-chat", f"/openai/v1{CHAT}", BEARER),
    "openrouter": (
        {"OPENROUTER_API_KEY": KEY, "OPENROUTER_BASE_URL": "{URL}/api/v1"},
        "openai-chat",
        f"/api/v1{CHAT}",
        BEARER,
    ),
    "deepseek": ({"DEEPSEEK_API_KEY": KEY, "DEEPSEEK_BASE_URL": "{URL}/v1"}, "openai-chat", f"/v1{CHAT}", BEARER),
    "x-ai": ({"XAI_API_KEY": KEY, "XAI_BASE_URL": "{URL}/v1"}, "openai-chat", f"/v1{CHAT}", BEARER),
    "azure": (
        {"AZURE_OPENAI_API_KEY": KEY, "AZURE_OPENAI_ENDPOINT": "{URL}/", "AZURE_OPENAI_DEPLOYMENT": "ours"},
        "openai-chat",
        f"/openai/v1{CHAT}",
        BEARER,
    ),
    "aws": (
        {"AWS_BEARER_TOKEN_BEDROCK": KEY, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "{URL}"},
        "openai-chat",
        f"/openai/v1{CHAT}",
        BEARER,
    ),
}


@pytest.mark.parametrize("name", list(WIRE))
async def test_a_vendor_is_found_and_asked_in_its_words(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment, dialect, path, auth = WIRE[name]
    strict = Strict(dialect, path, auth)
    async with serving(strict) as url:
        for key, value in environment.items():
            monkeypatch.setenv(key, value.replace("{URL}", url))
        for grade in ("smart", "cheap"):
            strict.path = path if grade == "smart" else path.replace("gemini-pro-latest", "gemini-flash-latest")
            assert await ask(grade) == ("fine", f"{name}-{grade}"), strict.wrong
    vendor = next(v for v in VENDORS if v.name == name)
    models = [vendor.smart, vendor.cheap] if name != "azure" else ["ours", "ours"]
    if dialect != "gemini":
        assert [a["model"] for a in strict.asked] == models
    posted = [w for w in strict.wrong if not w.startswith("GET")]
    assert posted == [] and len(strict.asked) == 2


def test_every_vendor_has_a_server_that_checks_it() -> None:
    assert set(WIRE) == {vendor.name for vendor in VENDORS}


def test_without_an_override_vendors_are_where_they_say() -> None:
    environ = {key: KEY for vendor in VENDORS for key in vendor.keys}
    azure = {"AZURE_OPENAI_ENDPOINT": "https://ours.openai.azure.com/", "AZURE_OPENAI_DEPLOYMENT": "ours"}
    found = from_environment({**environ, **azure, "AWS_DEFAULT_REGION": "eu-north-1"})
    assert {t.vendor: t.url for t in found.targets} == {
        "anthropic": "https://api.anthropic.com/v1",
        "openai": "https://api.openai.com/v1",
        "google": "https://generativelanguage.googleapis.com/v1beta",
        "mistral": "https://api.mistral.ai/v1",
        "groq": "https://api.groq.com/openai/v1",
        "openrouter": "https://openrouter.ai/api/v1",
        "deepseek": "https://api.deepseek.com/v1",
        "x-ai": "https://api.x.ai/v1",
        "azure": "https://ours.openai.azure.com/openai/v1",
        "aws": "https://bedrock-runtime.eu-north-1.amazonaws.com/openai/v1",
    }
    assert all(target.key.startswith("env:") and KEY not in str(target) for target in found.targets)
    assert {t.vendor for t in from_environment(environ).targets}.isdisjoint({"azure", "aws"}), "they need more than a key"


@pytest.mark.parametrize("server", LOCAL, ids=[s.name for s in LOCAL])
async def test_a_server_of_this_machine_is_found(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    auth: dict[str, str] = {}
    if server.key:
        monkeypatch.setenv(server.key, KEY)
        auth = BEARER
    strict = Strict("openai-chat", f"/v1{CHAT}", auth, models=("qwen", "phi"))
    async with serving(strict) as url:
        monkeypatch.setenv(server.override, url.removeprefix("http://") if server.name == "ollama" else url)
        assert await ask() == ("fine", f"{server.name}-qwen"), strict.wrong
        assert await ask(f"{server.name}-phi") == ("fine", f"{server.name}-phi")
    assert [a["model"] for a in strict.asked] == ["qwen", "phi"] and strict.wrong == []


@pytest.mark.parametrize("key", ["", KEY])
async def test_any_server_that_speaks_openais_words_is_asked_what_it_has(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    strict = Strict("openai-chat", f"/here{CHAT}", BEARER if key else {}, models=("house-model",))
    async with serving(strict) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/here")
        if key:
            monkeypatch.setenv("OPENAI_API_KEY", key)
        assert await ask() == ("fine", "openai-compatible-house-model"), strict.wrong
        assert await ask("cheap") == ("fine", "openai-compatible-house-model")
    assert strict.wrong == []


async def test_a_proxy_that_has_openais_models_is_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = next(v for v in VENDORS if v.name == "openai")
    strict = Strict("openai-chat", f"/v1{CHAT}", BEARER, models=(vendor.smart, vendor.cheap, "another"))
    async with serving(strict) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        assert await ask() == ("fine", "openai-smart"), strict.wrong


async def test_with_nothing_there_nothing_is_offered() -> None:
    found = await discover()
    assert (found.targets, found.routes) == ([], [])


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        (":4000", "http://127.0.0.1:4000/v1"),
        ("gpu.example:4000", "http://gpu.example:4000/v1"),
        ("https://gpu.example:4000/", "https://gpu.example:4000/v1"),
        ("[::1]:4000", "http://[::1]:4000/v1"),
    ],
)
def test_ollamas_own_variable_is_read_as_ollama_reads_it(said: str, url: str) -> None:
    assert local_servers({"OLLAMA_HOST": said})[0].url == url


def test_prices_are_dated_and_a_targets_own_counts_before_the_table() -> None:
    usage = Usage(input=1_000_000, output=1_000_000)
    listed_price = listed("openai", "gpt-4o")
    assert listed_price is not None and listed_price.as_of.startswith("genai-prices 0.")
    target = Target(name="t", vendor="openai", model="gpt-4o")
    assert cost_nanos(target, usage) == round((listed_price.input + listed_price.output) * 1e9)
    own = msgspec.structs.replace(target, price=Price(input=1.0, output=2.0, as_of="2026-11-01"))
    assert cost_nanos(own, usage) == 3_000_000_000
    assert cost_nanos(Target(name="t", vendor="nobody", model="house-model"), usage) is None


async def test_a_declared_target_prices_what_a_worker_was_started_with() -> None:
    """A resource over the models of the environment: the next answer costs what it says."""
    strict = Strict("openai-chat", f"/v1{CHAT}", {})
    async with serving(strict) as url:
        base = Models(targets=[Target(name="t", vendor="openai", url=f"{url}/v1", model="gpt-4o")])
        gateway = make_gateway(base)
        try:
            prompt = Prompt("t", [Said("user", [Text("hi")])], [ToolSpec("look")])
            before = (await gateway.ask(Job("t", prompt=prompt))).facts
            spec = {"vendor": "openai", "url": f"{url}/v1", "model": "gpt-4o", "price": {"input": 1000, "output": 500}}
            gateway.use(with_declared(base, {"t": spec}, {}, {}))
            after = (await gateway.ask(Job("t", prompt=prompt))).facts
        finally:
            await gateway.close()
    assert before.priced and after.priced and 0 < before.nanos < after.nanos
    assert after.nanos == (3 * 1000 + 2 * 500) * 1000
