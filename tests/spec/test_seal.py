"""Bodies at rest are what the seal makes of them: nothing readable in the store, and everything works as without one."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from holdfast import Agent, Conflict, Context, Runtime

SECRET = "the canary sings at noon"


class Xor:
    """A stream of bytes over a key. Not a cipher: it only shows what is sealed."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def _stream(self, size: int) -> bytes:
        blocks = (hashlib.sha256(self._key + n.to_bytes(8)).digest() for n in range(size // 32 + 1))
        return b"".join(blocks)[:size]

    def seal(self, body: bytes) -> bytes:
        """See the protocol."""
        return self._key[:4] + bytes(a ^ b for a, b in zip(body, self._stream(len(body)), strict=True))

    def open(self, body: bytes) -> bytes:
        """See the protocol."""
        if body[:4] != self._key[:4]:
            raise Conflict("codec.cannot_open", "These bytes were sealed with another key.")
        return bytes(a ^ b for a, b in zip(body[4:], self._stream(len(body) - 4), strict=True))


keeper = Agent("keeper")


async def repeat(text: str) -> str:
    return text + "!"


@keeper.handler
async def keep(ctx: Context, text: str) -> str:
    said = await ctx.run(repeat, text)
    await ctx.state.set("text", said)
    await ctx.send(keeper["other"].note, said)
    answer: str = await ctx.ask(f"{text}?", choices=["yes", "no"])
    return f"{said} {answer}"


@keeper.handler
async def note(ctx: Context, text: str) -> None:
    await ctx.state.set("text", text)


async def asked(runtime: Runtime) -> str:
    """The id of the open question, when there is one."""
    while not (found := await runtime.asks()):
        await asyncio.sleep(0.01)
    return found[0].id


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_sealed_store_holds_no_words_and_goes_on_after_a_restart(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/sealed.db"
    if kind == "postgres":
        url = f"{request.getfixturevalue('postgres_url')}?schema=sealed"
    seal = Xor(b"a key of somebody")
    async with Runtime([keeper], url, seal=seal) as runtime:
        await runtime.options(key="one").send(keeper["1"].keep, SECRET)
        await asked(runtime)
        await _nothing_in_clear(runtime)
    async with Runtime([keeper], url, seal=seal) as runtime:
        answer = asyncio.ensure_future(runtime.options(key="one").call(keeper["1"].keep, SECRET))
        await runtime.answer(await asked(runtime), "yes")
        assert await answer == f"{SECRET}! yes"
        assert await runtime.state("keeper/1") == {"text": SECRET + "!"}
        assert await runtime.state("keeper/other") == {"text": SECRET + "!"}
        shown = [e for e in await runtime.journal("keeper/1") if e.name == "repeat"]
        assert shown[0].value == SECRET + "!"
        await _nothing_in_clear(runtime)
    if kind == "sqlite":
        files = [p.read_bytes() for p in tmp_path.iterdir() if p.is_file()]
        assert files
        assert not any(SECRET.encode() in body for body in files)


async def _nothing_in_clear(runtime: Runtime) -> None:
    store = runtime.store
    bodies = [m.body for m in await store.messages(statuses=range(9), limit=100)]
    for row in await store.agents(limit=100):
        bodies += [e.body for e in await store.entries(row.address, 0, 1_000)]
        bodies += [v.value or b"" for v in (await store.state(row.address)).values()]
    bodies += [w.detail for w in await store.waits(limit=100)]
    assert len(bodies) > 5
    assert not any(SECRET.encode() in body for body in bodies)


async def test_another_key_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/sealed.db"
    async with Runtime([keeper], url, seal=Xor(b"a key of somebody")) as runtime:
        await runtime.call(keeper["1"].note, SECRET)
    async with Runtime([keeper], url, seal=Xor(b"another one")) as runtime:
        with pytest.raises(Conflict) as caught:
            await runtime.state("keeper/1")
        assert caught.value.code == "codec.cannot_open"
    async with Runtime([keeper], url, seal=Xor(b"a key of somebody")) as runtime:
        assert await runtime.state("keeper/1") == {"text": SECRET}
