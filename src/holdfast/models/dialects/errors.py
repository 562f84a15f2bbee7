"""What a vendor's refusal means, whoever sends it.

Servers that speak one vendor's dialect report errors in another's words (a proxy's HTML, FastAPI's ``detail``, Google's
status inside OpenAI's shape), so there is one reading for all of them: first what the text says beyond doubt, then codes
and types, then the HTTP status.
"""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec

from .dialect import KINDS, Kind

_BY_STATUS: dict[int, Kind] = {
    401: "auth",
    402: "quota",
    403: "not_allowed",
    404: "unknown_model",
    408: "timeout",
    409: "server_error",
    413: "too_long",
    429: "rate_limited",
    498: "overloaded",
    503: "overloaded",
    504: "timeout",
    522: "timeout",
    524: "timeout",
    529: "overloaded",
}

# Codes, types and statuses, without case, dashes and underscores. A code that says little is not here: what else there is
# decides.
_WORDS: dict[Kind, str] = {
    "rate_limited": "ratelimitexceeded ratelimiterror ratelimitreached ratelimited toomanyrequests tokens requests "
    "resourceexhausted throttlingexception ramplimitexceeded",
    "quota": "insufficientquota billingerror billinghardlimitreached billingnotactive paymentrequired insufficientbalance "
    "insufficientcredits quotaexceeded contractspendlimitreached enforcedspendlimitreached exceededcurrentquotaerror "
    "linkedorganizationspendlimitreached",
    "overloaded": "overloadederror overloaded serveroverloaded engineoverloaded engineoverloadederror unavailable "
    "unavailableerror serviceunavailable serviceunavailableerror serviceunavailableexception modeloverloaded "
    "capacityexceeded slowdown",
    "auth": "invalidapikey authenticationerror invalidauthentication invalidauthenticationerror unauthenticated "
    "unauthorized apikeyinvalid invalidtoken accountdeactivated",
    "not_allowed": "permissionerror permissiondenied insufficientpermissions forbidden accessdenied modeltermsrequired "
    "unsupportedcountryregionterritory accessterminatederror accessterminated",
    "unknown_model": "modelnotfound modelnotfounderror deploymentnotfound notfounderror notfound modelnotavailable "
    "modeldecommissioned invalidmodel unknownmodel modelnotsupported",
    "too_long": "contextlengthexceeded exceedcontextsizeerror requesttoolarge contextwindowexceeded "
    "requestbodytoolargeafterdecoding",
    "content_filter": "contentfilter contentpolicyviolation responsibleaipolicyviolation invalidprompt biopolicy "
    "cyberpolicy misalignmentpolicyviolation imagecontentpolicyviolation datainspectionfailed contentblocked "
    "moderationblocked safety prohibitedcontent blocklist",
    "timeout": "timeouterror deadlineexceeded requesttimeout gatewaytimeout vectorstoretimeout timeout",
    "server_error": "servererror apierror internalservererror internal internalerror badgateway unknown",
}

