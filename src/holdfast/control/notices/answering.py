"""Answering with a link: what it shows, and what it does once.

Looking changes nothing, however many look: chats fetch every link that they show. Answering is for the arguments that the
link names and in the name of whom it names; each use is counted in the store before anything is decided.
"""

from __future__ import annotations

import msgspec

from ...domain.errors import Conflict, HoldfastError, NotFound, Rejected
from ...domain.principal import subject_in
from ...ports.resources import Tally
from ..identity.keys import KeyRing
from ..operations import Operations
from ..views import Done, Question
from . import forms, links
from .delivering import principal_of
from .notifier import spec_of

_WINDOW_MS = 366 * 86_400_000


class Opened(msgspec.Struct, frozen=True):
    """A link, and the question as it stands."""

    link: links.Link
    question: Question


async def look(operations: Operations, ring: KeyRing, token: str, who: str = "") -> Opened:
    """What a link is about, as it is now. ``who`` answers with a link that names nobody. Raises
    ``Rejected``: ``link.malformed``, ``link.expired``; ``Conflict(link.changed)``, ``NotFound(link.settled)``."""
    link = links.read(ring, token, operations.worker.clock.now_ms())
    if bool(link.who) is bool(who):
        raise Rejected("link.malformed", "This link is a button of a chat, which says who presses it; it opens no page.")
    link = msgspec.structs.replace(link, who=link.who or who)
    acting = operations.acting_for(principal_of(link.who, link.agent.partition("/")[0]))
    try:
        question = await acting.question_at(link.question)
    except NotFound as error:
        raise NotFound("link.settled", "This question is answered, or its time is over.") from error
    if question.approval is None or question.approval.digest != link.digest:
        raise Conflict(
            "link.changed",
            "What is asked now is not what this link was made for: its arguments have changed. Look at the new question.",
        )
    return Opened(link, question)


async def answer(operations: Operations, ring: KeyRing, token: str, verdict: str, why: str = "", who: str = "") -> Done:
    """Answer, once. Raises what ``look`` and ``approve`` raise, and ``Rejected(link.used)``."""
    opened = await look(operations, ring, token, who)
    worker, link = operations.worker, opened.link
    use = worker.random.token(16)
    [uses] = await operations.store.tally([Tally(link.once, use, 1, _WINDOW_MS)], worker.clock.now_ms())
    if uses > 1:
        await operations.store.untally(link.once, use)
        raise Rejected("link.used", "This link has been used. The question is in the command center if it is still open.")
    acting = operations.acting_for(principal_of(link.who, link.agent.partition("/")[0]))
    try:
        return await acting.answer_as_seen(opened.question, verdict, why)
    except HoldfastError:
        await operations.store.untally(link.once, use)  # nothing was decided
        raise


async def press(operations: Operations, ring: KeyRing, place: str, at: str, signed: str, body: bytes) -> str:
    """A button of a chat was pressed: ``body`` as it was sent, ``signed`` and ``at`` as its headers say. Returns what to
    tell who pressed it. Raises ``NotFound(notifier.unknown)``, ``Rejected(link.signature)``, ``Rejected(link.person)``."""
    from urllib.parse import parse_qs

    worker = operations.worker
    tenant, _, name = place.rpartition("/")
    spec = spec_of(worker.resources, name, tenant)
    if spec is None or not spec.people or not spec.signing_secret:
        raise NotFound("notifier.unknown", f"No notifier {name!r} takes answers here.", name=name)
    secret = await worker.tool_host.secrets.revealed(spec.signing_secret)
    if not forms.pressed(secret, at, signed, body, worker.clock.now_ms() // 1000):
        raise Rejected("link.signature", "This was not signed by the chat that the notifier names, or too long ago.")
    try:
        [payload] = parse_qs(body.decode(), strict_parsing=True)["payload"]
        pressed = msgspec.json.decode(payload, type=_Pressed)
        [action] = pressed.actions
    except (ValueError, KeyError, msgspec.DecodeError) as error:
        raise Rejected("link.malformed", "This is no button that was pressed.") from error
    person = spec.people.get(pressed.user.id)
    if person is None:
        raise Rejected(
            "link.person", f"The notifier {name} does not say who {pressed.user.id} is here.", user=pressed.user.id
        )
    link = links.read(ring, action.value, worker.clock.now_ms())
    if link.notifier != f"{tenant}/{name}" or action.action_id not in ("approve", "deny"):
        raise Rejected("link.malformed", "This button is of another chat.")
    who = subject_in(person, tenant or link.agent.partition("/")[0])
    return (await answer(operations, ring, action.value, action.action_id, who=who)).note


class _User(msgspec.Struct):
    id: str


class _Action(msgspec.Struct):
    action_id: str = ""
    value: str = ""


class _Pressed(msgspec.Struct):
    user: _User
    actions: list[_Action]


__all__ = ["Opened", "answer", "look", "press"]
