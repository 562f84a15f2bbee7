"""What vendors' refusals mean: bodies as they really send them."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from holdfast.models.dialects import DIALECTS
from holdfast.models.dialects.dialect import KINDS, Kind, Malformed, ModelProblem, StreamError, Truncated

CHAT = DIALECTS["openai-chat"]


def openai(message: str, type: str | None = "invalid_request_error", code: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": type, "param": None, "code": code}}


def anthropic(type: str, message: str, **details: str) -> dict[str, Any]:
    error = {"type": type, "message": message, **({"details": details} if details else {})}
    return {"type": "error", "error": error, "request_id": "req_1"}


def google(code: int, status: str, message: str, *details: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


QUOTA = "type.googleapis.com/google.rpc.QuotaFailure"
PER_DAY = {"@type": QUOTA, "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}
PER_MINUTE = {"@type": QUOTA, "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]}
KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
FILTERED = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}}
RAW = {"raw": '{"error":{"message":"This endpoint\'s maximum context length is 8192 tokens"}}', "provider_name": "x"}
MODERATED = {"reasons": ["violence"], "flagged_input": "...", "provider_name": "OpenAI"}
QUOTA_TEXT = "You exceeded your current quota, please check your plan and billing details."

SENT: list[tuple[str, int, Any, Kind]] = [
    # OpenAI
    (
        "openai",
        429,
        openai("Rate limit reached for gpt-4o on requests per min", "requests", "rate_limit_exceeded"),
        "rate_limited",
    ),
    (
        "openai",
        429,
        openai("Rate limit reached for gpt-4o on tokens per min", "tokens", "rate_limit_exceeded"),
        "rate_limited",
    ),
    ("openai", 429, openai(QUOTA_TEXT, "insufficient_quota", "insufficient_quota"), "quota"),
    ("openai", 401, openai("Incorrect API key provided: sk-x.", code="invalid_api_key"), "auth"),
    (
        "openai",
        403,
        openai("Country not supported", "request_forbidden", "unsupported_country_region_territory"),
        "not_allowed",
    ),
    (
        "openai",
        404,
        openai("The model `x` does not exist or you do not have access to it.", code="model_not_found"),
        "unknown_model",
    ),
    (
        "openai",
        400,
        openai("This model's maximum context length is 8192 tokens. However, ...", code="context_length_exceeded"),
        "too_long",
    ),
    (
        "openai",
        400,
        openai("Your input exceeds the context window of this model.", code="context_length_exceeded"),
        "too_long",
    ),
    ("openai", 400, openai("Unknown parameter: 'foo'.", code="unknown_parameter"), "bad_request"),
    (
        "openai",
        400,
        openai("Invalid prompt: your prompt was flagged as potentially violating our usage policy.", code="invalid_prompt"),
        "content_filter",
    ),
    (
        "openai",
        400,
        openai("Your request was rejected as a result of our safety system.", code="moderation_blocked"),
        "content_filter",
    ),
    ("openai", 500, openai("The server had an error while processing your request.", "server_error"), "server_error"),
    ("openai", 503, openai("The engine is currently overloaded, please try again later", "server_error"), "overloaded"),
    ("openai", 503, openai("Slow down", "service_unavailable", "slow_down"), "overloaded"),
    # Azure
    (
        "azure",
        429,
        {"error": {"code": "429", "message": "Requests have exceeded call rate limit of your tier."}},
        "rate_limited",
    ),
    ("azure", 401, {"statusCode": 401, "message": "Unauthorized. Access token is missing, invalid or expired."}, "auth"),
    ("azure", 401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key"}}, "auth"),
    (
        "azure",
        404,
        {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}},
        "unknown_model",
    ),
    (
        "azure",
        400,
        {"error": {"code": "content_filter", "message": "The response was filtered", "innererror": FILTERED}},
        "content_filter",
    ),
    ("azure", 400, {"error": {"code": None, "message": "filtered", "innererror": FILTERED}}, "content_filter"),
    # Anthropic
    ("anthropic", 429, anthropic("rate_limit_error", "This request would exceed your rate limit"), "rate_limited"),
    ("anthropic", 429, anthropic("rate_limit_error", "limit", error_code="contract_spend_limit_reached"), "quota"),
    ("anthropic", 529, anthropic("overloaded_error", "Overloaded"), "overloaded"),
    ("anthropic", 500, anthropic("api_error", "Internal server error"), "server_error"),
    ("anthropic", 401, anthropic("authentication_error", "invalid x-api-key"), "auth"),
    ("anthropic", 403, anthropic("permission_error", "Your API key does not have permission"), "not_allowed"),
    ("anthropic", 404, anthropic("not_found_error", "model: claude-x"), "unknown_model"),
    ("anthropic", 400, anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), "too_long"),
    (
        "anthropic",
        400,
        anthropic("invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
        "too_long",
    ),
    ("anthropic", 413, anthropic("request_too_large", "Request exceeds the maximum size"), "too_long"),
    (
        "anthropic",
        400,
        anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        "quota",
    ),
    ("anthropic", 402, anthropic("billing_error", "There is an issue with your billing"), "quota"),
    (
        "anthropic",
        400,
        anthropic(
            "invalid_request_error",
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ),
        "prefill_refused",
    ),
    ("anthropic", 400, anthropic("invalid_request_error", "Output blocked by content filtering policy"), "content_filter"),
    ("anthropic", 400, anthropic("invalid_request_error", "max_tokens: Field required"), "bad_request"),
    ("anthropic", 504, anthropic("timeout_error", "The request timed out"), "timeout"),
    # Gemini
    ("gemini", 429, google(429, "RESOURCE_EXHAUSTED", QUOTA_TEXT, PER_MINUTE), "rate_limited"),
    ("gemini", 429, google(429, "RESOURCE_EXHAUSTED", QUOTA_TEXT, PER_DAY), "quota"),
    ("gemini", 429, google(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."), "rate_limited"),
    ("gemini", 400, google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", KEY), "auth"),
    ("gemini", 403, google(403, "PERMISSION_DENIED", "Permission denied on resource project x."), "not_allowed"),
    ("gemini", 404, google(404, "NOT_FOUND", "models/x is not found for API version v1beta"), "unknown_model"),
    ("gemini", 503, google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."), "overloaded"),
    ("gemini", 500, google(500, "INTERNAL", "An internal error has occurred."), "server_error"),
    ("gemini", 504, google(504, "DEADLINE_EXCEEDED", "Deadline expired"), "timeout"),
    (
        "gemini",
        400,
        [
            google(
                400,
                "INVALID_ARGUMENT",
                "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
            )
        ],
        "too_long",
    ),
    ("gemini", 400, google(400, "INVALID_ARGUMENT", "Function call is missing a thought_signature"), "bad_request"),
    # vLLM
    (
        "vllm",
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens.",
            "type": "BadRequestError",
            "code": 400,
        },
        "too_long",
    ),
    (
        "vllm",
        404,
        {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404},
        "unknown_model",
    ),
    ("vllm", 400, {"error": {"message": "1 validation error", "type": "Bad Request", "code": 400}}, "bad_request"),
    ("vllm", 500, {"error": {"message": "EngineCore died", "type": "InternalServerError", "code": 500}}, "server_error"),
    ("vllm", 401, {"error": "Unauthorized"}, "auth"),
    # llama.cpp
    (
        "llama.cpp",
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size",
                "type": "exceed_context_size_error",
            }
        },
        "too_long",
    ),
    ("llama.cpp", 503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, "overloaded"),
    ("llama.cpp", 401, {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}}, "auth"),
    (
        "llama.cpp",
        500,
        {
            "error": {
                "code": 500,
                "message": "Assistant response prefill is incompatible with enable_thinking.",
                "type": "server_error",
            }
        },
        "prefill_refused",
    ),
    # Ollama
    ("ollama", 404, {"error": "model 'x' not found"}, "unknown_model"),
    ("ollama", 404, openai('model "x" not found, try pulling it first', "api_error"), "unknown_model"),
    ("ollama", 400, {"error": "x does not support tools"}, "bad_request"),
    ("ollama", 500, {"error": "llama runner process has terminated: exit status 2"}, "server_error"),
    ("ollama", 503, {"error": "server busy, please try again. maximum pending requests exceeded"}, "overloaded"),
    # OpenRouter
    (
        "openrouter",
        402,
        {"error": {"message": "Insufficient credits. Add more at https://openrouter.ai", "code": 402}},
        "quota",
    ),
    ("openrouter", 400, {"error": {"message": "Provider returned error", "code": 400, "metadata": RAW}}, "too_long"),
    (
        "openrouter",
        403,
        {"error": {"message": "x requires moderation. Your input was flagged", "code": 403, "metadata": MODERATED}},
        "content_filter",
    ),
    ("openrouter", 404, {"error": {"message": "No endpoints found for x.", "code": 404}}, "unknown_model"),
    ("openrouter", 400, {"error": {"message": "x is not a valid model ID", "code": 400}}, "unknown_model"),
    ("openrouter", 502, {"error": {"message": "Provider returned error", "code": 502}}, "server_error"),
    ("openrouter", 408, {"error": {"message": "Timed out", "code": 408}}, "timeout"),
    ("openrouter", 401, {"error": {"message": "No auth credentials found", "code": 401}}, "auth"),
    # Groq
    (
        "groq",
        429,
        openai("Rate limit reached for model `x` on tokens per minute", "tokens", "rate_limit_exceeded"),
        "rate_limited",
    ),
    (
        "groq",
        413,
        openai("Request too large for model `x` on tokens per minute", "tokens", "rate_limit_exceeded"),
        "too_long",
    ),
    ("groq", 400, openai("The model `x` has been decommissioned", code="model_decommissioned"), "unknown_model"),
    ("groq", 498, openai("capacity", None, "capacity_exceeded"), "overloaded"),
    (
        "groq",
        400,
        openai("Please reduce the length of the messages or completion.", code="context_length_exceeded"),
        "too_long",
    ),
    # Mistral
    ("mistral", 401, {"detail": "Unauthorized"}, "auth"),
    ("mistral", 401, {"message": "Unauthorized", "request_id": "1"}, "auth"),
    (
        "mistral",
        429,
        {"object": "error", "message": "Service tier capacity exceeded for this model.", "type": "x", "code": "3505"},
        "rate_limited",
    ),
    (
        "mistral",
        400,
        {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
        "unknown_model",
    ),
    (
        "mistral",
        400,
        {
            "object": "error",
            "message": "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
        },
        "prefill_refused",
    ),
    (
        "mistral",
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
        },
        "too_long",
    ),
    ("mistral", 422, {"detail": [{"type": "missing", "loc": ["body", "model"], "msg": "Field required"}]}, "bad_request"),
    # others
    ("deepseek", 402, openai("Insufficient Balance", "unknown_error", "invalid_request_error"), "quota"),
    ("moonshot", 429, openai("suspended", "exceeded_current_quota_error"), "quota"),
    ("moonshot", 429, openai("busy", "engine_overloaded_error"), "overloaded"),
    # proxies
    ("proxy", 502, "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", "server_error"),
    ("proxy", 503, "<!DOCTYPE html><title>Service Unavailable</title>", "overloaded"),
    ("proxy", 504, "upstream request timeout", "timeout"),
    ("proxy", 524, "", "timeout"),
    ("proxy", 403, "<html>", "not_allowed"),
    ("proxy", 404, None, "unknown_model"),
    ("proxy", 413, "<html><title>413 Request Entity Too Large</title>", "too_long"),
    ("proxy", 429, "", "rate_limited"),
    ("proxy", 418, "", "bad_request"),
    ("proxy", 520, b"", "server_error"),
    # in a stream, where the status was fine
    ("stream", 200, openai("slow", None, 429), "rate_limited"),
    ("stream", 200, anthropic("not_found_error", "model: x"), "unknown_model"),
    ("stream", 200, '{"error": {"message": "x", "type": "invalid_request_error"}}', "bad_request"),
    ("stream", 200, "boom", "server_error"),
]


@pytest.mark.parametrize(("vendor", "status", "body", "kind"), SENT)
def test_a_refusal_is_understood_whoever_sends_it(vendor: str, status: int, body: Any, kind: Kind) -> None:
    for dialect in DIALECTS.values():
        found, message = dialect.read_error(status, body)
        assert (found, bool(message)) == (kind, True)


def test_the_message_is_the_vendors_own_where_there_is_one() -> None:
    assert CHAT.read_error(429, openai("Slow down!"))[1] == "Slow down!"
    assert CHAT.read_error(404, {"error": "model 'x' not found"})[1] == "model 'x' not found"
    assert CHAT.read_error(502, "<html><title>502 Bad Gateway</title>")[1] == "HTTP 502: 502 Bad Gateway"
    assert CHAT.read_error(500, "")[1] == "HTTP 500 with nothing that explains it"
    assert len(CHAT.read_error(400, openai("x" * 100_000))[1]) <= 2000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["openai-chat", "openai-responses"])
def test_openais_errors_keep_their_kind(name: str, kind: Kind) -> None:
    assert DIALECTS[name].read_error(*DIALECTS[name].write_error(kind, "so it is")) == (kind, "so it is")


@pytest.mark.parametrize("kind", KINDS)
def test_anthropics_errors_keep_their_kind_if_it_has_a_word_for_it(kind: Kind) -> None:
    dialect = DIALECTS["anthropic"]
    found, message = dialect.read_error(*dialect.write_error(kind, "so it is"))
    assert found == ("server_error" if kind in ("malformed", "truncated", "connection") else kind)
    assert message.endswith("so it is")


@pytest.mark.parametrize("problem", [Malformed("a"), Truncated(), StreamError("quota", "b"), ModelProblem("auth", "c")])
def test_problems_can_be_sent_to_another_process(problem: ModelProblem) -> None:
    again = pickle.loads(pickle.dumps(problem))
    assert (type(again), again.kind, again.message, str(again)) == (
        type(problem),
        problem.kind,
        problem.message,
        str(problem),
    )
