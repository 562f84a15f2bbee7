"""Faults that are whole, well-formed answers: errors with a status, and bodies that are not what was asked for.

The bodies are those that OpenAI, Azure, Anthropic and the proxies in front of them send, because gateways decide by
them whether to wait, to try elsewhere, or to give up.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Literal

from .answer import Answer, Fault, anthropic_error, openai_error
from .call import Call, tokens
from .wire import Mark, Plan

_CONTEXT_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class RateLimited(Fault):
    """429. ``quota`` is the other kind of OpenAI's, which waiting does not help.

    Attributes:
        form: how the wait is told: ``retry-after`` in seconds, as an HTTP date (rounded up to a whole second),
            ``retry-after-ms``, or not at all.
    """

    retry_after_seconds: float = 1.0
    form: Literal["seconds", "date", "milliseconds", "none"] = "seconds"
    quota: bool = False

    def plan(self, answer: Answer) -> Plan:
        if self.quota:
            said = openai_error(
                "You exceeded your current quota, please check your plan and billing details. For more information on this "
                "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
                "insufficient_quota",
                "insufficient_quota",
            )
        else:
            said = openai_error(
                f"Rate limit reached for {answer.call.model} on requests per min (RPM): Limit 500, Used 500, Requested 1. "
                f"Please try again in {self.retry_after_seconds:g}s.",
                "requests",
                "rate_limit_exceeded",
            )
        theirs = anthropic_error(
            "rate_limit_error", "This request would exceed your organization's rate limit of 50 requests per minute."
        )
        return answer.refuse(429, openai=said, anthropic=theirs, headers=self._headers(answer))

    def _headers(self, answer: Answer) -> dict[str, str]:
        over = time.time() + self.retry_after_seconds
        if answer.call.anthropic:
            reset = datetime.fromtimestamp(math.ceil(over), UTC).isoformat().replace("+00:00", "Z")
            prefix = "anthropic-ratelimit-requests"
            limits = {f"{prefix}-limit": "50", f"{prefix}-remaining": "0", f"{prefix}-reset": reset}
        else:
            reset = f"{self.retry_after_seconds:g}s"
            prefix = "x-ratelimit"
            limits = {
                f"{prefix}-limit-requests": "500",
                f"{prefix}-remaining-requests": "0",
                f"{prefix}-reset-requests": reset,
            }
        told = {
            "seconds": {"retry-after": f"{self.retry_after_seconds:g}"},
            "date": {"retry-after": formatdate(math.ceil(over), usegmt=True)},
            "milliseconds": {"retry-after-ms": f"{self.retry_after_seconds * 1000:g}"},
            "none": dict[str, str](),
        }
        return {**told[self.form], **limits}


@dataclass(frozen=True, slots=True)
class ServerError(Fault):
    """A 5xx of the vendor's own: 500, 503, or Anthropic's 529 for overloaded."""

    status: int = 500
    retry_after_seconds: float | None = None

    def plan(self, answer: Answer) -> Plan:
        busy = self.status in (503, 529)
        message = (
            "The server is currently overloaded with other requests. Sorry about that! You can retry your request."
            if busy
            else "The server had an error while processing your request. Sorry about that!"
        )
        theirs = (
            anthropic_error("overloaded_error", "Overloaded")
            if busy
            else anthropic_error("api_error", "Internal server error")
        )
        wait = self.retry_after_seconds
        headers = {} if wait is None else {"retry-after": f"{wait:g}"}
        said = openai_error(message, "server_error")
        return answer.refuse(self.status, openai=said, anthropic=theirs, headers=headers)


@dataclass(frozen=True, slots=True)
class ContextLength(Fault):
    """The prompt does not fit. With a limit only prompts that are longer are refused, a token being four characters."""

    limit_characters: int = 0

    def strikes(self, call: Call) -> bool:
        return call.prompt_characters > self.limit_characters if self.limit_characters else True

    def plan(self, answer: Answer) -> Plan:
        limit = tokens(self.limit_characters) if self.limit_characters else _CONTEXT_TOKENS
        used = max(tokens(answer.call.prompt_characters), limit + 1)
        kind, code = "invalid_request_error", "context_length_exceeded"
        if answer.call.path == "/v1/responses":
            message = "Your input exceeds the context window of this model. Please adjust your input and try again."
            said = openai_error(message, kind, code, "input")
        else:
            said = openai_error(
                f"This model's maximum context length is {limit} tokens. However, your messages resulted in {used} tokens. "
                "Please reduce the length of the messages.",
                kind,
                code,
                "messages",
            )
        theirs = anthropic_error(kind, f"prompt is too long: {used} tokens > {limit} maximum")
        return answer.refuse(400, openai=said, anthropic=theirs)


@dataclass(frozen=True, slots=True)
class ContentFilter(Fault):
    """The prompt is refused as Azure does it, or with ``form`` "openai" as OpenAI does; or the answer is: it finishes so."""

    form: Literal["azure", "openai", "finish"] = "azure"

    def plan(self, answer: Answer) -> Plan:
        if self.form == "finish":
            return answer.changed(finish="content_filter", tool_calls=()).plan()
        if self.form == "openai":
            said = openai_error(
                "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a "
                "different prompt: https://platform.openai.com/docs/guides/reasoning#advice-on-prompting",
                "invalid_request_error",
                "invalid_prompt",
            )
        else:
            said = openai_error(
                "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please "
                "modify your prompt and retry. To learn more about our content filtering policies please read our "
                "documentation: https://go.microsoft.com/fwlink/?linkid=2198766",
                None,
                "content_filter",
                "prompt",
            )
            safe = {"filtered": False, "severity": "safe"}
            found = {
                "hate": safe,
                "jailbreak": {"filtered": False, "detected": False},
                "self_harm": safe,
                "sexual": safe,
                "violence": {"filtered": True, "severity": "medium"},
            }
            inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": found}
            said = {**said, "status": 400, "innererror": inner}
        theirs = anthropic_error("invalid_request_error", "Output blocked by content filtering policy")
        return answer.refuse(400, openai=said, anthropic=theirs)


@dataclass(frozen=True, slots=True)
class NoPrefill(Fault):
    """A model that will not go on with words put into its mouth: 400 if the last message is the assistant's, else fine."""

    def strikes(self, call: Call) -> bool:
        return call.ends_with_assistant

    def plan(self, answer: Answer) -> Plan:
        kind = "invalid_request_error"
        message = "This model does not support assistant message prefill. The conversation must end with a user message."
        said = openai_error(message, kind, None, "messages")
        return answer.refuse(400, openai=said, anthropic=anthropic_error(kind, message))


