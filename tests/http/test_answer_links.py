"""Answering with a link: looking changes nothing, and an answer is for exactly what was shown, by whom it names, once."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from html import unescape
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import urlencode

import httpx2 as httpx
import msgspec
import pytest

from holdfast.bootstrap.server import Server, Settings
from holdfast.control.notices import links
from holdfast.link import Endpoint
from holdfast.testing.webhook import Receiver, receiver

AGENTS = '''
    """A cashier."""

    import holdfast

    cashier = holdfast.Agent("cashier")
    PAID = []


    async def wire(to: str, cents: int) -> str:
        PAID.append(cents)
        return f"paid {cents}"


    @cashier.handler
    async def pay(ctx: holdfast.Context, to: str, cents: int) -> str:
        return await ctx.run(wire, to, cents)
'''
POLICY = """
    kind: Policy
    name: money
    spec:
      rules:
        - {name: cap, does: run wire, when: "args['1'] > 500", then: transform, transform: {cap: {"1": 500}}}
        - name: payments
          does: run wire
          then: ask
          reason: <b>look</b> at it
          approval: {to: [ann, bob], needed: NEEDED}
"""
CHAT_KEY = "what the chat signs with"


async def until(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """The first true value of ``condition``, which may have to be awaited."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.01)


class Till:
    """A server with a receiver; what it was told, and how to press what it was shown."""

    def __init__(self, server: Server, client: httpx.AsyncClient, hook: Receiver) -> None:
        self.server = server
        self.client = client
        self.hook = hook
        self.operations = server.operations

    async def asked(self, key: str = "1", cents: int = 40) -> dict[str, str]:
        """Begin a payment; the links by who answers with them (paths)."""
        before = len(self.hook.requests)
        await self.operations.send(f"cashier/{key}", "pay", msgspec.msgpack.encode([["ada", cents], {}]))
        await until(lambda: len(self.hook.requests) > before)
        answers = self.hook.events[-1]["data"]["answer"]
        return {who.rpartition(":")[2]: "/answer/" + url.rpartition("/")[2] for who, url in answers.items()}

    async def outcome(self, key: str = "1") -> list[Any]:
        """What came of the payments: those of the journal that ended."""
        found = await self.operations.journal(f"cashier/{key}")
        return [e.value for e in found if e.name == "wire" and e.kind == "step"]

    async def open(self) -> int:
        return len(await self.operations.approvals())


@asynccontextmanager
async def till(tmp_path: Path, store: str, needed: int = 1, **spec: Any) -> AsyncGenerator[Till]:
    (tmp_path / "tills.py").write_text(dedent(AGENTS))
    (tmp_path / "money.yaml").write_text(dedent(POLICY).replace("NEEDED", str(needed)))
    async with receiver() as hook:
        settings = Settings(
            places=(str(tmp_path / "tills.py"),),
            store=store,
            listen=Endpoint("127.0.0.1", 0),
            http=0,
            policies=(str(tmp_path / "money.yaml"),),
            reload=False,
        )
        server = Server(settings)
        await server.start()
        assert server.http is not None
        given = {"url": hook.url, "link": server.http.url, "approvers": ["person:ann", "person:bob"], **spec}
        await server.operations.apply([{"kind": "Notifier", "name": "hook", **given}])
        try:
            async with httpx.AsyncClient(base_url=server.http.url, timeout=20) as client:
                yield Till(server, client, hook)
        finally:
            await server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/s.db"
    return f"{request.getfixturevalue('postgres_url')}?schema=links_{abs(hash(tmp_path))}"


async def test_looking_shows_exactly_what_is_asked_and_changes_nothing(tmp_path: Path, store: str) -> None:
    async with till(tmp_path, store) as it:
        path = (await it.asked(cents=900))["ann"]
        for method in ("GET", "HEAD", "GET"):
            page = await it.client.request(method, path)
            assert page.status_code == 200
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script" not in policy and "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store" and page.headers["referrer-policy"] == "no-referrer"
        text = page.text
        assert "<del>900</del>" in text and "<ins>500</ins>" in text, "what a rule changed is shown"
        assert "money/payments" in text and "default/person:ann" in text
        assert "&lt;b&gt;look&lt;/b&gt;" in text and "<b>look" not in text, "nothing that was written elsewhere is markup"
        assert await it.open() == 1 and await it.outcome() == []


