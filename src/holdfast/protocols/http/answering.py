"""Pages behind links: one approval, exactly as it is, and two buttons. They work without scripts, on a phone, signed out.

``GET`` never changes anything: chats and mail filters open every link that they see. Nothing on the page is loaded from
anywhere, and nothing that an agent wrote is markup.
"""

from __future__ import annotations

import base64
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import parse_qs

import msgspec

from ...control.identity.keys import KeyRing
from ...control.notices import answering
from ...control.notices.links import PATH
from ...control.operations import Operations
from ...control.views import ApprovalView
from ...domain.errors import HoldfastError, NotFound, Rejected
from . import problems
from .guarding import HTML, guarded
from .requests import Gone, Request, TooLarge

CHAT = "chat/"
_MOST_BYTES = 64 << 10
_STYLE = """
:root{color-scheme:light dark;--ink:#16181d;--dim:#5c6370;--line:#d9dce3;--paper:#fff;--soft:#f4f5f8;--yes:#1a7f45;
--no:#c0322b;--warn:#8a5a00}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaef;--dim:#9aa1ae;--line:#343943;--paper:#14161a;--soft:#1c1f25;
--yes:#2d9a5c;--no:#d9534b;--warn:#e0b04a}}
*{box-sizing:border-box}
body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
main{max-width:42rem;margin:0 auto;padding:1rem 1rem 3rem}
h1{font-size:1.25rem;line-height:1.35;margin:.5rem 0 1rem;overflow-wrap:anywhere}
p{margin:.5rem 0}
.dim{color:var(--dim)}
.warn{color:var(--warn);font-weight:600}
code,pre,td{font-family:ui-monospace,monospace;font-size:.9rem}
pre,table{background:var(--soft);border:1px solid var(--line);border-radius:8px;width:100%;border-collapse:separate;
border-spacing:0;overflow-wrap:anywhere;white-space:pre-wrap}
pre{padding:.75rem}
td,th{padding:.5rem .75rem;text-align:left;vertical-align:top}
th{font-weight:600;white-space:nowrap}
tr+tr>*{border-top:1px solid var(--line)}
del{color:var(--no)}ins{color:var(--yes);text-decoration:none;font-weight:600}
dl{margin:1rem 0;display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1rem}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
label{display:block;margin:1.25rem 0 .35rem}
input{width:100%;font:inherit;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:8px;
padding:.7rem}
.answers{display:grid;grid-template-columns:1fr 1fr;gap:.75rem;margin-top:1rem}
button{font:inherit;font-weight:600;min-height:3rem;border:0;border-radius:8px;color:#fff;background:var(--yes);
cursor:pointer}
button.no{background:var(--no)}
button:focus-visible,input:focus-visible{outline:3px solid var(--dim);outline-offset:2px}
"""
_STYLED = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
_SAFE = guarded(
    f"style-src 'sha256-{_STYLED}'; form-action 'self'",
    (b"cache-control", b"no-store"),
    (b"x-robots-tag", b"noindex, nofollow"),
)


