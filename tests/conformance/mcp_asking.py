"""What the MCP conformance suite has a server ask of its client: within a call, and as a result that requires input."""

from __future__ import annotations

from typing import Annotated, Any

import mcp_types as types
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.exceptions import MCPError
from pydantic import Field

Asking = types.InputRequiredResult


def elicit(message: str, **properties: Any) -> types.ElicitRequest:
    """A form for the client's person."""
    schema: Any = {"type": "object", "properties": properties, "required": list(properties)}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(text: str, most: int) -> types.CreateMessageRequest:
    """A question to the client's model."""
    said = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=text))
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[said], max_tokens=most))


def answered(ctx: Context[Any, Any], *names: str) -> dict[str, Any] | None:
    """What the client answered, if it answered all of these."""
    given = ctx.input_responses or {}
    if any(name not in given for name in names):
        return None
    return {name: given[name].model_dump(by_alias=True, mode="json") for name in names}


NAME = {"type": "string"}


async def elicitation(ctx: Context[Any, Any]) -> str | Asking:
    """Asks for a name."""
    found = answered(ctx, "user_name")
    if found is None:
        return Asking(input_requests={"user_name": elicit("What is your name?", name=NAME)})
    return f"Hello, {found['user_name']['content']['name']}!"


async def sampling(ctx: Context[Any, Any]) -> str | Asking:
    """Asks the client's model."""
    found = answered(ctx, "capital_question")
    if found is None:
        return Asking(input_requests={"capital_question": sample("What is the capital of France?", 100)})
    return str(found["capital_question"]["content"])


async def roots(ctx: Context[Any, Any]) -> str | Asking:
    """Asks for the client's roots."""
    found = answered(ctx, "client_roots")
    return str(found) if found else Asking(input_requests={"client_roots": types.ListRootsRequest()})


async def state(ctx: Context[Any, Any]) -> str | Asking:
    """Gives the client something to keep meanwhile."""
    if answered(ctx, "confirm") is None or ctx.request_state != "kept":
        ask = elicit("Please confirm", ok={"type": "boolean"})
        return Asking(input_requests={"confirm": ask}, request_state="kept")
    return "state-ok"


async def tampered(ctx: Context[Any, Any]) -> str | Asking:
    """The same; what was changed is refused before it is asked."""
    return await state(ctx)


async def several(ctx: Context[Any, Any]) -> str | Asking:
    """Asks for three things at once."""
    if (found := answered(ctx, "user_name", "greeting", "client_roots")) is not None:
        return str(found)
    asks: dict[str, Any] = {
        "user_name": elicit("What is your name?", name=NAME),
        "greeting": sample("Generate a greeting", 50),
        "client_roots": types.ListRootsRequest(),
    }
    return Asking(input_requests=asks, request_state="all")


async def rounds(ctx: Context[Any, Any]) -> str | Asking:
    """Asks twice."""
    if ctx.request_state == "two" and answered(ctx, "step2"):
        return "done"
    if ctx.request_state == "one" and answered(ctx, "step1"):
        ask = elicit("Step 2: What is your favorite color?", color=NAME)
        return Asking(input_requests={"step2": ask}, request_state="two")
    return Asking(input_requests={"step1": elicit("Step 1: What is your name?", name=NAME)}, request_state="one")


async def capabilities(ctx: Context[Any, Any]) -> str | Asking:
    """Asks only for what the client can do."""
    able = ctx.client_capabilities
    asks: dict[str, Any] = {}
    if able is not None and able.elicitation is not None:
        asks["user_name"] = elicit("What is your name?", name=NAME)
    if able is not None and able.sampling is not None:
        asks["greeting"] = sample("Generate a greeting", 50)
    return Asking(input_requests=asks) if asks else "nothing to ask"


async def prompt(ctx: Context[Any, Any]) -> str | Asking:
    """Asks before it says anything."""
    found = answered(ctx, "user_context")
    if found is None:
        ask = elicit("What context should the prompt use?", context=NAME)
        return Asking(input_requests={"user_context": ask})
    return f"Use {found['user_context']['content']['context']}."


async def missing_capability(ctx: Context[Any, Any]) -> str:
    """Refuses whoever cannot sample."""
    able = ctx.client_capabilities
    if able is None or able.sampling is None:
        needs: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "The client cannot sample.", needs)
    return "it can"


async def custom_header(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
    """Says where."""
    return region


async def defaults(ctx: Context[Any, Any]) -> str:
    """Asks with a form that has defaults."""
    schema: Any = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": True},
        },
    }
    found = await ctx.session.elicit_form("Who are you?", schema, related_request_id=ctx.request_id)
    return f"Elicitation completed: action={found.action}, content={found.content}"


async def enums(ctx: Context[Any, Any]) -> str:
    """Asks with every form of a choice."""
    plain = ["option1", "option2", "option3"]
    titled = [{"const": f"value{n}", "title": f"{t} Option"} for n, t in enumerate(("First", "Second", "Third"), 1)]
    old = {"enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"]}
    schema: Any = {
        "type": "object",
        "properties": {
            "untitledSingle": {"type": "string", "enum": plain},
            "titledSingle": {"type": "string", "oneOf": titled},
            "legacyEnum": {"type": "string", **old},
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled}},
        },
    }
    found = await ctx.session.elicit_form("Choose", schema, related_request_id=ctx.request_id)
    return f"Elicitation completed: action={found.action}, content={found.content}"


TOOLS: dict[str, Any] = {
    "test_input_required_result_elicitation": elicitation,
    "test_input_required_result_sampling": sampling,
    "test_input_required_result_list_roots": roots,
    "test_input_required_result_request_state": state,
    "test_input_required_result_tampered_state": tampered,
    "test_input_required_result_multiple_inputs": several,
    "test_input_required_result_multi_round": rounds,
    "test_input_required_result_capabilities": capabilities,
    "test_missing_capability": missing_capability,
    "test_custom_header": custom_header,
    "test_elicitation_sep1034_defaults": defaults,
    "test_elicitation_sep1330_enums": enums,
}


def register(server: MCPServer) -> None:
    """Add the tools and the prompt that ask."""
    for name, tool in TOOLS.items():
        server.tool(name=name)(tool)
    server.prompt(name="test_input_required_result_prompt")(prompt)
