"""A real coding agent from npm (Codex) as an agent of Holdfast: ``python -m benchmarks.coding_agent``.

Its base URL is a Holdfast server's, its key a token of ``outside/coder``; its model is a script on loopback that has it
write a file. What is proved: the file is there, and every request of it is in the journal and in the ledger. Set up under
.peers.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import holdfast
from holdfast.bootstrap.server import Server, Settings
from holdfast.link import Endpoint
from holdfast.testing.models import Call, Reply, Vendor

HOME = Path(os.environ.get("HOLDFAST_PEERS", ".peers")).resolve() / "codex"
_TOOLS = ("exec_command", "shell_command", "shell")
_SECONDS = 120.0


def script(call: Call) -> Reply:
    """First the tool that runs a command, whatever it is called in this version; then a last word."""
    if '"tool_result"' in json.dumps(call.messages) or any(
        m.get("role") == "tool" or m.get("type") == "function_call_output" for m in call.messages
    ):
        return Reply("I wrote hello.txt.")
    given: list[dict[str, Any]] = call.body.get("tools") or []
    offered = [str(t.get("name") or t.get("function", {}).get("name")) for t in given]
    name = next((tool for tool in _TOOLS if tool in offered), "")
    command = "printf hello > hello.txt"
    arguments: dict[str, Any] = {"cmd": command} if name == "exec_command" else {"command": command}
    if name == "shell":
        arguments = {"command": ["bash", "-lc", command]}
    return Reply(tool_calls=[("call_1", name, arguments)]) if name else Reply(f"I have no shell among {offered}")


async def run(dialect: str) -> dict[str, Any]:
    """One task over a target of this dialect."""
    with tempfile.TemporaryDirectory(prefix="holdfast-coder-") as name:
        folder = Path(name)
        work = folder / "work"
        work.mkdir()
        (folder / "codex").mkdir()
        async with Vendor(script) as vendor:
            target = {"name": "m", "vendor": "script", "url": vendor.url, "model": "m", "dialect": dialect}
            models = {"targets": [target], "routes": [{"name": "smart", "targets": ["m"]}]}
            (folder / "models.json").write_text(json.dumps(models))
            wire = Endpoint("", 0, str(folder / "wire"))
            store = f"sqlite:///{folder / 's.db'}"
            server = Server(Settings(store=store, listen=wire, models=str(folder / "models.json"), http=0))
            await server.start()
            try:
                async with holdfast.connect(f"holdfast+unix://{folder / 'wire'}") as client:
                    secret = (await client.create_token("coder")).secret
                    assert server.http is not None
                    code, said = await _codex(folder, work, server.http.url, secret)
                    entries = [e.verb for e in await client.journal("outside/coder")]
                    return {
                        "dialect": dialect,
                        "exit": code,
                        "file": (work / "hello.txt").read_text() if (work / "hello.txt").exists() else None,
                        "model_steps": entries.count("model"),
                        "ledger_rows": len(await client.usage()),
                        "said": said[-200:] if code else "",
                    }
            finally:
                await server.stop()


async def _codex(folder: Path, work: Path, url: str, secret: str) -> tuple[int, str]:
    provider = f'{{name="holdfast",base_url="{url}/v1",env_key="HOLDFAST_TOKEN",wire_api="responses"}}'
    options = ["-c", 'model="smart"', "-c", 'model_provider="holdfast"', "-c", f"model_providers.holdfast={provider}"]
    process = await asyncio.create_subprocess_exec(
        str(HOME / "node_modules/.bin/codex"),
        *("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "-C", str(work), *options),
        "write hello into hello.txt",
        env={**os.environ, "HOLDFAST_TOKEN": secret, "CODEX_HOME": str(folder / "codex"), "HOME": str(folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), _SECONDS)
    except TimeoutError:
        process.kill()
        return -1, "it did not end"
    return process.returncode or 0, out.decode()


def main() -> int:
    """Set it up, run it over each dialect; 0 if all held."""
    if not (HOME / "node_modules/.bin/codex").exists():
        HOME.mkdir(parents=True, exist_ok=True)
        print(f"  setting up codex under {HOME} ...", file=sys.stderr)
        subprocess.run(["npm", "install", "--silent", "@openai/codex"], cwd=HOME, check=True, stdout=sys.stderr)
    good = True
    for dialect in ("openai-responses", "openai-chat", "anthropic"):
        found = asyncio.run(run(dialect))
        good = good and found["file"] == "hello" and found["model_steps"] == found["ledger_rows"] > 1
        print(json.dumps(found))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
