"""The airline's records and the recorded conversations: finds them, loads them, changes nothing.

The data is public, but not ours to ship; without it everything here says where to get it.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast

from examples.airline.records import Flight, Reservation, User

ROOT = Path(__file__).resolve().parents[2]
FOLDER_NAME = "tau-airline"
WHERE_THE_DATA_IS = (
    "It is public: project sierra-research/tau-bench, commit 59a200c, the folder of the airline environment's data "
    "(users, reservations, flights); the conversations are that project's recorded gpt-4o trajectories for the airline "
    f"(as conversations.json). Put them, as .json or .json.gz, into a folder {FOLDER_NAME}/ and name its parent, or the "
    "folder itself, in HOLDFAST_TEST_DATA."
)


class MissingData(FileNotFoundError):
    """The public data is not on this machine; the message says where it is."""


@dataclass(frozen=True)
class Base:
    """The database before any conversation. Shared by all copies of it: whoever reads it must not change it."""

    users: dict[str, User]
    reservations: dict[str, Reservation]
    flights: dict[str, Flight]

    @cached_property
    def canonical(self) -> dict[str, dict[str, str]]:
        """For each table, the text of each record that goes into a digest."""
        tables: dict[str, dict[str, Any]] = {"flights": self.flights, "reservations": self.reservations, "users": self.users}
        return {name: {key: canonical(record) for key, record in table.items()} for name, table in tables.items()}

    @cached_property
    def canonical_tables(self) -> dict[str, bytes]:
        """For each table, its text in a digest if nothing in it was changed."""
        return {name: canonical_table(name, texts) for name, texts in self.canonical.items()}


@dataclass(frozen=True)
class Call:
    """A tool call of a conversation: its arguments as the model wrote them, and what the tool answered."""

    name: str
    arguments: str
    output: str


@dataclass(frozen=True)
class Conversation:
    """A recorded conversation in OpenAI's chat format, with what its customer wanted and how it was graded."""

    task_id: int
    trial: int
    reward: float
    user_id: str
    instruction: str
    messages: list[dict[str, Any]]
    expected: list[tuple[str, dict[str, Any]]]
    """The tool calls that would have been right: name, arguments."""
    expected_digest: str
    """The digest of the database after them; ``""`` where the recording has none."""
    as_expected: bool
    """Whether the recorded database ended like that, if there is an ``expected_digest``."""

    def calls(self) -> Iterator[Call]:
        """The tool calls that were answered, in order."""
        asked: dict[str, dict[str, str]] = {}
        for message in self.messages:
            calls: list[dict[str, Any]] = message.get("tool_calls") or []
            asked |= {call["id"]: call["function"] for call in calls}
            if message["role"] == "tool":
                function = asked[message["tool_call_id"]]
                yield Call(function["name"], function["arguments"], message["content"])


def canonical(value: Any) -> str:
    """JSON data as text that does not depend on the order of keys: nested tuples, as Python writes them. The recording has
    its digests from the same text, so that they can be compared."""
    return repr(_ordered(value))


def canonical_table(name: str, texts: Mapping[str, str]) -> bytes:
    """What ``canonical`` makes of a table (of two records or more) and its name, from the texts of its records."""
    records = ", ".join([f"({key!r}, {texts[key]})" for key in sorted(texts)])
    return f"({name!r}, ({records}))".encode()


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((key, _ordered(item)) for key, item in sorted(cast(dict[str, Any], value).items()))
    if isinstance(value, list):
        return tuple(_ordered(item) for item in cast(list[Any], value))
    return value


def data_folder() -> Path:
    """Where the data is: by ``HOLDFAST_TEST_DATA``, or beside the checkout; raises ``MissingData``."""
    named = os.environ.get("HOLDFAST_TEST_DATA")
    places = [Path(named) / FOLDER_NAME, Path(named)] if named else [ROOT.parent / "shared" / "data" / FOLDER_NAME]
    for place in places:
        if any((place / f"users{suffix}").is_file() for suffix in (".json.gz", ".json")):
            return place
    raise MissingData(f"The airline's data is not in {' or '.join(map(str, places))}. {WHERE_THE_DATA_IS}")


def load_base(folder: Path | None = None, region_key: str = "province") -> Base:
    """The database, read once for a folder. The recordings have an address's ``province``; the files, and tools later than
    the recordings, call it ``state``."""
    return _load_base(folder or data_folder(), region_key)


@cache
def _load_base(place: Path, region_key: str) -> Base:
    users, reservations, flights = (_read(_file(place, name)) for name in ("users", "reservations", "flights"))
    for user in users.values():
        user["address"] = {region_key if key == "state" else key: text for key, text in user["address"].items()}
    return Base(users, reservations, flights)


def load_conversations(path: Path | None = None) -> list[Conversation]:
    """The conversations of a file, compressed or not; by default the one beside the database."""
    return [_conversation(raw) for raw in _read(path or _file(data_folder(), "conversations"))]


def _conversation(raw: dict[str, Any]) -> Conversation:
    task: dict[str, Any] = raw["info"].get("task") or {}
    graded: dict[str, Any] = raw["info"].get("reward_info") or {}
    grades: dict[str, Any] = graded.get("info") or {}
    return Conversation(
        task_id=raw["task_id"],
        trial=raw.get("trial", 0),
        reward=raw["reward"],
        user_id=task.get("user_id", ""),
        instruction=task.get("instruction", ""),
        messages=raw["traj"],
        expected=[(action["name"], action["kwargs"]) for action in task.get("actions", [])],
        expected_digest=grades.get("gt_data_hash", ""),
        as_expected=bool(grades.get("r_actions")),
    )


def _file(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.json.gz", folder / f"{name}.json"):
        if path.is_file():
            return path
    raise MissingData(f"There is no {name}.json or {name}.json.gz in {folder}. {WHERE_THE_DATA_IS}")


def _read(path: Path) -> Any:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except FileNotFoundError:
        raise MissingData(f"There is no {path}. {WHERE_THE_DATA_IS}") from None
    return json.loads(raw)
