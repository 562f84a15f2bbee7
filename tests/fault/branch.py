"""One bank under test: its worker processes, and the audit at the end."""

from __future__ import annotations

import collections
import random
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import holdfast
from fault import bank
from holdfast.domain.message import Kind, Status

PATIENCE_SECONDS = 90.0


class Branch:
    """Workers over one store, and whoever kills them."""

    def __init__(self, url: str, folder: Path, orders: int, seed: int) -> None:
        self.url = url
        self.folder = folder
        self.orders = orders
        self.dice = random.Random(seed)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.kills = 0

    def hire(self, orders: int = 0) -> subprocess.Popen[bytes]:
        """Start a worker."""
        name = f"clerk{len(self.workers)}"
        command = [sys.executable, bank.__file__, self.url, str(self.folder), name, str(orders)]
        worker = subprocess.Popen(command)
        self.workers.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> bool:
        """SIGKILL; whether it still lived."""
        if worker.poll() is not None:
            return False
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        self.kills += 1
        return True

    def until_over(self) -> None:
        """Wait until all workers have nothing left to do."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        for worker in self.workers:
            code = worker.wait(max(deadline - time.monotonic(), 0.1))
            assert code in (0, -signal.SIGKILL), f"{worker.args} ended with {code}"

    def close(self) -> None:
        """Leave no process behind."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
                worker.wait()

    async def audit(self) -> None:
        """Nothing lost, nothing twice, every journal whole."""
        async with holdfast.Runtime([], self.url) as runtime:
            store = runtime.store
            done = await store.messages(statuses=list(map(int, Status)), limit=1_000_000)
            orders = [m for m in done if m.kind == Kind.REQUEST and m.name == "transfer"]
            assert {m.status for m in orders} == {Status.DONE}
            assert len(orders) == self.orders
            balances = {}
            for row in await store.agents(limit=10_000):
                head, rows = b"", await store.entries(row.address, 0, 1_000_000)
                for place, entry in enumerate(rows, 1):
                    head = sha256(head + entry.body).digest()
                    assert (entry.seq, entry.hash) == (place, head), f"the journal of {row.address} is broken at {place}"
                name, key = row.address.split("/")[1:]
                if name == "account":
                    balances[key] = (await runtime.state(f"account/{key}"))["balance"]
            assert balances == bank.expected(self.orders)
        self._effects()

    def _effects(self) -> None:
        fees = collections.Counter(line.split()[1] for line in bank.lines("fees"))
        assert fees == {str(n): 1 for n in range(self.orders)}
        rings = collections.Counter(bank.lines("rings"))
        assert len(rings) == 2 * self.orders
        assert max(rings.values()) <= 1 + self.kills
