"""``Planning``: the plan that a turn makes before it reads what nobody vouches for, and whether a call is in it.

The plan is made from the words of who asked and from nothing else: no result of a tool, and nothing that a model said after
it had read one. It fixes which tools are called, and where what goes. Once something untrusted was read it is frozen: the
gate (``gate.plan``) asks about whatever departs from it, and about a new plan, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import msgspec

from ..domain.conversation import Prompt, Said, Text, ToolSpec
from ..domain.errors import TurnFailed
from ..domain.intent import Planned
from ..domain.labels import MODEL, QUARANTINE, UNTRUSTED
from ..gate.provenance import flat, has, key_of, leaves, trusted
from ..tools.form import Form, WrongForm
from ..tools.tool import Tool, ToolFailed
from ..turn.context import Context
from ..turn.run import Options, run
from .mind import Mind

REVISE = "revise_plan"
_TASK = (
    "Before anything is done, make a plan: which tools you will call, in which order, and with which arguments. Of each "
    "argument say whether it is fixed (give its value now), from an earlier step (give the step's number, counted from 1), "
    "or open (content that you write later). Recipients, addresses, accounts, paths and commands must be fixed, or from a "
    "step. times says how often a step may be done. Plan no more than what is asked for; answer with JSON of the given "
    "schema alone."
)


class PlannedArgument(msgspec.Struct, omit_defaults=True):
    """An argument: ``fixed`` to ``value`` (text, or JSON), ``from`` the result of ``step``, or ``open``."""

    name: str
    kind: Literal["fixed", "from", "open"]
    value: str = ""
    step: int = 0

    def told(self) -> str:
        """For people."""
        if self.kind == "fixed":
            return f"{self.name}={self.value!r}"
        return f"{self.name}={f'from step {self.step}' if self.kind == 'from' else 'open'}"


class PlannedStep(msgspec.Struct, omit_defaults=True):
    """One call of a tool, at most so many times."""

    tool: str
    arguments: list[PlannedArgument] = []
    why: str = ""
    times: int = 1

    def told(self, number: int) -> str:
        """For people."""
        given = ", ".join(argument.told() for argument in self.arguments)
        times = f" up to {self.times} times" if self.times != 1 else ""
        return f"{number}. {self.tool}({given}){times}{f': {self.why}' if self.why else ''}"


class Plan(msgspec.Struct):
    """What will be done."""

    steps: list[PlannedStep]

    @property
    def lines(self) -> tuple[str, ...]:
        """For people, one line a step."""
        return tuple(step.told(number) for number, step in enumerate(self.steps, 1))


_FORM = Form(Plan)


class Planning:
    """A turn's plan, and how far it has come."""

    def __init__(self, ctx: Context, refuses: bool) -> None:
        self._ctx = ctx
        self._refuses = refuses
        self._brought: dict[int, list[Any]] = {}
        self._adopt(Plan([]))

    def _adopt(self, plan: Plan) -> None:
        self.plan = plan
        self._left = [step.times for step in plan.steps]
        self._brought.clear()
        self._ctx.tell({"plan": list(plan.lines)})

    @property
    def frozen(self) -> bool:
        """Whether the turn has read something from which a plan must not be made."""
        labels = self._ctx.turn.labels
        return UNTRUSTED in labels or any(label.startswith(QUARANTINE) for label in labels)

    async def make(self, mind: Mind, tools: list[ToolSpec], system: list[Said], said: list[Said]) -> None:
        """Have the model plan, from what the principal said: the last of ``said`` in any case, of the rest what is trusted.

        Raises:
            TurnFailed: ``agent.no_answer`` if no plan came of it.
            Rejected: ``gate.not_approved`` if the words it is made from are untrusted, and nobody approved.
        """
        words = [s for s in said[:-1] if s.role == "user" and trusted(frozenset(s.labels)) and _is_text(s)]
        told = "\n".join(f"- {t.name}({_parameters(t)}): {t.description}" for t in tools)
        asked = [*system, *words, said[-1], Said("user", [Text(f"{_TASK}\n\nTools:\n{told}")])]
        for _ in range(mind.output_retries + 1):
            answer = await self._ctx.model(Prompt(mind.model, list(asked), settings=_FORM.settings(mind.settings)))
            try:
                plan = cast(Plan, _FORM.read(answer))
                break
            except WrongForm as wrong:
                asked += [Said("assistant", answer.parts), Said("user", [Text(str(wrong))])]
        else:
            raise TurnFailed("agent.no_answer", f"{mind.model} made no plan of the right form.")
        doubt = "" if trusted(frozenset(said[-1].labels)) else "the plan is made from words that nobody vouches for"
        await self._decide(plan, doubt)

    async def _decide(self, plan: Plan, doubt: str) -> None:
        """Journal a plan; if there is a doubt, the gate has a say."""

        async def give(given: Any) -> Any:
            return given

        planned = Planned(doubt, self.plan.lines, self._refuses)
        options = Options("plan", labels=(f"{MODEL}plan",), verb="plan", planned=planned)
        self._adopt(msgspec.convert(await run(self._ctx.turn, give, (msgspec.to_builtins(plan),), options), Plan))

    def tool(self) -> Tool:
        """By which the model changes the plan; once it is frozen, a person has to agree."""

        async def revise(ctx: Context, **given: Any) -> str:
            try:
                plan = msgspec.convert(given, Plan)
            except msgspec.ValidationError as error:
                raise ToolFailed(f"This is no plan: {error}") from error
            doubt = "the plan is to be changed after untrusted data was read" if self.frozen else ""
            await self._decide(plan, doubt)
            return "The plan is changed."

        return Tool(
            revise,
            name=REVISE,
            description="Change the plan. After something untrusted was read a person has to agree, which takes time.",
            schema=dict(_FORM.schema or {}),
            takes_context=True,
            effects=False,
            trusted=True,
            alone=True,
        )

    def told(self) -> str:
        """For the model."""
        lines = "\n".join(self.plan.lines) or "No tool is called."
        return f"Your plan, made before anything was read. Calls that depart from it are held up:\n{lines}"

    # -- calls ------------------------------------------------------------------------------------------------------

    def placed(self, name: str, given: Mapping[str, Any], roles: Mapping[str, str]) -> tuple[int, Planned]:
        """The step that a call is (from 0, -1 if none), which is then used up, and what the gate is told."""
        closest = f"{name} is not in the plan"
        for number, step in enumerate(self.plan.steps):
            if step.tool != name:
                continue
            if self._left[number] <= 0:
                closest = f"{name} was already called as often as step {number + 1} of the plan says"
                continue
            problem = self._problem(number, step, given, roles)
            if not problem:
                self._left[number] -= 1
                return number, Planned("", self.plan.lines, self._refuses)
            closest = problem
        return -1, Planned(closest, self.plan.lines, self._refuses)

    def _problem(self, number: int, step: PlannedStep, given: Mapping[str, Any], roles: Mapping[str, str]) -> str:
        planned = {a.name: a for a in step.arguments}
        where = f"step {number + 1} of the plan"
        for name, argument in planned.items():
            if argument.kind == "fixed" and name not in given:
                return f"{where} says {name} = {argument.value!r}, and the call leaves it out"
        for name, value in given.items():
            argument = planned.get(name)
            if argument is not None and argument.kind == "fixed":
                if not _same(argument.value, value):
                    return f"{where} says {name} = {argument.value!r}, and the call has {value!r}"
            elif argument is not None and argument.kind == "from":
                if not any(_in(value, brought) for brought in self._brought.get(argument.step - 1, ())):
                    return f"{where} takes {name} from step {argument.step}, which did not bring {value!r}"
            elif roles.get(name) == "destination":
                return f"{name} = {value!r} is a destination that {where} does not fix"
        return ""

    def done(self, number: int, value: Any, failed: bool) -> None:
        """What came of a step: one that failed may be tried again."""
        if number < 0 or number >= len(self._left):
            return
        if failed:
            self._left[number] += 1
        else:
            self._brought.setdefault(number, []).append(value)


def _is_text(said: Said) -> bool:
    return all(isinstance(part, Text) for part in said.parts)


def _parameters(tool: ToolSpec) -> str:
    return ", ".join(tool.schema.get("properties", {}))


def _same(planned: str, given: Any) -> bool:
    if isinstance(given, str):
        return flat(planned) == flat(given)
    try:
        return bool(msgspec.json.encode(msgspec.json.decode(planned)) == msgspec.json.encode(given))
    except (msgspec.DecodeError, TypeError):
        return False


def _in(value: Any, brought: Any) -> bool:
    """Whether all of a value was in what a step brought, word for word."""
    found = list(leaves(brought))
    keys = {key_of(leaf) for leaf in found}
    texts = [flat(leaf) for leaf in found if isinstance(leaf, str)]
    return all(key_of(leaf) in keys or any(has(text, flat(str(leaf))) for text in texts) for leaf in leaves(value))


__all__ = ["REVISE", "Plan", "PlannedArgument", "PlannedStep", "Planning"]
