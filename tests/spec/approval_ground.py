"""A cashier whose payments are asked about, the rule that asks, and the people who may answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heart_world import World, until
from holdfast import Agent, Context, Runtime
from holdfast.control.operations import Operations
from holdfast.domain.intent import Declared
from holdfast.domain.principal import Principal
from holdfast.turn.run import Options, run

PAYS = Declared(effects=True, roles={"0": "destination", "1": "amount"})


class Office:
    """Pays ``(to, cents, note)``; the rule asks whom ``terms`` name."""

    def __init__(self, world: World, tmp_path: Path, terms: str = "{to: [finance]}") -> None:
        self.world = world
        self.paid: list[tuple[str, int, str]] = []
        self.cashier = cashier = Agent("cashier")
        self.file = tmp_path / "policy.yaml"
        self.ask(terms)

        async def wire(to: str, cents: int, note: str) -> str:
            self.paid.append((to, cents, note))
            return f"paid {cents}"

        @cashier.handler
        async def pay(ctx: Context, to: str, cents: int, note: str = "") -> str:
            return await run(ctx.turn, wire, (to, cents, note), Options("wire", declared=PAYS))

        self.pay = pay

    def ask(self, terms: str) -> None:
        self.file.write_text(
            "kind: Policy\nname: money\nspec:\n  rules:\n    - name: payments\n      does: run wire\n      then: ask\n"
            f"      reason: a person looks at payments\n      approval: {terms}\n"
        )

    def runtime(self, **options: Any) -> Any:
        return self.world.runtime(self.cashier, policies=(str(self.file),), **options)


def person(id: str, *groups: str, tenant: str = "default", scopes: str = "read approve") -> Principal:
    return Principal("person", id, tenant, frozenset(scopes.split()), groups)


def acting(runtime: Runtime, who: Principal) -> Operations:
    return runtime.operations.acting_for(who)


async def asked(runtime: Runtime, number: int = 1) -> list[Any]:
    """The open approvals, as soon as there are so many, oldest first."""

    async def enough() -> list[Any]:
        found = await runtime.approvals()
        return found if len(found) >= number else []

    found: list[Any] = await until(enough)
    return sorted(found, key=lambda q: q.since)
