"""The same story for every framework: a worker begins a conversation, is killed -9 in the middle of a tool's call, and
another one goes on. The model is a server on loopback that writes down what it is asked."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from holdfast import Agent, Runtime, Target
from holdfast.models.routes import Models
from holdfast.models.routes import Target as ModelTarget
from holdfast.testing.models import Call, Reply, Vendor

DEADLINE_SECONDS = 90
KILL_HERE = "about to ask"


def model(call: Call) -> Reply:
    """Asks for two tools, then says what came of it."""
    if "Write a short note" in call.text:
        return Reply("Dear Ada, your order is late: it is in Lyon.")
    if any(message["role"] == "tool" for message in call.messages):
        return Reply("Order 17 is late: it is in Lyon.")
    return Reply(tool_calls=[("a", "lookup", {"order": 17}), ("b", "carrier", {"order": 17})])


def lookup_order(order: int) -> str:
    """What the tool ``lookup`` does."""
    print(f"tool lookup({order})", flush=True)
    return f"order {order} is late"


def ask_carrier(order: int) -> str:
    """What the tool ``carrier`` does: slow enough to be killed, the first time."""
    from time import sleep

    again = marker().exists()
    print(f"tool carrier({order}): {'again, from its beginning' if again else KILL_HERE}", flush=True)
    marker().touch()
    sleep(0 if again else 60)
    return f"order {order} is in Lyon"


def marker() -> Path:
    """Says that the carrier was asked once."""
    return Path(sys.argv[3]).parent / "carrier-asked"


def main(module: str, agents: Callable[[], Sequence[Agent]], target: Callable[[], Target[..., Any]], given: Any) -> None:
    """Tell the story, or be its worker."""
    if len(sys.argv) > 1 and sys.argv[1] == "--worker":
        asyncio.run(_work(agents(), target(), given))
    else:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(_tell(module, Path(folder)))


async def _tell(module: str, folder: Path) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS), Vendor(model) as vendor:
        print("-- a worker begins")
        killed = await _worker(module, vendor.url, folder, KILL_HERE)
        print(f"-- kill -9 {killed}; the model was asked {_times(vendor)}; another worker goes on")
        await _worker(module, vendor.url, folder, "")
        print(f"-- done; the model was asked {_times(vendor)} in all")
        asked = [call.prompt_characters for call in vendor.calls]
        assert len(set(asked)) == len(asked), "nothing was asked twice"


async def _worker(module: str, url: str, folder: Path, kill_at: str) -> int:
    command = [sys.executable, "-m", module, "--worker", url, str(folder / "agents.db")]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async for line in process.stdout:
        text = line.decode().rstrip()
        if text.startswith(("tool ", "journal ", "answer ")):
            print(f"   {text}", flush=True)
        if kill_at and kill_at in text:
            await asyncio.sleep(0.3)  # what the other tool gave becomes durable
            process.kill()
    code = await process.wait()
    if not kill_at and code:
        raise SystemExit(code)
    return process.pid


async def _work(agents: Sequence[Agent], target: Target[..., Any], given: Any) -> None:
    """A worker's life: send the message (once: it has a key), and wait until the agent is idle."""
    limits: dict[str, Any] = {"first_token_seconds": 5.0, "stall_seconds": 5.0}
    models = Models(targets=[ModelTarget(name="smart", vendor="recorded", url=sys.argv[2], model="m1", **limits)])
    async with Runtime(agents, f"sqlite:///{sys.argv[3]}", models=models, lease_seconds=2.0) as runtime:
        await runtime.options(key="the one message").send(target, given)
        address = target.address
        while (await runtime.describe(address)).doing != "idle":
            await asyncio.sleep(0.02)
        entries = await runtime.journal(address)
        for entry in entries:
            if entry.verb in ("model", "tool") and entry.kind != "intent":
                print(f"journal {entry.path:45} {entry.verb} {entry.name}", flush=True)
        last = entries[-1]
        print(f"answer {last.error or _said(last.value)}", flush=True)
        if last.error:
            raise SystemExit(1)


def _said(value: Any) -> Any:
    """What a person reads of an answer: a graph gives all its messages, a crew the outputs of all tasks."""
    if isinstance(value, dict):
        whole = cast("dict[str, Any]", value)
        return whole["messages"][-1]["content"] if "messages" in whole else whole["raw"]
    return value


def _times(vendor: Vendor) -> str:
    count = len(vendor.calls)
    return "once" if count == 1 else f"{count} times"