@pytest.mark.parametrize(("verdict", "paid"), [("approve", ["paid 40"]), ("deny", [])])
async def test_an_answer_is_the_named_persons_and_counts_once(
    tmp_path: Path, store: str, verdict: str, paid: list[str]
) -> None:
    async with till(tmp_path, store) as it:
        path = (await it.asked())["ann"]
        done = await it.client.post(path, data={"verdict": verdict, "why": "as agreed"})
        assert done.status_code == 200, done.text
        again = await it.client.post(path, data={"verdict": verdict})
        assert again.status_code in (400, 404) and ("link.used" in again.text or "link.settled" in again.text)

        async def ended() -> bool:
            return (await it.operations.describe("cashier/1")).doing == "idle"

        await until(ended)
        assert [v for v in await it.outcome() if v] == paid
        note = next(e for e in await it.operations.journal("cashier/1") if e.verb == "approval")
        assert (note.value["by"], note.value["verdict"]) == (["default/person:ann"], verdict)
        assert (await it.client.get(path)).status_code == 404


async def test_of_four_eyes_each_has_a_link_of_their_own_and_none_works_twice(tmp_path: Path, store: str) -> None:
    async with till(tmp_path, store, needed=2) as it:
        paths = await it.asked()
        first = await it.client.post(paths["ann"], data={"verdict": "approve"})
        assert "1 more needed" in first.text
        again = await it.client.post(paths["ann"], data={"verdict": "approve"})
        assert again.status_code == 400 and "link.used" in again.text
        assert await it.open() == 1
        assert (await it.client.post(paths["bob"], data={"verdict": "approve"})).status_code == 200
        await until(lambda: it.outcome())


async def test_a_link_that_was_altered_or_made_elsewhere_opens_nothing(tmp_path: Path) -> None:
    async with till(tmp_path, f"sqlite:///{tmp_path}/s.db") as it:
        path = (await it.asked())["ann"]
        token = path.removeprefix("/answer/")
        body, key, signature = token.split(".")
        forged = msgspec.msgpack.decode(links._bytes(body), type=links.Link)  # pyright: ignore[reportPrivateUsage]
        other = links._text(msgspec.msgpack.encode(msgspec.structs.replace(forged, who="default/person:bob")))  # pyright: ignore[reportPrivateUsage]
        wrong = [
            f"{other}.{key}.{signature}",
            f"{body}.{key}.{signature[:-2]}AA",
            f"{body}.{key}",
            "x",
            token + "x",
            "a" * 9_000,
        ]
        wrong += [f"{body[:-1]}{'A' if body[-1] != 'A' else 'B'}.{key}.{signature}", f"{body}.{'A' * 16}.{signature}"]
        for text in wrong:
            for answered in (
                await it.client.get(f"/answer/{text}"),
                await it.client.post(f"/answer/{text}", data={"verdict": "deny"}),
            ):
                assert answered.status_code == 400 and "link.malformed" in answered.text, text
        assert (await it.client.put(path)).status_code in (400, 405)
        assert (await it.client.post(path, data={"verdict": "perhaps"})).status_code == 400
        assert (await it.client.post(path, content=b"x" * 100_000)).status_code == 413
        assert await it.open() == 1
        assert (await it.client.get(path)).status_code == 200


async def test_a_link_is_over_in_time_and_when_the_arguments_change(tmp_path: Path) -> None:
    async with till(tmp_path, f"sqlite:///{tmp_path}/s.db") as it:
        token = (await it.asked())["ann"].removeprefix("/answer/")
        ring = it.server.identity.ring
        link = links.read(ring, token, 0)
        for changed, status, code in (
            (msgspec.structs.replace(link, until=1), 400, "link.expired"),
            (msgspec.structs.replace(link, digest="0" * 32), 409, "link.changed"),
            (msgspec.structs.replace(link, path="9"), 404, "link.settled"),
            (msgspec.structs.replace(link, who="default/person:eve"), 400, "approval.not_yours"),
        ):
            told = await it.client.post(f"/answer/{links.sign(ring, changed)}", data={"verdict": "approve"})
            assert (told.status_code, code in told.text) == (status, True), told.text
        assert await it.open() == 1


async def test_what_could_not_be_decided_can_be_answered_later_with_the_same_link(tmp_path: Path) -> None:
    async with till(tmp_path, f"sqlite:///{tmp_path}/s.db") as it:
        token = (await it.asked())["ann"].removeprefix("/answer/")
        ring = it.server.identity.ring
        eve = links.sign(ring, msgspec.structs.replace(links.read(ring, token, 0), who="default/person:eve"))
        assert "approval.not_yours" in (await it.client.post(f"/answer/{eve}", data={"verdict": "approve"})).text
        group = {"kind": "Group", "name": "ann", "members": ["person:eve"]}
        await it.operations.apply([group])
        assert (await it.client.post(f"/answer/{eve}", data={"verdict": "approve"})).status_code == 200


