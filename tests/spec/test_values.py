"""What cannot be written to a journal is refused with its type, and nothing of the message is kept."""

from __future__ import annotations

import pytest

from holdfast import Agent, Context, Rejected, Runtime

keeper = Agent("keeper")


@keeper.handler
async def keep(ctx: Context, value: object) -> None:
    await ctx.state.set("value", value)


@keeper.handler
async def make(ctx: Context) -> object:
    return [object()]


async def test_arguments_and_results_that_cannot_be_written_name_their_type() -> None:
    async with Runtime([keeper], "memory://") as runtime:
        for call in (runtime.call(keeper["1"].keep, {"deep": [object()]}), runtime.call(keeper["1"].make)):
            with pytest.raises(Exception, match="a value of type object") as caught:
                await call
            assert "journal" in str(caught.value)
        with pytest.raises(Rejected) as refused:
            await runtime.send(keeper["2"].keep, object())
        assert refused.value.code == "value.not_encodable"
        assert await runtime.state("keeper/2") == {}
