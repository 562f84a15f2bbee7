"""Images and files go when nothing refers to them any more, and not before."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from holdfast import Agent, Context, Runtime
from holdfast.control.sweeping import sweep
from holdfast.domain.conversation import Media

LATER = 10**15


def picture(name: str) -> Media:
    return Media("image/png", data=hashlib.sha512(name.encode()).digest() * 400)


def key(name: str) -> str:
    return hashlib.sha256(picture(name).data).hexdigest()


album = Agent("album")


@album.handler
async def show(ctx: Context, picture: Media) -> str:
    return picture.artifact


@album.handler
async def keep(ctx: Context, picture: Media) -> None:
    await ctx.state.set("deep", {"in": [{"it": picture}]})


@album.handler
async def hold(ctx: Context, picture: Media) -> Any:
    return await ctx.wait("never")


@album.handler
async def tear(ctx: Context) -> None:
    await ctx.state.delete("deep")


class Turned:
    def seal(self, body: bytes) -> bytes:
        return bytes(255 - b for b in body)

    open = seal


@pytest.mark.parametrize("place", ["sqlite", "sealed", "postgres"])
async def test_what_nothing_refers_to_is_forgotten(place: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    postgres = place == "postgres"
    url = f"{request.getfixturevalue('postgres_url')}?schema=sweep" if postgres else f"sqlite:///{tmp_path}/s.db"
    async with Runtime([album], url, seal=Turned() if place == "sealed" else None) as runtime:
        worker, store = runtime.engine.worker, runtime.engine.worker.store
        for name in ("shown", "queued", "kept", "held"):
            assert len(picture(name).data) > worker.limits.media_bytes
        assert await runtime.call(album["1"].show, picture("shown")) == key("shown")
        await runtime.call(album["2"].keep, picture("kept"))
        await runtime.send(album["3"].hold, picture("held"))
        await runtime.call(album["4"].tear)
        await runtime.pause("album/4")
        await runtime.send(album["4"].show, picture("queued"))
        await store.keep("default", {"0" * 64: b"by nobody"}, 5)

        async def left() -> set[str]:
            names = ("shown", "queued", "kept", "held")
            return {name for name in names if await store.artifact("default", key(name)) is not None}

        assert await sweep(store, worker, LATER) == 1  # the one that nobody ever referred to
        assert await left() == {"shown", "queued", "kept", "held"}
        while await store.compact(LATER, 100):
            pass
        assert await sweep(store, worker, 1) == 0  # too young to be judged
        assert await sweep(store, worker, LATER) == 1
        assert await left() == {"queued", "kept", "held"}
        await runtime.call(album["2"].tear)
        while await store.compact(LATER, 100):
            pass
        await runtime.resume("album/4")
        await runtime.call(album["4"].show, picture("again"))
        assert await sweep(store, worker, LATER) == 1
        assert await left() == {"queued", "held"}