# These come under codes that say nothing (invalid_request_error, INVALID_ARGUMENT), so the text decides, in this order.
_PHRASES: dict[Kind, tuple[str, ...]] = {
    "prefill_refused": (
        "pre-?fill",
        "must end with a user message",
        "expected last role user",
        "last message (?:must|should) (?:be|have|not be)",
        "last role .{0,40}assistant",
    ),
    "too_long": (
        "maximum context length",
        "context[ _]length[ _]exceed",
        "context (?:window|length|limit|size)",
        "(?:prompt|input) is too long",
        "input token count",
        "too many (?:input )?tokens",
        "too large for model",
        "longer than the maximum model length",
        "maximum (?:prompt|input) length",
        "exceeds? the (?:maximum|max) (?:number of |allowed )?(?:input )?tokens",
        "please reduce the length",
        "request exceeds the maximum size",
    ),
    "quota": (
        "credit balance",
        "insufficient (?:balance|credits|funds)",
        "out of credits",
        "more credits",
        "prepayment credits",
        "billing (?:hard )?limit",
        "api usage limits",
        "check your plan and billing",
        "spend(?:ing)? limit",
    ),
    "auth": (
        "api key (?:not valid|not found|expired)",
        "(?:invalid|incorrect) (?:x-)?api[ -]?key",
        "invalid (?:subscription key|bearer|authentication)",
        "no auth credentials",
        "user not found",
    ),
    "content_filter": (
        "content (?:management |filtering |usage )?policy",
        "content filter",
        "safety system",
        "violat[a-z]+ (?:our|the|openai).{0,30}polic",
        "flagged (?:for|by|as)",
        "input was flagged",
        "blocked by .{0,20}(?:safety|filter|moderation)",
    ),
    "unknown_model": (
        "model .{0,120}(?:does not exist|not found|not supported for|not available|is not a valid model)",
        "model .{0,120}has been (?:decommissioned|deprecated|retired)",
        "(?:unknown|invalid|no such) model",
        "is not a valid model",
        "no endpoints found",
        "deployment .{0,80}does not exist",
        "try pulling it first",
    ),
    "overloaded": (
        "overloaded",
        "(?:over|at) capacity",
        "loading model",
        "model is (?:currently )?loading",
        "server is busy",
    ),
}
_BY_WORD: dict[str, Kind] = {word: kind for kind, words in _WORDS.items() for word in words.split()}
_BY_WORD.update({kind.replace("_", ""): kind for kind in KINDS})
_BY_TEXT: list[tuple[Kind, re.Pattern[str]]] = [
    (kind, re.compile("|".join(phrases), re.IGNORECASE)) for kind, phrases in _PHRASES.items()
]
_NEVER_BY_TEXT = {401, 402, 429}
"""What these say is certain: a text about a context window under 429 is a limit per minute."""
_VAGUE = {"invalidrequesterror", "invalidargument", "badrequesterror", "badrequest", "notfounderror", "notfound", "apierror"}
_TITLE = re.compile(r"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)
_TEXT_MAX = 2000
_PAGE_MAX = 4000


def read_error(status: int, body: Any) -> tuple[Kind, str]:
    """The kind of a refusal and its message. ``status`` is 200 for an error inside a stream."""
    decoded = _decoded(body)
    words, texts = _words_and_texts(decoded)
    if status < 400:
        status = next((int(word) for word in words if re.fullmatch(r"[45]\d\d", word)), status)
    message = next((text for text in texts if text), "") or _page(status, decoded)
    return _kind(status, words, " ".join(texts)[:_TEXT_MAX]), message[:_TEXT_MAX]


def _kind(status: int, words: list[str], text: str) -> Kind:
    if "resourceexhausted" in words:  # Google says quota for what is over in a minute, too
        used_up = "perday" in text.lower().replace("_", "") or "credits" in text.lower()
        return "quota" if used_up else "rate_limited"
    certain: list[Kind] = [_BY_WORD[word] for word in words if word in _BY_WORD and word not in _VAGUE]
    if status in _NEVER_BY_TEXT and certain:
        return "quota" if "quota" in certain else certain[0]
    if status != 429:
        for kind, pattern in _BY_TEXT:
            if pattern.search(text):
                return kind
    if certain and certain[0] != "server_error":
        return certain[0]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    vague: Kind | None = next((_BY_WORD[word] for word in words if word in _BY_WORD), None)
    if vague and not (vague == "server_error" and 400 <= status < 500):
        return vague
    if any(word in _VAGUE for word in words) or 400 <= status < 500:
        return "bad_request"
    return "server_error"


def _decoded(body: Any) -> Any:
    """A body that somebody wrapped: text that is JSON, Google's list of one."""
    if isinstance(body, bytes):
        body = body.decode(errors="replace")
    if isinstance(body, str):
        try:
            body = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeError):
            return body
    items = cast("list[Any]", body) if isinstance(body, list) else []
    return items[0] if items else cast("Any", body)


def _words_and_texts(body: Any) -> tuple[list[str], list[str]]:
    """Everything in an error body that names its kind, and everything that is said in it."""
    if isinstance(body, str):
        return [], [] if "<" in body[:200] else [body.strip()]
    if not isinstance(body, dict):
        return [], []
    outer = cast("dict[str, Any]", body)
    inner = outer.get("error")
    sources = [cast("dict[str, Any]", inner), outer] if isinstance(inner, dict) else [outer]
    words: list[str] = []
    texts: list[str] = [inner] if isinstance(inner, str) else []
    for source in sources:
        for name in ("code", "type", "status", "error_code", "reason"):
            words += _word(source.get(name))
        texts += [text for name in ("message", "detail", "msg") if (text := _said(source.get(name)))]
        for name in ("details", "innererror", "metadata"):
            deeper_words, deeper_text = _deeper(source.get(name))
            words += deeper_words
            texts.append(deeper_text)
    return words, texts


def _deeper(value: Any) -> tuple[list[str], str]:
    """What vendors put beside the message: Google's details, Azure's inner error, OpenRouter's word from the provider."""
    words: list[str] = []
    for item in cast("list[Any]", value) if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            fields = cast("dict[str, Any]", item)
            words += _word(fields.get("code")) + _word(fields.get("reason")) + _word(fields.get("error_code"))
    return words, msgspec.json.encode(value).decode() if value else ""


def _word(value: Any) -> list[str]:
    if isinstance(value, int) and not isinstance(value, bool):
        return [str(value)]
    return [re.sub(r"[^a-z0-9]", "", value.lower())] if isinstance(value, str) and value else []


def _said(value: Any) -> str:
    """A message; FastAPI puts a list there."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode() if value else ""


def _page(status: int, body: Any) -> str:
    """The message for a body that has none."""
    if isinstance(body, str) and (title := _TITLE.search(body[:_PAGE_MAX])):
        return f"HTTP {status}: {title[1]}"
    return f"HTTP {status} with {'a page of HTML' if isinstance(body, str) and body else 'nothing that explains it'}"
