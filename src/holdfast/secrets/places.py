"""``Secrets``: looks references up at the moment of use, and takes what it gave out of whatever comes back.

``env:NAME`` is an environment variable, ``file:PATH`` a file, and ``secret:NAME`` is asked of every source: a file in the
folder that the process manager made for it (systemd's credentials, a container's ``/run/secrets``), the environment variable
``NAME``, then plug-ins. A reference may stand within a text (``Bearer env:TOKEN``). What was given out once is remembered,
so that an answer or an error that repeats it can be cleaned before a journal, a prompt or a log sees it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from ..domain.errors import Rejected
from ..ports.secrets import SecretSource

_PLACE = re.compile(r"(?<![^\s])(env|file|secret):(\S+)")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_SHORTEST = 6
"""Shorter ones are words that stand everywhere; to take them out would only garble texts."""
_MOST = 1_000

T = TypeVar("T")


class Secrets:
    """See the module.

    Args:
        sources: asked for ``secret:NAME`` after files and the environment, in this order.
        folders: where files of that name are looked for; by default what the process manager says.
    """

    def __init__(self, sources: Sequence[SecretSource] = (), folders: Sequence[str] | None = None) -> None:
        self._sources = tuple(sources)
        self._folders = folders
        self._given: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    # -- looking up ---------------------------------------------------------------------------------------------

    async def revealed(self, text: str) -> str:
        """The text with its references replaced by what is there. Raises ``Rejected(tool.secret)``,
        ``Unavailable(secret.unreachable)``."""
        found = list(_PLACE.finditer(text))
        for match in reversed(found):
            value = await self._read(*match.groups())
            text = text[: match.start()] + value + text[match.end() :]
        return text

    def revealed_now(self, text: str) -> str:
        """The same where nothing can be waited for: what no file or variable has is not there."""
        return _PLACE.sub(lambda match: self._there(*match.groups()), text)

    async def _read(self, kind: str, where: str) -> str:
        if kind == "secret" and self._found_here(where) is None:
            for source in self._sources:
                value = await source.read(where)
                if value:
                    return self._give(value, f"secret:{where}")
        return self._there(kind, where)

    def _there(self, kind: str, where: str) -> str:
        if kind == "env":
            value = os.environ.get(where, "")
        elif kind == "file":
            value = _file(where)
        else:
            value = self._found_here(where) or ""
        if not value:
            raise _missing(kind, where, [source.name for source in self._sources])
        return self._give(value, f"{kind}:{where}")

    def _found_here(self, name: str) -> str | None:
        if not _NAME.match(name):
            return None
        folders = self._folders
        if folders is None:
            folders = [os.environ.get("HOLDFAST_SECRETS", ""), os.environ.get("CREDENTIALS_DIRECTORY", ""), "/run/secrets"]
        for folder in filter(None, folders):
            path = Path(folder) / name
            if path.is_file():
                return _file(str(path))
        return os.environ.get(name)

    # -- taking out ---------------------------------------------------------------------------------------------

    def _give(self, value: str, place: str) -> str:
        for one in {value, *value.split()}:
            if len(one) >= _SHORTEST and one not in self._given:
                if len(self._given) >= _MOST:
                    self._given.clear()
                self._given[one] = place
                self._pattern = None
        return value

    def note(self, value: str, place: str) -> None:
        """Take this one out, too: it was learned in another way."""
        self._give(value, place)

    def clean(self, text: str) -> str:
        """A text without the secrets that were given out."""
        if not self._given:
            return text
        pattern = self._pattern
        if pattern is None:
            longest_first = sorted(self._given, key=len, reverse=True)
            pattern = self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return pattern.sub(lambda match: f"[{self._given[match.group()]}]", text)

    def cleaned(self, value: T) -> T:
        """Any value without them: texts and bytes within lists, dicts and structs. What has none comes back as it is."""
        return cast(T, self._cleaned(value)) if self._given else value

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, bytes):
            text = value.decode("utf-8", "surrogateescape")
            return self.clean(text).encode("utf-8", "surrogateescape")
        if isinstance(value, dict):
            given = cast("dict[Any, Any]", value)
            return {self._cleaned(key): self._cleaned(item) for key, item in given.items()}
        if isinstance(value, (list, tuple)):
            items = [self._cleaned(item) for item in cast("Sequence[Any]", value)]
            return items if isinstance(value, list) else tuple(items)
        if isinstance(value, msgspec.Struct):
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            changed = {name: new for name, old in fields.items() if (new := self._cleaned(old)) != old}
            return msgspec.structs.replace(value, **changed) if changed else value
        return value


def is_reference(text: str) -> bool:
    """Whether all of a text says where something is."""
    return _PLACE.fullmatch(text) is not None


def _file(path: str) -> str:
    try:
        return Path(path).expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Rejected("tool.secret", f"A secret is to be in {path}, which cannot be read: {why}.", name=path) from error


def _missing(kind: str, where: str, sources: list[str]) -> Rejected:
    looked = {
        "env": f"the environment variable {where} is not set",
        "file": f"{where} is empty",
        "secret": f"no file, no environment variable{''.join(f', and not {name}' for name in sources)} has {where}",
    }[kind]
    return Rejected("tool.secret", f"A secret is needed that is not there: {looked}.", name=where)


__all__ = ["Secrets", "is_reference"]
