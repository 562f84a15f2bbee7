"""Real traffic is recorded to a cassette and replayed over the same endpoints, and no secret gets into it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from holdfast.testing import models as bad
from holdfast.testing.models import Call, Reply, Vendor
from processes import Place

VENDOR_KEY = "the-vendors-own-key-93842"
HEADER = "an-internal-header-secret-55"
ELSEWHERE = "password-of-some-database-77"
PATTERN = "sk-ant-REDACTED-canary-0123456789"
CANARIES = (VENDOR_KEY, HEADER, ELSEWHERE, PATTERN)
TOOLS: list[Any] = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("CANARY_KEY", VENDOR_KEY)
    monkeypatch.setenv("SHOP_DB_PASSWORD", ELSEWHERE)
    place = Place(tmp_path)
    try:
        yield place
    finally:
        place.close()


def models_file(folder: Path, url: str, dialect: str) -> Path:
    target = {
        "name": "live",
        "vendor": "v",
        "dialect": dialect,
        "url": url,
        "model": "m1",
        "key": "env:CANARY_KEY",
        "headers": {"x-team": HEADER},
    }
    file = folder / "models.json"
    file.write_text(json.dumps({"targets": [target], "routes": [{"name": "smart", "targets": ["live"]}]}))
    return file


class Serving:
    """``holdfast models record`` or ``replay``: where it is, and the token that it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        said: list[str] = []
        while not (line := process.stdout.readline()).startswith("hf_"):
            assert line, said
            said.append(line)
        self.secret = line.strip()
        self.url = next(word for line in said if " models " in line for word in line.split() if word.startswith("http"))


@contextmanager
def serving(place: Place, *args: str) -> Generator[Serving]:
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast", "models", *args, "--port", "0", "--http", "0"],
        env=place.environment(),
        cwd=place.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Serving(process)
    finally:
        process.kill()  # what was answered is in the cassette all the same
        process.wait(10)


async def converse(at: Serving, *, tools: bool = True, temperature: float = 0.0, name: str = "smart") -> list[str]:
    """A conversation over two of the endpoints, streamed and whole, with a tool."""
    heard: list[str] = []
    async with openai.AsyncOpenAI(base_url=at.url, api_key=at.secret, max_retries=0) as client:
        said: list[Any] = [{"role": "user", "content": f"my password is {PATTERN}, the other one {ELSEWHERE}"}]
        more: dict[str, Any] = {"tools": TOOLS} if tools else {}
        ask: Any = client.chat.completions.create
        first: Any = await ask(model=name, messages=said, temperature=temperature, **more)
        message: Any = first.choices[0].message
        assert message.tool_calls
        heard.append(message.tool_calls[0].function.name)  # type: ignore[union-attr]
        said += [message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": "c1", "content": "it is sunny"}]
        stream = await client.chat.completions.create(
            model=name, messages=said, temperature=temperature, stream=True, **more
        )
        heard.append("".join([c.choices[0].delta.content or "" async for c in stream if c.choices]))
    async with anthropic.AsyncAnthropic(base_url=at.url.removesuffix("/v1"), api_key=at.secret, max_retries=0) as other:
        whole = await other.messages.create(
            model=name, max_tokens=50, messages=[{"role": "user", "content": "and in your words?"}]
        )
        heard.append(whole.content[0].text)  # type: ignore[union-attr]
    return heard


class Talkative(bad.Fault):
    """A vendor whose error repeats the key."""

    def plan(self, answer: Any) -> Any:
        said = {"message": f"failed for {answer.call.key}", "type": "server_error"}
        return answer.refuse(500, openai=said, anthropic=said, headers={})


def script(call: Call) -> Reply:
    text = str(call.messages[-1].get("content"))
    if "password" in text:
        return Reply(tool_calls=[("c1", "look", {})])
    return Reply("in my words" if "words" in text else f"sunny, and your key is {VENDOR_KEY} or {ELSEWHERE}")


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic", "openai-responses"])
async def test_a_session_is_recorded_and_replayed(dialect: str, place: Place, tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    async with Vendor(script) as vendor:
        with serving(place, "record", str(tape), "--models", str(models_file(tmp_path, vendor.url, dialect))) as at:
            live = await converse(at)
            assert VENDOR_KEY in live[1] and all(call.key == VENDOR_KEY for call in vendor.calls)
    assert tape.stat().st_mode & 0o077 == 0 and len(tape.read_text().splitlines()) == 3
    for options in ([], ["--loose"]):
        with serving(place, "replay", str(tape), *options) as at:
            again = await converse(at)
            assert [again[0], again[2]] == [live[0], live[2]]
            assert again[1] == "sunny, and your key is [secret] or [secret]"
            if options:
                assert (await converse(at, tools=False, temperature=1.0, name="cheap"))[0] == "look"
            else:
                with pytest.raises(openai.BadRequestError) as caught:
                    await converse(at, temperature=1.0)
                assert "no answer to this request" in str(caught.value)


async def test_no_secret_gets_into_a_cassette(place: Place, tmp_path: Path) -> None:
    """Keys in headers, in what is said, in what is answered, and in errors that repeat them."""
    tape = tmp_path / "tape.jsonl"
    refusals = iter([Talkative(), bad.WrongKey()])

    def faulty(call: Call) -> Any:
        return next(refusals, None) or script(call)

    async with Vendor(faulty) as vendor:
        file = models_file(tmp_path, vendor.url, "openai-chat")
        with serving(place, "record", str(tape), "--models", str(file)) as at:
            async with openai.AsyncOpenAI(base_url=at.url, api_key=at.secret, max_retries=0) as client:
                with pytest.raises(openai.APIStatusError) as caught:
                    await client.chat.completions.create(model="smart", messages=[{"role": "user", "content": PATTERN}])
                assert VENDOR_KEY not in str(caught.value)
        with serving(place, "record", str(tape), "--models", str(file)) as at:
            await converse(at)
            secret = at.secret
    written = tape.read_bytes()
    assert len(written.splitlines()) == 3
    for canary in (*CANARIES, secret):
        assert canary.encode() not in written, canary


def test_a_file_that_cannot_be_written_is_refused(place: Place, tmp_path: Path) -> None:
    done = place.run("models", "record", str(tmp_path / "no" / "tape.jsonl"), "--port", "0", "--http", "0")
    done.failed("cassette.unwritable")
