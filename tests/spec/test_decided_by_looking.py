"""Who changes a resource after looking at it (If-Match) replaces the version that was seen, or nothing."""

from __future__ import annotations

import asyncio

import pytest

from heart_world import World
from holdfast import Agent, Conflict, HoldfastError


def group(members: int) -> list[dict[str, object]]:
    return [{"kind": "Group", "name": "leads", "members": [f"person:{n}" for n in range(members)]}]


async def test_what_was_changed_since_it_was_seen_stays(world: World) -> None:
    async with world.runtime(Agent("any")) as runtime:
        operations = runtime.operations
        await operations.apply(group(1))
        seen = await operations.resource("Group", "leads")
        await operations.apply(group(2))
        for change in (
            operations.having_seen(seen).delete_resource("Group", "leads"),
            operations.having_seen(seen).rollback("Group", "leads"),
            operations.having_seen(seen).apply(group(3)),
        ):
            with pytest.raises(Conflict) as caught:
                await change
            assert caught.value.code == "resource.changed"
        newest = await operations.resource("Group", "leads")
        assert (newest.version, len(newest.spec["members"])) == (2, 2)
        await operations.having_seen(newest).delete_resource("Group", "leads")


async def test_of_two_writers_none_replaces_what_it_did_not_see(postgres_url: str) -> None:
    world = World(f"{postgres_url}?schema=looking_two")
    async with world.runtime(Agent("any"), name="one") as one, world.runtime(Agent("any"), name="two") as two:
        won = {"delete": 0, "apply": 0}
        for n in range(1, 25):
            await one.apply(documents=group(n))
            seen = await one.operations.resource("Group", "leads")

            async def delete(seen: object = seen) -> None:
                await one.operations.having_seen(seen).delete_resource("Group", "leads", reason="seen")

            async def apply(n: int = n) -> None:
                await asyncio.sleep(0.001 * (n % 5))
                await two.operations.apply(group(n + 100), force=True)

            ended = await asyncio.gather(delete(), apply(), return_exceptions=True)
            for what, outcome in zip(("delete", "apply"), ended, strict=True):
                assert outcome is None or (isinstance(outcome, HoldfastError) and outcome.code.startswith("resource.")), (
                    outcome
                )
                won[what] += outcome is None
            history = await one.operations.resource_history("Group", "leads")
            gone = [v.version for v in history if v.deleted and v.version > seen.version]
            assert gone in ([], [seen.version + 1]), "it deleted a version that it had not seen"
        assert won["apply"], won
