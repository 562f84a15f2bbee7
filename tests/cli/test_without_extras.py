"""An installation with no extra at all: everything that needs none works, and what needs one says which."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator

import msgspec
import pytest

from holdfast.bootstrap.checkup import EXTRAS
from processes import Ended, Place

BLOCKED = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if any(name == a or name.startswith(a + ".") for a in %r):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
"""
ABSENT = (
    *(module for module, _ in EXTRAS.values()),
    *("opentelemetry", "mcp_types", "langgraph", "pydantic_ai", "agents", "crewai"),
)


GUARD = """
kind: Policy
name: nothing-leaks
spec:
  rules:
    - {name: no keys, does: tool mail, when: secrets_in(args).size() > 0, then: deny, reason: a secret}
"""


class Bare(Place):
    """A place whose commands find no package of an extra."""

    def environment(self) -> dict[str, str]:
        return super().environment() | {"PYTHONPATH": str(self.folder / "bare")}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bare]:
    place = Bare(tmp_path_factory.mktemp("hf"))
    (place.folder / "bare").mkdir()
    (place.folder / "bare" / "sitecustomize.py").write_text(BLOCKED % (ABSENT,))
    try:
        place.up("--no-reload", "--port", "0", "--http", "0")
        yield place
    finally:
        place.close()


def http(place: Bare, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    at = next(line.split()[-1] for line in place.log().splitlines() if line.startswith("  open")).rstrip("/")
    try:
        with urllib.request.urlopen(urllib.request.Request(at + path, body), timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_agents_work(bare: Bare) -> None:
    assert bare.run("call", "counter/t", "add", "1").out.strip() == "1"
    assert http(bare, "/healthz")[0] == 200
    assert http(bare, "/metrics")[0] == 200


def test_mcp_over_http_says_what_to_install(bare: Bare) -> None:
    status, body = http(bare, "/mcp", b"{}")
    problem = msgspec.json.decode(body)
    assert (status, problem["code"]) == (501, "mcp.not_installed")
    assert "holdfast[mcp]" in problem["detail"]


def test_doctor_names_what_is_missing(bare: Bare) -> None:
    [extras] = [check for check in bare.run("doctor", "-o", "json").json if check["name"] == "extras"]
    assert all(name in extras["what"] for name in EXTRAS)


def test_doctor_says_what_the_settings_need(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare.folder / "guard.yaml").write_text(GUARD)
    monkeypatch.setenv("HOLDFAST_POLICIES", "guard.yaml")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    ended = bare.run("doctor")
    assert ended.code == 1
    assert "pip install 'holdfast[guards]'" in ended.out and "pip install 'holdfast[otel]'" in ended.out
    assert max(len(line) for line in ended.out.splitlines()) <= 200


@pytest.mark.parametrize("framework", ["langgraph", "pydantic_ai", "openai_agents"])
def test_a_framework_that_is_not_there_is_named(bare: Bare, framework: str) -> None:
    (bare.folder / f"use_{framework}.py").write_text(f"import holdfast.frameworks.{framework}\n")
    ended = bare.run("up", f"use_{framework}.py", "--store", "sqlite:///other.db", "--port", "0")
    ended.failed("frameworks.not_installed")
    assert f"pip install 'holdfast[{framework.replace('_', '-')}]'" in ended.err


def test_crewai_is_named_when_it_is_used(bare: Bare) -> None:
    (bare.folder / "use_crewai.py").write_text("from holdfast.frameworks.crewai import HoldfastLLM\nHoldfastLLM('smart')\n")
    bare.run("up", "use_crewai.py", "--store", "sqlite:///other.db", "--port", "0").failed("frameworks.not_installed")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("mcp",), "mcp.not_installed"),
        (("up", "my_agents.py", "--store", "postgresql://127.0.0.1:1/none"), "store.driver_missing"),
        (("up", "my_agents.py", "--store", "sqlite:///other.db", "--otlp", "http://127.0.0.1:1"), "otel.not_installed"),
        (("up", "my_agents.py", "--store", "sqlite:///other.db", "--witness", "s3://bucket/x"), "audit.no_s3"),
        (("up", "my_agents.py", "--store", "sqlite:///other.db", "--witness", "postgresql://h/x"), "store.driver_missing"),
        (("up", "my_agents.py", "--store", "sqlite:///other.db", "--policies", "guard.yaml"), "guard.not_installed"),
        (("cost", "--export", "cost.parquet"), "cost.export"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_command_that_needs_an_extra_says_so(bare: Bare, command: tuple[str, ...], code: str) -> None:
    (bare.folder / "guard.yaml").write_text(GUARD)
    ended: Ended = bare.run(*command)
    ended.failed(code)
    assert "pip install" in ended.err
