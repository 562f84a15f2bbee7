"""What the operations around resources return."""

from __future__ import annotations

from typing import Any

from ..views import View


class KindView(View):
    """A kind of resource: ``schema`` of its spec, whether files may describe it, whether tenants may have their own."""

    kind: str
    what: str
    in_files: bool
    of_tenants: bool
    resources: int
    schema: dict[str, Any]


class ResourceView(View):
    """One version of a resource. ``at`` in milliseconds; ``drift`` says where what holds is not what was declared."""

    kind: str
    name: str
    tenant: str
    version: int
    revision: int
    labels: dict[str, str]
    spec: dict[str, Any]
    author: str
    reason: str
    at: int
    deleted: bool = False
    managed: str = ""
    """The set of files that it belongs to; ``""`` if none describes it."""
    drift: list[FieldView] = []
    strayed: list[FieldView] = []
    """Where what was declared since (by hand, by a rollback) is not what its files said last."""
    text: str = ""
    """Its document as YAML, where one resource was asked for."""


class LineView(View):
    """A line of a diff: it went (``-``), came (``+``) or stayed; its number before and after, 0 where it is not."""

    mark: str
    text: str
    before: int = 0
    after: int = 0


class DiffView(View):
    """What is different between two versions of a resource: by fields, and line by line. ``before`` 0: it was not there."""

    kind: str
    name: str
    tenant: str
    before: int
    after: int
    fields: list[FieldView]
    lines: list[LineView]


class ExportView(View):
    """Documents as YAML, and how many."""

    text: str
    resources: int


class FieldView(View):
    """A place in a resource that differs."""

    path: str
    before: Any = None
    after: Any = None


class ClashView(View):
    """A place that the files and somebody else changed to different things."""

    path: str
    applied: Any = None
    live: Any = None
    wanted: Any = None


class EffectView(View):
    """Something that a change will do: to ``agents``, to ``turns`` in flight, with a budget, by a policy."""

    kind: str
    note: str
    count: int = 0
    agents: list[str] = []


class ChangeView(View):
    """What becomes of one resource.

    Attributes:
        action: create, change, delete, record (it is so already; only what the files say is kept), or none (drift only).
        version: the version that it replaces, 0 for none.
        fields: what changes.
        drift: what others changed since the files were applied last, and what stays as they left it.
        clashes: what cannot be merged; nothing is applied while there is one.
        changed_by, changed_for: who made the present version, and why, where there is drift or a clash.
    """

    kind: str
    name: str
    tenant: str
    action: str
    version: int
    fields: list[FieldView] = []
    drift: list[FieldView] = []
    clashes: list[ClashView] = []
    changed_by: str = ""
    changed_for: str = ""
    effects: list[EffectView] = []
    place: str = ""


class PlanView(View):
    """What applying would do. ``digest`` names exactly this; ``revision`` is the store's that it was made at.

    ``changes`` counts what would be written; ``results`` has what would be, what drifts, and what cannot be merged.
    """

    digest: str
    revision: int
    changes: int
    unchanged: int
    clashes: int
    drifted: int
    results: list[ChangeView]


class FlawView(View):
    """Something that is wrong with a document: in which ``line`` of a text (0 without one), and the error it would be."""

    line: int
    code: str
    message: str


class AppliedView(View):
    """What was applied, as ``revision``. ``failed``: what is declared now and did not take effect yet, and why."""

    revision: int
    digest: str
    results: list[ChangeView]
    failed: list[str] = []
