"""What ``Agent(model=...)`` adds to an agent: handlers to talk to it, and itself as a tool of others."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

import msgspec

from ..domain.address import Address, make
from ..domain.conversation import Media, Said, Text
from ..thinking import Mind, converse
from ..thinking.calling import Final
from ..thinking.handles import forget as forget_handles
from ..thinking.memory import Memory, forget
from ..tools import Tool
from ..turn.context import Context
from ..turn.definition import HandlerSpec, Target
from ..turn.quarantine import form_of

CHAT = "chat"
_HANDED_TO = "handed_to"


def handlers_of(mind: Mind, timeout_seconds: float) -> list[HandlerSpec]:
    """The handlers of a thinking agent."""

    async def chat(ctx: Context, content: str | list[Text | Media]) -> Any:
        """Say something to it, and get its answer."""
        handed = await ctx.state.get(_HANDED_TO, "")
        if handed:
            return await ctx.call(_chat_of(ctx.agent(handed)), content)
        return await converse(ctx, mind, content)

    async def conversation(ctx: Context) -> list[Said]:
        """What was said, as far as it remembers it word for word."""
        return (await Memory.load(ctx)).said

    async def forget_all(ctx: Context) -> None:
        """Begin the conversation anew; the journal keeps the old one."""
        await forget(ctx)
        if mind.handles:
            await forget_handles(ctx)
        await ctx.state.delete(_HANDED_TO)

    return [
        HandlerSpec(chat, name=CHAT, shared=False, timeout_seconds=timeout_seconds),
        HandlerSpec(conversation, name="conversation", shared=True, timeout_seconds=0.0),
        HandlerSpec(forget_all, name="forget", shared=False, timeout_seconds=0.0),
    ]


def agent_as_tool(agent_name: str, doc: str, *, name: str = "", description: str = "", key: str = "") -> Tool:
    """An agent as a tool of another: the asked one has a conversation of its own, by default with the asker's key."""

    async def ask(ctx: Context, content: str) -> Any:
        return await ctx.call(_chat_of(make(agent_name, key or ctx.key)), content)

    return Tool(
        ask,
        name=name or agent_name.replace(".", "_"),
        description=description or doc or f"Ask the agent {agent_name}.",
        schema=_CONTENT,
        takes_context=True,
        trusted=True,  # its answer comes with its own labels
        roles={"content": "content"},
    )


def handoff_to(agent_name: str, doc: str, *, key: str = "") -> Tool:
    """A tool that gives the whole conversation over: from then on the other agent answers."""

    async def hand_over(ctx: Context, content: str) -> Any:
        to = make(agent_name, key or ctx.key)
        await ctx.state.set(_HANDED_TO, str(to))
        return Final(await ctx.call(_chat_of(to), content))

    return Tool(
        hand_over,
        name=f"hand_over_to_{agent_name.replace('.', '_')}",
        description=f"Give the conversation over to {agent_name} for good: {doc}. Say in content what it has to know.",
        schema=_CONTENT,
        takes_context=True,
        alone=True,
        trusted=True,
        roles={"content": "content"},
    )


def _chat_of(address: Address) -> Target[..., Any]:
    return Target(address, CHAT)


def fingerprint_of(mind: Mind) -> str:
    """A digest of all that makes the agent what it is besides code of its handlers."""
    digest = hashlib.sha256(msgspec.json.encode([mind.model, mind.settings, mind.tools, mind.form.schema, mind.rounds]))
    digest.update(_source(mind.instructions))
    for origin in mind.origins:
        digest.update(origin.fingerprint().encode())
    for spec in mind.tools:
        tool = mind.tool(spec.name)
        assert tool is not None
        digest.update(_source(tool.call) + msgspec.json.encode(tool.declared, order="deterministic"))
    strong = [mind.handles, mind.quarantine_model, mind.plan]
    forms = {spec.name: mind.quarantine_of(tool) for spec in mind.tools if (tool := mind.tool(spec.name)) is not None}
    forms = {name: form_of(form)[0].schema for name, form in {**forms, **mind.quarantine}.items() if form is not None}
    if any(strong) or forms:
        digest.update(msgspec.json.encode([strong, forms], order="deterministic"))
    return digest.hexdigest()


def _source(value: str | Callable[..., Any]) -> bytes:
    if isinstance(value, str):
        return value.encode()
    try:
        return inspect.getsource(value).encode()
    except (OSError, TypeError):
        return repr(getattr(value, "__qualname__", type(value).__name__)).encode()


_CONTENT = {
    "type": "object",
    "properties": {"content": {"type": "string", "description": "What you say to it."}},
    "required": ["content"],
    "additionalProperties": False,
}
