"""The request of an operation, and what its answer means: for the model, to be tried again, or not known."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

import msgspec

from ...domain.conversation import Media
from ...ports.upstream import Broken, Upstream
from ...secrets import Secrets
from ..host import Calling, aside
from ..tool import ToolFailed
from .encoding import Encoded, checked
from .operation import Operation

_CONNECT_SECONDS = 10.0
_LONGEST_RETRY_AFTER_SECONDS = 10.0
_MESSAGE_CHARACTERS = 2_000
_MEDIA_BYTES = 3_000_000
_NOT_DONE = (429, 503)


class TryAgain(Exception):
    """The service could not do it now, or it may safely be asked again."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service as its tools know it. ``schemes`` are the document's security schemes, ``auth`` the secrets for them by
    name; the one under ``""`` is for any."""

    base_url: str
    headers: Mapping[str, str]
    schemes: Mapping[str, Any]
    auth: Mapping[str, str]
    timeout_seconds: float
    max_bytes: int


async def call(service: Service, operation: Operation, calling: Calling, /, **given: Any) -> Any:
    """Call it. Raises ``ToolFailed`` or ``TryAgain``."""
    request = Encoded(operation, given)
    for name, value in service.headers.items():
        request.headers[name] = checked(name, await calling.revealed(value))
    await _authorize(service, operation, request, calling)
    if operation.key_header:
        request.headers[operation.key_header] = checked("the step's key", calling.key)
    if request.cookies:
        request.headers["cookie"] = "; ".join(request.cookies)
    request.headers.setdefault("accept", "application/json, text/*;q=0.9, */*;q=0.5")
    request.headers.setdefault("user-agent", "holdfast")
    sent = False
    try:
        async with asyncio.timeout(service.timeout_seconds):
            url = request.url(service.base_url)
            upstream = calling.host.upstream
            status, headers, body, cut = await aside(_exchange(upstream, operation.method, url, request, service.max_bytes))
    except (Broken, TimeoutError) as error:
        sent = not (isinstance(error, Broken) and error.kind == "connect")
        why = str(error) or f"it did not answer within {service.timeout_seconds:g} s"
        raise _trouble(operation, why, done=sent) from error
    if status >= 500 or status in (408, 425, 429):
        why = f"it answers {status}: {_message(headers, body)}"
        await _patience(calling, headers)
        raise _trouble(operation, why, done=status not in _NOT_DONE)
    if status >= 400:
        raise ToolFailed(f"{status}: {_message(headers, body)}")
    if status >= 300:
        raise ToolFailed(f"The service answers {status} and points to {headers.get('location', 'nothing')}.")
    return _value(headers, body, cut, service.max_bytes)


async def _exchange(
    upstream: Upstream, method: str, url: str, request: Encoded, max_bytes: int
) -> tuple[int, Mapping[str, str], bytes, bool]:
    """One exchange: status, headers, body up to its bound, and whether that is not all of it."""
    exchange = await upstream.open(method.upper(), url, request.headers, request.body, _CONNECT_SECONDS)
    try:
        status, headers = await exchange.head()
        media = headers.get("content-type", "").startswith(("image/", "audio/"))
        bound = _MEDIA_BYTES if media else max_bytes
        body = bytearray()
        while method != "head" and len(body) <= bound and (piece := await exchange.read()):
            body += piece
        return status, dict(headers), bytes(body[:bound]), len(body) > bound
    finally:
        exchange.close()


def _trouble(operation: Operation, why: str, *, done: bool) -> Exception:
    """What to do about it: ``done`` says that it may have been done."""
    if operation.idempotent or not done:
        return TryAgain(why)
    return ToolFailed(f"{why}. Whether {operation.name} was done is not known: find out before you do it again.")


async def _patience(calling: Calling, headers: Mapping[str, str]) -> None:
    """Wait as long as the service wants, if that is not too long."""
    after = headers.get("retry-after", "")
    if after.isdigit():
        await calling.host.clock.sleep(min(float(after), _LONGEST_RETRY_AFTER_SECONDS))


async def _authorize(service: Service, operation: Operation, request: Encoded, calling: Calling) -> None:
    """Put the secrets in: those of the first alternative that there are all secrets for."""
    auth = service.auth
    for needed in operation.security:
        if all(name in auth or ("" in auth and name in service.schemes) for name in needed):
            for name in needed:
                secret = await calling.revealed(auth.get(name, auth.get("", "")))
                _put_secret(service.schemes.get(name, {}), secret, request, calling.host.secrets)
            return
    if "" in auth and not operation.security and not service.schemes:
        _put_secret({}, await calling.revealed(auth[""]), request, calling.host.secrets)


def _put_secret(scheme: Any, secret: str, request: Encoded, secrets: Secrets) -> None:
    described = cast(dict[str, Any], scheme)
    if described.get("type") == "apiKey":
        name = str(described.get("name"))
        if described.get("in") == "query":
            request.query.append((name, secret))
        elif described.get("in") == "cookie":
            request.cookies.append(f"{name}={quote(secret)}")
        else:
            request.headers[name] = checked(name, secret)
    elif " " in secret:  # with its own scheme
        request.headers["authorization"] = checked("authorization", secret)
    elif described.get("type") == "http" and str(described.get("scheme")).lower() == "basic":
        encoded = b64encode(secret.encode()).decode() if ":" in secret else secret
        secrets.note(encoded, "secret")  # the same in other letters
        request.headers["authorization"] = f"Basic {encoded}"
    else:
        request.headers["authorization"] = checked("authorization", f"Bearer {secret}")


def _value(headers: Mapping[str, str], body: bytes, cut: bool, max_bytes: int) -> Any:
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body:
        return None
    if media.startswith(("image/", "audio/")):
        return f"[{media} of more than {len(body):,} bytes]" if cut else Media(media, body)
    if not cut and (media.endswith("json") or not media):
        try:
            return msgspec.json.decode(body)
        except msgspec.DecodeError:
            pass
    if media and not media.endswith(("json", "xml", "yaml", "javascript", "csv")) and not media.startswith("text/"):
        return f"[{media}, {'more than ' if cut else ''}{len(body):,} bytes]"
    text = body.decode(errors="replace")
    return f"{text}\n[cut off here, after {max_bytes:,} bytes. Ask for less at a time.]" if cut else text


def _message(headers: Mapping[str, str], body: bytes) -> str:
    """What the service says is wrong."""
    try:
        found: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        found = None
    if isinstance(found, dict):
        said = cast(dict[str, Any], found)
        for key in ("message", "error", "detail", "title", "error_description", "errors"):
            inner: Any = said.get(key)
            if isinstance(inner, dict) and isinstance(cast(dict[str, Any], inner).get("message"), str):
                inner = cast(dict[str, Any], inner)["message"]
            if isinstance(inner, str) and inner:
                more = said.get("errors") if key != "errors" else None
                return f"{inner} {_short(more)}".strip()[:_MESSAGE_CHARACTERS] if more else inner[:_MESSAGE_CHARACTERS]
    if found is not None:
        return _short(found)
    if "html" in headers.get("content-type", ""):
        return "the service answers with a web page"
    return body.decode(errors="replace").strip()[:_MESSAGE_CHARACTERS] or "the service does not say why"


def _short(value: Any) -> str:
    return msgspec.json.encode(value).decode()[:_MESSAGE_CHARACTERS]
