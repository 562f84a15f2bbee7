"""Three things go wrong, and the operator mends what it may: ``python -m examples.operator``."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from examples.operator.operator import HERE, make_operator, read_goals
from examples.operator.recording import FILE
from holdfast import Client, Runtime, connect
from holdfast.bootstrap.server import Server, Settings
from holdfast.link import Endpoint
from holdfast.models.routes import Models, Target

DEADLINE_SECONDS = 20


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Wait for something to be so."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not (found := await condition()):
            await asyncio.sleep(0.02)
    return found


async def go_wrong(client: Client, folder: Path) -> None:
    """A release that breaks turns under way, a mail server that is down, an agent that somebody paused, a spent budget."""
    (folder / "mail-server-is-down").touch()
    await client.channel.request("send", to="mailer/1", handler="deliver", payload=_given("ada@example.com"))
    await until(client.dead)
    await client.channel.request("send", to="ledger/1", handler="settle", payload=_given(950))
    await until(lambda: client.waits(verb="sleep"))
    (folder / "bad-release").touch()
    await until(lambda: client.waits(verb="diverged"))
    await client.channel.request("call", to="reports/weekly", handler="write", payload=_given())
    await client.pause(address="reports/weekly", why="the mail server is down")
    await client.set_budget("chat", "agent:reports", "day", calls=0)
    for cause in ("mail-server-is-down", "bad-release"):  # people mend the causes; what is left is the operator's
        (folder / cause).unlink()


def _given(*args: Any) -> bytes:
    from holdfast.journal.codec import encode

    return encode((args, {}), "arguments")


async def operate(client: Client, url: str, folder: Path) -> None:
    """Let the operator look, act and report."""
    goals = read_goals()
    token = await client.create_token(who="service:operator", scopes=goals.limits.scopes, note="keeps things well")
    operator = make_operator(goals, url, token.secret)
    recorded = Models(targets=[Target(name=goals.model, vendor="openai", url=f"cassette:{FILE}?mode=place", model="m")])
    policies = [str(HERE / goals.limits.policies)]
    async with Runtime([operator], f"sqlite:///{folder / 'operator.db'}", models=recorded, policies=policies) as runtime:
        report = await runtime.call(operator["night"].chat, "Look after the installation.")
        for entry in await runtime.journal(f"{goals.name}/night", limit=200):
            if entry.verb == "tool" and entry.kind != "intent":
                print(f"{entry.name:<12} {_said(entry)}")
    print(f"report:      {report}")


def _said(entry: Any) -> str:
    if entry.error:
        return f"refused: {entry.error}"
    told: Any = json.loads(entry.value["parts"][0]["text"])
    result: Any = told["result"]
    if isinstance(result, list):
        return f"{len(cast('list[Any]', result))} found"
    return f"would {result['would']}" if "would" in result else str(result.get("note") or result)[:100]


async def main() -> None:
    """The story."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["OPERATED_FOLDER"] = place
        wire = Endpoint("", 0, str(folder / "wire"))
        agents = str(HERE / "agents.py")
        server = Server(Settings(places=(agents,), store=f"sqlite:///{folder / 'store.db'}", listen=wire, http=0))
        await server.start()
        try:
            assert server.http is not None
            async with connect(f"holdfast+unix://{folder / 'wire'}") as client:
                await go_wrong(client, folder)
                print(f"before:      {[f'{f.kind} {f.about}' for f in await client.diagnose()]}")
                await operate(client, server.http.url, folder)
                await until(lambda: _settled(client))
                print(f"after:       {[f'{f.kind} {f.about}' for f in await client.diagnose()]}")
        finally:
            await server.stop()


async def _settled(client: Client) -> bool:
    return (await client.describe(address="ledger/1")).doing == "idle" and not await client.dead()


if __name__ == "__main__":
    asyncio.run(main())
