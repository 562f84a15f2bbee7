"""Other gateways, set up under ``.peers`` on first use."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from benchmarks.gateway.run import Running

HOME = Path(os.environ.get("HOLDFAST_PEERS", ".peers")).resolve()
_LITELLM = """
model_list:
  - model_name: stub
    litellm_params: {{model: openai/stub, api_base: {url}, api_key: sk-up}}
litellm_settings: {{telemetry: false, drop_params: true}}
general_settings: {{master_key: sk-a-bench-key-long-enough-0123456789}}
"""


def litellm(url: str) -> Running:
    """LiteLLM's proxy, one worker, no database."""
    home = HOME / "litellm"
    if not (home / "bin/litellm").exists():
        HOME.mkdir(exist_ok=True)
        print(f"  setting up litellm under {home} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(home / "bin/pip"), "install", "-q", "litellm[proxy]"], check=True, stdout=sys.stderr)
    config = home / "bench.yaml"
    config.write_text(_LITELLM.format(url=url))
    port = _free_port()
    quiet = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "LITELLM_TELEMETRY": "False",
        "NO_PROXY": "127.0.0.1",
    }
    command = [
        str(home / "bin/litellm"),
        "--config",
        str(config),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--num_workers",
        "1",
    ]
    with (home / "bench.log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **quiet}, stdout=log, stderr=log)
    running = Running(f"http://127.0.0.1:{port}/v1/chat/completions", "sk-a-bench-key-long-enough-0123456789", [process])
    return _ready(running, {})


def portkey(url: str) -> Running:
    """Portkey's gateway, one process."""
    home = HOME / "portkey"
    entry = home / "node_modules/@portkey-ai/gateway/build/start-server.js"
    if not entry.exists():
        home.mkdir(parents=True, exist_ok=True)
        print(f"  setting up portkey under {home} ...", file=sys.stderr)
        subprocess.run(["npm", "install", "--silent", "@portkey-ai/gateway"], cwd=home, check=True, stdout=sys.stderr)
    port = _free_port()
    with (home / "bench.log").open("wb") as log:
        process = subprocess.Popen(["node", str(entry), f"--port={port}", "--headless"], stdout=log, stderr=log)
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": url}
    told = "\r\n".join(f"{name}: {value}" for name, value in headers.items())
    return _ready(Running(f"http://127.0.0.1:{port}/v1/chat/completions", f"sk-bench\r\n{told}", [process]), headers)


def _ready(running: Running, headers: dict[str, str]) -> Running:
    body = b'{"model":"stub","messages":[{"role":"user","content":"hi"}]}'
    key = running.token.split("\r\n")[0]
    all_headers = {"content-type": "application/json", "authorization": f"Bearer {key}", **headers}
    until = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(running.url, body, all_headers), timeout=5):
                return running
        except OSError as error:
            if time.monotonic() > until:
                running.end()
                raise TimeoutError(f"never ready: {error}") from error
            time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


ALL: dict[str, Callable[[str], Running]] = {"portkey": portkey, "litellm": litellm}
