"""Tools from an OpenAPI document, against a real HTTP server that writes down what it gets."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncGenerator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

from holdfast import Agent, HoldfastError, Runtime, ToolFailed
from holdfast.adapters.system import SystemClock
from holdfast.adapters.upstream import HttpUpstream
from holdfast.domain.conversation import Media
from holdfast.models.routes import Models, Target
from holdfast.testing.models import Vendor
from holdfast.tools import Tool, openapi_tools
from holdfast.tools.host import Calling, ToolHost
from holdfast.tools.openapi.calling import TryAgain
from tool_ground import calling, free_port, results, running, until

DOCUMENT = Path(__file__).with_name("petstore.yaml").read_text()

NONE: dict[str, str] = {}


class Request:
    """What the store got."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        self.method, self.path, self.query = handler.command, parts.path, parts.query
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body = handler.rfile.read(int(self.headers.get("content-length", "0")))

    def __repr__(self) -> str:
        return f"{self.method} {self.path}?{self.query} {self.body!r}"


class Store:
    """The pet store; ``answers`` are given first, in order."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                request = Request(self)
                store.requests.append(request)
                status, headers, body = store.answer(request)
                if status == 0:  # hangs up
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.host = ToolHost(SystemClock(), HttpUpstream)

    def answer(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        if self.answers:
            return self.answers.pop(0)
        if request.path.startswith("/v1/say/html"):
            return 200, {"content-type": "text/html; charset=utf-8"}, "<p>héllo</p>".encode()
        if request.path.startswith("/v1/say/much"):
            return 200, {"content-type": "application/json"}, json.dumps(["x" * 1000] * 1000).encode()
        if request.path.startswith("/v1/say/binary"):
            return 200, {"content-type": "application/octet-stream"}, b"\0" * 10
        if request.path.endswith("/photo"):
            return 200, {"content-type": "image/png"}, b"png"
        if request.method == "DELETE":
            return 204, {}, b""
        return 200, {"content-type": "application/json"}, b'{"id": 7, "name": "Rex"}'

    def document(self) -> dict[str, Any]:
        return yaml.safe_load(DOCUMENT.replace("PORT", str(self.port)))

    def tools(self, **how: Any) -> dict[str, Tool]:
        how.setdefault("auth", {"key": "k1", "token": "t1", "login": "me:pw"})
        return {tool.name: tool for tool in openapi_tools(self.document(), **how)}

    async def call(self, name: str, tools: dict[str, Tool] | None = None, /, **given: Any) -> Any:
        tool = (tools or self.tools())[name]
        return await tool.call(Calling(self.host, lambda what: None, "7:1.1"), **given)

    @property
    def last(self) -> Request:
        return self.requests[-1]


@pytest.fixture
async def store() -> AsyncGenerator[Store]:
    made = Store()
    yield made
    await made.host.close()
    made.server.shutdown()
    made.server.server_close()


async def test_each_operation_is_a_tool_and_says_what_may_be_repeated(store: Store) -> None:
    tools = store.tools()
    assert set(tools) == {
        "listPets", "createPet", "getPet", "replacePet", "deletePet", "photo", "named", "order", "touch", "say",
    }  # fmt: skip
    assert {n for n, t in tools.items() if not t.effects} == {"listPets", "getPet", "photo", "named", "say"}
    assert {n for n, t in tools.items() if not t.idempotent} == {"createPet"}
    create = tools["createPet"]
    assert create.declared.named("content") == ("name", "status", "tags", "owner")
    assert tools["deletePet"].declared.named("destination") == ("petId",)
    schema = create.spec.schema
    assert schema["required"] == ["name"] and "id" not in schema["properties"], "what is read-only is not asked for"
    assert schema["properties"]["name"] == {"type": "string"}
    assert schema["properties"]["owner"]["properties"]["phone"]["type"] == ["string", "null"]
    jsonschema.Draft202012Validator.check_schema(schema)
    check: Any = jsonschema.Draft202012Validator(schema)
    assert check.is_valid({"name": "x", "status": "sold", "tags": [{"name": "a", "parent": {"name": "b"}}]})
    assert not check.is_valid({"name": "x", "status": "lost"})
    assert not check.is_valid({"name": "x", "tags": [{"parent": {"name": 1}}]}), "references are followed"
    assert tools["getPet"].spec.schema["properties"]["petId"]["exclusiveMinimum"] == 0
    assert "Idempotency-Key" not in tools["order"].spec.schema["properties"]
    assert tools["listPets"].spec.description == "All pets"


async def test_operations_can_be_chosen(store: Store) -> None:
    assert set(store.tools(include=["tag:pets"], exclude=["delete*"])) == {"listPets", "createPet", "getPet", "replacePet"}
    assert set(store.tools(include=["GET /pets"], prefix="shop_")) == {"shop_listPets"}
    with pytest.raises(HoldfastError) as caught:
        store.tools(include=["nothing"])
    assert caught.value.code == "openapi.none"


async def test_arguments_go_where_the_document_says(store: Store) -> None:
    await store.call(
        "listPets",
        status=["sold", "pending"],
        ids=[1, 2],
        words=["a b", "c&d"],
        filter={"age": 3, "name": "x y"},
        where={"a": [1]},
        sold=True,
        session="s 1",
        **{"X-Fields": ["id", "name"]},
    )
    assert store.last.path == "/v1/pets"
    assert store.last.query.split("&") == [
        "status=sold", "status=pending", "ids=1,2", "words=a%20b%7Cc%26d", "filter[age]=3", "filter[name]=x%20y",
        "where=%7B%22a%22%3A%5B1%5D%7D", "sold=true",
    ]  # fmt: skip
    assert store.last.headers["x-fields"] == "id,name" and store.last.headers["cookie"] == "session=s%201"
    assert await store.call("getPet", petId=7) == {"id": 7, "name": "Rex"}
    await store.call("named", name="a/b?c ü%", ids=["1", "2/3"])
    assert store.last.path == "/v1/named/a%2Fb%3Fc%20%C3%BC%25/1,2%2F3"
    await store.call("createPet", name="Rex", tags=[{"name": "dog"}])
    assert json.loads(store.last.body) == {"name": "Rex", "tags": [{"name": "dog"}]}
    assert store.last.headers["content-type"] == "application/json"
    await store.call("replacePet", petId=7, body={"name": "Bo"})
    assert (store.last.method, json.loads(store.last.body)) == ("PUT", {"name": "Bo"})
    await store.call("order", pet=7, note="a b&c")
    assert store.last.body == b"pet=7&note=a+b%26c"
    assert store.last.headers["idempotency-key"] == "7:1.1"
    assert await store.call("deletePet", petId=7) is None


async def test_no_argument_leads_elsewhere(store: Store) -> None:
    for name in ("..", ".", ""):
        with pytest.raises(ToolFailed):
            await store.call("named", name=name, ids=["1"])
    for wrong in ({"X-Fields": ["a\r\nX-Admin: 1"]}, {"X-Fields": ["ü"]}):
        with pytest.raises(ToolFailed, match="X-Fields"):
            await store.call("listPets", **wrong)
    for given, why in (({}, "'petId' is missing"), ({"petId": 1, "x": 1}, "no argument 'x'")):
        with pytest.raises(ToolFailed, match=why):
            await store.call("getPet", **given)
    assert store.requests == []
    await store.call("say", what="../../admin")
    assert store.last.path == "/v1/say/..%2F..%2Fadmin"


async def test_secrets_go_where_the_document_says(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.call("getPet", petId=1)
    assert store.last.headers["x-api-key"] == "k1" and "authorization" not in store.last.headers
    await store.call("order", pet=1)
    assert store.last.headers["authorization"] == "Bearer t1" and "x-api-key" not in store.last.headers
    await store.call("touch")
    assert store.last.headers["authorization"] == "Basic bWU6cHc="
    await store.call("say", what="x")
    assert not {"authorization", "x-api-key"} & store.last.headers.keys()
    monkeypatch.setenv("PETS", "from-env")
    await store.call("getPet", store.tools(auth="env:PETS", headers={"X-Team": "env:PETS"}), petId=1)
    assert (store.last.headers["x-api-key"], store.last.headers["x-team"]) == ("from-env", "from-env")
    with pytest.raises(HoldfastError) as caught:
        await store.call("getPet", store.tools(auth="env:NOT_THERE"), petId=1)
    assert caught.value.code == "tool.secret"


async def test_answers_are_read_and_bounded(store: Store) -> None:
    assert await store.call("photo", petId=1) == Media("image/png", b"png")
    assert await store.call("say", what="html") == "<p>héllo</p>"
    assert await store.call("say", what="binary") == "[application/octet-stream, 10 bytes]"
    much = await store.call("say", store.tools(max_bytes=5000), what="much")
    assert len(much) < 5200 and "cut off here, after 5,000 bytes" in much


async def test_what_is_refused_is_told_and_what_fails_is_tried_again(store: Store) -> None:
    problem = json.dumps({"error": {"message": "no such pet"}}).encode()
    store.answers = [(404, {"content-type": "application/json"}, problem)]
    with pytest.raises(ToolFailed, match=r"^404: no such pet$"):
        await store.call("getPet", petId=1)
    store.answers = [(422, {}, json.dumps({"title": "Invalid", "errors": [{"field": "name"}]}).encode())]
    with pytest.raises(ToolFailed, match=r'422: Invalid .*"field":"name"'):
        await store.call("createPet", name="")
    store.answers = [(302, {"location": "http://elsewhere"}, b"")]
    with pytest.raises(ToolFailed, match="elsewhere"):
        await store.call("getPet", petId=1)
    for name, given in (("getPet", {"petId": 1}), ("order", {"pet": 1})):
        for status, headers in ((500, NONE), (0, NONE), (429, {"retry-after": "0"})):
            store.answers = [(status, headers, b"oops")]
            with pytest.raises(TryAgain):
                await store.call(name, **given)
    for status in (500, 0):
        store.answers = [(status, {}, b"oops")]
        with pytest.raises(ToolFailed, match="not known"):
            await store.call("createPet", name="Rex")
    store.answers = [(503, {}, b"later")]
    with pytest.raises(TryAgain):
        await store.call("createPet", name="Rex")


async def test_an_agent_uses_a_service(store: Store) -> None:
    tools = openapi_tools(store.document(), auth="k1")
    agent = Agent("a", model="m", tools=tools)
    store.answers = [(500, {}, b"oops"), (502, {}, b"")]
    script = calling(
        ("getPet", {"petId": 7}), ("createPet", {"name": "Rex"}), ("photo", {"petId": 1}), ("order", {"pet": 7})
    )
    async with running([agent], script) as (runtime, vendor):
        assert await runtime.call(agent["1"].chat, "go") == "done"
        assert results(vendor)[:2] == ['{"id":7,"name":"Rex"}'] * 2
        assert "cG5n" in str(vendor.calls[-1].messages), "a picture is one for the model"
        keys = [r.headers["idempotency-key"] for r in store.requests if r.path == "/v1/orders"]
        assert len(keys) == 1 and keys[0]
    assert [r.method for r in store.requests] == ["GET", "GET", "GET", "POST", "GET", "POST"]


async def test_a_repeated_call_carries_the_same_key(store: Store, tmp_path: Path) -> None:
    """A worker that is gone in the middle of a call: the next one makes it again, and the service can tell."""
    agent = Agent("a", model="m", tools=openapi_tools(store.document(), auth="k1", timeout_seconds=30))
    held = threading.Event()
    answer = store.answer

    def slow(request: Request) -> tuple[int, dict[str, str], bytes]:
        if len(store.requests) == 1:
            held.wait(20)
        return answer(request)

    store.answer = slow
    async with Vendor(calling(("order", {"pet": 7}))) as vendor:
        models = Models(targets=[Target(name="m", vendor="v", url=vendor.url, model="m1")])
        first = Runtime([agent], f"sqlite:///{tmp_path}/a.db", models=models)
        await first.start()
        await first.send(agent["1"].chat, "go")
        await until(lambda: store.requests)
        await first.stop(0)
        async with Runtime([agent], f"sqlite:///{tmp_path}/a.db", models=models):
            await until(lambda: len(store.requests) == 2 and len(vendor.calls) == 2)
        held.set()
    assert len({r.headers["idempotency-key"] for r in store.requests}) == 1


async def test_documents_are_read_from_files_addresses_and_refused_with_reasons(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "pets.yaml"
    file.write_text(DOCUMENT.replace("PORT", str(store.port)))
    assert len(openapi_tools(file)) == len(openapi_tools(str(file))) == 10
    relative = {**store.document(), "servers": [{"url": "/v2"}]}
    store.answers = [(200, {}, json.dumps(relative).encode())]
    tools = {t.name: t for t in openapi_tools(f"http://127.0.0.1:{store.port}/openapi.json", auth={"key": "k"})}
    await store.call("getPet", tools, petId=1)
    assert store.last.path == "/v2/pets/1"
    (tmp_path / "bad.yaml").write_text("a: [")
    cases: list[tuple[Any, str, str]] = [
        (tmp_path / "none.json", "openapi.unreadable", "none.json"),
        (f"http://127.0.0.1:{free_port()}/x", "openapi.unreadable", "refused"),
        (tmp_path / "bad.yaml", "openapi.malformed", "neither JSON nor YAML"),
        ({"swagger": "2.0"}, "openapi.malformed", "Swagger 2.0"),
        ({"openapi": "3.1.0", "paths": {}}, "openapi.malformed", "base_url="),
        ({**store.document(), "paths": {"/x": {"$ref": "other.yaml#/x"}}}, "openapi.malformed", "other.yaml"),
    ]
    for source, code, why in cases:
        with pytest.raises(HoldfastError) as caught:
            openapi_tools(source)
        assert (caught.value.code, why in caught.value.message) == (code, True), caught.value