@dataclass(frozen=True, slots=True)
class WrongKey(Fault):
    """401, as for a key that the vendor does not know; also what a vendor with ``keys`` says by itself."""

    def plan(self, answer: Answer) -> Plan:
        key = answer.call.key
        if key:
            shown = key if len(key) <= 12 else f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"
            message = (
                f"Incorrect API key provided: {shown}. You can find your API key at "
                "https://platform.openai.com/account/api-keys."
            )
        else:
            message = (
                "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
                "auth (i.e. Authorization: Bearer YOUR_KEY)."
            )
        said = openai_error(message, "invalid_request_error", "invalid_api_key" if key else None)
        theirs = anthropic_error("authentication_error", "invalid x-api-key" if key else "x-api-key header is required")
        return answer.refuse(401, openai=said, anthropic=theirs)


@dataclass(frozen=True, slots=True)
class UnknownModel(Fault):
    """404, as for a model that is not there; also what a vendor with ``models`` says by itself."""

    def plan(self, answer: Answer) -> Plan:
        name = answer.call.model
        message = f"The model `{name}` does not exist or you do not have access to it."
        said = openai_error(message, "invalid_request_error", "model_not_found")
        return answer.refuse(404, openai=said, anthropic=anthropic_error("not_found_error", f"model: {name}"))


@dataclass(frozen=True, slots=True)
class Unserved(Fault):
    """What is no request of this vendor: an unknown path, another method, a body that is no JSON."""

    status: int = 404
    message: str = ""

    def plan(self, answer: Answer) -> Plan:
        kind = "invalid_request_error"
        theirs = anthropic_error("not_found_error" if self.status == 404 else kind, self.message)
        return answer.refuse(self.status, openai=openai_error(self.message, kind), anthropic=theirs)


@dataclass(frozen=True, slots=True)
class Html(Fault):
    """A page where JSON should be: a proxy's error (502, 503, 504), or with 200 a login page in front of the vendor."""

    status: int = 502

    def plan(self, answer: Answer) -> Plan:
        if self.status < 400:
            page = "<!doctype html>\n<html><head><title>Sign in</title></head><body>Sign in to continue</body></html>\n"
        else:
            reasons = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
            title = f"{self.status} {reasons.get(self.status, 'Error')}"
            page = (
                f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
                "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
            )
        yield answer.respond(self.status, page.encode(), {"content-type": "text/html", "server": "nginx"})
        yield Mark.END


@dataclass(frozen=True, slots=True)
class EmptyBody(Fault):
    """A status and nothing after it, whether or not a stream was asked for."""

    status: int = 200

    def plan(self, answer: Answer) -> Plan:
        yield answer.respond(self.status, b"")
        yield Mark.END
