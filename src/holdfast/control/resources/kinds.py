"""``Kind``: what a kind of resource may say, and how it takes effect.

Most kinds take effect where they are read: workers have a mirror of all resources and act on what changes. Some had a
place of their own before there were resources (budgets, schedules): there the resource is what people want, that place is
what holds, and comparing the two shows who changed what behind whose back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from ...domain.address import Address, name_of
from ...domain.errors import HoldfastError
from ...journal.codec import encode
from ...mailbox.worker import Worker
from ...ports.resources import Named
from ...ports.store import Store
from ...turn.definition import Registry
from .documents import Wanted, malformed
from .views import EffectView

After = Mapping[Named, dict[str, Any]]
"""All specs as they will be once a plan is applied."""


@dataclass(frozen=True)
class Here:
    """What kinds need of the process that they are in. ``host`` is a server's, if this is one."""

    store: Store
    worker: Worker
    registry: Registry
    host: Any
    ask: Callable[[Address, str, list[Any], str], Awaitable[Any]]
    """Asks an agent: whom, which handler, with what, under which key."""
    send: Callable[[Address, str, bytes], Awaitable[Any]]
    dry_run: Callable[..., Awaitable[Any]]
    """Asks policies about what was recorded."""

    async def tell(self, to: Address, handler: str, *args: Any) -> None:
        """Tell one of the system's agents. Where none runs (a store that a command opened) it hears when one does."""
        if name_of(to) in self.registry.latest:
            await self.ask(to, handler, list(args), "")
        else:
            await self.send(to, handler, encode((args, {}), "arguments"))


class Touched(msgspec.Struct):
    """A change whose effects are to be foreseen; None for what is not there."""

    name: str
    tenant: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Kind:
    """One kind.

    Attributes:
        spec: the struct that says what a spec may hold.
        in_files: whether files may describe it; what changes by itself (a breaker that tripped) is not theirs.
        of_tenants: whether one tenant may have its own; others belong to the whole installation.
        wrapped: whether it is written out with ``spec:``.
        elsewhere: whether what holds is kept in a place of its own: see ``live``.
        needs: kinds that it names; they take effect first.
    """

    name = ""
    spec: type[Any] = dict
    in_files = True
    of_tenants = False
    wrapped = False
    elsewhere = False
    needs: tuple[str, ...] = ()

    def read(self, wanted: Wanted) -> dict[str, Any]:
        """The spec in its one form: types checked, defaults left out. Raises ``Rejected(resource.malformed)``."""
        where = f"{wanted.place + ': ' if wanted.place else ''}{self.name} {wanted.name}"
        if wanted.tenant and not self.of_tenants:
            raise malformed(where, f"a {self.name} belongs to the whole installation; leave tenant out")
        try:
            return self.convert(wanted)
        except (msgspec.ValidationError, ValueError, TypeError) as error:
            raise malformed(where, str(error).rstrip(".")) from error
        except HoldfastError as error:
            raise malformed(where, error.message.rstrip(".")) from error

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        """What ``read`` does, with any error."""
        return plain(msgspec.convert(wanted.spec, self.spec))

    def check(self, wanted: Wanted, after: After, here: Here) -> None:
        """Raise ``Rejected(resource.malformed)`` for what cannot work together with all the rest."""

    async def live(self, here: Here, name: str, tenant: str) -> dict[str, Any] | None:
        """For a kind that is kept ``elsewhere``: what holds there, in the form of ``read``; None for nothing."""
        raise NotImplementedError

    async def put(self, here: Here, name: str, tenant: str, spec: dict[str, Any]) -> None:
        """For a kind that is kept ``elsewhere``: let it hold."""
        raise NotImplementedError

    async def drop(self, here: Here, name: str, tenant: str) -> None:
        """For a kind that is kept ``elsewhere``: let it hold no more; nothing if it does not."""
        raise NotImplementedError

    async def effects(self, here: Here, touched: Touched, after: After) -> list[EffectView]:
        """What a change will do, and to whom."""
        return []


def plain(value: Any) -> dict[str, Any]:
    """A struct as JSON values, without what is so by default: the same content has one form."""
    return cast("dict[str, Any]", _plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(type(value))
        return {f.encode_name: _plain(v) for f in fields if (v := getattr(value, f.name)) != _default(f)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in cast("dict[Any, Any]", value).items()}
    return msgspec.to_builtins(value)


def _default(field: Any) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def wrong(wanted: Wanted, why: str) -> HoldfastError:
    """The error of ``check``."""
    return malformed(f"{wanted.place + ': ' if wanted.place else ''}{wanted.kind} {wanted.name}", why)
