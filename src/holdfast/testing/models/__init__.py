"""A model server on loopback that misbehaves in every way a vendor does, for tests of agents and of gateways.

    from holdfast.testing.models import RateLimited, Reply, Vendor, first

    async with Vendor(first(2, RateLimited(0.1), then=Reply("fine")), keys={"sk-good"}, models={"m1"}) as vendor:
        ...  # point a client at vendor.url
        assert [call.status for call in vendor.calls] == [429, 429, 200]

It speaks OpenAI's chat completions, responses, embeddings and list of models, and Anthropic's messages, streamed and
whole. Real sockets carry it, so that what is tested is what happens in production: resets, silence, half answers.
``python -m holdfast.testing.models --help`` runs one in a process of its own.

call, wire     what a vendor sees and says; what happens on a connection, as values
dialects       how an answer looks at each endpoint
answer         a reply on its way out, and what a fault is
refusals       faults that are whole answers: 429, 5xx, context length, content filter, keys, models, HTML
disturbances   faults on the way: resets, silence, cuts, stalls, broken chunks, missing ends
scripts        which call meets what
vendor         the server; request and connection are its HTTP
probe          a client that shows what came over the wire, byte for byte
"""

from __future__ import annotations

from .answer import Answer, Event, Fault
from .call import Call, Reply, ToolCall
from .disturbances import (
    ClosesAfterAnswer,
    Cut,
    ErrorEvent,
    Fragmented,
    MalformedArguments,
    MalformedChunk,
    NoAnswer,
    NoEnd,
    NoUsage,
    PartialBody,
    Reset,
    SlowFirstToken,
    SlowHeaders,
    Stall,
)
from .naming import FAULTS, fault
from .probe import Heard, Probe
from .refusals import (
    ContentFilter,
    ContextLength,
    EmptyBody,
    Html,
    NoPrefill,
    RateLimited,
    ServerError,
    UnknownModel,
    WrongKey,
)
from .scripts import Choice, Outcome, Script, always, by_model, echo, first, flapping, late, percent, sequence
from .vendor import Vendor
from .wire import Act, Mark, Plan, Wait

__all__ = [
    "FAULTS",
    "Act",
    "Answer",
    "Call",
    "Choice",
    "ClosesAfterAnswer",
    "ContentFilter",
    "ContextLength",
    "Cut",
    "EmptyBody",
    "ErrorEvent",
    "Event",
    "Fault",
    "Fragmented",
    "Heard",
    "Html",
    "MalformedArguments",
    "MalformedChunk",
    "Mark",
    "NoAnswer",
    "NoEnd",
    "NoPrefill",
    "NoUsage",
    "Outcome",
    "PartialBody",
    "Plan",
    "Probe",
    "RateLimited",
    "Reply",
    "Reset",
    "Script",
    "ServerError",
    "SlowFirstToken",
    "SlowHeaders",
    "Stall",
    "ToolCall",
    "UnknownModel",
    "Vendor",
    "Wait",
    "WrongKey",
    "always",
    "by_model",
    "echo",
    "fault",
    "first",
    "flapping",
    "late",
    "percent",
    "sequence",
]
