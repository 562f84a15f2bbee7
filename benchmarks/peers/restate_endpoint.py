"""The agents of the Restate measurement, served by hypercorn."""

from __future__ import annotations

import restate

bench = restate.Service("Bench")


@bench.handler()
async def steps(ctx: restate.Context, n: int) -> int:
    for i in range(n):
        await ctx.run_typed("step", lambda i=i: i)
    return n


waiter = restate.Workflow("Waiter")


@waiter.main()
async def run(ctx: restate.WorkflowContext, x: int) -> str:
    return await ctx.promise("go", type_hint=str).value()


@waiter.handler()
async def wake(ctx: restate.WorkflowSharedContext, value: str) -> None:
    await ctx.promise("go", type_hint=str).resolve(value)


agent = restate.VirtualObject("Agent")


@agent.handler()
async def echo(ctx: restate.ObjectContext, x: int) -> int:
    return x


@agent.handler()
async def drive(ctx: restate.ObjectContext, n: int) -> int:
    for i in range(n):
        await ctx.object_call(echo, key="B" + ctx.key(), arg=i)
    return n


app = restate.app([bench, waiter, agent])
