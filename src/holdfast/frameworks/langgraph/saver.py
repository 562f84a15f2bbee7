"""``HoldfastSaver``: LangGraph's checkpointer over durable agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
    writes_sort_key,
)

from ...domain.address import make
from ...domain.errors import Rejected
from ...sdk.client import Client
from ...turn.definition import Target
from ..places import Places, here, in_turn
from .keeping import TurnKeys, key_of_thread
from .nodes import at_step
from .thread import Row, Thread

T = TypeVar("T")

STARTED = "started"
"""The key that says which message's input is in the thread's checkpoints."""
_PAGE = 100


class HoldfastSaver(BaseCheckpointSaver[int]):
    """Keeps a graph's checkpoints and writes in durable agents, one for each thread.

    Inside a turn (``graph_agent`` puts it there) they are state of the turn's own agent. From outside they belong to
    ``<agent>/<thread>``, which some worker serves (``holdfast.frameworks.langgraph.threads()``), and go through a client:

    >>> saver = HoldfastSaver(client)
    >>> graph = builder.compile(checkpointer=saver)

    ``HoldfastSaver(client, agent="support")`` reads and writes the threads of the graph agent ``support``.

    The blocking methods (``put``, ``get_tuple``, ...) work from any thread but the event loop's.

    Args:
        client: for use outside of turns.
        agent: the kind of agent that keeps the threads.
        serde: LangGraph's serializer, if not its own default.
    """

    def __init__(self, client: Client | None = None, *, agent: str = "langgraph", serde: Any = None) -> None:
        super().__init__(serde=serde)
        self._client = client
        self._agent = agent
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    # -- reading ------------------------------------------------------------------------------------------------

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See the base class."""
        thread, ns = _place(config)
        row: Row | None = await self._thread(thread, "get", ns, get_checkpoint_id(config) or "")
        if row is None:
            return None
        found = self._tuple(thread, row)
        if in_turn():
            at_step(ns, found.metadata.get("step", -1))
        return found

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """See the base class."""
        left = limit
        earlier = (get_checkpoint_id(before) or "") if before else ""
        for thread in await self._threads() if config is None else [_place(config)[0]]:
            ns, id = (None, "") if config is None else (_conf(config).get("checkpoint_ns"), get_checkpoint_id(config) or "")
            most = 0 if filter or left is None else left
            if left is not None and left <= 0:
                return
            for row in await self._thread(thread, "rows", ns, id, earlier, most):
                found = self._tuple(thread, row)
                if filter and any(found.metadata.get(k) != v for k, v in filter.items()):
                    continue
                if left is not None:
                    if left <= 0:
                        return
                    left -= 1
                yield found

    def _tuple(self, thread: str, row: Row) -> CheckpointTuple:
        loads = self.serde.loads_typed
        checkpoint: Checkpoint = loads(_typed(row["checkpoint"]))
        values = {name: loads(_typed(value)) for name, value in row["values"].items() if value[0] != "empty"}
        writes = sorted(row["writes"], key=lambda w: writes_sort_key(w[3], w[0], w[4]))
        return CheckpointTuple(
            config=_config(thread, row["ns"], row["id"]),
            checkpoint=cast(Checkpoint, {**checkpoint, "channel_values": values}),
            metadata=loads(_typed(row["metadata"])),
            parent_config=_config(thread, row["ns"], row["parent"]) if row["parent"] else None,
            pending_writes=[(task, channel, loads(_typed(value))) for task, channel, value, _, _ in writes],
        )

    # -- writing ------------------------------------------------------------------------------------------------

    async def aput(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions
    ) -> RunnableConfig:
        """See the base class."""
        thread, ns = _place(config)
        if in_turn():
            at_step(ns, metadata.get("step", -1))
        dumps = self.serde.dumps_typed
        bare = {k: v for k, v in checkpoint.items() if k != "channel_values"}
        values = checkpoint["channel_values"]
        whole = get_checkpoint_metadata(config, metadata)
        row = Row(
            ns=ns,
            id=checkpoint["id"],
            checkpoint=dumps(bare),
            metadata=dumps(whole),
            parent=get_checkpoint_id(config) or "",
            run=str(whole.get("run_id") or ""),
            channels={name: str(version) for name, version in {**checkpoint["channel_versions"], **new_versions}.items()},
            tasks=[],
            values={name: dumps(values[name]) if name in values else ("empty", b"") for name in new_versions},
            writes=[],
        )
        await self._thread(thread, "put", row)
        return _config(thread, ns, checkpoint["id"])

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See the base class."""
        thread, ns = _place(config)
        rows = [
            (channel, self.serde.dumps_typed(value), task_path, WRITES_IDX_MAP.get(channel, place))
            for place, (channel, value) in enumerate(writes)
        ]
        await self._thread(thread, "put_writes", ns, _conf(config)["checkpoint_id"], task_id, rows)

    async def adelete_thread(self, thread_id: str) -> None:
        """See the base class."""
        await self._thread(thread_id, "drop_all")

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """See the base class."""
        runs = set(run_ids)
        for thread in await self._threads():
            gone: dict[str, list[str]] = {}
            for row in await self._thread(thread, "rows", None):
                if row["run"] in runs:
                    gone.setdefault(row["ns"], []).append(row["id"])
            if gone:
                await self._thread(thread, "drop", gone)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """See the base class. All checkpoints and their writes are copied, oldest first."""
        rows: list[Row] = await self._thread(source_thread_id, "rows", None)
        for row in reversed(rows):
            await self._thread(target_thread_id, "put", {**row, "writes": [], "tasks": []})
            by_task: dict[str, list[Any]] = {}
            for task, channel, value, path, place in row["writes"]:
                by_task.setdefault(task, []).append((channel, value, path, place))
            for task, writes in by_task.items():
                await self._thread(target_thread_id, "put_writes", row["ns"], row["id"], task, writes)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """See the base class. What a delta channel is still made of stays."""
        for thread in thread_ids:
            if strategy == "delete":
                await self._thread(thread, "drop_all")
                continue
            rows: list[Row] = await self._thread(thread, "rows", None)
            keep: set[tuple[str, str]] = set()
            for ns in {row["ns"] for row in rows}:
                chain = {row["id"]: row for row in rows if row["ns"] == ns}
                row: Row | None = chain[max(chain)]
                deltas = bool(self.serde.loads_typed(_typed(row["metadata"])).get("counters_since_delta_snapshot"))
                while row is not None:
                    keep.add((ns, row["id"]))
                    row = chain.get(row["parent"]) if deltas else None
            gone: dict[str, list[str]] = {}
            for row in rows:
                if (row["ns"], row["id"]) not in keep:
                    gone.setdefault(row["ns"], []).append(row["id"])
            if gone:
                await self._thread(thread, "drop", gone)

    # -- the same, blocking -------------------------------------------------------------------------------------

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See the base class."""
        return self._blocking(lambda: self.aget_tuple(config))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """See the base class."""

        async def whole() -> Any:
            return [found async for found in self.alist(config, filter=filter, before=before, limit=limit)]

        yield from self._blocking(whole)

    def put(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions
    ) -> RunnableConfig:
        """See the base class."""
        return self._blocking(lambda: self.aput(config, checkpoint, metadata, new_versions))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See the base class."""
        self._blocking(lambda: self.aput_writes(config, writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        """See the base class."""
        self._blocking(lambda: self.adelete_thread(thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """See the base class."""
        self._blocking(lambda: self.adelete_for_runs(run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """See the base class."""
        self._blocking(lambda: self.acopy_thread(source_thread_id, target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """See the base class."""
        self._blocking(lambda: self.aprune(thread_ids, strategy=strategy))

    def _blocking(self, do: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if in_turn():
            return here().from_thread(here().next("saver"), lambda _: do())
        try:
            running: Any = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if self._loop is None or running is self._loop:
            raise Rejected(
                "frameworks.blocking",
                "A blocking method of HoldfastSaver was called on the event loop of its client, or there is no such loop. "
                "Make the saver where the client's loop runs, and call this from another thread, or use the async method "
                "(aput, aget_tuple, ...).",
            )
        return asyncio.run_coroutine_threadsafe(do(), self._loop).result()

    # -- where the threads are ----------------------------------------------------------------------------------

    async def _thread(self, thread_id: str, verb: str, *args: Any) -> Any:
        if in_turn() and self._client is None:
            places = here()
            return await self._inside(places, thread_id, verb, args)
        if self._client is None:
            raise Rejected(
                "frameworks.no_turn",
                "This HoldfastSaver has no client, and no turn is running here. Give it one: HoldfastSaver(client).",
            )
        target: Target[..., Any] = Target(make(self._agent, key_of_thread(thread_id)), f"thread_{verb}")
        return await self._client.call(target, *args)

    async def _inside(self, places: Places, thread_id: str, verb: str, args: tuple[Any, ...]) -> Any:
        if key_of_thread(thread_id) != places.ctx.key:
            raise Rejected(
                "frameworks.thread",
                f"Inside a turn of {places.ctx.address} its own thread {places.ctx.key!r} can be kept, not {thread_id!r}. "
                "Give the graph's agent of that thread a message instead (ctx.call, ctx.send).",
            )
        thread = thread_of(places)
        began = {STARTED: places.ctx.turn.item.id}
        if verb == "put" and not args[0]["ns"]:
            return await thread.put(args[0], began)
        if verb == "put_writes" and not args[0]:
            return await thread.put_writes(*args, extra=began)
        done: Awaitable[Any] = getattr(thread, verb)(*args)
        return await done

    async def _threads(self) -> list[str]:  # pyright: ignore[reportGeneralTypeIssues]
        from urllib.parse import unquote

        if self._client is None:
            return [here().ctx.key]
        found: Any = []
        after = ""
        while True:
            page: Any = await self._client.agents(like=f"{self._agent}/", after=after, limit=_PAGE)
            found += [unquote(view.address.rpartition("/")[2]) for view in page]
            if len(page) < _PAGE:
                return found
            after = make(self._agent, page[-1].address.rpartition("/")[2])


def thread_of(places: Places) -> Thread:
    """The thread of the turn's own agent."""
    thread: Thread | None = places.kept.get("langgraph")
    if thread is None:
        thread = places.kept["langgraph"] = Thread(TurnKeys(places))
    return thread


def _conf(config: RunnableConfig) -> dict[str, Any]:
    return config.get("configurable") or {}


def _place(config: RunnableConfig) -> tuple[str, str]:
    conf = _conf(config)
    return str(conf["thread_id"]), conf.get("checkpoint_ns") or ""


def _config(thread: str, ns: str, id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": id}}


def _typed(value: Any) -> tuple[str, bytes]:
    return str(value[0]), bytes(value[1])


__all__ = ["STARTED", "HoldfastSaver", "thread_of"]
