"""Operations around approvals: what waits to be let through, and saying yes, no, or who else should."""

from __future__ import annotations

from typing import Any

from ..domain.address import Address
from ..domain.errors import NotFound, Rejected
from ..domain.principal import Principal
from ..ports.store import Store
from ..turn.admitting import approval_of
from . import reading
from .approvals import Word
from .registry import operation
from .views import Done, Question


class ApprovalOperations:
    """Part of ``Operations``."""

    store: Store
    worker: Any
    principal: Principal

    @operation(path="GET /approvals", command="approvals", changes=False, next=(("approve", "let one through, or not"),))
    async def approvals(self, limit: int = 100) -> list[Question]:
        """List the actions that wait for people to let them through, with their exact arguments."""
        rows = await self.store.waits(verb="ask", limit=limit, like=self.principal.within)
        return [q for q in (reading.question(w, self.worker) for w in rows) if q.approval is not None]

    @operation(
        path="POST /approvals/{question}", command="approve", errors=("ask.unknown", "ask.ambiguous", "approval.none")
    )
    async def approve(
        self, question: str, verdict: str = "approve", why: str = "", by: str = "person", to: list[str] | None = None
    ) -> Done:
        """Let an action through (``approve``), refuse it (``deny``), or hand the question on (``delegate``) ``to`` others.

        What is approved is exactly what was shown: if the arguments change, it asks again.
        """
        return await self._approve(await self._question(question), self._word(verdict, by, why, to))

    def _word(self, verdict: str, by: str, why: str = "", to: list[str] | None = None) -> Word:
        """What the principal says. Its groups are those that it has proved; only the owner may speak for anybody."""
        who = self.principal
        if who.act:
            raise Rejected(
                "approval.acting",
                f"{who.actor} acts for {who.subject}, and approvals are given in person: who asked for something could "
                "approve it through another one.",
            )
        return Word(verdict, who.sender(by), ["*"] if who.owner else list(who.groups), why, to or [])

    async def _approve(self, question: Question, word: Word) -> Done:
        asked = question.approval
        if asked is None:
            raise Rejected(
                "approval.none",
                f"{question.id} is a question, no action that waits to be let through. Answer it: `holdfast answer`.",
            )
        place = Address(approval_of(self.principal.place(asked.agent), asked.turn, asked.path, asked.digest))
        await self._ask(place, "answer", [word], "")
        said = {"approve": "approved", "deny": "denied"}.get(word.verdict, f"handed on to {', '.join(word.to)}")
        return Done(note=f"{said} {question.id}")

    async def _question(self, question: str) -> Question:
        place, _, rest = question.partition("#")
        found = [q for q in await self._questions(self.principal.place(place)) if not rest or q.id.partition("#")[2] == rest]
        if len(found) != 1:
            ids = ", ".join(q.id for q in found) or "none"
            raise NotFound(
                "ask.unknown" if not found else "ask.ambiguous",
                f"{question!r} names {len(found)} open questions: {ids}. `holdfast asks` lists them.",
            )
        return found[0]

    async def _questions(self, target: str) -> list[Question]:
        row = await self.store.agent(target)
        if row is None:
            raise reading.unknown(target)
        return [reading.question(w, self.worker) for w in row.waits if w.verb == "ask"]

    async def _ask(self, to: Address, handler: str, args: list[Any], key: str) -> Any:
        raise NotImplementedError


__all__ = ["ApprovalOperations"]
