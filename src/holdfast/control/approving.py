"""Operations around approvals: what waits to be let through, and saying yes, no, or who else should."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import msgspec

from ..domain.address import Address, tenant_of
from ..domain.errors import NotFound, Rejected
from ..domain.principal import Principal
from ..journal.codec import Shape
from ..ports.store import Store
from ..turn.admitting import approval_of
from . import reading
from .approvals import Standing, Word
from .groups import groups_with
from .registry import operation
from .similar import Similar
from .views import Done, Question

_STANDING = Shape(Standing)


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
        path="POST /approvals/{question}",
        command="approve",
        errors=("ask.unknown", "ask.ambiguous", "approval.none", "approval.similar"),
    )
    async def approve(
        self,
        question: str,
        verdict: str = "approve",
        why: str = "",
        by: str = "person",
        to: list[str] | None = None,
        similar: Similar | None = None,
    ) -> Done:
        """Let an action through (``approve``), refuse it (``deny``), or hand the question on (``delegate``) ``to`` others.

        What is approved is exactly what was shown: if the arguments change, it asks again.

        Args:
            similar: which similar actions need no asking from now on; ``preview_grant`` tells what that would have meant.
        """
        if similar is not None and verdict != "approve":
            raise Rejected("approval.similar", f"Similar actions are approved, too, or not at all; {verdict} says nothing.")
        asked = await self._question(question)
        word = self._word(verdict, by, why, to, tenant_of(self.principal.place(asked.address)))
        return await self._approve(asked, msgspec.structs.replace(word, similar=similar))

    def _word(self, verdict: str, by: str, why: str = "", to: list[str] | None = None, tenant: str = "") -> Word:
        """What the principal says. Its groups are those that it has proved and those that resources put it in; only the
        owner may speak for anybody."""
        who = self.principal
        if who.act:
            raise Rejected(
                "approval.acting",
                f"{who.actor} acts for {who.subject}, and approvals are given in person: who asked for something could "
                "approve it through another one.",
            )
        groups = ["*"] if who.owner else [*who.groups, *groups_with(self.worker.resources, who, tenant)]
        return Word(verdict, who.sender(by), groups, why, to or [])

    def question_at(self, question: str) -> Awaitable[Question]:
        """An open question. Raises as ``approve`` does."""
        return self._question(question)

    def answer_as_seen(self, question: Question, verdict: str, why: str) -> Awaitable[Done]:
        """Answer a question with the arguments that were seen: if it asks about others by now, nothing is decided."""
        tenant = tenant_of(self.principal.place(question.address))
        return self._approve(question, self._word(verdict, "", why, None, tenant))

    async def _approve(self, question: Question, word: Word) -> Done:
        asked = question.approval
        if asked is None:
            raise Rejected(
                "approval.none",
                f"{question.id} is a question, no action that waits to be let through. Answer it: `holdfast answer`.",
            )
        place = Address(approval_of(self.principal.place(asked.agent), asked.turn, asked.path, asked.digest))
        standing = _STANDING.decode(await self._ask(place, "answer", [word], ""), "answer")
        said = {"approve": "approved", "deny": "denied"}.get(word.verdict, f"handed on to {', '.join(word.to)}")
        if word.verdict == "approve" and not standing.verdict:
            said = f"approved by {', '.join(standing.agreed)}, {asked.needed - len(standing.agreed)} more needed:"
        return Done(note=f"{said} {question.id}{_granted(standing, word)}")

    async def _question(self, question: str) -> Question:
        place, _, rest = question.partition("#")
        found = [q for q in await self._questions(self.principal.place(place)) if not rest or q.id.partition("#")[2] == rest]
        if not found:
            raise NotFound("ask.unknown", f"Nothing open is called {question!r}. `holdfast asks` lists what is asked.")
        if len(found) > 1:
            ids = ", ".join(q.id for q in found)
            raise NotFound("ask.ambiguous", f"{question!r} names {len(found)} open questions: {ids}. Name one of them.")
        return found[0]

    async def _questions(self, target: str) -> list[Question]:
        row = await self.store.agent(target)
        if row is None:
            raise reading.unknown(target)
        return [reading.question(w, self.worker) for w in row.waits if w.verb == "ask"]

    async def _ask(self, to: Address, handler: str, args: list[Any], key: str) -> Any:
        raise NotImplementedError


def _granted(standing: Standing, word: Word) -> str:
    if standing.grant:
        return f"; similar actions are allowed by grant {standing.grant}"
    if word.similar is None or not standing.verdict:
        return ""
    return "; similar actions are asked about as before: not all who approved said the same about them"


__all__ = ["ApprovalOperations"]
