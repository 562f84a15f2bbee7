"""The names of OpenTelemetry's semantic conventions for generative AI that we use, pinned here.

As of semantic conventions 1.38 (status: development). When they change, this is the one file that does.
"""

from __future__ import annotations

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT_ID = "gen_ai.agent.id"
AGENT_NAME = "gen_ai.agent.name"
AGENT_VERSION = "gen_ai.agent.version"
CONVERSATION_ID = "gen_ai.conversation.id"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
TOOL_NAME = "gen_ai.tool.name"
ERROR_TYPE = "error.type"

INVOKE_AGENT = "invoke_agent"
CHAT = "chat"
EXECUTE_TOOL = "execute_tool"

TURN = "holdfast.turn"
STEP = "holdfast.step"
VERB = "holdfast.verb"
MESSAGE = "holdfast.message.id"
SENDER = "holdfast.message.sender"
QUEUED_MS = "holdfast.message.queued_ms"
TRACE = "holdfast.trace"
VERDICT = "holdfast.gate.verdict"
RULES = "holdfast.gate.rules"
USD = "holdfast.cost.usd"
ROUTE = "holdfast.route"
TARGET = "holdfast.target"
ATTEMPTS = "holdfast.attempts"

_PROVIDERS = {"bedrock": "aws.bedrock", "vertex": "gcp.vertex_ai", "gemini": "gcp.gemini", "mistral": "mistral_ai"}


def provider(vendor: str) -> str:
    """A vendor as the conventions call it."""
    return _PROVIDERS.get(vendor, vendor)
