"""Makes .venv for ./dev: what is locked in requirements/, nothing else, nowhere else.

Called by ./dev with a level (``run`` or ``dev``) and a mark; the mark is written into .venv as the very last act, so that a
set-up that was interrupted at any point never counts as ready. Only the standard library: this runs before anything is
installed, on any Python from 3.11.
"""

from __future__ import annotations

import ast
import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = ROOT / "requirements"

OFFLINE = (
    "NewConnectionError",
    "Temporary failure in name resolution",
    "dns error",
    "error sending request",
    "Connection refused",
    "ConnectTimeout",
    "Network is unreachable",
    "No matching distribution found for uv",
)


class Failed(Exception):
    """A step did not work; the text says which, why and what to do."""


def say(text: str) -> None:
    print(f"./dev: {text}", file=sys.stderr, flush=True)


def run(what: str, command: list[str], held: int, env: dict[str, str] | None = None) -> None:
    """Run one step; its output is shown only when it fails.

    The child inherits the lock's descriptor: when this process is killed, the next ./dev waits for the orphan to end.
    """
    started = time.perf_counter()
    say(f"{what} ...")
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=(held,),
        check=False,
    )
    if done.returncode != 0:
        hint = ""
        if any(sign in done.stdout for sign in OFFLINE):
            hint = (
                "\nThe package index could not be reached. Is there a network? `python3 -m pip config list` shows which "
                "index, proxy and certificates pip is told to use; ./dev uses the same."
            )
        raise Failed(f"{done.stdout.rstrip()}\n\n./dev: {what}: failed with exit code {done.returncode}.{hint}")
    if os.environ.get("HOLDFAST_DEV_TIMES"):
        say(f"  {time.perf_counter() - started:.1f} s")


def pip_configuration(held: int) -> dict[str, str]:
    """What pip is told by its files and its environment, as ``{"index-url": ...}``."""
    listed = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "list"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        pass_fds=(held,),
        check=False,
    )
    places: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listed.stdout.splitlines():
        name, equals, value = line.partition("=")
        place, dot, key = name.partition(".")
        if equals and dot and place in places:
            places[place][key] = str(ast.literal_eval(value))
    return {key: value for place in places.values() for key, value in place.items()}


def environment_of_uv(pip: dict[str, str]) -> dict[str, str]:
    """uv does not read pip's configuration: tell it the same. What is set for uv itself stays."""
    env = dict(os.environ)

    def tell(name: str, key: str, between: str = " ") -> None:
        if key in pip:
            env.setdefault(name, between.join(pip[key].split()))

    tell("UV_DEFAULT_INDEX", "index-url")
    tell("UV_INDEX", "extra-index-url")
    tell("UV_FIND_LINKS", "find-links")
    tell("UV_INSECURE_HOST", "trusted-host")
    tell("UV_HTTP_TIMEOUT", "timeout")
    tell("UV_HTTP_TIMEOUT", "default-timeout")
    tell("SSL_CERT_FILE", "cert")
    tell("ALL_PROXY", "proxy")
    if pip.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        env.setdefault("UV_NO_INDEX", "1")
    # All indexes together offer candidates, as with pip; the hashes decide what is taken.
    env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    env.setdefault("UV_SYSTEM_CERTS", "true")
    env["UV_PYTHON_DOWNLOADS"] = "never"
    env["UV_NO_PROGRESS"] = "1"
    return env


def environment_of_pip() -> dict[str, str]:
    """pip's configuration without what would lead an install out of .venv."""
    env = {key: value for key, value in os.environ.items() if key not in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX")}
    return env | {"PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def is_usable() -> bool:
    """Whether the environment was finished once, for this folder, and its Python still starts."""
    marks = list(VENV.glob(".ready-*"))
    if not marks or any(mark.read_text().rstrip().partition("/")[2] != str(ROOT)[1:] for mark in marks):
        return False
    wanted = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([str(PYTHON), "-c", wanted], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install(level: str, held: int) -> None:
    """Install a level's lock with uv, or with pip where uv does not work, and the project itself, editable."""
    lock = str(LOCKS / ("dev.lock" if level == "dev" else "runtime.lock"))
    what = "what Holdfast needs, and its developers' tools" if level == "dev" else "what Holdfast needs"
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--retries", "2"]
    pip_env = environment_of_pip()
    uv_env = environment_of_uv(pip_configuration(held))
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON)]
    project = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]

    run("installing uv with pip", [*pip, "--require-hashes", "-r", str(LOCKS / "bootstrap.lock")], held, pip_env)
    tool, env = uv, uv_env
    try:
        run(f"installing {what}", [*tool, "--require-hashes", "-r", lock], held, env)
    except Failed as failed:
        print(failed, file=sys.stderr)
        say("uv did not manage; trying the same with pip, which is slower")
        tool, env = pip, pip_env
        run(f"installing {what} with pip", [*tool, "--require-hashes", "-r", lock], held, env)
    run("installing this checkout, editable", [*tool, *project], held, env)


def make(level: str, mark: str, held: int) -> None:
    ready = VENV / f".ready-{level}"
    if ready.is_file() and ready.read_text().rstrip() == mark:
        return  # another ./dev made it while this one waited
    if is_usable():
        if (VENV / ".ready-dev").exists():
            level = "dev"
        added = any(old.read_text().rstrip() == mark for old in VENV.glob(".ready-*"))
        say("adding the developers' tools to .venv" if added else "requirements changed: renewing .venv")
    else:
        if VENV.exists() or VENV.is_symlink():
            say("removing a .venv that ./dev did not finish here")
            VENV.unlink() if VENV.is_symlink() else shutil.rmtree(VENV)
        version = ".".join(map(str, sys.version_info[:3]))
        run(f"making .venv with Python {version} ({sys.executable})", [sys.executable, "-m", "venv", str(VENV)], held)
    for old in VENV.glob(".ready-*"):
        old.unlink()
    install(level, held)
    for done in ("run", "dev") if level == "dev" else ("run",):
        new = VENV / ".ready.new"
        new.write_text(mark + "\n")
        os.replace(new, VENV / f".ready-{done}")
    say("ready")


def main() -> int:
    level, mark = sys.argv[1:]
    held = os.open(ROOT / ".venv.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another ./dev is setting up here; waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        make(level, mark, held)
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    except OSError as error:
        say(f"{error}. Is the disk full, or {ROOT} not writable?")
        return 1
    except KeyboardInterrupt:
        print(file=sys.stderr)
        say("interrupted; what is half-made is not used, ./dev starts over next time")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