class AnswerPages:
    """Everything under ``/answer/``. ``ring`` has the keys that links are signed with."""

    def __init__(self, operations: Operations, ring: KeyRing) -> None:
        self._operations = operations
        self._ring = ring

    async def answer(self, request: Request) -> None:
        """Answer a request."""
        rest = request.path.removeprefix(PATH)
        try:
            if rest.startswith(CHAT):
                await self._press(request, rest.removeprefix(CHAT))
            elif request.method == "POST":
                await self._decide(request, rest)
            elif request.method in ("GET", "HEAD"):
                await self._show(request, rest)
            else:
                raise Rejected("http.method", f"A link takes GET and POST, not {request.method}.", allow="GET, POST")
        except Gone:
            pass
        except TooLarge:
            await self._told(request, Rejected("http.too_large", "The body is larger than anybody needs."))
        except HoldfastError as error:
            if rest.startswith(CHAT):
                await problems.answer(request, error)
            else:
                await self._told(request, error)
        except Exception as error:
            await self._told(request, problems.internal(error, f"{request.method} {PATH}…"))

    async def _show(self, request: Request, token: str) -> None:
        opened = await answering.look(self._operations, self._ring, token)
        assert opened.question.approval is not None
        body = _question(opened.question.question, opened.question.approval, opened.link.who, opened.link.until)
        await request.answer(200, HTML, _page("Approval", body), _SAFE)

    async def _decide(self, request: Request, token: str) -> None:
        form = parse_qs((await _body(request)).decode("utf-8", "replace"))
        verdict = form.get("verdict", [""])[-1]
        if verdict not in ("approve", "deny"):
            raise Rejected("approval.word", "Press one of the two buttons.")
        done = await answering.answer(self._operations, self._ring, token, verdict, form.get("why", [""])[-1][:2_000])
        await request.answer(200, HTML, _page("Done", f"<h1>{escape(done.note)}</h1><p>You can close this page.</p>"), _SAFE)

    async def _press(self, request: Request, place: str) -> None:
        if request.method != "POST":
            raise NotFound("http.not_found", f"There is no {request.method} {request.path}.")
        at, signed = request.header(b"x-slack-request-timestamp"), request.header(b"x-slack-signature")
        note = await answering.press(self._operations, self._ring, place, at, signed, await _body(request))
        await request.json(200, {"text": note, "replace_original": False}, [(b"cache-control", b"no-store")])

    async def _told(self, request: Request, error: HoldfastError) -> None:
        body = f"<h1>{escape(error.message)}</h1><p class=dim>{escape(error.code)}</p>"
        await request.answer(problems.status_of(error), HTML, _page("Not done", body), _SAFE)


async def _body(request: Request) -> bytes:
    body = await request.body()
    if len(body) > _MOST_BYTES:
        raise TooLarge
    return body


def _page(title: str, body: str) -> bytes:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} · Holdfast</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    ).encode()


def _question(text: str, asked: ApprovalView, who: str, until: int) -> str:
    to = f" to {escape(asked.to)}" if asked.to else ""
    needs = f"{asked.needed} of {', '.join(asked.who) or 'anybody'}"
    facts = [
        ("Agent", escape(asked.agent)),
        ("Asked by", "<br>".join(map(escape, asked.rules)) or "no rule"),
        ("Because", "<br>".join(map(escape, asked.reasons)) or "no reason given"),
        ("Made from", escape(", ".join(asked.labels)) or "nothing labelled"),
        ("For", escape(asked.requested_by) or "nobody else"),
        ("Needs", escape(needs)),
        ("Until", _when(asked.until) + f", else {escape(asked.default)}" if asked.until else "somebody answers"),
        ("This link", f"answers once as {escape(who)}, until {_when(until)}"),
    ]
    warn = "<p class=warn>It has read data that nobody vouches for.</p>" if asked.untrusted else ""
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    return (
        f"<p class=dim>Holdfast asks</p><h1>{escape(text)}</h1>"
        f"<p><code>{escape(asked.verb)} {escape(asked.name)}{to}</code></p>"
        f"{_arguments(asked)}{warn}<dl>{rows}</dl>"
        '<form method="post"><label for="why">Why (kept with your answer)</label>'
        '<input id="why" name="why" maxlength="2000" autocomplete="off"><div class="answers">'
        '<button name="verdict" value="approve">Approve</button>'
        '<button class="no" name="verdict" value="deny">Deny</button></div></form>'
    )


def _arguments(asked: ApprovalView) -> str:
    """All of them; where a rule changed one, as it was and as it would run."""
    now, before = asked.named, asked.named_before
    rows: list[str] = []
    names: list[str] = [*(before or {}), *now]
    for name in dict.fromkeys(names):
        shown = f"<ins>{_json(now[name])}</ins>" if name in now else "<ins>(left out)</ins>"
        if before is None or (name in before and name in now and before[name] == now[name]):
            shown = _json(now[name])
        elif name in before:
            shown = f"<del>{_json(before[name])}</del><br>{shown}"
        rows.append(f"<tr><th>{escape(name)}</th><td>{shown}</td></tr>")
    changed = (
        "<p class=warn>A rule changed the arguments: struck out is what the agent wrote.</p>" if before is not None else ""
    )
    return f"<table>{''.join(rows)}</table>{changed}" if rows else "<p class=dim>No arguments.</p>"


def _json(value: Any) -> str:
    return escape(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode())


def _when(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


__all__ = ["AnswerPages"]
