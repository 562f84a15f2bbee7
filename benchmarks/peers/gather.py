"""Sets the peers up under .peers on first use and runs each on the same work; one that cannot run is named, never left out
in silence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.places import DEFAULT_POSTGRES

HERE = Path(__file__).parent
HOME = Path(os.environ.get("HOLDFAST_PEERS", ".peers")).resolve()
PACKAGES = {
    "dbos": ["dbos", "psycopg2-binary", "psutil"],
    "langgraph": [
        "langgraph",
        "langgraph-checkpoint-sqlite",
        "langgraph-checkpoint-postgres",
        "psycopg[binary,pool]",
        "psutil",
    ],
    "restate": ["restate-sdk", "hypercorn", "psutil", "aiohttp"],
}
_LONGEST_S = 150


def run(quick: bool) -> list[dict[str, Any]]:
    """All peers; one dict of figures each, or its name with the reason why there are none."""
    turns = 100 if quick else 1_000
    found: list[dict[str, Any]] = []
    for name in PACKAGES:
        try:
            python = _set_up(name)
        except (subprocess.CalledProcessError, OSError) as error:
            found.append({"peer": name, "skipped": f"could not be set up: {error}"})
            continue
        kinds = [""] if name == "restate" else ["sqlite", "postgres"]
        found += [_measure(name, kind, python, turns) for kind in kinds]
    return found


def _set_up(name: str) -> Path:
    home = HOME / name
    python = home / ("v/bin/python" if name == "restate" else "bin/python")
    if not python.exists():
        print(f"  setting up {name} under {home} ...", file=sys.stderr)
        HOME.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES[name]], check=True, stdout=sys.stderr)
    if name == "restate" and not (home / "node_modules/@restatedev").exists():
        subprocess.run(["npm", "install", "--silent", "@restatedev/restate-server"], cwd=home, check=True, stdout=sys.stderr)
    return python


def _measure(name: str, kind: str, python: Path, turns: int) -> dict[str, Any]:
    title = f"{name}-{kind}" if kind else name
    print(f"  {title} ...", file=sys.stderr)
    folder = tempfile.mkdtemp(prefix="peer-", dir=HOME)
    database = f"peer_{os.getpid()}"
    try:
        arguments = _arguments(name, kind, folder, database, turns)
        if kind == "postgres":
            _sql(f"CREATE DATABASE {database}")
        done = subprocess.run(
            [str(python), *arguments], cwd=HERE, capture_output=True, text=True, timeout=_LONGEST_S, check=False
        )
        lines = done.stdout
        why = done.stderr.strip().splitlines()[-1:] if done.returncode else []
    except subprocess.TimeoutExpired as late:
        lines, why = (late.stdout or b"").decode(), [f"stopped after {_LONGEST_S} s"]
    except (subprocess.CalledProcessError, OSError) as error:
        lines, why = "", [str(error)]
    finally:
        if kind == "postgres":
            _sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)", check=False)
        shutil.rmtree(folder, ignore_errors=True)
    figures: dict[str, Any] = {}
    for line in lines.splitlines():
        if line.startswith("{"):
            figures.update(json.loads(line))
    return {**figures, "peer": title, **({"incomplete": why[0]} if why else {})}


def _arguments(name: str, kind: str, folder: str, database: str, turns: int) -> list[str]:
    if name == "restate":
        server = next((HOME / name / "node_modules/@restatedev").glob("restate-server-*/bin/restate-server"))
        return ["restate_peer.py", str(server), folder, str(turns)]
    return [f"{name}_peer.py", kind, folder, _base()._replace(path=f"/{database}").geturl(), str(turns)]


def _base() -> Any:
    return urlsplit(os.environ.get("HOLDFAST_TEST_POSTGRES", DEFAULT_POSTGRES).partition("?")[0])


def _sql(statement: str, check: bool = True) -> None:
    code = "import sys, psycopg2; c = psycopg2.connect(sys.argv[1]); c.autocommit = True; c.cursor().execute(sys.argv[2])"
    python = HOME / "dbos/bin/python"
    subprocess.run([str(python), "-c", code, _base().geturl(), statement], check=check, capture_output=True)
