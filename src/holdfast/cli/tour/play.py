"""The tour's processes: a recorded model, a real `holdfast up`, and the director, until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from ...domain.errors import HoldfastError, Unavailable
from ...protocols.wire.channel import connect
from .director import Director

_AGENTS = Path(__file__).with_name("agents.py")
_POLICY = Path(__file__).with_name("policy.yaml")
_START_SECONDS = 30.0
_STOP_SECONDS = 12.0


class Tour:
    """The processes and their folder."""

    def __init__(self, folder: Path, store: str, port: int) -> None:
        self.folder = folder
        self.url = f"holdfast+unix://{folder}/tour.sock"
        self.port = port
        self.log = folder / "server.log"
        self._model_port = 0
        self._model: subprocess.Popen[str] | None = None
        self._store = store
        self._server: subprocess.Popen[bytes] | None = None
        self._environment = os.environ | {"PYTHONPATH": str(find_examples()), "OPENAI_API_KEY": "recorded"}

    async def start(self) -> None:
        """Start all; return when the server answers. Raises ``Unavailable(demo.no_server)``."""
        self.start_model()
        target = {"name": "recorded", "url": f"http://127.0.0.1:{self._model_port}/v1", "model": "gpt-4o"}
        models = self.folder / "models.json"
        models.write_text(json.dumps({"targets": [target | {"vendor": "openai"}]}))
        command = [sys.executable, "-m", "holdfast", "up", str(_AGENTS), *_airline(), "--store", self._store]
        command += ["--unix", self.url.removeprefix("holdfast+unix://"), "--models", str(models), "--http", str(self.port)]
        command += ["--policies", str(_POLICY)]
        with self.log.open("ab") as log:
            self._server = subprocess.Popen(  # noqa: ASYNC220
                [*command, "--no-reload", "--name", "tour", "--grace", "2s"],
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                async with connect(self.url):
                    return
            except Unavailable:
                if self._server.poll() is not None or time.monotonic() > until:
                    told = self.log.read_text()[-2000:]
                    raise Unavailable("demo.no_server", f"The tour's server did not start:\n{told}") from None
                await asyncio.sleep(0.05)

    def start_model(self) -> None:
        """Start the recorded model, on the port that it had before."""
        command = [sys.executable, "-m", "holdfast.cli.tour.model", str(self._model_port)]
        self._model = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=self._environment, start_new_session=True
        )
        assert self._model.stdout is not None
        self._model_port = int(self._model.stdout.readline().strip().removesuffix("/v1").rpartition(":")[2])

    def away(self, gone: bool) -> None:
        """The model is not there for a while, as vendors are."""
        if gone and self._model is not None:
            self._model.kill()
            self._model.wait()
        elif not gone:
            self.start_model()

    def stop(self) -> None:
        """End everything that was started here."""
        going = [p for p in (self._server, self._model) if p is not None and p.poll() is None]
        for process in going:
            process.send_signal(signal.SIGTERM)
        for process in going:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def find_examples() -> Path:
    """A checkout has the examples beside the sources; they become importable here and in the processes."""
    root = Path(__file__).resolve().parents[4]
    if (root / "examples" / "airline").is_dir() and str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return root


def conversations() -> list[list[str]]:
    """What the recorded customers of the airline said; none where the data is not at hand."""
    try:
        from examples.airline.data import MissingData, load_conversations
        from examples.airline.recorded import words_of
    except ImportError:
        return []
    try:
        return [words_of(c) for c in load_conversations()]
    except MissingData:
        return []


def _airline() -> list[str]:
    return ["examples.airline.agents"] if conversations() else []


async def _show(tour: Tour, pace: float, seconds: float) -> None:
    await tour.start()
    print(f"The command center: http://127.0.0.1:{tour.port}/", flush=True)
    print(_WORDS.format(url=tour.url), flush=True)
    async with connect(tour.url) as client:
        director = Director(client, conversations(), tour.away, pace)
        with suppress(HoldfastError):
            await director.opening()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds or None):
                await director.direct()


def play(keep: str, port: int, pace: float = 1.0, seconds: float = 0.0) -> int:
    """Show it until Ctrl-C, or for so many seconds; the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-tour-"))
    tour = Tour(folder, f"sqlite:///{os.path.abspath(keep) if keep else folder / 'tour.db'}", port)
    for number in (signal.SIGTERM, signal.SIGINT):  # also where whoever started it in the background let it ignore Ctrl-C
        signal.signal(number, signal.default_int_handler)
    try:
        asyncio.run(_show(tour, pace, seconds))
    except KeyboardInterrupt:
        print("\nThe tour is over.", flush=True)
    finally:
        tour.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


_WORDS = """   A bookshop at work, and an airline's support where its recordings are at hand: real agents on a real server.
   1. Fleet: who works, who waits and for what. Press j, k and Enter; Ctrl-K finds anything.
   2. Inbox: answer what is asked with the keys 1 and 2, let dear charges through with a, d or s, and see the orders go on.
   3. An agent: its steps, their time and cost, and what it kept. Every minute the model is away for a while: see who waits.
   Stop with Ctrl-C. In another terminal: holdfast ps --all --url {url}
"""
