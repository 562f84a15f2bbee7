"""The agent that delivers notices: each is rows until its receiver has taken it, however long that one is away.

One instance hears of a notice and passes it on to one instance for each receiver, so that none waits for another. Secrets,
addresses and links are looked up and made anew for every attempt: no journal has them. What cannot be delivered in the end
is a dead letter like any other, and is sent again in the same way.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any

from ...domain.address import tenant_of
from ...domain.errors import Rejected, Unavailable
from ...domain.notice import ASKED, ESCALATED, HEAR, NOTIFIER, Notice
from ...domain.principal import Principal, identity_of, is_same, subject_in
from ...domain.retry import Retry
from ...mailbox.worker import Worker
from ...ports.upstream import Broken
from ...sdk.agent import Agent
from ...tools.host import aside
from ...turn.context import Context
from ..groups import groups_with
from ..identity.keys import KeyRing
from . import forms, links
from .notifier import NotifierSpec, spec_of, wanting

_SECONDS = 10.0
_FIRST_SECONDS, _MOST_SECONDS = 1.0, 3_600.0


def make_notifier(ring: KeyRing) -> Agent:
    """The agent, for a process that has this installation's keys."""
    notifier = Agent(NOTIFIER, description="Tells people what happens: each notice is tried until its receiver has it.")

    @notifier.handler(name=HEAR)
    async def hear(ctx: Context, notice: Notice) -> None:
        """Pass a notice on to everybody who is told of such."""
        worker = ctx.turn.worker

        async def found() -> list[tuple[str, str]]:
            return wanting(worker.resources, notice)

        for name, tenant in await ctx.run(found, name="wanting"):
            key = sha256(f"{ctx.key} {tenant}/{name}".encode()).hexdigest()[:24]
            await ctx.send(notifier.of(key, tenant_of(ctx.address)).deliver, notice, name, tenant)
        await ctx.retire()

    @notifier.handler
    async def deliver(ctx: Context, notice: Notice, name: str, tenant: str) -> None:
        """Tell one receiver."""
        worker = ctx.turn.worker
        spec = spec_of(worker.resources, name, tenant)
        attempts = 1 if spec is None else max(spec.attempts, 1)

        async def post() -> int:
            now = spec_of(worker.resources, name, tenant)
            return 0 if now is None else await _post(worker, ring, notice, name, tenant, now)

        retry = Retry(attempts=attempts, initial_seconds=_FIRST_SECONDS, factor=3.0, maximum_seconds=_MOST_SECONDS)
        await ctx.run(post, name="post", retry=retry)
        await ctx.retire()

    return notifier


async def _post(worker: Worker, ring: KeyRing, notice: Notice, name: str, tenant: str, spec: NotifierSpec) -> int:
    secrets = worker.tool_host.secrets
    clean: Notice = secrets.cleaned(notice)
    answers, page = answers_to(worker, ring, notice, name, tenant, spec), page_of(notice, spec)
    slack = spec.format == "slack"
    body = forms.chat_message(clean, answers, page) if slack else forms.cloud_event(clean, answers, page)
    headers = {
        "content-type": "application/json" if slack else "application/cloudevents+json; charset=utf-8",
        "user-agent": "holdfast",
    }
    if spec.secret:
        key = await secrets.revealed(spec.secret)
        headers[forms.SIGNATURE] = forms.signature(key, worker.clock.now_ms() // 1000, body)
    url = await secrets.revealed(spec.url)
    try:
        async with asyncio.timeout(_SECONDS):
            status = await aside(_exchange(worker, url, headers, body))
    except (Broken, TimeoutError) as error:
        why = secrets.clean(str(error)) or f"nothing within {_SECONDS:g} s"
        raise Unavailable("notice.undelivered", f"The notifier {name} was not told of {notice.id}: {why}.") from error
    if status >= 500 or status in (408, 425, 429):
        raise Unavailable("notice.undelivered", f"The notifier {name} was not told of {notice.id}: it answers {status}.")
    if status >= 300:
        raise Rejected(
            "notice.refused",
            f"The receiver of the notifier {name} refused {notice.id} with {status}. Mend the notifier, and send it again "
            "(holdfast dead list).",
            notifier=name,
            status=status,
        )
    return status


async def _exchange(worker: Worker, url: str, headers: dict[str, str], body: bytes) -> int:
    exchange = await worker.tool_host.upstream.open("POST", url, headers, body, _SECONDS)
    try:
        status, _ = await exchange.head()
        read = 0
        while read < 65_536 and (piece := await exchange.read()):
            read += len(piece)
        return status
    finally:
        exchange.close()


def answers_to(worker: Worker, ring: KeyRing, notice: Notice, name: str, tenant: str, spec: NotifierSpec) -> forms.Answers:
    """The links of those that may answer, for a notice that asks something."""
    asked: Any = notice.data
    if notice.type not in (ASKED, ESCALATED) or not spec.link:
        return forms.Answers()
    until = worker.clock.now_ms() + int(spec.link_seconds * 1000)
    until = min(until, asked["until"]) if asked.get("until") else until

    def link(who: str) -> str:
        made = links.Link(
            notice.subject, asked["turn"], asked["path"], asked["digest"], who, until, notice.id, f"{tenant}/{name}"
        )
        return links.sign(ring, made)

    found: dict[str, str] = {}
    for one in spec.approvers:
        who = principal_of(one, notice.tenant)
        names = {who.subject, who.id, *groups_with(worker.resources, who, notice.tenant)}
        asks = any(is_same(who.subject, other) for other in (asked["sender"], notice.subject, *asked["chain"]))
        if not asks and (not asked["who"] or names & set(asked["who"])):
            found[who.subject] = spec.link.rstrip("/") + links.PATH + link(who.subject)
    return forms.Answers(found, link("") if spec.format == "slack" and spec.people else "")


def principal_of(name: str, tenant: str) -> Principal:
    """Somebody who answers with a link: as themselves, with nothing but that."""
    kind, id, home = identity_of(subject_in(name, tenant))
    return Principal(kind, id, home, frozenset({"approve"}))


def page_of(notice: Notice, spec: NotifierSpec) -> str:
    """Where the command center shows it."""
    if not spec.link:
        return ""
    from urllib.parse import quote

    base = spec.link.rstrip("/")
    if notice.type in (ASKED, ESCALATED):
        return f"{base}/inbox"
    return f"{base}/governance" if notice.type.startswith("breaker.") else f"{base}/agents/{quote(notice.subject)}"


__all__ = ["answers_to", "make_notifier", "page_of", "principal_of"]