async def test_keys_that_were_replaced_are_believed_for_the_overlap_only(tmp_path: Path) -> None:
    async with till(tmp_path, f"sqlite:///{tmp_path}/s.db") as it:
        path = (await it.asked())["ann"]
        ring = it.server.identity.ring
        ring.rotate(3_600)
        assert (await it.client.get(path)).status_code == 200
        ring.rotate(0)
        other = (await it.asked("2"))["ann"]
        assert (await it.client.get(other)).status_code == 200


# -- a chat's buttons -----------------------------------------------------------------------------------------------


def pressed(user: str, action: str, value: str) -> bytes:
    return urlencode(
        {"payload": json.dumps({"user": {"id": user}, "actions": [{"action_id": action, "value": value}]})}
    ).encode()


def signed(body: bytes, at: int | None = None, key: str = CHAT_KEY) -> dict[str, str]:
    at = int(time.time()) if at is None else at
    made = "v0=" + hmac.new(key.encode(), f"v0:{at}:".encode() + body, sha256).hexdigest()
    form = "application/x-www-form-urlencoded"
    return {"x-slack-request-timestamp": str(at), "x-slack-signature": made, "content-type": form}


async def test_a_button_of_a_chat_is_the_answer_of_who_pressed_it(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_KEY", CHAT_KEY)
    chat = {"format": "slack", "people": {"U1": "person:ann", "U2": "person:eve"}, "signing_secret": "env:CHAT_KEY"}
    async with till(tmp_path, store, needed=2, **chat) as it:
        await it.operations.send("cashier/1", "pay", msgspec.msgpack.encode([["<!channel>", 40], {}]))
        await until(lambda: it.hook.requests)
        message = it.hook.events[0]
        assert "&lt;!channel&gt;" in json.dumps(message) and "<!channel>" not in json.dumps(message), "nobody is called"
        [actions] = [b["elements"] for b in message["blocks"] if b["type"] == "actions"]
        approve, deny = (next(a for a in actions if a.get("action_id") == name) for name in ("approve", "deny"))
        assert [unescape(a["text"]["text"]) for a in actions[2:4]] == ["Look and answer as ann", "Look and answer as bob"]
        value = approve["value"]
        assert value == deny["value"]
        assert (await it.client.get(f"/answer/{value}")).status_code == 400, "it is no link"

        async def press(body: bytes, headers: dict[str, str], name: str = "hook") -> httpx.Response:
            return await it.client.post(f"/answer/chat/{name}", content=body, headers=headers)

        body = pressed("U1", "approve", value)
        for headers, name, code in (
            (signed(body, key="another"), "hook", "link.signature"),
            (signed(body, at=int(time.time()) - 600), "hook", "link.signature"),
            ({}, "hook", "link.signature"),
            (signed(body), "other", "notifier.unknown"),
        ):
            assert (await press(body, headers, name)).json()["code"] == code
        for wrong, code in (
            (pressed("U9", "approve", value), "link.person"),
            (pressed("U2", "approve", value), "approval.not_yours"),
            (pressed("U1", "explode", value), "link.malformed"),
            (b"payload=x", "link.malformed"),
        ):
            assert (await press(wrong, signed(wrong))).json()["code"] == code
        assert await it.open() == 1
        good = await press(body, signed(body))
        assert good.status_code == 200 and "1 more needed" in good.json()["text"]
        assert (await press(body, signed(body))).json()["code"] == "link.used"


async def test_a_server_says_at_start_whom_it_tells_and_stops_when_it_is_started_without(tmp_path: Path) -> None:
    (tmp_path / "tills.py").write_text(dedent(AGENTS))
    common: dict[str, Any] = {
        "places": (str(tmp_path / "tills.py"),),
        "store": f"sqlite:///{tmp_path}/s.db",
        "listen": Endpoint("127.0.0.1", 0),
        "http": 0,
        "reload": False,
    }
    async with receiver() as hook:
        server = Server(Settings(**common, notify=hook.url, notify_approvers=("person:ann",)))
        await server.start()
        try:
            await server.operations.trip_breaker("tool", "wire", reason="complaints", by="ann")
            await until(lambda: hook.requests)
            assert hook.events[0]["type"] == "holdfast.breaker.tripped"
            spec = (await server.operations.resource("Notifier", "server")).spec
            assert server.http is not None and spec["link"] == server.http.url
        finally:
            await server.stop()
        server = Server(Settings(**common))
        await server.start()
        try:
            assert await server.operations.resources("Notifier") == []
        finally:
            await server.stop()
