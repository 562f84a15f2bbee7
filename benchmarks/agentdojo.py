"""AgentDojo through the real gate: an adapter for an offline harness that calls ``decide(ctx, call)`` for every tool call.

What the gate is given, and nothing else: each tool's declaration (name, description, JSON schema, whether it has effects and
whether its output is trusted), the user's prompt as the user's words, and what tools answered, with their labels. No rule
names a tool, an address or a task.

    python agentdojo_gate.py --gate benchmarks.agentdojo:decide [--attack encoded]
"""

from __future__ import annotations

import re
from typing import Any, cast

import yaml

from holdfast.domain.intent import Declared, Intent, Verdict
from holdfast.domain.labels import UNTRUSTED, USER
from holdfast.gate import purpose
from holdfast.gate.gatekeeper import Gatekeeper
from holdfast.gate.provenance import Heard

_CONTENT = re.compile(
    r"body|content|text|message|subject|title|description|summary|note|comment|feedback|reason|format|query"
)
_WHEN = re.compile(r"date|time|day|year|month|start|end\b|duration|recurring")
_DECLARED: dict[tuple[str, str], Declared] = {}
_GATE = Gatekeeper(plugins=(purpose.judge,))


def decide(ctx: Any, call: Any) -> str:
    """The gate's verdict on one call, in the harness's words."""
    sources: Heard = ctx.state.setdefault("sources", Heard())
    heard = ctx.state.get("heard", 0)
    if not heard and "prompt" not in ctx.state:
        ctx.state["prompt"] = True
        sources.add(ctx.prompt, (USER,))
        ctx.state["labels"] = frozenset((USER,))
    for step in ctx.history[heard:]:
        if step.executed:
            labels = frozenset((f"tool:{step.tool}", UNTRUSTED) if step.untrusted else (f"tool:{step.tool}",))
            wanted = sources.found_by(step.args.values())
            sources.add(_value(step.output), labels, wanted=wanted, name=step.tool)
            ctx.state["labels"] |= labels
    ctx.state["heard"] = len(ctx.history)
    intent = Intent(
        "default/agentdojo/1",
        1,
        str(len(ctx.history)),
        "tool",
        call.tool,
        args=(call.args,),
        labels=ctx.state["labels"],
        sender=ctx.principal,
        declared=_declared(ctx, call.tool),
        sources=sources,
    )
    verdict = _GATE.review(intent).verdict
    return "ask" if verdict == Verdict.ASK else "deny" if verdict >= Verdict.DENY else "allow"


def _declared(ctx: Any, name: str) -> Declared:
    """The declaration of a tool: what selects somebody or something is a destination, what is written is content."""
    known = _DECLARED.get((ctx.suite, name))
    if known is not None:
        return known
    table: dict[str, Any] = ctx.tools[name]
    properties: dict[str, Any] = table["schema"].get("properties", {})
    made = _DECLARED[ctx.suite, name] = Declared(
        effects=table["side_effect"],
        trusted=table["trusted_output"],
        roles={argument: _role(argument, its) for argument, its in properties.items()},
        about=table["description"],
    )
    return made


def _role(argument: str, schema: dict[str, Any]) -> str:
    kinds = {schema.get("type"), *(option.get("type") for option in schema.get("anyOf", ()))}
    if kinds & {"number", "boolean"} or (kinds & {"integer"} and not argument.endswith("id")):
        return "amount"
    told = f"{argument} {schema.get('description', '')}".lower()
    if _CONTENT.search(argument.lower()) or _WHEN.search(argument.lower()):
        return "content"
    return "content" if _WHEN.search(told) and "id" not in argument else "destination"


def _value(output: str) -> Any:
    """What a tool returned, from its text: values if writing them again gives the same text, else the text."""
    try:
        value: Any = yaml.safe_load(output)
        if isinstance(value, (dict, list)) and yaml.safe_dump(value).strip() == output:
            return cast(Any, value)
    except yaml.YAMLError:
        pass
    return output
