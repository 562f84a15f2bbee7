"""Bounds: everything that could grow has one, and each has an error of its own."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a worker and of the store behind it.

    Attributes:
        payload_bytes: largest encoded message, step result or state value (``payload.too_large``).
        media_bytes: images and files larger than this are kept as artifacts, beside messages, journals and states.
        artifact_bytes: largest image or file that is kept (``artifact.too_large``).
        mailbox_depth: messages queued for one agent (``mailbox.full``).
        turns: turns running at the same moment on one worker; more wait in order of priority and age.
        lingering: turns that wait but stay in memory for a moment in case the answer comes at once.
        linger_ms: how long such a turn stays at most.
        idle_agents: agents kept warm (leased, with their state cached) without a turn.
        turn_steps: steps of one turn (``turn.too_long``).
        rehydrate_bytes: journal bytes being replayed at the same moment; more wait.
        turn_bytes: journal bytes of one turn (``turn.too_large``).
        ready: messages held in memory for agents that wait for a free turn; beyond it they stay in the store.
        crashes: workers that may die in a row with the same turn in their hands before it is set aside for a person
            (``turn.poison``).
        block_warning_ms: a handler that holds the event loop longer is named in a warning with its stack;
            0 for never.
        threads: threads for sync handlers and sync steps.
    """

    payload_bytes: int = 4 << 20
    media_bytes: int = 16 << 10
    artifact_bytes: int = 32 << 20
    mailbox_depth: int = 10_000
    turns: int = 2_000
    lingering: int = 2_000
    linger_ms: int = 50
    idle_agents: int = 5_000
    turn_steps: int = 10_000
    rehydrate_bytes: int = 256 << 20
    turn_bytes: int = 64 << 20
    ready: int = 20_000
    crashes: int = 3
    block_warning_ms: int = 250
    threads: int = 16
