"""Who is told of what: ``kind: Notifier``. It is read by the agent that delivers notices, at the moment of use."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ...domain.address import DEFAULT_TENANT
from ...domain.notice import EVENTS, KIND
from ...domain.principal import identity_of, subject_in
from ...secrets import is_reference
from ..notices.notifier import NotifierSpec
from .documents import Wanted
from .kinds import Kind, plain


class NotifierKind(Kind):
    """``kind: Notifier``."""

    name = KIND
    spec = NotifierSpec
    of_tenants = True

    def convert(self, wanted: Wanted) -> dict[str, Any]:
        found = super().convert(wanted)
        spec = NotifierSpec(**found)
        if not is_reference(spec.url) and urlsplit(spec.url).scheme not in ("http", "https"):
            raise ValueError("url is https://…, or says where it is: env:NAME, file:PATH or secret:NAME")
        for name in ("secret", "signing_secret"):
            if (value := getattr(spec, name)) and not is_reference(value):
                raise ValueError(f"{name} says where the key is: env:NAME, file:PATH or secret:NAME; never the key itself")
        if spec.link and (urlsplit(spec.link).scheme not in ("http", "https") or not urlsplit(spec.link).netloc):
            raise ValueError("link is how people reach this server: https://holdfast.example")
        for pattern in spec.events:
            if not any(NotifierSpec(url="", events=[pattern]).wants(event) for event in EVENTS):
                raise ValueError(f"no event is called {pattern!r}; there are {', '.join(EVENTS)}, and * for any part")
        if (spec.approvers or spec.people) and not spec.link:
            raise ValueError("approvers answer with links, and those need link: how people reach this server")
        if spec.people and (spec.format != "slack" or not spec.signing_secret):
            raise ValueError("people press buttons of a chat: format: slack, and signing_secret: where its key is")
        if not 60 <= spec.link_seconds <= 31 * 86_400 or not 1 <= spec.attempts <= 100:
            raise ValueError("link_seconds lies between a minute and a month, attempts between 1 and 100")
        tenant = wanted.tenant or DEFAULT_TENANT
        for who in (*spec.approvers, *spec.people.values()):
            kind, _, home = identity_of(subject_in(who, tenant))
            if kind not in ("person", "service") or (wanted.tenant and home != wanted.tenant):
                raise ValueError(f"{who!r} is nobody who could answer; write person:ada, of the same tenant")
        return plain(spec)
